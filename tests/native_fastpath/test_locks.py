"""Taking a dead owner's lock, in both implementations, and changes cut in two by real deaths."""

import signal
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
    ME,
    MINUTE,
    OTHER,
    OUTPUT,
    OWNER,
    REQUESTS,
    SIZE,
    TABLE,
    THEM,
    TOTAL,
    by_metric,
    holds_at,
    log_at,
    open_row,
    prepare,
    put_chain,
    row_at,
    settle,
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


CLIENT = """
import sys, native_fastpath
from tests.native_fastpath.limit_table import *
region = native_fastpath.load(sys.argv[1]).Region(sys.argv[2], SIZE)
number = int(sys.argv[3])
owner, log = (OWNER, OTHER)[number] + (int(sys.argv[4]) << 16), (ME, THEM)[number]
print("ready", flush=True)
full, real = by_metric(cost=10, output=5, requests=1), by_metric(cost=3, output=5, requests=1)
while True:
    if region.load(inflight_at(number)) == 0:
        open_row(region, number)
    taken = region.limits_take(TABLE, log, owner, 1, holds_at(number), 1, full, full, NOON)
    if isinstance(taken, bytes):
        while region.limits_settle(0, inflight_at(number), bytes(RECORD), TABLE, log, owner, real, NOON[5]) is not True:
            pass
        region.store(holds_at(number), 0)
        region.bump(SIZE - 16 + 8 * number, 1)
"""


def test_deaths_at_any_moment_leave_a_change_whole_or_undone(twin: ModuleType, table: Any, tmp_path: Path, start: Start) -> None:
    """R4: two processes take and settle on one account, one of them is killed; what is held and used stays what was settled."""
    name = "native" if "_native" in twin.__name__ else "pure"
    put_chain(table, (COST, TOTAL, 10**15), (REQUESTS, TOTAL, 10**15), (OUTPUT, MINUTE, 10**15))
    ends_s = time.monotonic() + 2.0
    life = 0
    while time.monotonic() < ends_s:
        life += 1
        processes = [start(CLIENT, name, tmp_path / "table", number, life) for number in (0, 1)]
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()
        before = table.load(SIZE - 8)
        while table.load(SIZE - 8) < before + 20 + life:
            time.sleep(0)
        for process in processes:
            process.send_signal(signal.SIGKILL)
        for process in processes:
            process.wait()
        holder = table.load(row_at(1) + LOCK)
        if holder:
            assert recover(table, dead=holder) is True
        assert [table.load(log_at(number)) for number in range(LOGS_MAX)] == [0] * LOGS_MAX
        held = sum(table.load(holds_at(number)) == 1 for number in (0, 1))
        settled = sum(table.load(holds_at(number)) == 2 for number in (0, 1))
        counted = table.load(SIZE - 16) + table.load(SIZE - 8)
        cost, requests = words_of(table, 2), words_of(table, 3)
        assert (cost["held"], requests["held"]) == (10 * held, held)
        # The counter is written after the row's end: a death between the two leaves it behind by one for each process and life.
        assert counted + settled <= requests["used"] <= counted + settled + 2 * life
        assert cost["used"] == 3 * requests["used"]
        for number in (0, 1):
            if table.load(holds_at(number)) == 1:
                settle(table, by_metric(), ring=0, number=number)
            table.store(holds_at(number), 0)
        assert words_of(table, 2)["held"] == 0
    assert life > 2
    assert table.load(ME) == table.load(THEM) == 0
