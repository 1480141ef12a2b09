"""Course: what is tried after a failure, and when it is not.

Owns which endings may be tried elsewhere, the order (next credential, next provider, next model), the deadline and the budget.
Refuses to know how a call is made and what a client has seen: whoever asks has seen to it that nothing of an answer's content has
been sent, since after content nothing is tried again.

    budget.call()                           # once for every call; a Course is only made for one that has failed
    course = Course([target.provider.name for target in plan], began_ms, budget)
    while True:
        lease = pools[course.target].pick(..., tried=course.tried)
        if lease is None:
            if course.skips():
                continue
            break                           # nothing was to be had: the kept answer, else what `waiting` says
        told = ...                          # the attempt
        lease.end(told, now_ms)
        if course.keeps(told): ...          # this is the answer to show if nothing better comes
        if not course.goes_on(told, lease.credential, now_ms):
            break
"""

from collections.abc import Sequence
from enum import Enum

from gateway.upstream.pool.reading import Told
from gateway.upstream.pool.standing import Ending

ATTEMPTS_MAX = 5
DEADLINE_MS = 60_000  # after this nothing new is begun: clients wait ten minutes, but people do not
RETRY_SHARE = 0.2  # of the calls there are
RETRY_RESERVE = 50.0  # what may come at once: an upstream's death cuts all its calls in the same moment


class Elsewhere(Enum):
    """Where a call may go next."""

    NOWHERE = "nowhere"
    CREDENTIAL = "another credential, then another target"
    TARGET = "another target"
    PROVIDER = "another provider"


# An overload may be one machine's, so one more credential is worth a try; the provider's own state ends that at the second.
_ELSEWHERE: dict[Ending, Elsewhere] = {
    Ending.FINE: Elsewhere.NOWHERE,
    Ending.ANSWERED: Elsewhere.NOWHERE,
    Ending.LIMITED: Elsewhere.CREDENTIAL,
    Ending.REFUSED: Elsewhere.CREDENTIAL,
    Ending.FORBIDDEN: Elsewhere.CREDENTIAL,
    Ending.UNPAID: Elsewhere.CREDENTIAL,
    Ending.OVERLOADED: Elsewhere.CREDENTIAL,
    Ending.FAILED: Elsewhere.CREDENTIAL,
    Ending.UNREACHABLE: Elsewhere.PROVIDER,
    Ending.ABANDONED: Elsewhere.NOWHERE,
}
# What may go well a moment later at the very same place: tried there once more, when there is no other.
_AGAIN = frozenset({Ending.OVERLOADED, Ending.FAILED, Ending.UNREACHABLE})
# Which of several failures the client is shown, the most telling last: its own mistake, then what it can wait for.
_TELLING = (
    Ending.ABANDONED,
    Ending.REFUSED,
    Ending.UNPAID,
    Ending.UNREACHABLE,
    Ending.FAILED,
    Ending.FORBIDDEN,
    Ending.OVERLOADED,
    Ending.LIMITED,
    Ending.ANSWERED,
    Ending.FINE,
)
_NONE, _USED = -1, -2
_RANKS = {ending: rank for rank, ending in enumerate(_TELLING)}


class Budget:
    """How many calls a worker may try again: a share of the calls it has, and a reserve that they fill up."""

    __slots__ = ("_left", "_reserve")

    def __init__(self, reserve: float = RETRY_RESERVE) -> None:
        self._left = self._reserve = reserve

    def call(self) -> None:
        """A call has come in."""
        if self._left < self._reserve:
            self._left = min(self._left + RETRY_SHARE, self._reserve)

    def take(self) -> bool:
        """Whether one more may be tried again."""
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True

    def __repr__(self) -> str:
        return f"<Budget of {self._left:.1f}>"


class Course:
    """One call's way through its plan. `target` is the place in the plan, `tried` the credentials tried there, as bits."""

    __slots__ = ("_again", "_began_ms", "_budget", "_kept", "_providers", "_refused", "attempts", "target", "tried")

    def __init__(self, providers: Sequence[str], began_ms: int, budget: Budget) -> None:
        self.target = 0
        self.tried = 0
        self.attempts = 0
        self._providers = providers
        self._began_ms = began_ms
        self._budget = budget
        self._kept = -1
        self._refused = False
        self._again = _NONE  # the target that may be tried once more

    def goes_on(self, told: Told, credential: int, now_ms: int) -> bool:
        """Whether the call is tried again after this end; then `target` and `tried` say where."""
        ending = told.ending
        self.attempts += 1
        self.tried |= 1 << credential
        elsewhere = _ELSEWHERE[ending]
        if ending is Ending.FORBIDDEN:
            # Two credentials cannot both be forbidden the same thing but by the request itself.
            elsewhere = Elsewhere.NOWHERE if self._refused else elsewhere
            self._refused = True
        if elsewhere is Elsewhere.NOWHERE or self._again == _USED:
            return False
        if self.attempts >= ATTEMPTS_MAX or now_ms - self._began_ms >= DEADLINE_MS:
            return False
        if ending in _AGAIN and self._again == _NONE:
            self._again = self.target
        if elsewhere is not Elsewhere.CREDENTIAL and not self._moves_on(other_provider=elsewhere is Elsewhere.PROVIDER):
            return False
        return self._budget.take()

    def skips(self) -> bool:
        """There was nothing to pick here: whether there is another target to look at."""
        return self._moves_on(other_provider=False)

    def keeps(self, told: Told) -> bool:
        """Whether this failure tells the client more than those before it."""
        rank = _RANKS[told.ending]
        if rank < self._kept:
            return False
        self._kept = rank
        return True

    def _moves_on(self, *, other_provider: bool) -> bool:
        if self._again == _USED:
            return False
        here = self._providers[self.target]
        for target in range(self.target + 1, len(self._providers)):
            if not other_provider or self._providers[target] != here:
                self.target, self.tried = target, 0
                return True
        if self._again == _NONE:
            return False
        self.target, self.tried, self._again = self._again, 0, _USED
        return True

    def __repr__(self) -> str:
        return f"<Course at target {self.target} of {len(self._providers)} after {self.attempts} attempt(s)>"
