"""The cap of a translated answer: a reader that lets only so many output tokens through.

Owns the end of a stream whose budget ends before the answer does, between the reader of one dialect and the writer of another:
what still fits goes on, then the open block ends, and the answer ends because of its length. It counts as the caps of streams
that are passed on do.
"""

from collections.abc import Callable

from gateway.core.usage import Usage
from gateway.dialects.allowance import Allowance
from gateway.dialects.codec import EventReader
from gateway.dialects.conversation import Spent
from gateway.dialects.events import (
    BlockEnded,
    BlockStarted,
    Closed,
    Ended,
    Event,
    InputDelta,
    Started,
    TextDelta,
    ThinkingDelta,
)


class Capped:
    """An EventReader in front of `reader`. `reached` is True once the closing events were given out."""

    def __init__(self, reader: EventReader, output_tokens_max: int, revise: Callable[[Usage], int]) -> None:
        self._reader = reader
        self.allowance = Allowance(output_tokens_max)
        self._revise = revise
        self._open = False
        self._spent = Spent(Usage())
        self.reached = False

    def feed(self, data: bytes) -> list[Event]:
        """The events that still fit, and the closing ones after the last that does."""
        return [] if self.reached else self._fitting(self._reader.feed(data))

    def end(self) -> list[Event]:
        """What follows from the end of the bytes."""
        return [] if self.reached else self._fitting(self._reader.end())

    def _fitting(self, events: list[Event]) -> list[Event]:
        for place, event in enumerate(events):
            if not self._fits(event):
                return [*events[:place], *self._closing()]
        return events

    def _fits(self, event: Event) -> bool:
        if isinstance(event, TextDelta | ThinkingDelta | InputDelta):
            return self.allowance.takes((event.fragment if isinstance(event, InputDelta) else event.text,))
        if isinstance(event, BlockStarted):
            self._open = True
        elif isinstance(event, BlockEnded):
            self._open = False
        elif isinstance(event, Started):
            self._spent = event.spent
            if event.spent.input_reported:
                self.allowance.tokens_max = self._revise(event.spent.usage)
        return True

    def _closing(self) -> list[Event]:
        self.reached = True
        spent = self._spent
        spent.usage.output_tokens = self.allowance.output_tokens
        spent.output_reported = False
        ended: list[Event] = [BlockEnded()] if self._open else []
        return [*ended, Ended("max_tokens", spent), Closed()]
