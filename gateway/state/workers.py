"""Worker slots: who writes which part of the shared file, and whether that writer still lives.

A slot belongs to the process that holds an exclusive flock on its lock file; the kernel lets go of it when the process dies,
however it dies. The owner counts the slot's epoch up, so everything left under an older epoch belonged to somebody who is
gone. A new owner never clears what the old one left: ring records and in-flight rows stay for the control plane.
"""

import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.state.layout import Layout
from native_fastpath import Region

if TYPE_CHECKING:
    from gateway.state.shared import SharedFile

_EPOCH, _PID, _HEARTBEAT = 0, 8, 16


class NoFreeSlotError(Exception):
    """Every slot has a living owner."""


class WorkerSlot:
    """A slot owned by this process until `release` or death. Must not be carried over a fork: the child would keep the lock."""

    __slots__ = ("_at", "_descriptor", "epoch", "index", "layout", "region")

    def __init__(self, region: Region, layout: Layout, index: int, descriptor: int) -> None:
        self.region = region
        self.layout = layout
        self.index = index
        self._descriptor = descriptor
        self._at = layout.worker_at(index)
        region.store(self._at + _HEARTBEAT, 0)  # before the pid, or the last owner's beat would be taken for ours
        region.store(self._at + _PID, os.getpid())
        self.epoch = region.add(self._at + _EPOCH, 1)

    @classmethod
    def claim(cls, shared: "SharedFile", run_dir: Path) -> "WorkerSlot":
        """Takes the first slot without a living owner. `run_dir` must exist. Raises NoFreeSlotError."""
        # Twice, because `is_alive` may have held a free slot's lock for a moment.
        for index in [*range(shared.layout.slots)] * 2:
            descriptor = os.open(lock_path(run_dir, index), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                continue
            return cls(shared.region, shared.layout, index, descriptor)
        raise NoFreeSlotError(f"all {shared.layout.slots} worker slots are taken")

    def beat(self, monotonic_ns: int) -> None:
        """Shows that the worker's loop still turns."""
        self.region.store(self._at + _HEARTBEAT, monotonic_ns)

    def release(self) -> None:
        """Gives the slot up. Rows still open become orphans. A second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __repr__(self) -> str:
        return f"<WorkerSlot {self.index} epoch {self.epoch}>"


class WorkerTable:
    """What every process may ask about the slots."""

    __slots__ = ("_layout", "_region")

    def __init__(self, region: Region, layout: Layout) -> None:
        self._region = region
        self._layout = layout

    def epoch(self, slot: int) -> int:
        """Counts the owners of a slot so far; 0 when it was never taken."""
        return self._region.load(self._layout.worker_at(slot) + _EPOCH)

    def pid(self, slot: int) -> int:
        """The last owner's process id, also when it is dead; 0 when the slot was never taken."""
        return self._region.load(self._layout.worker_at(slot) + _PID)

    def heartbeat_ns(self, slot: int) -> int:
        """Monotonic time of the last owner's last beat; 0 before the first."""
        return self._region.load(self._layout.worker_at(slot) + _HEARTBEAT)

    def is_alive(self, slot: int, run_dir: Path) -> bool:
        """Whether a process owns the slot now.

        The question takes a free lock for a moment: a worker that claims the slot in just that moment gets another one.
        """
        self._layout.worker_at(slot)
        return is_locked(lock_path(run_dir, slot))

    def alive(self, run_dir: Path) -> list[int]:
        """All slots that have an owner now."""
        return [slot for slot in range(self._layout.slots) if self.is_alive(slot, run_dir)]

    def dead_below(self, slot: int, run_dir: Path) -> int:
        """The epoch below which every owner of the slot is dead for certain.

        The epoch is read before the lock is asked: whoever claims in between gets a larger one, so a living worker is never
        counted.
        """
        epoch = self.epoch(slot)
        return epoch if self.is_alive(slot, run_dir) else epoch + 1


def is_locked(path: Path) -> bool:
    """Whether a process holds the exclusive lock on a file. A free lock is taken for a moment."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def control_lock_path(run_dir: Path) -> Path:
    """The lock file of whoever acts as the control plane."""
    return run_dir / "control.lock"


def lock_path(run_dir: Path, slot: int) -> Path:
    """The lock file of a slot."""
    return run_dir / f"worker-{slot}.lock"
