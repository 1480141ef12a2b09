"""Worker slots: owned by the living, inherited with everything in them."""

from pathlib import Path

import pytest

from gateway.state.shared import SharedFile
from gateway.state.workers import NoFreeSlotError, WorkerSlot, lock_path
from tests.state.conftest import Start, kill

CLAIM = "slot = WorkerSlot.claim(shared, run_dir); slot.beat(12345); ready()"


def test_each_owner_gets_a_slot_of_its_own(shared: SharedFile, run_dir: Path) -> None:
    slots = [WorkerSlot.claim(shared, run_dir) for _ in range(4)]
    assert [(slot.index, slot.epoch) for slot in slots] == [(0, 1), (1, 1), (2, 1), (3, 1)]
    assert repr(slots[2]) == "<WorkerSlot 2 epoch 1>"
    with pytest.raises(NoFreeSlotError, match="all 4"):
        WorkerSlot.claim(shared, run_dir)
    slots[1].release()
    slots[1].release()
    again = WorkerSlot.claim(shared, run_dir)
    assert (again.index, again.epoch) == (1, 2)
    for slot in (*slots, again):
        slot.release()
    assert shared.workers.alive(run_dir) == []


def test_a_killed_owner_lets_go_and_the_next_has_a_new_epoch(shared: SharedFile, run_dir: Path, start: Start) -> None:
    assert (shared.workers.epoch(0), shared.workers.pid(0), shared.workers.is_alive(0, run_dir)) == (0, 0, False)
    first = start(CLAIM)
    assert (shared.workers.epoch(0), shared.workers.pid(0), shared.workers.heartbeat_ns(0)) == (1, first.pid, 12345)
    assert shared.workers.alive(run_dir) == [0]
    kill(first)
    assert shared.workers.alive(run_dir) == []
    assert shared.workers.pid(0) == first.pid
    second = start(CLAIM)
    assert (shared.workers.epoch(0), shared.workers.pid(0)) == (2, second.pid)
    assert shared.workers.alive(run_dir) == [0]


def test_only_epochs_without_a_living_owner_count_as_dead(shared: SharedFile, run_dir: Path) -> None:
    assert shared.workers.dead_below(0, run_dir) == 1
    slot = WorkerSlot.claim(shared, run_dir)
    assert shared.workers.dead_below(0, run_dir) == 1
    slot.release()
    assert shared.workers.dead_below(0, run_dir) == 2
    slot = WorkerSlot.claim(shared, run_dir)
    assert shared.workers.dead_below(0, run_dir) == 2
    slot.release()


def test_asking_does_not_take_the_slot(shared: SharedFile, run_dir: Path) -> None:
    lock_path(run_dir, 0).touch()
    assert shared.workers.is_alive(0, run_dir) is False
    slot = WorkerSlot.claim(shared, run_dir)
    assert slot.index == 0
    assert shared.workers.is_alive(0, run_dir) is True
    assert shared.workers.is_alive(0, run_dir) is True
    slot.release()
    with pytest.raises(IndexError):
        shared.workers.is_alive(4, run_dir)


def test_lock_files_are_private(shared: SharedFile, run_dir: Path) -> None:
    slot = WorkerSlot.claim(shared, run_dir)
    assert lock_path(run_dir, 0).stat().st_mode & 0o777 == 0o600
    slot.release()
