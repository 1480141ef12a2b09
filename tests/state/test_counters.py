"""Counters over slots and over deaths."""

from pathlib import Path

from gateway.core.faults import FaultKind
from gateway.state.counters import GAUGES, Counter, SlotCounters
from gateway.state.shared import SharedFile
from gateway.state.workers import WorkerSlot
from tests.state.conftest import Start, kill

COUNT = """
slot = WorkerSlot.claim(shared, run_dir)
counters = SlotCounters(slot)
counters.add(Counter.REQUESTS_STARTED, 10)
counters.add(Counter.STREAMS_OPEN, 5)
counters.add(Counter.STREAMS_OPEN, -2)
counters.refuse(FaultKind.LIMITED)
ready()
"""


def test_totals_survive_deaths_and_gauges_do_not(shared: SharedFile, run_dir: Path, start: Start) -> None:
    def seen() -> tuple[int, int]:
        totals = shared.counters.totals(shared.workers.alive(run_dir))
        return totals[Counter.REQUESTS_STARTED], totals[Counter.STREAMS_OPEN]

    assert seen() == (0, 0)
    first, second = start(COUNT), start(COUNT)
    assert seen() == (20, 6)
    kill(first)
    assert seen() == (20, 3)
    start(COUNT)
    assert seen() == (30, 6)
    kill(second)
    assert seen() == (30, 3)
    assert shared.counters.refused()[FaultKind.LIMITED] == 3


def test_every_counter_has_a_place_of_its_own(shared: SharedFile, run_dir: Path) -> None:
    slots = [WorkerSlot.claim(shared, run_dir) for _ in range(4)]
    for slot in slots:
        counters = SlotCounters(slot)
        for counter in Counter:
            counters.add(counter, 100 + counter)
        counters.add(Counter.BYTES_TO_CLIENTS)
        for kind in FaultKind:
            for _ in range(kind):
                counters.refuse(kind)
    expected = {counter: 4 * (100 + counter) for counter in Counter}
    expected[Counter.BYTES_TO_CLIENTS] += 4
    assert shared.counters.totals(range(4)) == expected
    assert shared.counters.refused() == {kind: 4 * kind for kind in FaultKind}
    for slot in slots:
        slot.release()


def test_the_numbers_leave_room(shared: SharedFile) -> None:
    assert max(Counter) < 32
    assert max(FaultKind) < 32
    assert len(set(Counter)) == len(Counter.__members__)
    assert Counter.STREAMS_OPEN in GAUGES
