"""Silence: when an answer that says nothing is kept alive, and when it is given up.

Owns three clocks of one answer. Refuses to know what bytes mean and to look at a clock: it is told what happened and when.

    ping       the client has had nothing for PING_AFTER_MS: clients and proxies give a silent connection up
    stalled    the upstream has brought nothing new for the model's progress timeout; its own pings, and pieces of an event that
               never becomes whole, are nothing new
    over       the call has lasted longer than the model's hard limit, however busy its answer is
"""

from dataclasses import dataclass
from enum import Enum

from gateway.catalog.models import Model

# A client is to hear something every 15 s; whoever asks looks twice a second, and tells of bytes as late.
PING_AFTER_MS = 14_000


class Verdict(Enum):
    """What is to be done now."""

    NOTHING = "nothing"
    PING = "ping"
    STALLED = "stalled"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an answer may be waited for: for its head, for something new in it, for its end."""

    head_ms: int
    progress_ms: int
    hard_ms: int


def patience(model: Model | None, *, head_timeout_s: float, idle_timeout_s: float, call_limit_s: float) -> Patience:
    """The patience with a model: its own, else the gateway's."""
    progress_s = (model.progress_timeout_s if model else 0.0) or idle_timeout_s
    hard_s = (model.hard_limit_s if model else 0.0) or call_limit_s
    return Patience(round(head_timeout_s * 1000), round(progress_s * 1000), round(hard_s * 1000))


class Silence:
    """One answer's clocks. `began_ms` is when the call began, over all attempts; all times are of the monotonic clock."""

    __slots__ = ("_began_ms", "_patience", "_progress_ms", "_sent_ms", "_wait_ms")

    def __init__(self, patience: Patience, began_ms: int) -> None:
        self._patience = patience
        self._began_ms = began_ms
        self._sent_ms = began_ms
        self._progress_ms = began_ms
        self._wait_ms = patience.head_ms

    def asked(self, now_ms: int) -> None:
        """A request has been sent, for the first time or to another upstream: its head is waited for."""
        self._progress_ms = now_ms
        self._wait_ms = self._patience.head_ms

    def progressed(self, now_ms: int) -> None:
        """The upstream has brought something new: the head of its answer, or a whole event that is no ping."""
        self._progress_ms = now_ms
        self._wait_ms = self._patience.progress_ms

    def sent(self, now_ms: int) -> None:
        """The client has been sent something, be it a ping."""
        self._sent_ms = now_ms

    def held(self, now_ms: int) -> None:
        """The client does not take what it is sent, so the upstream is not read: neither is to be blamed for silence."""
        self._sent_ms = now_ms
        self._progress_ms = now_ms

    def verdict(self, now_ms: int, *, may_ping: bool) -> Verdict:
        """What is to be done. `may_ping`: the answer is a stream, no event is half sent, and the upstream's connection lives."""
        if now_ms - self._began_ms >= self._patience.hard_ms:
            return Verdict.OVER
        if now_ms - self._progress_ms >= self._wait_ms:
            return Verdict.STALLED
        return Verdict.PING if may_ping and now_ms - self._sent_ms >= PING_AFTER_MS else Verdict.NOTHING

    def due_ms(self, *, may_ping: bool) -> int:
        """When `verdict` may next say something else than nothing."""
        due = min(self._began_ms + self._patience.hard_ms, self._progress_ms + self._wait_ms)
        return min(due, self._sent_ms + PING_AFTER_MS) if may_ping else due
