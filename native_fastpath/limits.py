"""The pure twin of limits.c: one limit at a moment: what it has left, whether it grants, and how it is told of.

A row of the limit table has sixteen words: head {kind 4 bits, scope 4, metric 8, window 8, class 6, flags 2, generation 32},
{id 32, owner 32}, {next row 32, account 32}, amount, used, held, window start, window end, debt, its fraction, and in the
last the lock. Kinds 1 to 3 are anchors, 4 is a limit, 0 is free. Row 0 is {rows ever used, capacity}.

A limit per minute is smooth, see debts.py. All others have used + held up to their amount, in a window that begins anew when it
is over. Metric 6, calls at once, has neither: what is held comes back.
"""

from dataclasses import dataclass
from typing import NamedTuple

from native_fastpath import debts
from native_fastpath.debts import MINUTE_NS, Debt
from native_fastpath.locks import AMOUNT, HELD, U32, USED, WINDOW_END, WINDOW_START, check_integers

METRICS = 8
AMOUNT_MAX = 2**63 - 1
MONO_NS_MAX = 2**62
BACKWARDS_S_MAX = 1  # how far a clock may go back before a window that began later is another one
KIND_LIMIT = 4

_INPUT, _OUTPUT, _TOTAL_TOKENS, _COST, _CONCURRENCY = 2, 3, 4, 5, 6
_MINUTE, _DAY, _MONTH, _TOTAL = 1, 3, 4, 5

Amounts = tuple[int, int, int, int, int, int, int, int]
Moment = tuple[int, int, int, int, int, int]


class Now(NamedTuple):
    wall_s: int
    day_start_s: int
    day_end_s: int
    month_start_s: int
    month_end_s: int
    mono_ns: int


@dataclass(slots=True)
class Limit:
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


def moment_of(moment: Moment) -> Now:
    if not isinstance(moment, tuple) or len(moment) != 6:
        raise TypeError("a moment has six numbers")
    for place, number in enumerate(moment):
        check_integers(number)
        if not 0 <= number <= (U32 if place < 5 else MONO_NS_MAX):
            raise OverflowError("a moment is out of range")
    return Now(*moment)


def limit_at(words: memoryview, index: int, row: int, head: int, now: Now) -> Limit:
    """Reads a row as it stands at a moment; changes nothing."""
    amount = amount_in(words[row + AMOUNT])
    if is_smooth(head):
        debt = debts.debt_at(words, row, amount, now.mono_ns)
        return Limit(index, row, head, amount, debts.room(debt, amount, now.mono_ns), debt)
    used, held = amount_in(words[row + USED]), amount_in(words[row + HELD])
    limit = Limit(index, row, head, amount, 0, held=held)
    if metric_of(head) == _CONCURRENCY:
        used = 0
    else:
        limit.start_s, limit.end_s = amount_in(words[row + WINDOW_START]), amount_in(words[row + WINDOW_END])
        if window_of(head) != _TOTAL and not _stands(limit, now):
            _begin_window(limit, now)
            used = 0
    limit.available = amount - min(used + limit.held, AMOUNT_MAX)
    return limit


def decide(limit: Limit, full: int, least: int) -> bool:
    """Writes down how much the limit grants. False when it refuses."""
    if full == 0:
        if least == 0 or limit.metric not in (_TOTAL_TOKENS, _COST):
            return True
        limit.grant = 0
        return limit.available > 0
    limit.grant = min(full, limit.available)
    return full <= limit.available or 0 < limit.available >= least


def least_of(limit: Limit, full: Amounts, least: Amounts) -> int:
    """What must be there. A smooth limit fills up again while an answer comes, so only what is sent at once has to fit."""
    metric = limit.metric
    if is_smooth(limit.head):
        if metric == _OUTPUT:
            return min(least[metric], 1)
        if metric == _TOTAL_TOKENS:
            return min(least[metric], full[_INPUT] + 1)
    return least[metric]


def wait_ns(limit: Limit, wanted: int, now: Now) -> int:
    """Until a limit that refuses may grant again; -1 for never."""
    if limit.amount == 0:
        return -1
    if metric_of(limit.head) == _CONCURRENCY:
        return 0
    if wanted > limit.amount or window_of(limit.head) == _TOTAL:
        return -1
    if not is_smooth(limit.head):
        return min((limit.end_s - now.wall_s) * 1_000_000_000, AMOUNT_MAX)
    until = debts.added(limit.debt, max(wanted, 1), limit.amount)
    return max(until[0] - (now.mono_ns + MINUTE_NS) + (until[1] != 0), 0)


def seen(limit: Limit, now: Now) -> tuple[int, int, int]:
    """A limit as its caller is told: size, what is left, ns until all of it is there again."""
    reset_ns = 0
    if is_smooth(limit.head):
        reset_ns = limit.debt[0] - now.mono_ns
        if limit.grant > 0:
            reset_ns = debts.added(limit.debt, limit.grant, limit.amount)[0] - now.mono_ns
    elif limit.end_s:
        reset_ns = min((limit.end_s - now.wall_s) * 1_000_000_000, AMOUNT_MAX)
    return limit.amount, max(limit.available - max(limit.grant, 0), 0), reset_ns


def grant(words: memoryview, limit: Limit, now: Now) -> int:
    """Writes down what was granted; returns when it began, or for a smooth limit when it has come back."""
    row = limit.row
    if is_smooth(limit.head):
        debt = debts.added(limit.debt, limit.grant, limit.amount)
        debts.store_debt(words, row, debt, now.mono_ns)
        return debt[0]
    if limit.rolls:
        # Cleared before the window is named, so that `limits_peek` never joins an old figure with a new window.
        words[row + USED] = 0
        words[row + HELD] = limit.grant
        words[row + WINDOW_START], words[row + WINDOW_END] = limit.start_s, limit.end_s
    else:
        words[row + HELD] = limit.held + limit.grant
    return limit.start_s


def _stands(limit: Limit, now: Now) -> bool:
    """Whether the window in the row counts now."""
    return limit.end_s != 0 and limit.start_s <= now.wall_s + BACKWARDS_S_MAX and now.wall_s < limit.end_s


def _begin_window(limit: Limit, now: Now) -> None:
    limit.rolls = True
    limit.held = 0
    limit.start_s, limit.end_s = {
        _DAY: (now.day_start_s, now.day_end_s),
        _MONTH: (now.month_start_s, now.month_end_s),
    }.get(window_of(limit.head), (now.wall_s, now.wall_s + 18_000))
