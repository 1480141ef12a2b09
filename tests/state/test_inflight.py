"""In-flight rows: what a worker leaves behind when it is killed."""

from pathlib import Path
from typing import cast

import pytest

from gateway.core.usage import Usage
from gateway.state.inflight import InflightRows, Orphan, RowsTakenError
from gateway.state.journal import RingWriter, Settlement
from gateway.state.shared import SharedFile
from gateway.state.workers import WorkerSlot
from native_fastpath import Region
from tests.state.conftest import Start, kill, numbered

OPEN_THREE = """
slot = WorkerSlot.claim(shared, run_dir)
rows = InflightRows(slot)
handles = [rows.open(numbered(number + 100 * slot.epoch).pack()) for number in range(3)]
rows.progress(handles[1], 700, 9)
rows.rewrite(handles[1], numbered(1 + 100 * slot.epoch, request_bytes=55).pack())
rows.close(handles[2])
ready()
"""


def ids(orphans: list[Orphan]) -> list[int]:
    return [int.from_bytes(Settlement.unpack(orphan.record).request_id, "big") for orphan in orphans]


def test_a_killed_workers_rows_are_orphans_with_their_last_state(shared: SharedFile, run_dir: Path, start: Start) -> None:
    worker = start(OPEN_THREE)
    assert shared.inflight.count(0) == 2
    assert list(shared.inflight.orphans(run_dir)) == []
    kill(worker)
    orphans = list(shared.inflight.orphans(run_dir))
    assert ids(orphans) == [100, 101]
    assert [(orphan.slot, orphan.epoch, orphan.output_bytes, orphan.events) for orphan in orphans] == [
        (0, 1, 0, 0),
        (0, 1, 700, 9),
    ]
    assert orphans[1].record == numbered(101, request_bytes=55).pack()
    assert repr(orphans[1]) == "<Orphan slot 0 row 1 epoch 1>"
    assert [shared.inflight.free_orphan(orphan) for orphan in orphans] == [True, True]
    assert [shared.inflight.free_orphan(orphan) for orphan in orphans] == [False, False]
    assert list(shared.inflight.orphans(run_dir)) == []
    assert shared.inflight.count(0) == 0


def test_a_new_owner_leaves_orphans_alone_and_has_none_itself(shared: SharedFile, run_dir: Path, start: Start) -> None:
    kill(start(OPEN_THREE))
    second = start(OPEN_THREE)
    orphans = list(shared.inflight.orphans(run_dir))
    assert ids(orphans) == [100, 101]
    assert shared.inflight.count(0) == 4
    for orphan in orphans:
        assert shared.inflight.free_orphan(orphan)
    assert shared.inflight.count(0) == 2
    kill(second)
    assert ids(list(shared.inflight.orphans(run_dir))) == [200, 201]


def test_rows_run_out_and_come_back(shared: SharedFile, run_dir: Path) -> None:
    slot = WorkerSlot.claim(shared, run_dir)
    rows = InflightRows(slot)
    handles = [rows.open(numbered(number).pack()) for number in range(8)]
    assert rows.count == 8
    with pytest.raises(RowsTakenError):
        rows.open(numbered(9).pack())
    rows.close(handles[3])
    assert rows.count == 7
    assert rows.open(numbered(9).pack()) == handles[3]
    slot.release()


def test_rows_freed_by_the_control_plane_are_used_by_the_present_owner(shared: SharedFile, run_dir: Path) -> None:
    first = WorkerSlot.claim(shared, run_dir)
    for number in range(5):
        InflightRows(first).open(numbered(number).pack())
    first.release()
    second = WorkerSlot.claim(shared, run_dir)
    rows = InflightRows(second)
    handles = [rows.open(numbered(10 + number).pack()) for number in range(3)]
    with pytest.raises(RowsTakenError):
        rows.open(numbered(20).pack())
    orphans = list(shared.inflight.orphans(run_dir))
    assert ids(orphans) == [0, 1, 2, 3, 4]
    for orphan in orphans[:2]:
        shared.inflight.free_orphan(orphan)
    rows.close(handles[0])
    handles += [rows.open(numbered(30 + number).pack()) for number in range(3)]
    assert rows.count == 5
    with pytest.raises(RowsTakenError):
        rows.open(numbered(40).pack())
    assert ids(list(shared.inflight.orphans(run_dir))) == [2, 3, 4]
    second.release()


def test_a_rewrite_cut_half_way_leaves_the_record_before_it(shared: SharedFile, run_dir: Path) -> None:
    slot = WorkerSlot.claim(shared, run_dir)
    rows = InflightRows(slot)
    row = rows.open(numbered(1).pack())
    rows.rewrite(row, numbered(1, usage=Usage(input_tokens=50)).pack())
    shared.region.write(row + 64, b"\xff" * 200)
    slot.release()
    (orphan,) = shared.inflight.orphans(run_dir)
    assert Settlement.unpack(orphan.record).usage.input_tokens == 50


@pytest.mark.parametrize("wrong", [b"", bytes(463), bytes(465), bytes(856)])
def test_only_whole_records_are_taken(shared: SharedFile, run_dir: Path, wrong: bytes) -> None:
    slot = WorkerSlot.claim(shared, run_dir)
    rows = InflightRows(slot)
    with pytest.raises(ValueError, match="464 bytes"):
        rows.open(wrong)
    row = rows.open(numbered(1).pack())
    with pytest.raises(ValueError, match="464 bytes"):
        rows.rewrite(row, wrong)
    assert rows.count == 1
    slot.release()


SETTLED_NOT_CLOSED = """
slot = WorkerSlot.claim(shared, run_dir)
rows, ring = InflightRows(slot), RingWriter(slot)
for number in range(2):
    rows.open(numbered(number).pack())
    ring.append(numbered(number, status=200).pack())
ready()
"""


def test_orphans_wait_for_what_their_worker_wrote_into_the_journal(shared: SharedFile, run_dir: Path, start: Start) -> None:
    kill(start(SETTLED_NOT_CLOSED))
    reader = shared.journal.readers[0]
    assert list(shared.inflight.orphans(run_dir)) == []
    successor = WorkerSlot.claim(shared, run_dir)
    RingWriter(successor).append(numbered(7).pack())
    reader.release(1)
    assert list(shared.inflight.orphans(run_dir)) == []
    reader.release(1)
    assert ids(list(shared.inflight.orphans(run_dir))) == [0, 1]
    successor.release()


def test_looking_for_orphans_again_finds_those_of_the_next_death_only(shared: SharedFile, run_dir: Path, start: Start) -> None:
    kill(start(OPEN_THREE))
    for orphan in shared.inflight.orphans(run_dir):
        shared.inflight.free_orphan(orphan)
    for expected in (200, 300):
        assert list(shared.inflight.orphans(run_dir)) == []
        assert list(shared.inflight.orphans(run_dir)) == []
        kill(start(OPEN_THREE))
        orphans = list(shared.inflight.orphans(run_dir))
        assert ids(orphans) == [expected, expected + 1]
        for orphan in orphans:
            shared.inflight.free_orphan(orphan)


class Counting:
    """A region that counts its calls."""

    def __init__(self, region: Region) -> None:
        self._region = region
        self.calls = 0

    def __getattr__(self, name: str) -> object:
        self.calls += 1
        return getattr(self._region, name)


def test_looking_costs_little_when_nobody_died(shared: SharedFile, run_dir: Path) -> None:
    slot = WorkerSlot.claim(shared, run_dir)
    assert list(shared.inflight.orphans(run_dir)) == []
    counting = Counting(shared.region)
    shared.inflight._region = cast(Region, counting)
    assert list(shared.inflight.orphans(run_dir)) == []
    assert counting.calls < shared.layout.rows_per_slot
    slot.release()


SERVE = """
slot = WorkerSlot.claim(shared, run_dir)
rows, ring = InflightRows(slot), RingWriter(slot)
print("ready", flush=True)
number = 0
while True:
    if ring.free() > rows.count:
        number += 1
        record = numbered(slot.epoch * 1_000_000 + number).pack()
        row = rows.open(record)
        rows.progress(row, number, 1)
        assert ring.append(record)
        rows.close(row)
"""


def test_every_request_of_killed_workers_is_in_the_journal_or_an_orphan(shared: SharedFile, run_dir: Path, start: Start) -> None:
    """Six workers, one after the other in the same slot, each killed at whatever it does, while the control plane reads on."""
    reader = shared.journal.readers[0]
    settled: list[int] = []
    for life in range(1, 7):
        worker = start(SERVE)
        wanted = len(settled) + 40 * life
        while len(settled) < wanted:
            records = reader.read(5)
            settled += [int.from_bytes(Settlement.unpack(record).request_id, "big") for record in records]
            reader.release(len(records))
            assert worker.poll() is None
        kill(worker)
        rest = reader.read(100)
        settled += [int.from_bytes(Settlement.unpack(record).request_id, "big") for record in rest]
        reader.release(len(rest))
        orphans = list(shared.inflight.orphans(run_dir))
        assert len(orphans) <= 1
        both = sorted({*settled, *ids(orphans)})
        mine = [number for number in both if number // 1_000_000 == life]
        assert mine == [life * 1_000_000 + number for number in range(1, len(mine) + 1)]
        assert len(set(settled)) == len(settled)
        for orphan in orphans:
            assert shared.inflight.free_orphan(orphan)


def test_a_settle_always_fits_when_admission_asks_for_room(shared: SharedFile, run_dir: Path) -> None:
    slot = WorkerSlot.claim(shared, run_dir)
    rows, ring = InflightRows(slot), RingWriter(slot)
    handles: list[int] = []
    appended = 0
    for number in range(100):
        if ring.free() > rows.count and len(handles) < 8:
            handles.append(rows.open(numbered(number).pack()))
        if number % 2 and handles:
            assert ring.append(numbered(number).pack())
            appended += 1
            rows.close(handles.pop())
    assert appended == 16
    assert ring.free() == 0
    assert rows.count == 0
    slot.release()
