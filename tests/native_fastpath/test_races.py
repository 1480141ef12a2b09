"""R1 where it is decided: processes that do nothing but take and settle, so that they meet in the middle of every change."""

import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from tests import torture
from tests.native_fastpath.conftest import Start
from tests.native_fastpath.limit_table import (
    COST,
    LIMIT_PLACES,
    LOCK,
    REQUESTS,
    SIZE,
    TOTAL,
    prepare,
    put_chain,
    row_at,
    words_of,
)

RACERS = 3
UNIT = 10

# Takes and settles as fast as it can until it is refused, and says how often it was not.
RACER = """
import sys
import native_fastpath
from tests.native_fastpath.limit_table import *

region, number = native_fastpath.load(sys.argv[1]).Region(sys.argv[2], SIZE), int(sys.argv[3])
log, owner, row, holds = log_at(number), number + 1, inflight_at(number), holds_at(number)
full = by_metric(cost=10, requests=1)
open_row(region, number)
print("ready", flush=True)
while not region.load(SIZE - 8):
    pass
admitted = 0
while True:
    taken = region.limits_take(TABLE, log, owner, 1, holds, 1, full, full, NOON)
    if isinstance(taken, bytes):
        admitted += 1
        while region.limits_settle(0, row, bytes(RECORD), TABLE, log, owner, full, NOON[5]) is not True:
            pass
        region.store(holds, 0)
    elif taken[0] != -1:
        break
print(admitted, flush=True)
"""


def said(racer: "subprocess.Popen[str]") -> str:
    assert racer.stdout is not None
    return racer.stdout.readline()


@pytest.mark.torture
@pytest.mark.parametrize("limits", [2, LIMIT_PLACES])
def test_of_so_many_allowed_so_many_pass(twin: ModuleType, tmp_path: Path, start: Start, limits: int) -> None:
    """R1: of what a budget allows, all is admitted and nothing more. Without the compare-and-swap of the lock this is red.

    A change of few limits is over soon, so that racers come to a free lock in the same moment; one of many takes its time.
    """
    name = "native" if "_native" in twin.__name__ else "pure"
    allowed = torture.rounds(700_000, 10_000_000) if name == "native" else torture.rounds(3000, 60_000)
    prepare(tmp_path / "table")
    region = twin.Region(tmp_path / "table", SIZE)
    wide = [(COST, TOTAL, 10**15)] * (limits - 2)
    put_chain(region, *wide, (COST, TOTAL, UNIT * allowed + UNIT - 1), (REQUESTS, TOTAL, 10**15))
    racers = [start(RACER, name, tmp_path / "table", number) for number in range(RACERS)]
    assert [said(racer) for racer in racers] == ["ready\n"] * RACERS
    region.store(SIZE - 8, 1)
    admitted = [int(said(racer)) for racer in racers]
    assert sum(admitted) == allowed
    assert min(admitted) > 0
    for index in range(2, limits + 2):
        row = words_of(region, index)
        unit = UNIT if index < limits + 1 else 1
        assert (row["used"], row["held"]) == (unit * allowed, 0), index
    assert region.load(row_at(1) + LOCK) == 0
    region.close()
    torture.proved("R1", f"{name}: {RACERS} processes, {limits} limits, one budget for {allowed}: {allowed} passed, overrun 0")
