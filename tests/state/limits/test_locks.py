"""Locks of accounts: kept by the living, taken from the dead."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.control.lock import ControlLock
from gateway.state.inflight import InflightRows
from gateway.state.limits import Limits, LimitsBusyError, LimitSpec, LimitTable, Metric, Window, locks, rows
from gateway.state.limits.locks import AccountLocks, control_word, owner_word
from gateway.state.shared import SharedFile
from gateway.state.workers import WorkerSlot, control_lock_path


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "WAIT_S_MAX", 0.01)


def table_of_one(shared: SharedFile) -> tuple[LimitTable, int]:
    """A table with one limit, and the offset of its account's lock."""
    table = LimitTable(shared)
    workspace = table.workspace_anchor(1)
    table.add(workspace, LimitSpec(1, Metric.COST, Window.TOTAL, 0, 10))
    return table, rows.row_at(shared.layout, rows.index_of(workspace)) + rows.LOCK_AT


def test_a_living_workers_lock_is_kept_and_a_dead_ones_is_broken(shared: SharedFile, run_dir: Path) -> None:
    table, lock = table_of_one(shared)
    slot = WorkerSlot.claim(shared, run_dir)
    word = owner_word(slot.index, slot.epoch)
    shared.region.store(lock, word)
    with pytest.raises(LimitsBusyError, match="locked"):
        table.change(1, 5)
    assert shared.region.load(lock) == word
    slot.release()
    table.change(1, 5)
    assert shared.region.load(lock) == 0
    state = table.state(1)
    assert state is not None
    assert state.amount == 5


def test_a_slots_new_owner_is_not_taken_for_the_dead_one(shared: SharedFile, run_dir: Path) -> None:
    table, lock = table_of_one(shared)
    first = WorkerSlot.claim(shared, run_dir)
    first.release()
    second = WorkerSlot.claim(shared, run_dir)
    assert second.index == first.index
    shared.region.store(lock, owner_word(second.index, second.epoch))
    with pytest.raises(LimitsBusyError):
        table.change(1, 5)
    shared.region.store(lock, owner_word(first.index, first.epoch))
    table.change(1, 5)
    second.release()


def test_the_control_plane_lives_by_its_lock_and_its_epoch(shared: SharedFile, run_dir: Path) -> None:
    table, lock = table_of_one(shared)
    slot = WorkerSlot.claim(shared, run_dir)
    worker = AccountLocks(shared.region, shared.layout, run_dir, owner_word(slot.index, slot.epoch))

    def take() -> None:
        with worker.holding(rows.links_of(shared.region, shared.layout, 1).account):
            pass

    with ControlLock.take(control_lock_path(run_dir)):
        assert table.owner == control_word(shared.region, shared.layout)
        shared.region.store(lock, table.owner)
        with pytest.raises(LimitsBusyError):
            take()
    take()
    with ControlLock.take(control_lock_path(run_dir)):
        shared.region.store(lock, table.owner)
        LimitTable(shared)
        take()
    slot.release()


@pytest.mark.parametrize("nobody", [99, 0xFFFF, 1 << 16, 5 << 16 | 77])
def test_what_names_nobody_is_dead(shared: SharedFile, nobody: int) -> None:
    table, lock = table_of_one(shared)
    shared.region.store(lock, nobody)
    table.change(1, 5)


def left_half_done(shared: SharedFile, slot: int, word: int) -> Callable[[], int]:
    """A change of limit 1 from 3 to 8 used that its owner did not end. Returns a look at what is used now."""
    table, lock = table_of_one(shared)
    index = table.add(rows.reference(1, 0), LimitSpec(2, Metric.COST, Window.TOTAL, 0, 10), used=8)
    log = shared.layout.undo_of(slot)
    for place, value in enumerate((1, 1, 0, 0, index, 3, 0, 0, 0, 0, 0)):
        shared.region.store(log + 8 * place, value)
    shared.region.store(lock, word)

    def used() -> int:
        state = table.describe(index)
        assert state is not None
        return state.used

    return used


def test_a_slots_next_owner_takes_back_what_was_left_half_done(shared: SharedFile, run_dir: Path) -> None:
    WorkerSlot.claim(shared, run_dir).release()
    used = left_half_done(shared, 0, owner_word(0, 1))
    slot = WorkerSlot.claim(shared, run_dir)
    assert used() == 8
    Limits(shared, slot, InflightRows(slot))
    assert used() == 3
    assert shared.region.load(shared.layout.undo_of(0)) == 0
    slot.release()


def test_the_next_control_plane_takes_back_what_was_left_half_done(shared: SharedFile) -> None:
    used = left_half_done(shared, shared.layout.slots, owner_word(shared.layout.slots, 1))
    LimitTable(shared)
    assert used() == 3


def test_looking_for_orphans_takes_back_what_was_left_half_done(shared: SharedFile, run_dir: Path) -> None:
    WorkerSlot.claim(shared, run_dir).release()
    used = left_half_done(shared, 0, owner_word(0, 1))
    assert list(shared.inflight.orphans(run_dir)) == []
    assert used() == 3


def test_whoever_recovers_may_die_in_the_middle_of_it(shared: SharedFile, run_dir: Path) -> None:
    """The lock has been taken over by somebody who died before the dead owner's log was played back."""
    for slot in [WorkerSlot.claim(shared, run_dir) for _ in range(2)]:
        slot.release()
    used = left_half_done(shared, 0, owner_word(1, 1))
    LimitTable(shared).change(1, 5)
    assert used() == 3


def test_an_owner_is_named_by_slot_and_epoch() -> None:
    words = {owner_word(slot, epoch) for slot in (0, 1, 31, 1024) for epoch in (0, 1, 2**32)}
    assert len(words) == 12
    assert 0 not in words
