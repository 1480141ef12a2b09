"""Allowances: how often somebody without a key may ask for something that costs.

Knows nothing of what is allowed so often, nor of what is said when it is too often. Whoever has many addresses is stopped by the
bound over all of them, which every allowance has too.
"""

from collections import OrderedDict
from collections.abc import Callable

ADDRESSES_MAX = 4096  # remembered at once; the one that was quiet for longest is forgotten first
_MINUTE_NS = 60_000_000_000


class Allowance:
    """So many a minute for each address, with as many at once as `burst`, and so many in all. Used by one thread.

    Each address has the moment at which all it took will have come back; nothing is counted and nothing has to be cleaned.
    """

    def __init__(self, per_minute: int, burst: int, per_minute_in_all: int, now_ns: Callable[[], int]) -> None:
        self._step_ns = _MINUTE_NS // per_minute
        self._ahead_ns = self._step_ns * (burst - 1)
        self._step_in_all_ns = _MINUTE_NS // per_minute_in_all
        self._ahead_in_all_ns = _MINUTE_NS - self._step_in_all_ns
        self._now_ns = now_ns
        self._back_ns: OrderedDict[str, int] = OrderedDict()
        self._back_in_all_ns = 0

    def take(self, address: str) -> int:
        """0 when it is allowed and noted, else the whole seconds after which it is worth asking again."""
        now_ns = self._now_ns()
        own = max(self._back_ns.get(address, 0), now_ns)
        in_all = max(self._back_in_all_ns, now_ns)
        over_ns = max(own - now_ns - self._ahead_ns, in_all - now_ns - self._ahead_in_all_ns)
        if over_ns > 0:
            return -(-over_ns // 1_000_000_000)
        self._back_ns[address] = own + self._step_ns
        self._back_ns.move_to_end(address)
        if len(self._back_ns) > ADDRESSES_MAX:
            self._back_ns.popitem(last=False)
        self._back_in_all_ns = in_all + self._step_in_all_ns
        return 0

    def __repr__(self) -> str:
        return f"<Allowance of {len(self._back_ns)} addresses>"
