"""Taking a dead owner's lock, in both implementations, and changes cut in two by real deaths."""

import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.native_fastpath.conftest import Start
from tests.native_fastpath.limit_table import (
    COST,
    LOCK,
    LOGS,
    LOGS_MAX,
    OTHER,
    OWNER,
    SIZE,
    TABLE,
    TOTAL,
    holds_at,
    log_at,
    open_row,
    prepare,
    put_chain,
    row_at,
    words_of,
)


@pytest.fixture
def table(twin: ModuleType, tmp_path: Path) -> Any:
    path = tmp_path / "table"
    prepare(path)
    region = twin.Region(path, SIZE)
    open_row(region)
    yield region
    region.close()


def recover(region: Any, *, dead: int = OTHER, account: int = 1, logs: int = LOGS_MAX) -> Any:
    return region.limits_recover(TABLE, LOGS, logs, account, dead, OWNER)


def write_log(region: Any, number: int, rows: dict[int, int], *, account: int = 1, holds: int = 0, state: int = 0) -> None:
    """A log that says what was used of some rows."""
    words = [len(rows), account, holds, state]
    for index, used in rows.items():
        words += [index, used, 2, 3, 4, 5, 6]
    for place, word in enumerate(words):
        region.store(log_at(number) + 8 * place, word)


def test_a_change_is_taken_back_and_the_lock_is_free(table: Any) -> None:
    put_chain(table, (COST, TOTAL, 100), (COST, TOTAL, 100))
    table.store(holds_at(0), 1)
    table.store(row_at(1) + LOCK, OTHER)
    write_log(table, 1, {2: 70, 3: 80}, holds=holds_at(0))
    assert recover(table) is True
    rows = [words_of(table, index) for index in (2, 3)]
    assert [row["used"] for row in rows] == [70, 80]
    state = ("held", "start_s", "end_s", "debt_ns", "fraction")
    assert [rows[0][name] for name in state] == [2, 3, 4, 5, 6]
    assert rows[0]["amount"] == 100
    assert table.load(holds_at(0)) == table.load(log_at(1)) == table.load(row_at(1) + LOCK) == 0


def test_a_lock_that_is_not_the_dead_ones_is_left_alone(table: Any) -> None:
    put_chain(table, (COST, TOTAL, 100))
    write_log(table, 1, {2: 70})
    for word in (0, 55):
        table.store(row_at(1) + LOCK, word)
        assert recover(table) is False
        assert table.load(row_at(1) + LOCK) == word
    assert words_of(table, 2)["used"] == 0


def test_logs_of_other_accounts_are_left_alone(table: Any) -> None:
    put_chain(table, (COST, TOTAL, 100))
    write_log(table, 0, {2: 70}, account=9)
    table.store(row_at(1) + LOCK, OTHER)
    assert recover(table) is True
    assert (words_of(table, 2)["used"], table.load(log_at(0))) == (0, 1)


def test_every_log_is_looked_through(table: Any) -> None:
    """Whoever recovers may die after taking the lock over: then the log is not the one of the lock's owner."""
    put_chain(table, (COST, TOTAL, 100))
    for number in range(LOGS_MAX):
        table.store(row_at(1) + LOCK, OTHER)
        write_log(table, number, {2: 70 + number})
        assert recover(table) is True
        assert words_of(table, 2)["used"] == 70 + number


def test_what_a_log_says_is_not_believed(table: Any) -> None:
    put_chain(table, (COST, TOTAL, 100))
    table.store(row_at(1) + LOCK, OTHER)
    write_log(table, 1, {64: 7, 2**64 - 1: 7, 2: 70}, holds=SIZE - 4)
    table.store(log_at(1), 2**64 - 1)
    assert recover(table) is True
    assert words_of(table, 2)["used"] == 70
    for holds in (SIZE, 2**63, SIZE - 8):
        table.store(row_at(1) + LOCK, OTHER)
        write_log(table, 1, {2: 71}, holds=holds, state=5)
        assert recover(table) is True
    assert table.load(SIZE - 8) == 5


def test_places_outside_are_refused(table: Any) -> None:
    for account, logs in ((-1, 3), (64, 3), (1, -1), (1, 99), (2**70, 3), (1, 2**70)):
        with pytest.raises(IndexError):
            recover(table, account=account, logs=logs)
    for dead, owner in ((0, OWNER), (OTHER, 0)):
        with pytest.raises(ValueError, match="owner"):
            table.limits_recover(TABLE, LOGS, 3, 1, dead, owner)


# A mother that bears two children at a time, lets them take and settle on one account for a moment, kills both wherever they are,
# takes back what was cut in two and looks whether everything fits together. Forking makes some hundred deaths a second.
MOTHER = """
import os, random, signal, sys, time
import native_fastpath
from tests.native_fastpath.limit_table import *

region = native_fastpath.load(sys.argv[1]).Region(sys.argv[2], SIZE)
seconds, seed = float(sys.argv[3]), int(sys.argv[4])
random.seed(seed)
full, real = by_metric(cost=10, output=5, requests=1), by_metric(cost=3, output=2, requests=1)
budgets = range(2, 20)
put_chain(region, *[(COST, TOTAL, 10**15)] * len(budgets), (REQUESTS, TOTAL, 10**15), (OUTPUT, MINUTE, 60 * 10**9))
requests, smooth = 20, 21
region.store(row_at(smooth) + 64, NOON[5])
lives = saved = 0

def live(number):
    owner, log = (OWNER, OTHER)[number] + (lives << 16), (ME, THEM)[number]
    while True:
        if region.load(inflight_at(number)) == 0:
            open_row(region, number)
        taken = region.limits_take(TABLE, log, owner, 1, holds_at(number), 1, full, full, NOON)
        if isinstance(taken, bytes):
            settle = (0, inflight_at(number), bytes(RECORD), TABLE, log, owner, real, NOON[5])
            while region.limits_settle(*settle) is not True:
                pass
            region.store(holds_at(number), 0)

def check():
    states = [region.load(holds_at(number)) for number in (0, 1)]
    held, used = states.count(1), words_of(region, requests)["used"]
    assert region.load(ME) == region.load(THEM) == region.load(row_at(1) + LOCK) == 0
    assert words_of(region, requests)["held"] == held, (seed, lives)
    for row in (words_of(region, index) for index in budgets):
        assert (row["used"], row["held"]) == (3 * used, 10 * held), (seed, lives, row, used, held)
    assert words_of(region, smooth)["debt_ns"] == NOON[5] + 2 * used + 5 * held, (seed, lives)

ends_s = time.monotonic() + seconds
while time.monotonic() < ends_s:
    lives += 1
    children = []
    for number in (0, 1):
        child = os.fork()
        if child == 0:
            live(number)
        children.append(child)
    time.sleep(random.uniform(0.0005, 0.003))
    for child in children:
        os.kill(child, signal.SIGKILL)
    for child in children:
        os.waitpid(child, 0)
    saved += region.load(ME) != 0 or region.load(THEM) != 0
    holder = region.load(row_at(1) + LOCK)
    assert not holder or region.limits_recover(TABLE, LOGS, LOGS_MAX, 1, holder, 99)
    check()
    for number in (0, 1):
        if region.load(holds_at(number)) == 1:
            assert region.limits_settle(0, inflight_at(number), bytes(RECORD), TABLE, ME, 99, real, NOON[5]) is True
        region.store(holds_at(number), 0)
    check()
print(lives, saved, words_of(region, requests)["used"])
"""


def test_deaths_at_any_moment_leave_a_change_whole_or_undone(twin: ModuleType, tmp_path: Path, start: Start) -> None:
    """R4: what is held and used is what was taken and settled, whatever instruction the deaths have hit."""
    prepare(tmp_path / "table")
    mother = start(MOTHER, "native" if "_native" in twin.__name__ else "pure", tmp_path / "table", 2.0, time.time_ns())
    told, _ = mother.communicate(timeout=30)
    assert mother.returncode == 0
    lives, saved, used = map(int, told.split())
    assert lives > 20
    assert saved > 0
    assert used > lives
