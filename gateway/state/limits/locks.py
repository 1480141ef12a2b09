"""The locks of accounts, as the control plane takes them. Workers take them inside native_fastpath.

Owns who holds a lock and how long to wait for it.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.state.layout import Layout
from gateway.state.limits.rows import LOCK_AT, row_at
from native_fastpath import Region

WAIT_S_MAX = 0.1  # a holder needs a microsecond; if it was interrupted, some milliseconds
_PAUSE_S = 0.0002


class LimitsBusyError(Exception):
    """Somebody alive has held an account's lock for longer than anybody should."""


def owner_word(slot: int, epoch: int) -> int:
    """What stands in a lock that a slot's owner holds; the control plane is the slot behind the last."""
    return epoch << 16 | slot + 1


class AccountLocks:
    """Takes and releases locks in the name of one owner."""

    __slots__ = ("_layout", "_owner", "_region")

    def __init__(self, region: Region, layout: Layout, owner: int) -> None:
        self._region = region
        self._layout = layout
        self._owner = owner

    @contextmanager
    def holding(self, account: int) -> Iterator[None]:
        """Holds the lock of an account. Raises LimitsBusyError."""
        lock = row_at(self._layout, account) + LOCK_AT
        deadline_s = time.monotonic() + WAIT_S_MAX
        while not self._region.compare_swap(lock, 0, self._owner):
            if time.monotonic() > deadline_s:
                raise LimitsBusyError("an account's limits are locked")
            time.sleep(_PAUSE_S)
        try:
            yield
        finally:
            self._region.store(lock, 0)
