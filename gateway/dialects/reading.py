"""Reading a stream from an upstream: what is the same in dialects whose events come one behind the other.

Owns the way from bytes to payloads and the two bad ends: bytes that cannot be read, and an end without a reason to stop. What a
payload says, and which events close an answer, is each dialect's own.
"""

from abc import ABC, abstractmethod

from gateway.core.faults import Fault, FaultKind
from gateway.dialects import sse
from gateway.dialects.events import Event, Failed
from gateway.dialects.payloads import Payloads

GARBLED = "The upstream's answer cannot be read."
TRUNCATED = "The upstream's answer ended before it was complete."


class Reading(ABC):
    """One stream. Nothing is taken once it is over."""

    def __init__(self) -> None:
        self._payloads = Payloads()
        self._over = False

    def feed(self, data: bytes) -> list[Event]:
        """The events that are complete with these bytes."""
        events: list[Event] = []
        if self._over:
            return events
        try:
            for payload in self._payloads.feed(data):
                self._take(payload, events)
        except sse.OverlongEvent:
            self._fail(Fault(FaultKind.GARBLED, GARBLED), events)
        return events

    def end(self) -> list[Event]:
        """The end of the bytes. A missing last word is forgiven, a missing reason to stop is not."""
        events: list[Event] = []
        if not self._over:
            if self._has_stopped():
                self._close(events)
            else:
                self._fail(Fault(FaultKind.TRUNCATED, TRUNCATED), events)
        return events

    @abstractmethod
    def _take(self, payload: bytes, events: list[Event]) -> None:
        """Adds what a payload says."""

    @abstractmethod
    def _has_stopped(self) -> bool:
        """Whether a reason to stop was given, so that only the last word may be missing."""

    @abstractmethod
    def _close(self, events: list[Event]) -> None:
        """Adds what ends an answer whose last word is missing."""

    def _fail(self, why: Fault, events: list[Event]) -> None:
        self._over = True
        events.append(Failed(why))
