"""Streamed: a Messages event stream on its way to a client of the same dialect; `relay` has those of other dialects.

Owns what is held back of a stream and until when, the sign of life of a silent one, and the event that ends one whose upstream
is lost. Bytes go on as they came, in whole events. As long as there is no content nothing is shown, so that whoever says nothing
more can still be replaced unseen.
"""

import re
import zlib
from collections.abc import Callable
from typing import Final

from gateway.core.clock import Clock
from gateway.core.faults import Fault, FaultKind
from gateway.core.outcome import Outcome
from gateway.dataplane import headers, settle
from gateway.dataplane.answers import INFLATED, INFLATED_BYTES_MAX, without
from gateway.dataplane.exchange import Exchange
from gateway.dataplane.flow import Flow
from gateway.dataplane.withheld import Withheld
from gateway.dialects.anthropic import fault as fault_words
from gateway.dialects.anthropic import reply
from gateway.dialects.anthropic.cap import Cap
from gateway.dialects.anthropic.usage_tap import UsageTap
from gateway.dialects.sse import OverlongEvent
from gateway.state.record import Flags
from gateway.upstream.pool.reading import ABANDONED, FINE, Told, of_fault, of_stream_error

# The events before the first content, until they go on. Responses' first two repeat the request's instructions and tools.
HELD_BYTES_MAX: Final = 256 * 1024
PING: Final = b'event: ping\ndata: {"type": "ping"}\n\n'
COMMENT: Final = b": ping\n\n"
# Pings of both kinds, however framed.
_PINGS: Final = re.compile(rb"(?:(?:event: ?ping|:[^\r\n]*|data: ?\{\s*\"type\": ?\"ping\"\s*\})?\r?\n)*")

NoteProgress = Callable[[int, int, Callable[[], bytes] | None], None]


class Inflater:
    """Opens a compressed stream. Nobody asked for one; if it comes all the same, events must be seen to be kept whole."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=32 + zlib.MAX_WBITS)
        self._spoiled = False

    def feed(self, data: bytes) -> bytes:
        """What `data` unfolds to; nothing once the stream was broken, which then ends without its last event."""
        if self._spoiled:
            return b""
        try:
            plain = self._inner.decompress(data, INFLATED_BYTES_MAX)
        except zlib.error:
            self._spoiled = True
            return b""
        self._spoiled = bool(self._inner.unconsumed_tail)
        return b"" if self._spoiled else plain


class Streamed:
    """A Messages event stream: forwarded in whole events, tapped, and ended with an error event if the upstream is lost."""

    def __init__(
        self,
        exchange: Exchange,
        flow: Flow,
        pairs: headers.Headers,
        encoding: bytes | None,
        note_progress: NoteProgress,
        clock: Clock,
    ) -> None:
        self.outcome = Outcome.FINISHED
        self.stops = False
        self.kept: Withheld | None = None
        self.tap = UsageTap()
        self._held = b""  # events that wait for content
        self._begun = False  # an event has come
        self._fault: Fault | None = None
        self._exchange = exchange
        self._flow = flow
        self._pairs = pairs
        self._note_progress = note_progress
        self._clock = clock
        self._echo = exchange.echoes
        self._cap = None if exchange.budget is None else Cap(exchange.budget.output_tokens(), exchange.budget.output_tokens)
        self._input_noted = False
        self._inflater = Inflater() if encoding in INFLATED else None

    def take(self, data: bytes) -> bool:
        if self._inflater is not None:
            data = self._inflater.feed(data)
        tap, exchange, cap = self.tap, self._exchange, self._cap
        events = tap.feed(data if cap is None else self._capped(cap, data))
        if not events:
            return False
        news = brings_news(events) and tap.between_events
        if self._echo:
            events = self._echoed(events)
        if tap.error:
            events = self._scrubbed(events)
        if self._flow.started:
            self._flow.body(events, more=True)
        else:
            self._hold(events)
        if not exchange.first_content_ns and tap.content_started:
            note_content(exchange, self._clock.monotonic_ns())
        if tap.input_reported and not self._input_noted:
            self._input_noted = True
            exchange.usage = tap.usage
            self._note_progress(tap.output_bytes, tap.deltas, lambda: settle.progressed(exchange))
        else:
            self._note_progress(tap.output_bytes, tap.deltas, None)
        if cap is not None and cap.reached:
            self.stops = True
        return news

    def _hold(self, events: bytes) -> None:
        """Before there is content nothing is shown: whoever says nothing more can still be replaced unseen."""
        tap, held = self.tap, self._held + events
        self._begun = True
        if tap.content_started or tap.ended or len(held) > HELD_BYTES_MAX:
            self._held = b""
            self._start()
            self._flow.body(held, more=True)
        else:
            self._held = held
            self.stops = tap.error is not None

    def close(self) -> Fault | None:
        """The last frame of a stream that its budget ended, after the closing events; or an error before all content."""
        if not self._flow.started:
            return self._withhold_error()
        self._flow.body(b"", more=False)
        self.settle()
        self._exchange.flags |= Flags.OUTPUT_ESTIMATED.value
        return None

    def end(self) -> Fault | None:
        if self.tap.ended or self.tap.error:
            rest = self._scrubbed(self.tap.rest())
            if not self._flow.started:
                self._held += rest
                return self._withhold_error()
            self._flow.body(rest, more=False)
            self.settle()
            self._fault = self._failure()
            return self._fault
        fault = Fault(FaultKind.TRUNCATED, "The upstream's answer ended before it was complete.")
        self.cut(fault)
        return fault

    def may_ping(self) -> bool:
        return self.tap.between_events and not self._flow.closed

    def ping(self) -> None:
        """Shows what was held back, and a sign of life after it; before the first event only a comment is one."""
        if not self._flow.started:
            held, self._held = self._held, b""
            self._start()
            self._flow.body(held + (PING if self._begun else COMMENT), more=True)
        else:
            self._flow.body(PING if self._begun else COMMENT, more=True)

    def told(self, wall_ns: int) -> Told:
        if self.tap.error:
            return of_stream_error({"error": {"type": self.tap.error}})
        if self.tap.ended:
            return FINE
        return ABANDONED if self._fault is None else of_fault(self._fault.kind)

    def _withhold_error(self) -> Fault | None:
        """An error event was the first thing that was said: the client gets it as it came, if nothing better comes."""
        fault = self._failure()
        self.kept = Withheld(self._exchange, Outcome.UPSTREAM_DIED, fault, 200, self._pairs_for(), self._held)
        return fault

    def cut(self, fault: Fault) -> None:
        self._fault = fault
        if not self._flow.started:
            self.kept = Withheld(self._exchange, Outcome.UPSTREAM_DIED, fault)
            return
        self.settle()
        if self.tap.ended or self.tap.error:
            # The answer was whole; only the connection's own end is missing.
            self._flow.body(b"", more=False)
            self._exchange.end(Outcome.UPSTREAM_DIED if self.tap.error else Outcome.FINISHED, self._failure())
        elif self.tap.between_events:
            self._flow.body(fault_words.frame(fault, self._exchange.id_text), more=False)
        else:
            self._flow.break_off()

    def _scrubbed(self, events: bytes) -> bytes:
        """An error event speaks the upstream's own words, so it is treated like the body of an error."""
        upstream = self._exchange.upstream
        return events if upstream is None else without(events, upstream.secrets)

    def _failure(self) -> Fault | None:
        """What the upstream itself said went wrong."""
        return Fault(FaultKind.FAILED, self.tap.error) if self.tap.error else None

    def settle(self) -> None:
        """Leaves on the exchange what the stream told so far, with estimates where it told nothing."""
        tap, exchange = self.tap, self._exchange
        exchange.usage = tap.usage
        if not tap.input_reported:
            tap.usage.input_tokens = settle.estimated_input_tokens(exchange)
            exchange.flags |= Flags.INPUT_ESTIMATED.value
        if not tap.output_reported:
            tap.estimate_output()
            exchange.flags |= Flags.OUTPUT_ESTIMATED.value

    def _start(self) -> None:
        """The head of the answer, after which the upstream's headers are of no more use."""
        self._flow.start(200, self._pairs_for() + headers.way(self._exchange))
        self._pairs = []

    def _pairs_for(self) -> headers.Headers:
        """The headers for the client."""
        pairs = headers.to_client(self._pairs, keep_length=False)
        if self._inflater is not None:
            pairs = [pair for pair in pairs if pair[0] != b"content-encoding"]
        if headers.value_of(pairs, b"x-accel-buffering") is None:
            pairs.append((b"x-accel-buffering", b"no"))
        if not self._exchange.upstream_request_id:
            pairs.append((b"request-id", self._exchange.id_text.encode("ascii")))
        return pairs

    def _echoed(self, events: bytes) -> bytes:
        """The model's name as the client asked for it, in `message_start`, which is the first event that is not a ping."""
        lines = events.split(b"\n")
        for index, line in enumerate(lines):
            if line.startswith(b"data:") and b"message_start" in line:
                begin = len(line) - len(line[5:].lstrip())
                lines[index] = line[:begin] + reply.echo_model(line[begin:], self._exchange.model_asked)
                self._echo = False
                break
        return b"\n".join(lines)

    def _capped(self, cap: Cap, data: bytes) -> bytes:
        """What may go on of a stream that may be ended by its caller's budget."""
        try:
            return cap.feed(data)
        except OverlongEvent:
            return cap.end()  # nobody can say what it holds


def brings_news(events: bytes) -> bool:
    """Whether events say more than that somebody lives."""
    if not events.startswith((b"event: ping", b"event:ping", b":")):
        return True
    return _PINGS.fullmatch(events) is None


def note_content(exchange: Exchange, now_ns: int) -> None:
    """The answer has begun to say something."""
    exchange.first_content_ns = now_ns
    lease = exchange.lease
    if lease is not None:
        lease.content(now_ns // 1_000_000)
