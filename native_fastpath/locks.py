"""The pure twin of locks.c: the locks of accounts, and logs that undo what their owner's death has cut in two.

Whoever changes rows of the limit table holds the lock word of their account: the row that all of them name. Before the first
change the old words go into the owner's undo log, with their number stored last; after the last change the number goes back to
zero, then the lock. So a lock that a dead owner holds is taken over by compare and swap, and every log that names the account
is played back: the change has happened or not, whatever instruction its owner died at.

An undo log is {u64 rows, u64 account, u64 offset of a hold area or 0, u64 its state} and for each row {u64 row, six words from
`USED` on}.
"""

import os
import time
from typing import NamedTuple

from native_fastpath.tables import Tables
from native_fastpath.words import check_value

LIMIT_BYTES = 128
CHARGES_MAX = 24
UNDO_BYTES = 1408
LOCK_WAIT_NS = 2_000_000

# Words of a row. USED to DEBT_FRACTION change together and are what an undo log keeps.
HEAD, OWNER, LINKS, AMOUNT, USED, HELD, WINDOW_START, WINDOW_END, DEBT, DEBT_FRACTION = range(10)
LOCK = 15
CHANGING = 6
U32 = 2**32 - 1

_UNDO_HEADER, _UNDO_WORDS = 4, CHANGING + 1


class Table(NamedTuple):
    """A limit table that was proved to lie inside the region: its first word's number and its rows."""

    start: int
    capacity: int

    def row(self, index: int) -> int:
        """The number of a row's first word."""
        return self.start + index * (LIMIT_BYTES >> 3)


class Locks(Tables):
    """Locks of accounts and undo logs."""

    __slots__ = ()

    def limits_recover(self, table_at: int, logs_at: int, log_count: int, account: int, dead: int, owner: int) -> bool:
        """Takes the lock of `account` from a dead owner, takes back its change if it was cut in two, and frees the lock.

        Changes of the account are looked for in all `log_count` logs, because whoever recovers may die too. False when the lock
        is not the dead owner's any more. That it is dead is the caller's to know.
        """
        table = self._table(table_at)
        logs = self._word(logs_at)
        check_integers(log_count, account)
        check_owner(dead)
        check_owner(owner)
        if not 0 <= log_count <= (self.size - logs_at) // UNDO_BYTES or not 0 <= account < table.capacity:
            raise IndexError("the undo logs or the account are out of bounds")
        lock = table.row(account) + LOCK
        if not self.compare_swap(lock << 3, dead, owner):
            return False
        for log in range(logs, logs + log_count * (UNDO_BYTES >> 3), UNDO_BYTES >> 3):
            self._take_back(table, log, account)
        self._words[lock] = 0
        return True

    def _take_back(self, table: Table, log: int, account: int) -> None:
        words = self._words
        count = words[log]
        if not count or words[log + 1] != account:
            return
        for entry in range(log + _UNDO_HEADER, log + _UNDO_HEADER + min(count, CHARGES_MAX) * _UNDO_WORDS, _UNDO_WORDS):
            if words[entry] < table.capacity:
                used = table.row(words[entry]) + USED
                words[used : used + CHANGING] = words[entry + 1 : entry + 1 + CHANGING]
        holds_at = words[log + 2]
        if holds_at and not holds_at & 7 and holds_at <= self.size - 8:
            words[holds_at >> 3] = words[log + 3]
        words[log] = 0

    def _lock(self, lock: int, owner: int) -> int:
        """0 once the lock word is ours, else the word of the owner who kept it for 2 ms."""
        until_ns = 0
        while not self.compare_swap(lock << 3, 0, owner):
            holder = self._words[lock]
            now_ns = time.monotonic_ns()
            if until_ns == 0:
                until_ns = now_ns + LOCK_WAIT_NS
            elif now_ns > until_ns and holder:
                return holder
            os.sched_yield()
        return 0

    def _undo_begin(self, log: int, changed: list[tuple[int, int]], account: int, holds_at: int, state: int) -> None:
        """Notes rows, by their numbers and first words, as they are now."""
        words = self._words
        entry = log + _UNDO_HEADER
        for index, row in changed:
            words[entry] = index
            words[entry + 1 : entry + 1 + CHANGING] = words[row + USED : row + USED + CHANGING]
            entry += _UNDO_WORDS
        words[log + 1], words[log + 2], words[log + 3] = account, holds_at, state
        words[log] = len(changed)

    def _table(self, table_at: int) -> Table:
        start = self._word(table_at)
        room = (self.size - table_at) // LIMIT_BYTES
        if not room:
            raise IndexError("the limit table is out of bounds")
        capacity = self._words[start + 1]
        if not 0 < capacity <= room:
            raise ValueError("the limit table is damaged: its header makes no sense")
        return Table(start, capacity)

    def _undo(self, undo_at: int) -> int:
        """An empty log. One that is not empty must be recovered first, or its change would stay in two."""
        log = self._word(undo_at)
        if self.size - undo_at < UNDO_BYTES:
            raise IndexError("the undo log is out of bounds")
        if self._words[log]:
            raise ValueError("the undo log is not empty")
        return log


def check_integers(*numbers: int) -> None:
    if not all(isinstance(number, int) for number in numbers):
        raise TypeError("an integer is expected")


def check_owner(owner: int) -> None:
    check_value(owner)
    if owner == 0:
        raise ValueError("an owner is not zero")
