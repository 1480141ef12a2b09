"""The pure twin of chains.c: counting a request against every limit of its caller, all or none.

A chain begins at an anchor and follows `next` to 0. An anchor is named by its row (20 bits) and the end of its generation (12).
"""

import struct

from native_fastpath.limits import (
    KIND_LIMIT,
    METRICS,
    Amounts,
    Limit,
    Moment,
    Now,
    amounts_of,
    decide,
    grant,
    is_durable,
    least_of,
    limit_at,
    moment_of,
    seen,
    wait_ns,
)
from native_fastpath.locks import CHARGES_MAX, LINKS, LOCK, U32, WINDOW_END, Locks, Table, check_owner
from native_fastpath.words import check_value

CHAIN_MAX = CHARGES_MAX + 3
HOLDS_HEADER, HOLD_WORDS = 4, 4
HOLDS_BYTES = 8 * (HOLDS_HEADER + HOLD_WORDS * CHARGES_MAX)
NONE, HELD_STATE, SETTLED = 0, 1, 2

_GROUPS = {1: 0, 4: 1, 2: 2, 3: 3}  # requests, total tokens, input, output
_FIGURES = struct.Struct("=20q")


class Chains(Locks):
    """Taking of limits, all or none."""

    __slots__ = ()

    def limits_peek(self, table_at: int, first: int, mask: int, moment: Moment) -> tuple[int, int] | None:
        """A limit of the mask's classes behind `first` that has nothing left, as (row, ns until it has); None without one.

        Takes no lock and changes nothing. The wait is -1 when it never has. `moment` is as for `limits_take`.
        """
        table = self._table(table_at)
        check_value(first)
        check_value(mask)
        now = moment_of(moment)
        index, head = self._anchor(table, first)
        if not head:
            return None
        account = self._words[table.row(index) + LINKS] >> 32
        for _ in range(CHAIN_MAX):
            if not 0 < index < table.capacity:
                break
            row = table.row(index)
            head, links = self._words[row], self._words[row + LINKS]
            if not head & 15 or links >> 32 != account:
                break
            if head & 15 == KIND_LIMIT and mask >> (head >> 24 & 63) & 1:
                end_s = self._words[row + WINDOW_END]
                limit = limit_at(self._words, index, row, head, now)
                if limit.available <= 0 and self._words[row + WINDOW_END] == end_s and self._words[row] == head:
                    return index, wait_ns(limit, 1, now)
            index = links & U32
        return None

    def limits_take(
        self,
        table_at: int,
        undo_at: int,
        owner: int,
        first: int,
        holds_at: int,
        mask: int,
        full: Amounts,
        least: Amounts,
        moment: Moment,
    ) -> bytes | tuple[int, int] | tuple[int, int, bytes]:
        """Holds `full` of every limit of the mask's classes in the chain that begins at the anchor `first`, or of none.

        `full` and `least` are by the limits' metrics. A limit with less than `full` left grants what it has, if that is at
        least `least` and not nothing; one by the minute grants output (3) and total tokens (4) also when only the input fits,
        since it fills up again while the answer comes. One whose metric's `full` is 0 is passed by; only metrics 4 and 5 refuse
        also then, when nothing is left and `least` is not 0. `moment` is (wall clock s, start and end of its day and of its
        month, monotonic ns).

        Granted: 20 numbers of 64 bits, by metric the least that was granted of a lasting limit (-1: all of it), then limit,
        remaining and ns to the reset of the tightest limit of metrics 1, 4, 2 and 3 (-1: there is none). What is held stands in
        the hold area. Refused: (row of the limit whose end is furthest away, ns until it may grant or -1 for never, such
        numbers). Locked by somebody for 2 ms: (-1, its owner word). The anchor is gone: (-2, 0). ValueError when the chain makes
        no sense, the area holds something or the log is not empty.

        A hold area is {u64 state, u64 count, u64 account, u64 unused} and for each hold {u32 row, u32 generation, u64 start of
        its window or end of its debt, i64 held, i64 charged}.
        """
        table = self._table(table_at)
        log = self._undo(undo_at)
        check_owner(owner)
        check_value(first)
        holds = self._holds(holds_at)
        check_value(mask)
        asked = (amounts_of(full), amounts_of(least))
        now = moment_of(moment)
        index, head = self._anchor(table, first)
        account = self._account(table, index) if head else 0
        if not account:
            return -2, 0
        lock = table.row(account) + LOCK
        holder = self._lock(lock, owner)
        if holder:
            return -1, holder
        try:
            if self._words[table.row(index)] != head or self._account(table, index) != account:
                return -2, 0
            limits = self._walk(table, index, account, mask, now)
            refusal = _refusal(limits, *asked, now)
            if refusal is None:
                figures = _figures(limits, asked[0], now)
                self._grant_all(limits, log, account, holds, now)
                return figures
            for limit in limits:
                limit.grant = -1
            return (*refusal, _figures(limits, asked[0], now))
        finally:
            self._take_back(table, log, account)  # does nothing, unless an interrupt has cut the change in two
            self._words[lock] = 0

    def _walk(self, table: Table, index: int, account: int, mask: int, now: Now) -> list[Limit]:
        """The limits of the mask's classes behind an anchor. ValueError when the chain makes no sense."""
        limits: list[Limit] = []
        steps = 0
        while index:
            if steps == CHAIN_MAX or index >= table.capacity:
                raise ValueError("the limit table is damaged: a chain makes no sense")
            row = table.row(index)
            head, links = self._words[row], self._words[row + LINKS]
            if not head & 15 or links >> 32 != account:
                raise ValueError("the limit table is damaged: a chain makes no sense")
            if head & 15 == KIND_LIMIT and mask >> (head >> 24 & 63) & 1:
                if len(limits) == CHARGES_MAX:
                    raise ValueError("the limit table is damaged: a chain makes no sense")
                limits.append(limit_at(self._words, index, row, head, now))
            index = links & U32
            steps += 1
        return limits

    def _grant_all(self, limits: list[Limit], log: int, account: int, holds: int, now: Now) -> None:
        granted = [limit for limit in limits if limit.grant >= 0]
        if not granted:
            return
        words = self._words
        self._undo_begin(log, [(limit.index, limit.row) for limit in granted], account, holds << 3, NONE)
        hold = holds + HOLDS_HEADER
        for limit in granted:
            words[hold + 1] = grant(words, limit, now)
            words[hold] = limit.index | limit.head >> 32 << 32
            words[hold + 2] = limit.grant
            words[hold + 3] = 0
            hold += HOLD_WORDS
        words[holds + 1] = len(granted)
        words[holds + 2] = account
        words[holds] = HELD_STATE
        words[log] = 0

    def _anchor(self, table: Table, reference: int) -> tuple[int, int]:
        """The row that a reference names and its head; head 0 when it names none any more."""
        index = reference & 0xFFFFF
        if not 0 < index < table.capacity or reference >> 32:
            return index, 0
        head = self._words[table.row(index)]
        return index, head if 1 <= head & 15 <= 3 and head >> 32 & 0xFFF == reference >> 20 else 0

    def _account(self, table: Table, index: int) -> int:
        account = self._words[table.row(index) + LINKS] >> 32
        return account if account < table.capacity else 0

    def _holds(self, holds_at: int) -> int:
        holds = self._word(holds_at)
        if self.size - holds_at < HOLDS_BYTES:
            raise IndexError("the hold area is out of bounds")
        if self._words[holds]:
            raise ValueError("the row holds something already")
        return holds


def _refusal(limits: list[Limit], full: Amounts, least: Amounts, now: Now) -> tuple[int, int] | None:
    """The refusing limit whose end is furthest away, with the wait; None when all grant."""
    refusal: tuple[int, int] | None = None
    for limit in limits:
        wanted = least_of(limit, full, least)
        if not decide(limit, full[limit.metric], wanted):
            its_wait_ns = wait_ns(limit, wanted, now)
            if refusal is None or (refusal[1] >= 0 and (its_wait_ns < 0 or its_wait_ns > refusal[1])):
                refusal = limit.index, its_wait_ns
    return refusal


def _figures(limits: list[Limit], full: Amounts, now: Now) -> bytes:
    """Granted by metric, then limit, remaining and reset of the tightest limit of each group; -1 without one."""
    granted, tightest = [-1] * METRICS, [(-1, -1, -1)] * len(_GROUPS)
    for limit in limits:
        metric = limit.metric
        if is_durable(limit.head) and 0 <= limit.grant < full[metric] and not 0 <= granted[metric] <= limit.grant:
            granted[metric] = limit.grant
        group = _GROUPS.get(metric)
        if group is not None:
            fresh = seen(limit, now)
            if tightest[group][0] < 0 or fresh[1] < tightest[group][1]:
                tightest[group] = fresh
    return _FIGURES.pack(*granted, *(figure for figures in tightest for figure in figures))
