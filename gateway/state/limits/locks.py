"""The locks of accounts: who holds them, and what to do when the holder is dead.

A lock is held for a microsecond. Its word names slot and epoch of the holder, so that whoever waits can ask the kernel whether it
still lives: a worker by the lock on its slot, the control plane by the control lock. What a dead holder left half done is taken
back from its undo log before the lock is free again.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.state.layout import CONTROL_EPOCH_AT, Layout
from gateway.state.limits.rows import LOCK_AT, row_at
from gateway.state.workers import WorkerTable, control_lock_path, is_locked
from native_fastpath import Region

WAIT_S_MAX = 0.1  # if the holder was interrupted, it needs some milliseconds to go on
_PAUSE_S = 0.0002
_SLOT_BITS = 16


class LimitsBusyError(Exception):
    """A caller's limits cannot be counted now: somebody alive keeps them locked, or they have just been rebuilt."""


def owner_word(slot: int, epoch: int) -> int:
    """What stands in a lock that a slot's owner holds; the control plane is the slot behind the last."""
    return epoch << _SLOT_BITS | slot + 1


def control_word(region: Region, layout: Layout) -> int:
    """The word of the present control plane."""
    return owner_word(layout.slots, region.load(CONTROL_EPOCH_AT))


def deadline() -> float:
    """Until when to wait for a lock, on the monotonic clock in seconds."""
    return time.monotonic() + WAIT_S_MAX


class AccountLocks:
    """Takes and releases locks in the name of one owner. `run_dir` holds the lock files of all owners."""

    __slots__ = ("_layout", "_owner", "_region", "_run_dir", "_workers")

    def __init__(self, region: Region, layout: Layout, run_dir: Path, owner: int) -> None:
        self._region = region
        self._layout = layout
        self._run_dir = run_dir
        self._owner = owner
        self._workers = WorkerTable(region, layout)

    @contextmanager
    def holding(self, account: int) -> Iterator[None]:
        """Holds the lock of an account. Raises LimitsBusyError."""
        lock = self._take(account)
        try:
            yield
        finally:
            self._region.store(lock, 0)

    def wait(self, account: int, holder: int, deadline_s: float) -> None:
        """Frees the lock if its holder is dead, else lets some time pass. Raises LimitsBusyError after the deadline."""
        if holder and self.is_dead(holder) and self._recover(account, holder):
            return
        if time.monotonic() > deadline_s:
            raise LimitsBusyError("an account's limits are locked")
        time.sleep(_PAUSE_S)

    def clear_log(self, slot: int) -> None:
        """Takes back the change in a slot's undo log, if a dead owner left one there. Raises LimitsBusyError."""
        log = self._layout.undo_of(slot)
        account = self._region.load(log + 8)
        if self._region.load(log) and 0 < account < self._layout.limits_capacity:
            # The change is taken back with the lock that its owner held. We take it again, because somebody alive may be about
            # to do the same and be half-way.
            self._take(account)
            self._recover(account, self._owner)

    def is_dead(self, holder: int) -> bool:
        """Whether the owner that a lock's word names has died."""
        slot, epoch = (holder & (1 << _SLOT_BITS) - 1) - 1, holder >> _SLOT_BITS
        if slot == self._layout.slots:
            return epoch != self._region.load(CONTROL_EPOCH_AT) or not is_locked(control_lock_path(self._run_dir))
        return not 0 <= slot < self._layout.slots or epoch < self._workers.dead_below(slot, self._run_dir)

    def _take(self, account: int) -> int:
        lock = row_at(self._layout, account) + LOCK_AT
        deadline_s = deadline()
        while not self._region.compare_swap(lock, 0, self._owner):
            self.wait(account, self._region.load(lock), deadline_s)
        return lock

    def _recover(self, account: int, holder: int) -> bool:
        layout = self._layout
        return self._region.limits_recover(layout.limits_at, layout.undo_at, layout.slots + 1, account, holder, self._owner)
