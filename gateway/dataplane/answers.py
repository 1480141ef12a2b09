"""Answers: the three ways in which an upstream's answer is taken; `relay` has those of other dialects than Anthropic's.

Each is handed bytes (`take`), told the end (`end`) or the loss (`cut`), writes to the client's flow, and leaves on the exchange
what the answer told. None of them waits for anything.
"""

import zlib
from collections.abc import Callable
from typing import Protocol

from gateway.core.clock import Clock
from gateway.core.faults import Fault, FaultKind
from gateway.core.outcome import Outcome
from gateway.dataplane import errors, headers, settle
from gateway.dataplane.exchange import Exchange
from gateway.dataplane.flow import Flow
from gateway.dialects.anthropic import fault as fault_words
from gateway.dialects.anthropic import reply
from gateway.dialects.anthropic.cap import Cap
from gateway.dialects.anthropic.reply import Missing
from gateway.dialects.anthropic.usage_tap import UsageTap
from gateway.dialects.sse import OverlongEvent
from gateway.state.journal import Flags, Surface

# A Message of 128 000 tokens is about half a megabyte; images do not come back. An error is a sentence.
COLLECTED_BYTES_MAX = 64 * 1024 * 1024
ERROR_BYTES_MAX = 1024 * 1024
# Nobody asked for a compressed answer. What one may unfold to at once: 16 MB take 30 ms, in which nobody else is served.
INFLATED_BYTES_MAX = 16 * 1024 * 1024
INFLATED = (b"gzip", b"x-gzip", b"deflate")

UPSTREAM_REFUSED_US = "The gateway's credential for the upstream was refused. The operator has to replace it."
GARBLED = "The upstream's answer cannot be read."
TOO_LARGE = "The upstream's answer is too large."
REDACTED = b"[redacted]"

NoteProgress = Callable[[int, int, Callable[[], bytes] | None], None]


class Answer(Protocol):
    outcome: Outcome

    def take(self, data: bytes) -> None: ...

    def end(self) -> Fault | None: ...

    def cut(self, fault: Fault) -> None: ...


class Raw:
    """As it comes. A loss in the middle breaks the client's connection off, so that nobody takes the part for the whole."""

    def __init__(self, exchange: Exchange, flow: Flow, status: int, pairs: headers.Headers) -> None:
        self.outcome = Outcome.FINISHED
        self._exchange = exchange
        self._flow = flow
        flow.start(status, headers.to_client(pairs, keep_length=True))

    def take(self, data: bytes) -> None:
        self._flow.body(data, more=True)

    def end(self) -> Fault | None:
        self._flow.body(b"", more=False)
        return None

    def cut(self, fault: Fault) -> None:
        self._flow.break_off()


class Collected:
    """Held whole: errors, which are scrubbed, and JSON answers, whose usage is read."""

    def __init__(
        self, exchange: Exchange, flow: Flow, status: int, pairs: headers.Headers, clock: Clock, *, refused: str = ""
    ) -> None:
        self.outcome = Outcome.FINISHED if status < 400 else Outcome.REJECTED
        self._clock = clock
        self._exchange = exchange
        self._flow = flow
        self._status = status
        self._pairs = pairs
        self._refused = refused
        self._parts: list[bytes] = []
        self._size = 0
        self._bytes_max = COLLECTED_BYTES_MAX if status < 400 else ERROR_BYTES_MAX

    @property
    def declined(self) -> bool:
        """Whether a count of tokens has to be made here because the upstream gave none."""
        counting = self._exchange.surface is Surface.COUNT_TOKENS
        return counting and (self._status in (404, 405, 429, 501) or self._status >= 500)

    def take(self, data: bytes) -> None:
        self._size += len(data)
        if self._size <= self._bytes_max:
            self._parts.append(data)
        else:
            self._parts.clear()

    def end(self) -> Fault | None:
        if self.declined:
            return None
        if self._refused:
            return self._answer_with(Fault(FaultKind.GARBLED, self._refused))
        if self._size > self._bytes_max:
            return self._answer_with(Fault(FaultKind.GARBLED, TOO_LARGE))
        if self._status == 401:
            return self._answer_with(Fault(FaultKind.UNAVAILABLE, UPSTREAM_REFUSED_US, retry_after_s=30))
        body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        if self._status >= 400:
            body = self._scrubbed(body)
        elif self._exchange.method != "HEAD":
            try:
                body = self._read(body)
            except Fault as fault:
                return self._answer_with(fault)
        self._send(body)
        return None

    def cut(self, fault: Fault) -> None:
        if not self.declined:
            self._answer_with(fault)

    def _answer_with(self, fault: Fault) -> Fault:
        errors.put(self._flow, self._exchange, fault)
        return fault

    def _send(self, body: bytes) -> None:
        exchange = self._exchange
        head_only = exchange.method == "HEAD"
        pairs = headers.to_client(self._pairs, keep_length=head_only)
        if not head_only:
            pairs.append((b"content-length", b"%d" % len(body)))
        if not exchange.upstream_request_id:
            pairs.append((exchange.dialect.id_header, exchange.id_text.encode("ascii")))
        if exchange.surface is Surface.COUNT_TOKENS and self._status < 400:
            pairs.append((b"x-token-count-method", b"upstream"))
        self._flow.start(self._status, pairs)
        self._flow.body(body, more=False)

    def _scrubbed(self, body: bytes) -> bytes:
        """The upstream's own words without our credentials and its host, whatever encoding they came in."""
        body = self._plain(body)
        upstream = self._exchange.upstream
        secrets = upstream.secrets if upstream is not None else ()
        for secret in secrets:
            body = body.replace(secret, REDACTED)
        self._pairs = [(name, without(value, secrets)) for name, value in self._pairs]
        return body

    def _read(self, body: bytes) -> bytes:
        exchange = self._exchange
        plain = body
        if headers.value_of(self._pairs, b"content-encoding") is not None:
            kept = self._pairs
            plain = self._plain(body)
            if not (exchange.reshape or exchange.echoes):
                self._pairs = kept
        if exchange.metered:
            dialect = exchange.dialect
            usage, missing = dialect.usage_of(plain)
            if Missing.MESSAGE in missing:
                raise Fault(FaultKind.GARBLED, GARBLED)
            exchange.usage = usage
            exchange.first_content_ns = self._clock.monotonic_ns()
            if Missing.INPUT in missing:
                usage.input_tokens = settle.estimated_input_tokens(exchange)
                exchange.flags |= Flags.INPUT_ESTIMATED.value
            if Missing.OUTPUT in missing:
                usage.output_tokens = settle.estimated_output_tokens(dialect.content_bytes(plain))
                exchange.flags |= Flags.OUTPUT_ESTIMATED.value
        if exchange.reshape is not None:
            return exchange.reshape(plain)
        return exchange.dialect.echo_model(plain, exchange.model_asked) if exchange.echoes else body

    def _plain(self, body: bytes) -> bytes:
        """The body without its content encoding, and the headers without the word of it. Of an error, what can be read.

        Raises Fault GARBLED for an answer that is not whole or unfolds to too much.
        """
        encoding = headers.value_of(self._pairs, b"content-encoding")
        if encoding is None:
            return body
        failed = self._status >= 400
        plain = None
        if encoding.lower() in INFLATED:
            inflater = zlib.decompressobj(wbits=32 + zlib.MAX_WBITS)
            try:
                plain = inflater.decompress(body, ERROR_BYTES_MAX if failed else INFLATED_BYTES_MAX)
            except zlib.error:
                plain = None
            if not failed and not inflater.eof:
                raise Fault(FaultKind.GARBLED, TOO_LARGE if inflater.unconsumed_tail else GARBLED)
        if plain is None and not failed:
            raise Fault(FaultKind.GARBLED, GARBLED)
        self._pairs = [pair for pair in self._pairs if pair[0] != b"content-encoding"]
        return plain or b""


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
        self.tap = UsageTap()
        self._exchange = exchange
        self._flow = flow
        self._pairs = pairs
        self._note_progress = note_progress
        self._clock = clock
        self._echo = exchange.echoes
        self._cap = None if exchange.budget is None else Cap(exchange.budget.output_tokens(), exchange.budget.output_tokens)
        self._input_noted = False
        self._inflater = Inflater() if encoding in INFLATED else None

    def take(self, data: bytes) -> None:
        if self._inflater is not None:
            data = self._inflater.feed(data)
        tap, exchange, cap = self.tap, self._exchange, self._cap
        events = tap.feed(data if cap is None else self._capped(cap, data))
        if not events:
            return
        if not self._flow.started:
            self._start()
        if self._echo:
            events = self._echoed(events)
        if tap.error:
            events = self._scrubbed(events)
        self._flow.body(events, more=True)
        if not exchange.first_content_ns and tap.content_started:
            exchange.first_content_ns = self._clock.monotonic_ns()
        if tap.input_reported and not self._input_noted:
            self._input_noted = True
            exchange.usage = tap.usage
            self._note_progress(tap.output_bytes, tap.deltas, lambda: settle.progressed(exchange))
        else:
            self._note_progress(tap.output_bytes, tap.deltas, None)

    @property
    def capped(self) -> bool:
        """Whether the caller's budget has ended the stream: what the upstream still says is not wanted."""
        return self._cap is not None and self._cap.reached

    def close_capped(self) -> None:
        """The last frame of a stream that its budget ended; the closing events went out before it."""
        self._flow.body(b"", more=False)
        self.settle()
        self._exchange.flags |= Flags.OUTPUT_ESTIMATED.value

    def end(self) -> Fault | None:
        if self.tap.ended or self.tap.error:
            if not self._flow.started:
                self._start()
            self._flow.body(self._scrubbed(self.tap.rest()), more=False)
            self.settle()
            return self._failure()
        fault = Fault(FaultKind.TRUNCATED, "The upstream's answer ended before it was complete.")
        self.cut(fault)
        return fault

    def cut(self, fault: Fault) -> None:
        self.settle()
        if not self._flow.started:
            errors.put(self._flow, self._exchange, fault)
        elif self.tap.ended or self.tap.error:
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
        pairs = headers.to_client(self._pairs, keep_length=False)
        if self._inflater is not None:
            pairs = [pair for pair in pairs if pair[0] != b"content-encoding"]
        if headers.value_of(pairs, b"x-accel-buffering") is None:
            pairs.append((b"x-accel-buffering", b"no"))
        if not self._exchange.upstream_request_id:
            pairs.append((b"request-id", self._exchange.id_text.encode("ascii")))
        self._flow.start(200, pairs)

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


def without(value: bytes, secrets: tuple[bytes, ...]) -> bytes:
    """A text of the upstream's with none of what must never reach a client."""
    for secret in secrets:
        value = value.replace(secret, REDACTED)
    return value
