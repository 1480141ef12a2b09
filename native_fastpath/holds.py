"""The pure twin of holds.c: what a request holds of its limits, corrected to what it used, in one call with its row's end."""

import struct

from native_fastpath import debts
from native_fastpath.chains import HELD_STATE, HOLD_WORDS, HOLDS_BYTES, HOLDS_HEADER, NONE, SETTLED, Chains
from native_fastpath.debts import DEBT_NS_MAX
from native_fastpath.limits import (
    AMOUNT_MAX,
    KIND_LIMIT,
    METRICS,
    MONO_NS_MAX,
    Amounts,
    amount_in,
    amounts_of,
    is_durable,
    is_smooth,
    metric_of,
)
from native_fastpath.locks import (
    AMOUNT,
    CHARGES_MAX,
    DEBT,
    DEBT_FRACTION,
    HELD,
    LINKS,
    LOCK,
    OWNER,
    U32,
    USED,
    WINDOW_START,
    Table,
    check_integers,
    check_owner,
)
from native_fastpath.tables import ROW_HEADER
from native_fastpath.words import WORD_MASK

_CHARGE = struct.Struct("=IIQ")


class Holds(Chains):
    """Settling of what is held."""

    __slots__ = ()

    def limits_settle(
        self, ring_at: int, row_at: int, record: bytes, table_at: int, undo_at: int, owner: int, real: Amounts, mono_ns: int
    ) -> bool | tuple[int, int]:
        """Ends an in-flight row: its limits are counted for `real` instead of what they hold, `record` goes into the ring with
        its charges, the row is freed.

        Holds of limits that were removed are forgotten. One whose window is over changes nothing, but is charged to that window.
        A smooth limit gets back at most what has not come back by itself since. Table, log, owner, amounts and time are looked at
        only when the row holds something; `record` then becomes the row's newest copy first.

        True when it is done. False when the ring is full; nothing has changed. (-1, owner word) when somebody held the lock for 2
        ms; nothing but the copy has changed. With `ring_at` 0 the row stays, with its charges in the hold area. ValueError when
        the row is free, the log is not empty or the ring's records do not fit.

        Behind the record lie {u64 count} and the charges {u32 limit id, u32 start of the window, i64 amount}.
        """
        holds, ring = self._place(ring_at, row_at, record)
        if ring is not None and (ring[0] - ring[1]) & WORD_MASK == ring[2]:
            return False
        words = self._words
        state = words[holds]
        charges = b""
        if state != NONE:
            table = self._table(table_at)
            log = self._undo(undo_at)
            check_owner(owner)
            amounts = amounts_of(real)
            check_integers(mono_ns)
            if not 0 <= mono_ns <= MONO_NS_MAX:
                raise OverflowError("a moment is out of range")
            if state == HELD_STATE:
                self.row_rewrite(row_at, record)
                holder = self._settle(table, log, owner, holds, amounts, mono_ns)
                if holder:
                    return -1, holder
            charges = self._charges(table, holds)
        if ring is not None:
            self._append(ring_at, ring, record, charges)
            words[holds] = NONE
            words[row_at >> 3] = 0
        return True

    def _settle(self, table: Table, log: int, owner: int, holds: int, real: Amounts, mono_ns: int) -> int:
        """0, or the word of whoever holds the lock. A recovery may have taken the holds back before we got the lock."""
        words = self._words
        account = words[holds + 2]
        if not 0 < account < table.capacity:
            words[holds] = SETTLED
            return 0
        lock = table.row(account) + LOCK
        holder = self._lock(lock, owner)
        if holder:
            return holder
        try:
            if words[holds] == HELD_STATE:
                held = [(hold, row) for hold in self._each(holds) if (row := self._row_of(table, holds, hold))]
                self._undo_begin(log, [(words[hold] & U32, row) for hold, row in held], account, holds << 3, HELD_STATE)
                for hold, row in held:
                    self._settle_row(row, hold, real, mono_ns)
                words[holds] = SETTLED
                words[log] = 0
        finally:
            self._take_back(table, log, account)  # does nothing, unless an interrupt has cut the change in two
            words[lock] = 0
        return 0

    def _settle_row(self, row: int, hold: int, reals: Amounts, mono_ns: int) -> None:
        """One limit. What was held in a window that is over has gone with it; it is charged to that window all the same."""
        words = self._words
        head = words[row]
        held, real = amount_in(words[hold + 2]), reals[metric_of(head) & (METRICS - 1)]
        if is_smooth(head):
            self._settle_smooth(row, words[hold + 1], held, real, mono_ns)
            return
        if is_durable(head):
            words[hold + 3] = real
            if words[row + WINDOW_START] != words[hold + 1]:
                return
            words[row + USED] = min(amount_in(words[row + USED]) + real, AMOUNT_MAX)
        words[row + HELD] = max(amount_in(words[row + HELD]) - held, 0)

    def _settle_smooth(self, row: int, until_ns: int, held: int, real: int, mono_ns: int) -> None:
        words = self._words
        amount = amount_in(words[row + AMOUNT])
        if amount == 0 or held == real:
            return
        debt = words[row + DEBT], words[row + DEBT_FRACTION]
        if debt[1] >= amount:
            debt = debt[0], 0
        if debt[0] > mono_ns + 2 * DEBT_NS_MAX:
            debt = mono_ns, 0
        if real > held:
            debt = debts.added(debt, real - held, amount)
        else:
            debt = debts.given_back(debt, held - real, amount, until_ns, mono_ns)
        debts.store_debt(words, row, debt, mono_ns)

    def _charges(self, table: Table, holds: int) -> bytes:
        """Packed, of limits that are still there."""
        words = self._words
        return b"".join(
            _CHARGE.pack(words[row + OWNER] & U32, words[hold + 1] & U32, words[hold + 3])
            for hold in self._each(holds)
            if (row := self._row_of(table, holds, hold)) and words[hold + 3]
        )

    def _each(self, holds: int) -> range:
        first = holds + HOLDS_HEADER
        return range(first, first + min(self._words[holds + 1], CHARGES_MAX) * HOLD_WORDS, HOLD_WORDS)

    def _row_of(self, table: Table, holds: int, hold: int) -> int:
        """The first word of the row that a hold is of; 0 when it has been removed."""
        words = self._words
        index = words[hold] & U32
        if not 0 < index < table.capacity:
            return 0
        row = table.row(index)
        head = words[row]
        same = head & 15 == KIND_LIMIT and head >> 32 == words[hold] >> 32
        return row if same and words[row + LINKS] >> 32 == words[holds + 2] else 0

    def _append(self, ring_at: int, ring: tuple[int, int, int, int], record: bytes, charges: bytes) -> None:
        head, _, capacity, record_size = ring
        slot = self._slot(ring_at, head, capacity, record_size)
        behind = record + (len(charges) // _CHARGE.size).to_bytes(8, "little") + charges
        self._map[slot + 8 : slot + 8 + len(behind)] = behind
        self._words[slot >> 3] = self._words[ring_at >> 3] = (head + 1) & WORD_MASK

    def _place(self, ring_at: int, row_at: int, record: bytes) -> tuple[int, tuple[int, int, int, int] | None]:
        """The first word of the row's hold area, and the ring."""
        index = self._row(row_at, record)
        holds_at = row_at + ROW_HEADER + 2 * len(record)
        if self.size - holds_at < HOLDS_BYTES:
            raise IndexError("the row is out of bounds")
        if len(record) & 7:
            raise ValueError("a record has whole words")
        if not self._words[index]:
            raise ValueError("the row is free")
        check_integers(ring_at)
        if ring_at == 0:
            return holds_at >> 3, None
        ring = self._ring(ring_at)
        if ring[3] != len(record) + 8 + _CHARGE.size * CHARGES_MAX:
            raise ValueError("the ring's records are of another size")
        return holds_at >> 3, ring
