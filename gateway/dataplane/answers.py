"""Answers: the ways in which an upstream's answer is taken; `streamed` has Messages streams, `relay` those of other dialects.

Each is handed bytes (`take`), told the end (`end`) or the loss (`cut`), writes to the client's flow, and leaves on the exchange
what the answer told. None of them waits for anything.

A failure is not shown at once: as long as the client has seen nothing, what it would be told is left in `kept`, and whoever
made the attempt decides whether there is another. So a stream's first events wait until there is content.
"""

import zlib
from typing import Final, Protocol

import orjson

from gateway.core.clock import Clock
from gateway.core.faults import Fault, FaultKind
from gateway.core.outcome import Outcome
from gateway.core.usage import Usage
from gateway.dataplane import headers, settle
from gateway.dataplane.exchange import Exchange
from gateway.dataplane.flow import Flow
from gateway.dataplane.withheld import Withheld
from gateway.dialects.anthropic.reply import Missing
from gateway.dialects.upstream_error import fault_of
from gateway.state.record import Flags, Surface
from gateway.upstream.pool.reading import ABANDONED, FINE, Told, of_answer, of_fault, of_stream_error

# A Message of 128 000 tokens is about half a megabyte; images do not come back. An error is a sentence.
COLLECTED_BYTES_MAX: Final = 64 * 1024 * 1024
ERROR_BYTES_MAX: Final = 1024 * 1024
# Nobody asked for a compressed answer. What one may unfold to at once: 16 MB take 30 ms, in which nobody else is served.
INFLATED_BYTES_MAX: Final = 16 * 1024 * 1024
INFLATED: Final = (b"gzip", b"x-gzip", b"deflate")

UPSTREAM_REFUSED_US: Final = "The gateway's credential for the upstream was refused. The operator has to replace it."
GARBLED: Final = "The upstream's answer cannot be read."
_ALL_TOLD: Final = Missing.NONE  # asking an enumeration for its member costs as much as the comparison
TOO_LARGE: Final = "The upstream's answer is too large."
REDACTED: Final = b"[redacted]"


class Answer(Protocol):
    """`stops` is True once nothing more is wanted of the upstream, `kept` what nobody was shown."""

    outcome: Outcome
    stops: bool
    kept: Withheld | None

    def take(self, data: bytes) -> bool:
        """Takes bytes; True when they brought something new, which a ping is not."""

    def close(self) -> Fault | None:
        """Ends an answer that `stops`."""

    def end(self) -> Fault | None:
        """The upstream's bytes are over; what was wrong with them, if anything."""

    def cut(self, fault: Fault) -> None:
        """The upstream was lost."""

    def may_ping(self) -> bool:
        """Whether a sign of life can be written now."""

    def ping(self) -> None:
        """Writes one, after what was held back."""

    def told(self, wall_ns: int) -> Told:
        """What it tells of who answered."""


class Raw:
    """As it comes. A loss in the middle breaks the client's connection off, so that nobody takes the part for the whole."""

    def __init__(self, exchange: Exchange, flow: Flow, status: int, pairs: headers.Headers) -> None:
        self.outcome = Outcome.FINISHED
        self.stops = False
        self.kept: Withheld | None = None
        self._exchange = exchange
        self._flow = flow
        self._told = ABANDONED
        if exchange.upstream is None:  # the control plane: its headers are our own
            flow.start(status, headers.from_control(pairs))
        else:
            flow.start(status, headers.to_client(pairs, keep_length=True) + headers.way(exchange))

    def take(self, data: bytes) -> bool:
        self._flow.body(data, more=True)
        return True

    def close(self) -> Fault | None:
        return None

    def end(self) -> Fault | None:
        self._told = FINE
        self._flow.body(b"", more=False)
        return None

    def cut(self, fault: Fault) -> None:
        self._told = of_fault(fault.kind)
        self._flow.break_off()

    def may_ping(self) -> bool:
        return False

    def ping(self) -> None:
        return

    def told(self, wall_ns: int) -> Told:
        return self._told


class Collected:
    """Held whole: errors, which are scrubbed, and JSON answers, whose usage is read."""

    def __init__(
        self, exchange: Exchange, flow: Flow, status: int, pairs: headers.Headers, clock: Clock, *, refused: str = ""
    ) -> None:
        self.outcome = Outcome.FINISHED if status < 400 else Outcome.REJECTED
        self.stops = False
        self.kept: Withheld | None = None
        self._fault: Fault | None = None
        self._whole = False
        self._inside: Told | None = None  # of an error in the place of an answer
        self._error = b""  # of an upstream that refuses: the body as it can be read
        self._clock = clock
        self._exchange = exchange
        self._flow = flow
        self._status = status
        self._pairs = pairs
        self._refused = refused
        self._parts: list[bytes] = []
        self._size = 0
        self._bytes_max = COLLECTED_BYTES_MAX if status < 400 else ERROR_BYTES_MAX

    def take(self, data: bytes) -> bool:
        self._size += len(data)
        if self._size <= self._bytes_max:
            self._parts.append(data)
        else:
            self._parts.clear()
        return True

    def close(self) -> Fault | None:
        return None

    def end(self) -> Fault | None:
        self._whole = True
        if self._refused:
            return self._withhold(Fault(FaultKind.GARBLED, self._refused))
        if self._status >= 400:
            return self._end_error()
        if self._size > self._bytes_max:
            return self._withhold(Fault(FaultKind.GARBLED, TOO_LARGE))
        body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        if self._exchange.method != "HEAD":
            try:
                body = self._read(body)
            except Fault as fault:
                self._withhold(fault)
                inside = self._inside
                if inside is not None:
                    body = self._scrubbed(body)
                    self.kept = Withheld(self._exchange, Outcome.UPSTREAM_DIED, fault, inside.status, self._pairs_for(body), body)
                return fault
        self._send(body)
        return None

    def _end_error(self) -> Fault | None:
        """An error keeps its status, its headers and its words; where there are none to show, words of ours stand for them."""
        exchange = self._exchange
        body = self._error = self._scrubbed(self._error_body())
        if self._status == 401:
            return self._withhold(Fault(FaultKind.UNAVAILABLE, UPSTREAM_REFUSED_US, retry_after_s=30))
        if not body and exchange.method != "HEAD":
            request_id = exchange.upstream_request_id or exchange.id_text
            body = exchange.dialect.write_fault(fault_of(self._status, ""), request_id)[2]
            self._pairs = [pair for pair in self._pairs if pair[0] != b"content-type"]
            self._pairs.append((b"content-type", b"application/json"))
        self.kept = Withheld(exchange, self.outcome, None, self._status, self._pairs_for(body), body)
        return None

    def _error_body(self) -> bytes:
        """What came of an error's body; nothing of one that is larger than any error."""
        return b"" if self._size > self._bytes_max else b"".join(self._parts)

    def cut(self, fault: Fault) -> None:
        self._withhold(fault)

    def may_ping(self) -> bool:
        return False

    def ping(self) -> None:
        return

    def told(self, wall_ns: int) -> Told:
        if self._status >= 400 and not self._refused:
            return of_answer(self._status, self._pairs, self._error, wall_ns)
        if self._inside is not None:
            return self._inside
        if self._fault is not None:
            return of_fault(self._fault.kind)
        return FINE if self._whole else ABANDONED

    def _withhold(self, fault: Fault) -> Fault:
        self._fault = fault
        self.kept = Withheld(self._exchange, Outcome.UPSTREAM_DIED, fault)
        return fault

    def _send(self, body: bytes) -> None:
        self._flow.start(self._status, self._pairs_for(body) + headers.way(self._exchange))
        self._flow.body(body, more=False)

    def _pairs_for(self, body: bytes) -> headers.Headers:
        """The headers for the client."""
        exchange = self._exchange
        head_only = exchange.method == "HEAD"
        pairs = headers.to_client(self._pairs, keep_length=head_only)
        if not head_only:
            pairs.append((b"content-length", b"%d" % len(body)))
        if not exchange.upstream_request_id:
            pairs.append((exchange.dialect.id_header, exchange.id_text.encode("ascii")))
        if exchange.surface is Surface.COUNT_TOKENS and self._status < 400:
            pairs.append((b"x-token-count-method", b"upstream"))
        return pairs

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
            usage, missing = exchange.dialect.usage_of(plain)
            if missing is not _ALL_TOLD:
                self._estimate(plain, usage, missing)
            exchange.usage = usage
            exchange.first_content_ns = self._clock.monotonic_ns()
        if exchange.reshape is not None:
            return exchange.reshape(plain)
        return exchange.dialect.echo_model(plain, exchange.model_asked) if exchange.echoes else body

    def _estimate(self, plain: bytes, usage: Usage, missing: Missing) -> None:
        """Fills in what the answer does not tell. Raises Fault when it is no message at all."""
        exchange = self._exchange
        if Missing.MESSAGE in missing:
            raise Fault(FaultKind.GARBLED, GARBLED)
        if Missing.INPUT in missing and Missing.OUTPUT in missing:
            self._inside = error_inside(plain)
            if self._inside is not None:
                raise Fault(FaultKind.FAILED, GARBLED)
        if Missing.INPUT in missing:
            usage.input_tokens = settle.estimated_input_tokens(exchange)
            exchange.flags |= Flags.INPUT_ESTIMATED.value
        if Missing.OUTPUT in missing:
            usage.output_tokens = settle.estimated_output_tokens(exchange.dialect.content_bytes(plain))
            exchange.flags |= Flags.OUTPUT_ESTIMATED.value

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


def error_inside(body: bytes) -> Told | None:
    """What an error tells that came with status 200; None for anything that is no error."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return of_stream_error(document) if isinstance(document, dict) and document.get("error") else None


def without(value: bytes, secrets: tuple[bytes, ...]) -> bytes:
    """A text of the upstream's with none of what must never reach a client."""
    for secret in secrets:
        value = value.replace(secret, REDACTED)
    return value
