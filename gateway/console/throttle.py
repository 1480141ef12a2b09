"""Throttle: how long somebody who guesses passwords has to wait, by where he is and by whose name he tries.

In memory: a restart forgets it, and restarts are rarer than guesses. The wait for a name is short, so that nobody can lock
another person out for long; the one for an address grows to a quarter of an hour.
"""

from dataclasses import dataclass

from gateway.core.clock import Clock
from gateway.core.refusals import Refusal

FORGET_S = 15 * 60.0
VISITORS_MAX = 20_000  # an attacker with more addresses than this meets the wait of the name


@dataclass(frozen=True, slots=True)
class Rule:
    """So many failures are free; each further one doubles the wait, from a second to `wait_s_max`."""

    free: int
    wait_s_max: float


VISITOR = Rule(10, 900.0)
NAME = Rule(20, 30.0)


def too_often(wait_s: int) -> Refusal:
    """What somebody is told who has to wait."""
    return Refusal("login.wait", "too many attempts: try again in {wait_s} seconds", wait_s=wait_s)


class Throttle:
    """Failures of log-ins. For one event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: dict[tuple[Rule, str], tuple[int, float]] = {}  # count, and when the last one was, in monotonic seconds

    def __repr__(self) -> str:
        return f"<Throttle {len(self._failures)} remembered>"

    def wait_s(self, visitor: str, name: str) -> int:
        """Whole seconds until this visitor may try this name; 0 is now."""
        return max(self._left_s(VISITOR, visitor), self._left_s(NAME, name.lower()))

    def fail(self, visitor: str, name: str) -> None:
        """Counts a failure."""
        now_s = self._clock.monotonic_ns() / 1e9
        for entry in ((VISITOR, visitor), (NAME, name.lower())):
            count, last_s = self._failures.pop(entry, (0, now_s))
            if now_s - last_s > FORGET_S:
                count = 0
            if len(self._failures) >= VISITORS_MAX:
                self._failures.pop(next(iter(self._failures)))  # the one that failed longest ago
            self._failures[entry] = (count + 1, now_s)

    def forget(self, visitor: str, name: str) -> None:
        """Somebody came in."""
        self._failures.pop((VISITOR, visitor), None)
        self._failures.pop((NAME, name.lower()), None)

    def _left_s(self, rule: Rule, subject: str) -> int:
        count, last_s = self._failures.get((rule, subject), (0, 0.0))
        over = count - rule.free
        since_s = self._clock.monotonic_ns() / 1e9 - last_s
        if over < 0 or since_s > FORGET_S:
            return 0
        return max(0, round(min(2.0 ** min(over, 20), rule.wait_s_max) - since_s + 0.5))
