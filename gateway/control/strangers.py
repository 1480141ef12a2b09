"""Strangers: the latest calls that were refused before anybody knew whose they are, for who waits for a first call to arrive.

They have no row in the books, because they belong to nobody. The last few are remembered here, by when and why alone: neither a
path nor a header of such a call is kept, since a key that was pasted wrongly might be in either. Written by the books' thread,
read by any.
"""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from gateway.core.clock import Clock
from gateway.core.faults import TRAITS, FaultKind

REMEMBERED = 50


class Refusal(NamedTuple):
    """A call of a stranger: when it began, its status, and the number of its kind of fault."""

    started_ns: int
    status: int
    fault: int


class Strangers:
    """The last few of them."""

    def __init__(self) -> None:
        self._latest: deque[Refusal] = deque(maxlen=REMEMBERED)

    def __repr__(self) -> str:
        return f"<Strangers {len(self._latest)}>"

    def note(self, refusal: Refusal) -> None:
        self._latest.append(refusal)

    def stray(self, clock: Clock) -> Callable[[FaultKind], None]:
        """What notes a call that came to a path or with a method that nothing here takes."""
        return lambda kind: self.note(Refusal(clock.wall_ns(), TRAITS[kind].status, kind))

    def latest(self, since_ns: int) -> Refusal | None:
        """The newest of those that began at this moment or later."""
        # One call copies it all, which no other thread can come between.
        return max((one for one in tuple(self._latest) if one.started_ns >= since_ns), default=None)
