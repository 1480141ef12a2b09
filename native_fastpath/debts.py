"""The pure twin of debts.c: how far a smooth limit is used, as the time at which it will be whole again.

That time is the theoretical arrival time of GCRA, in ns and parts of 1/amount, so that nothing is lost to rounding. What fits
before it is a minute ahead may come at once.
"""

from native_fastpath.locks import DEBT, DEBT_FRACTION

MINUTE_NS = 60_000_000_000
DEBT_NS_MAX = 10 * MINUTE_NS  # how far a request that took more than it held may put a smooth limit into debt

_NS_MAX = 2**63 - 1

Debt = tuple[int, int]


def debt_at(words: memoryview, row: int, amount: int, mono_ns: int) -> Debt:
    """As of now. A time further ahead than any we store is of a machine that has been started anew."""
    ns, fraction = words[row + DEBT], words[row + DEBT_FRACTION]
    if not amount or not 0 <= ns - mono_ns <= 2 * DEBT_NS_MAX:
        return mono_ns, 0
    return ns, 0 if fraction >= amount else fraction


def store_debt(words: memoryview, row: int, debt: Debt, mono_ns: int) -> None:
    """Puts it into its row, cut to the most there can be."""
    most_ns = mono_ns + DEBT_NS_MAX
    words[row + DEBT], words[row + DEBT_FRACTION] = debt if debt[0] <= most_ns else (most_ns, 0)


def added(debt: Debt, units: int, amount: int) -> Debt:
    """With so many units more."""
    more = _time_of(units, amount)
    carry, fraction = divmod(debt[1] + more[1], amount)
    return debt[0] + more[0] + carry, fraction


def given_back(debt: Debt, units: int, amount: int, until_ns: int, mono_ns: int) -> Debt:
    """Without so many units, but at most without what has not come back by itself: `until_ns` is when the last of it would."""
    back = _time_of(units, amount)
    left_ns = max(until_ns - mono_ns, 0)
    if back[0] >= left_ns:
        back = left_ns, 0
    if debt[0] <= back[0]:
        return 0, 0
    borrow, fraction = divmod(debt[1] - back[1], amount)
    return debt[0] - back[0] + borrow, fraction


def room(debt: Debt, amount: int, mono_ns: int) -> int:
    """Units that may come now."""
    room_ns = MINUTE_NS - (debt[0] - mono_ns)
    return (room_ns * amount - debt[1]) // MINUTE_NS if room_ns > 0 else 0


def _time_of(units: int, amount: int) -> Debt:
    """How long `units` take to come back."""
    ns, fraction = divmod(units * MINUTE_NS, amount)
    return (ns, fraction) if ns <= _NS_MAX else (_NS_MAX, 0)
