"""The control lock: whoever holds it may write gateway.db. The kernel gives it back when the holder dies, however it dies."""

import fcntl
import os
import time
from pathlib import Path

RETRY_S = 0.05


class LockTakenError(Exception):
    """Another process holds the control lock."""


class ControlLock:
    """An exclusive flock, held until `release` or death."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, path: Path, wait_s: float = 0.0) -> "ControlLock":
        """Takes the lock, trying for `wait_s` seconds. Both directories above it are made if needed. Raises LockTakenError."""
        path.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        deadline_s = time.monotonic() + wait_s
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return cls(descriptor)
            except BlockingIOError:
                if time.monotonic() >= deadline_s:
                    os.close(descriptor)
                    raise LockTakenError(f"another process holds {path}") from None
                time.sleep(RETRY_S)

    def release(self) -> None:
        """Gives the lock back. A second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> "ControlLock":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
