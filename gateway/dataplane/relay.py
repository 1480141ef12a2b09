"""Relay: streams that are not simply an Anthropic stream for an Anthropic client.

Owns what becomes of an upstream's stream in another dialect than the client's, and of streams in OpenAI's dialects that are
passed on; `translated` has whole answers. Everything happens inside `data_received`, as in `answers`; the dialects do the work,
and what differs between them is in `dialects.passing` and `dialects.translation`.
"""

from typing import Final, Protocol

from gateway.core.clock import Clock
from gateway.core.faults import Fault, FaultKind
from gateway.core.outcome import Outcome
from gateway.core.usage import Usage
from gateway.dataplane import headers, settle
from gateway.dataplane.answers import INFLATED, without
from gateway.dataplane.exchange import Exchange
from gateway.dataplane.flow import Flow
from gateway.dataplane.streamed import COMMENT, HELD_BYTES_MAX, PING, Inflater, NoteProgress, brings_news, note_content
from gateway.dataplane.translated import clean, dropped
from gateway.dataplane.withheld import Withheld
from gateway.dialects.passing import ANTHROPIC
from gateway.dialects.sse import OverlongEvent
from gateway.state.record import Flags
from gateway.upstream.pool.reading import ABANDONED, FINE, Told, of_fault, of_refusal

TRUNCATED: Final = "The upstream's answer ended before it was complete."


class Stream(Protocol):
    """What is asked of a stream on its way, translated or not."""

    @property
    def between_events(self) -> bool: ...
    @property
    def deltas(self) -> int: ...
    @property
    def ended(self) -> bool: ...
    @property
    def error(self) -> Fault | None: ...
    @property
    def usage(self) -> Usage: ...
    @property
    def input_reported(self) -> bool: ...
    @property
    def output_reported(self) -> bool: ...
    @property
    def content_started(self) -> bool: ...
    @property
    def output_bytes(self) -> int: ...
    @property
    def capped(self) -> bool: ...
    def feed(self, data: bytes) -> bytes: ...
    def end(self) -> bytes: ...
    def fail(self, fault: Fault) -> bytes: ...
    def estimate_output(self) -> None: ...


class Tapped:
    """A stream that is passed on, its usage tapped, ended where the caller's budget ends, under the name that was asked for."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._dialect = exchange.dialect
        self._tap = exchange.dialect.tap()
        budget = exchange.budget
        self._cap = (
            None
            if budget is None
            else exchange.dialect.cap(budget.output_tokens(), budget.output_tokens, settle.estimated_input_tokens(exchange))
        )
        self._echoes = exchange.echoes
        self.between_events = True

    @property
    def deltas(self) -> int:
        return self._tap.deltas

    @property
    def ended(self) -> bool:
        return self._tap.ended

    @property
    def error(self) -> Fault | None:
        """What the upstream itself said went wrong."""
        said = self._tap.error
        return Fault(FaultKind.FAILED, said) if said else None

    @property
    def usage(self) -> Usage:
        return self._tap.usage

    @property
    def input_reported(self) -> bool:
        return self._tap.input_reported

    @property
    def output_reported(self) -> bool:
        return self._tap.output_reported

    @property
    def content_started(self) -> bool:
        return self._tap.content_started

    @property
    def output_bytes(self) -> int:
        return self._tap.output_bytes

    @property
    def capped(self) -> bool:
        return self._cap is not None and self._cap.reached

    def feed(self, data: bytes) -> bytes:
        """What may go on now: whole events, possibly none."""
        cap = self._cap
        if cap is not None:
            try:
                data = cap.feed(data)
            except OverlongEvent:
                data = cap.end()  # nobody can say what it holds
        events = self._tap.feed(data)
        self.between_events = self._tap.between_events
        return self._dialect.echo_model(events, self._exchange.model_asked) if self._echoes and events else events

    def end(self) -> bytes:
        """What is left when the upstream's bytes end. Of a stream that was cut nothing: an event of ours shall follow."""
        held = self._tap.rest()
        return held if self._tap.ended or self._tap.error else b""

    def fail(self, fault: Fault) -> bytes:
        """The frame that ends the stream because of a fault."""
        return self._dialect.frame_fault(fault, self._exchange.id_text)

    def estimate_output(self) -> None:
        """Puts an estimate in place of an output figure that the upstream did not report."""
        self._tap.estimate_output()


class Relayed:
    """An event stream: translated, or passed on in one of OpenAI's dialects; ended with an error when the upstream is lost."""

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
        self.stream = _stream(exchange)
        self._held = b""  # frames that wait for content
        self._begun = False  # a frame has been made
        self._fault: Fault | None = None
        self._exchange = exchange
        self._flow = flow
        self._pairs = pairs
        self._note_progress = note_progress
        self._clock = clock
        self._translated = exchange.translation is not None
        self._inflater = Inflater() if encoding in INFLATED else None
        self._input_noted = False

    def take(self, data: bytes) -> bool:
        if self._inflater is not None:
            data = self._inflater.feed(data)
        stream, exchange = self.stream, self._exchange
        frames = stream.feed(data)
        # What is translated into nothing may be news all the same.
        news = data.endswith(b"\n") and brings_news(data)
        if not frames:
            return news
        error = stream.error
        if error is not None:
            frames = self._scrubbed(frames)
        if self._flow.started:
            self._flow.body(frames, more=True)
        else:
            self._hold(frames)
        # The budget ended it, or a translated one failed: nothing follows, whatever the upstream still says.
        self.stops = stream.capped or (error is not None and (self._translated or not self._flow.started))
        if not exchange.first_content_ns and stream.deltas:
            note_content(exchange, self._clock.monotonic_ns())
        if stream.input_reported and not self._input_noted:
            self._input_noted = True
            exchange.usage = stream.usage
            self._note_progress(stream.output_bytes, stream.deltas, lambda: settle.progressed(exchange))
        else:
            self._note_progress(stream.output_bytes, stream.deltas, None)
        return news or brings_news(frames)

    def _hold(self, frames: bytes) -> None:
        """Before there is content nothing is shown: whoever says nothing more can still be replaced unseen."""
        stream, held = self.stream, self._held + frames
        self._begun = True
        if stream.deltas or stream.ended or stream.capped or len(held) > HELD_BYTES_MAX:
            self._held = b""
            self._start()
            self._flow.body(held, more=True)
        else:
            self._held = held

    def close(self) -> Fault | None:
        """Ends a stream that `stops`; the closing events went out before."""
        if not self._flow.started:
            return self._withhold_error()
        self.settle()
        if self.stream.capped:
            self._exchange.flags |= Flags.OUTPUT_ESTIMATED.value
        self._flow.body(b"", more=False)
        return self.stream.error

    def end(self) -> Fault | None:
        stream = self.stream
        tail = stream.end()
        error = stream.error
        if error is None and not stream.ended:
            error = Fault(FaultKind.TRUNCATED, TRUNCATED)
            self.cut(error)
            return error
        if not self._flow.started:
            self._held += tail
            if error is not None:
                return self._withhold_error()
            self._start()
            tail, self._held = self._held, b""
        self.settle()
        self._fault = error
        self._flow.body(tail if error is None else self._scrubbed(tail), more=False)
        return error

    def may_ping(self) -> bool:
        return self.stream.between_events and not self._flow.closed

    def ping(self) -> None:
        """Shows what was held back, and a sign of life after it: a comment, but where the dialect has an event for it."""
        sign = PING if self._begun and self._exchange.dialect is ANTHROPIC else COMMENT
        if not self._flow.started:
            held, self._held = self._held, b""
            self._start()
            sign = held + sign
        self._flow.body(sign, more=True)

    def told(self, wall_ns: int) -> Told:
        stream = self.stream
        if stream.error is not None:
            return of_refusal(clean(stream.error, self._exchange))  # its words may be told to others
        if stream.ended or stream.capped:
            return FINE
        return ABANDONED if self._fault is None else of_fault(self._fault.kind)

    def _withhold_error(self) -> Fault | None:
        """An error was the first thing that was said: a translated one has a status; the other goes as it came."""
        exchange, fault = self._exchange, self.stream.error
        if fault is not None and self._translated:
            self.kept = Withheld(exchange, Outcome.UPSTREAM_DIED, clean(fault, exchange))
        else:
            held = self._scrubbed(self._held)
            self.kept = Withheld(exchange, Outcome.UPSTREAM_DIED, fault, 200, self._pairs_for(), held)
        return fault

    def cut(self, fault: Fault) -> None:
        stream = self.stream
        self._fault = fault
        if not self._flow.started:
            self.kept = Withheld(self._exchange, Outcome.UPSTREAM_DIED, fault)
            return
        self.settle()
        if stream.ended or stream.error is not None:
            # The answer was whole; only the connection's own end is missing.
            self._flow.body(b"", more=False)
            self._exchange.end(Outcome.UPSTREAM_DIED if stream.error else Outcome.FINISHED, stream.error)
        elif stream.between_events:
            self._flow.body(stream.fail(fault), more=False)
        else:
            self._flow.break_off()

    def settle(self) -> None:
        """Leaves on the exchange what the stream told so far, with estimates where it told nothing."""
        stream, exchange = self.stream, self._exchange
        stream.estimate_output()
        usage = exchange.usage = stream.usage
        if not stream.input_reported:
            usage.input_tokens = settle.estimated_input_tokens(exchange)
            exchange.flags |= Flags.INPUT_ESTIMATED.value
        if not stream.output_reported:
            exchange.flags |= Flags.OUTPUT_ESTIMATED.value

    def _start(self) -> None:
        self._flow.start(200, self._pairs_for() + headers.way(self._exchange))
        self._pairs = []  # of no more use

    def _pairs_for(self) -> headers.Headers:
        """The headers for the client."""
        exchange = self._exchange
        own_id = (exchange.dialect.id_header, exchange.id_text.encode("ascii"))
        if self._translated:
            pairs = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache"), own_id]
            pairs += dropped(exchange)
        else:
            pairs = headers.to_client(self._pairs, keep_length=False)
            if self._inflater is not None:
                pairs = [pair for pair in pairs if pair[0] != b"content-encoding"]
            if not exchange.upstream_request_id:
                pairs.append(own_id)
        if headers.value_of(pairs, b"x-accel-buffering") is None:
            pairs.append((b"x-accel-buffering", b"no"))
        return pairs

    def _scrubbed(self, frames: bytes) -> bytes:
        upstream = self._exchange.upstream
        return frames if upstream is None else without(frames, upstream.secrets)


def _stream(exchange: Exchange) -> Stream:
    translation, budget = exchange.translation, exchange.budget
    if translation is None:
        return Tapped(exchange)
    if budget is None:
        return translation.streaming()
    return translation.streaming(budget.output_tokens(), budget.output_tokens)
