"""The pure twin of limits.c: counting a request against every limit of its caller, all or none.

A row of the limit table has sixteen words: head {kind 4 bits, scope 4, metric 8, window 8, class 6, flags 2, generation 32},
{id 32, owner 32}, {next row 32, account 32}, amount, used, held, window start, window end, debt, its fraction, and in the
last the lock. Kinds 1 to 3 are anchors, 4 is a limit, 0 is free. Row 0 is {rows ever used, capacity}. A chain begins at an anchor
and follows `next` to 0; an anchor is named by its row (20 bits) and the end of its generation (12 bits).

A limit per minute is smooth: its debt is the theoretical arrival time of GCRA, kept exactly in ns and parts of 1/amount, and what
fits before it is a minute ahead may come at once. All others have used + held up to their amount, in a window that begins anew
when it is over.
"""

import struct
from dataclasses import dataclass
from typing import NamedTuple

from native_fastpath.locks import (
    AMOUNT,
    CHARGES_MAX,
    DEBT,
    DEBT_FRACTION,
    HELD,
    LINKS,
    LOCK,
    U32,
    USED,
    WINDOW_END,
    WINDOW_START,
    Locks,
    Table,
    check_integers,
    check_owner,
)
from native_fastpath.words import check_value

CHAIN_MAX = CHARGES_MAX + 3
METRICS = 8
HOLDS_HEADER, HOLD_WORDS = 4, 4
HOLDS_BYTES = 8 * (HOLDS_HEADER + HOLD_WORDS * CHARGES_MAX)
NONE, HELD_STATE, SETTLED = 0, 1, 2
AMOUNT_MAX = 2**63 - 1
MINUTE_NS = 60_000_000_000
DEBT_NS_MAX = 10 * MINUTE_NS  # how far a request that took more than it held may put a smooth limit into debt
MONO_NS_MAX = 2**62
BACKWARDS_S_MAX = 1  # how far a clock may go back before a window that began later is another one

_KIND_LIMIT = 4
_INPUT, _OUTPUT, _TOTAL_TOKENS, _COST, _CONCURRENCY = 2, 3, 4, 5, 6
_MINUTE, _DAY, _MONTH, _TOTAL = 1, 3, 4, 5
_GROUPS = {1: 0, _TOTAL_TOKENS: 1, _INPUT: 2, _OUTPUT: 3}
_FIGURES = struct.Struct("=20q")

Amounts = tuple[int, int, int, int, int, int, int, int]
Debt = tuple[int, int]


class _Now(NamedTuple):
    wall_s: int
    day_start_s: int
    day_end_s: int
    month_start_s: int
    month_end_s: int
    mono_ns: int


@dataclass(slots=True)
class _Limit:
    """A limit as it stands at a moment; `grant` is -1 while it is passed by."""

    index: int
    row: int
    head: int
    amount: int
    available: int
    debt: Debt = (0, 0)
    held: int = 0
    start_s: int = 0
    end_s: int = 0
    rolls: bool = False
    grant: int = -1

    @property
    def metric(self) -> int:
        return metric_of(self.head) & (METRICS - 1)


class Limits(Locks):
    """Taking of limits, all or none."""

    __slots__ = ()

    def limits_peek(
        self, table_at: int, first: int, mask: int, moment: tuple[int, int, int, int, int, int]
    ) -> tuple[int, int] | None:
        """A limit of the mask's classes behind `first` that has nothing left, as (row, ns until it has); None without one.

        Takes no lock and changes nothing. The wait is -1 when it never has. `moment` is as for `limits_take`.
        """
        table = self._table(table_at)
        check_value(first)
        check_value(mask)
        now = _now(moment)
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
            if head & 15 == _KIND_LIMIT and mask >> (head >> 24 & 63) & 1:
                end_s = self._words[row + WINDOW_END]
                limit = self._limit(index, row, head, now)
                if limit.available <= 0 and self._words[row + WINDOW_END] == end_s and self._words[row] == head:
                    return index, _wait_ns(limit, 1, now)
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
        moment: tuple[int, int, int, int, int, int],
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
        now = _now(moment)
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

    def _walk(self, table: Table, index: int, account: int, mask: int, now: _Now) -> list[_Limit]:
        """The limits of the mask's classes behind an anchor. ValueError when the chain makes no sense."""
        limits: list[_Limit] = []
        steps = 0
        while index:
            if steps == CHAIN_MAX or index >= table.capacity:
                raise ValueError("the limit table is damaged: a chain makes no sense")
            row = table.row(index)
            head, links = self._words[row], self._words[row + LINKS]
            if not head & 15 or links >> 32 != account:
                raise ValueError("the limit table is damaged: a chain makes no sense")
            if head & 15 == _KIND_LIMIT and mask >> (head >> 24 & 63) & 1:
                if len(limits) == CHARGES_MAX:
                    raise ValueError("the limit table is damaged: a chain makes no sense")
                limits.append(self._limit(index, row, head, now))
            index = links & U32
            steps += 1
        return limits

    def _limit(self, index: int, row: int, head: int, now: _Now) -> _Limit:
        words = self._words
        amount = amount_in(words[row + AMOUNT])
        if is_smooth(head):
            debt = self._debt(row, amount, now.mono_ns)
            return _Limit(index, row, head, amount, _fits_now(debt, amount, now.mono_ns), debt)
        used, held = amount_in(words[row + USED]), amount_in(words[row + HELD])
        limit = _Limit(index, row, head, amount, 0, held=held)
        if metric_of(head) == _CONCURRENCY:
            used = 0
        else:
            limit.start_s, limit.end_s = amount_in(words[row + WINDOW_START]), amount_in(words[row + WINDOW_END])
            if window_of(head) != _TOTAL and not _stands(limit, now):
                _begin_window(limit, now)
                used = 0
        limit.available = amount - min(used + limit.held, AMOUNT_MAX)
        return limit

    def _debt(self, row: int, amount: int, mono_ns: int) -> Debt:
        """As of now. A time further ahead than any we store is of a machine that has been started anew."""
        ns, fraction = self._words[row + DEBT], self._words[row + DEBT_FRACTION]
        if not amount or not 0 <= ns - mono_ns <= 2 * DEBT_NS_MAX:
            return mono_ns, 0
        return ns, 0 if fraction >= amount else fraction

    def _grant_all(self, limits: list[_Limit], log: int, account: int, holds: int, now: _Now) -> None:
        granted = [limit for limit in limits if limit.grant >= 0]
        if not granted:
            return
        words = self._words
        self._undo_begin(log, [(limit.index, limit.row) for limit in granted], account, holds << 3, NONE)
        hold = holds + HOLDS_HEADER
        for limit in granted:
            words[hold + 1] = self._grant(limit, now)
            words[hold] = limit.index | limit.head >> 32 << 32
            words[hold + 2] = limit.grant
            words[hold + 3] = 0
            hold += HOLD_WORDS
        words[holds + 1] = len(granted)
        words[holds + 2] = account
        words[holds] = HELD_STATE
        words[log] = 0

    def _grant(self, limit: _Limit, now: _Now) -> int:
        """Writes down what was granted; returns when it began, or for a smooth limit when it has come back."""
        words, row = self._words, limit.row
        if is_smooth(limit.head):
            debt = debt_added(limit.debt, limit.grant, limit.amount)
            self._store_debt(row, debt, now.mono_ns)
            return debt[0]
        if limit.rolls:
            # Cleared before the window is named, so that `limits_peek` never joins an old figure with a new window.
            words[row + USED] = 0
            words[row + HELD] = limit.grant
            words[row + WINDOW_START], words[row + WINDOW_END] = limit.start_s, limit.end_s
        else:
            words[row + HELD] = limit.held + limit.grant
        return limit.start_s

    def _store_debt(self, row: int, debt: Debt, mono_ns: int) -> None:
        most_ns = mono_ns + DEBT_NS_MAX
        ns, fraction = debt if debt[0] <= most_ns else (most_ns, 0)
        self._words[row + DEBT_FRACTION] = fraction
        self._words[row + DEBT] = ns

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


def metric_of(head: int) -> int:
    return head >> 8 & 255


def window_of(head: int) -> int:
    return head >> 16 & 255


def is_smooth(head: int) -> bool:
    return window_of(head) == _MINUTE and metric_of(head) != _CONCURRENCY


def is_durable(head: int) -> bool:
    return window_of(head) != _MINUTE and metric_of(head) != _CONCURRENCY


def amount_in(word: int) -> int:
    """An amount as the file has it; what cannot be is cut."""
    return min(word, AMOUNT_MAX)


def amounts_of(amounts: Amounts) -> Amounts:
    """Eight whole numbers by metric; negative ones count as nothing."""
    if type(amounts) is not tuple or len(amounts) != METRICS:
        raise TypeError("a tuple of eight amounts is expected")
    check_integers(*amounts)
    first, second, third, fourth, fifth, sixth, seventh, eighth = (min(max(amount, 0), AMOUNT_MAX) for amount in amounts)
    return first, second, third, fourth, fifth, sixth, seventh, eighth


def time_of(units: int, amount: int) -> Debt:
    """How long `units` of a smooth limit take to come back."""
    ns, fraction = divmod(units * MINUTE_NS, amount)
    return (ns, fraction) if ns <= AMOUNT_MAX else (AMOUNT_MAX, 0)


def debt_added(debt: Debt, units: int, amount: int) -> Debt:
    more = time_of(units, amount)
    carry, fraction = divmod(debt[1] + more[1], amount)
    return debt[0] + more[0] + carry, fraction


def _now(moment: tuple[int, int, int, int, int, int]) -> _Now:
    if not isinstance(moment, tuple) or len(moment) != 6:
        raise TypeError("a moment has six numbers")
    for place, number in enumerate(moment):
        check_integers(number)
        if not 0 <= number <= (U32 if place < 5 else MONO_NS_MAX):
            raise OverflowError("a moment is out of range")
    return _Now(*moment)


def _fits_now(debt: Debt, amount: int, mono_ns: int) -> int:
    """Units of a smooth limit that may come now."""
    room_ns = MINUTE_NS - (debt[0] - mono_ns)
    return (room_ns * amount - debt[1]) // MINUTE_NS if room_ns > 0 else 0


def _stands(limit: _Limit, now: _Now) -> bool:
    """Whether the window in the row counts now."""
    return limit.end_s != 0 and limit.start_s <= now.wall_s + BACKWARDS_S_MAX and now.wall_s < limit.end_s


def _begin_window(limit: _Limit, now: _Now) -> None:
    limit.rolls = True
    limit.held = 0
    limit.start_s, limit.end_s = {
        _DAY: (now.day_start_s, now.day_end_s),
        _MONTH: (now.month_start_s, now.month_end_s),
    }.get(window_of(limit.head), (now.wall_s, now.wall_s + 18_000))


def _decide(limit: _Limit, full: int, least: int) -> bool:
    """Writes down how much the limit grants. False when it refuses."""
    if full == 0:
        if least == 0 or limit.metric not in (_TOTAL_TOKENS, _COST):
            return True
        limit.grant = 0
        return limit.available > 0
    limit.grant = min(full, limit.available)
    return full <= limit.available or 0 < limit.available >= least


def _refusal(limits: list[_Limit], full: Amounts, least: Amounts, now: _Now) -> tuple[int, int] | None:
    """The refusing limit whose end is furthest away, with the wait; None when all grant."""
    refusal: tuple[int, int] | None = None
    for limit in limits:
        wanted = _least(limit, full, least)
        if not _decide(limit, full[limit.metric], wanted):
            wait_ns = _wait_ns(limit, wanted, now)
            if refusal is None or (refusal[1] >= 0 and (wait_ns < 0 or wait_ns > refusal[1])):
                refusal = limit.index, wait_ns
    return refusal


def _least(limit: _Limit, full: Amounts, least: Amounts) -> int:
    """What must be there. A smooth limit fills up again while an answer comes, so only what is sent at once has to fit."""
    metric = limit.metric
    if is_smooth(limit.head):
        if metric == _OUTPUT:
            return min(least[metric], 1)
        if metric == _TOTAL_TOKENS:
            return min(least[metric], full[_INPUT] + 1)
    return least[metric]


def _wait_ns(limit: _Limit, wanted: int, now: _Now) -> int:
    """Until a limit that refuses may grant again; -1 for never."""
    if limit.amount == 0:
        return -1
    if metric_of(limit.head) == _CONCURRENCY:
        return 0
    if wanted > limit.amount or window_of(limit.head) == _TOTAL:
        return -1
    if not is_smooth(limit.head):
        return min((limit.end_s - now.wall_s) * 1_000_000_000, AMOUNT_MAX)
    until = debt_added(limit.debt, max(wanted, 1), limit.amount)
    return max(until[0] - (now.mono_ns + MINUTE_NS) + (until[1] != 0), 0)


def _figures(limits: list[_Limit], full: Amounts, now: _Now) -> bytes:
    """Granted by metric, then limit, remaining and reset of the tightest limit of each group; -1 without one."""
    granted, tightest = [-1] * METRICS, [(-1, -1, -1)] * len(_GROUPS)
    for limit in limits:
        metric = limit.metric
        if is_durable(limit.head) and 0 <= limit.grant < full[metric] and not 0 <= granted[metric] <= limit.grant:
            granted[metric] = limit.grant
        group = _GROUPS.get(metric)
        if group is not None:
            fresh = _seen(limit, now)
            if tightest[group][0] < 0 or fresh[1] < tightest[group][1]:
                tightest[group] = fresh
    return _FIGURES.pack(*granted, *(figure for figures in tightest for figure in figures))


def _seen(limit: _Limit, now: _Now) -> tuple[int, int, int]:
    """A limit as its caller is told: size, what is left, ns until all of it is there again."""
    reset_ns = 0
    if is_smooth(limit.head):
        reset_ns = limit.debt[0] - now.mono_ns
        if limit.grant > 0:
            reset_ns = debt_added(limit.debt, limit.grant, limit.amount)[0] - now.mono_ns
    elif limit.end_s:
        reset_ns = min((limit.end_s - now.wall_s) * 1_000_000_000, AMOUNT_MAX)
    return limit.amount, max(limit.available - max(limit.grant, 0), 0), reset_ns
