"""Both ends of a ring."""

from pathlib import Path

import pytest

from gateway.state.journal import RingWriter, Settlement
from gateway.state.shared import SharedFile
from gateway.state.workers import WorkerSlot
from tests.state.conftest import Start, kill, numbered


def test_a_ring_from_writer_to_reader(shared: SharedFile, run_dir: Path) -> None:
    slot = WorkerSlot.claim(SharedFile.open(shared.path), run_dir)
    writer, reader = RingWriter(slot), shared.journal.readers[slot.index]
    records = [numbered(number).pack() for number in range(17)]
    assert [writer.append(record) for record in records] == [True] * 16 + [False]
    assert writer.free() == 0
    assert (reader.slot, reader.sequence, reader.depth) == (0, 0, 16)
    assert [record[:464] for record in reader.read(3)] == records[:3]
    reader.release(3)
    assert (reader.sequence, reader.depth, writer.free()) == (3, 13, 3)
    assert writer.append(records[16])
    assert [record[:464] for record in reader.read(100)] == records[3:]
    assert [other.depth for other in shared.journal.readers[1:]] == [0, 0, 0]
    slot.release()


def test_records_stored_before_a_crash_are_not_read_again(shared: SharedFile, run_dir: Path) -> None:
    slot = WorkerSlot.claim(shared, run_dir)
    writer, reader = RingWriter(slot), shared.journal.readers[slot.index]
    for number in range(5):
        writer.append(numbered(number).pack())
    stored = reader.sequence + len(reader.read(3))
    after_crash = SharedFile.open(shared.path).journal.readers[slot.index]
    assert after_crash.skip_to(stored) == 3
    assert after_crash.skip_to(stored) == 0
    assert after_crash.skip_to(1) == 0
    assert [record[:464] for record in after_crash.read(10)] == [numbered(number).pack() for number in (3, 4)]
    with pytest.raises(ValueError, match="more records released"):
        after_crash.skip_to(99)
    slot.release()


APPEND = """
slot = WorkerSlot.claim(shared, run_dir)
writer = RingWriter(slot)
for number in range(6):
    assert writer.append(numbered(number + 100 * slot.epoch).pack())
ready()
"""


def test_a_new_owner_goes_on_behind_what_the_dead_one_left(shared: SharedFile, start: Start) -> None:
    kill(start(APPEND))
    kill(start(APPEND))
    reader = shared.journal.readers[0]
    ids = [int.from_bytes(Settlement.unpack(record).request_id, "big") for record in reader.read(100)]
    assert ids == [*range(100, 106), *range(200, 206)]
