"""Translated: an upstream's whole answer, or its error, in another dialect than the client's.

Owns that such an answer is held until it is whole, and what its headers are: its own, since an upstream's describe the
upstream's bytes and the operator's account. The dialects do the writing; `relay` has the streams.
"""

from typing import Final

from gateway.core.clock import Clock
from gateway.core.faults import Fault, FaultKind
from gateway.dataplane import headers, settle
from gateway.dataplane.answers import GARBLED, Collected, without
from gateway.dataplane.aside import INLINE_BYTES_MAX
from gateway.dataplane.exchange import Exchange
from gateway.dataplane.flow import Flow
from gateway.dataplane.withheld import Withheld
from gateway.dialects.losses import HEADER as DROPPED
from gateway.state.record import Flags
from gateway.upstream.pool import waits
from gateway.upstream.pool.reading import of_refusal

# What an upstream may ask a client to wait; more is a figure nobody means.
RETRY_AFTER_S_MAX: Final = 86_400


class Translated(Collected):
    """An answer that is not streamed, or an error, in another dialect than the client's: held whole and written anew.

    A large one is translated beside the event loop: 16 MB take 0.1 s and more, by the number of their parts.
    """

    def __init__(self, exchange: Exchange, flow: Flow, status: int, pairs: headers.Headers, clock: Clock) -> None:
        super().__init__(exchange, flow, status, pairs, clock)
        assert exchange.translation is not None  # nothing else is taken in this way
        self._translation = exchange.translation
        self._written = b""  # the answer for the client
        self._unreadable: Fault | None = None

    def takes_long(self) -> bool:
        """Whether `end` would hold the event loop up; then `prepare` is done beside it before."""
        return self._status < 400 and INLINE_BYTES_MAX < self._size <= self._bytes_max

    def prepare(self) -> None:
        """Writes the answer anew. May run in another thread: it touches nothing but this answer's own."""
        try:
            self._written = self._translation.reply(self._plain(b"".join(self._parts)))
        except Fault as fault:
            self._unreadable = fault

    def end(self) -> Fault | None:
        exchange = self._exchange
        translation = self._translation
        self._whole = True
        if self._status >= 400:
            self._error = self._scrubbed(self._error_body())
            fault = translation.fault(self._status, self._error, self._retry_after_s())
            # The operator's own troubles are faults of the upstream; what is said of the request is an answer to it.
            if fault.kind is FaultKind.UNAVAILABLE and self._status < 500:
                return self._withhold(fault)
            self.kept = Withheld(exchange, self.outcome, fault)
            return None
        if self._size > self._bytes_max:
            return self._withhold(Fault(FaultKind.GARBLED, GARBLED))
        if not self._written and self._unreadable is None:
            self.prepare()
        if self._unreadable is not None:
            fault = clean(self._unreadable, exchange)
            self._inside = of_refusal(fault)
            return self._withhold(fault)
        body = self._written
        usage = exchange.usage = translation.usage
        exchange.first_content_ns = self._clock.monotonic_ns()
        if not translation.input_reported:
            usage.input_tokens = settle.estimated_input_tokens(exchange)
            exchange.flags |= Flags.INPUT_ESTIMATED.value
        if not translation.output_reported:
            exchange.flags |= Flags.OUTPUT_ESTIMATED.value
        pairs = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (exchange.dialect.id_header, exchange.id_text.encode("ascii")),
        ]
        self._flow.start(200, pairs + dropped(exchange) + headers.way(exchange))
        self._flow.body(body, more=False)
        return None

    def _retry_after_s(self) -> int | None:
        """In whole seconds, whatever form the upstream wrote it in; None when it said nothing that can be read."""
        wait_ms = waits.of_headers(self._pairs, self._clock.wall_ns())
        return None if wait_ms < 0 else min(-(-wait_ms // 1000), RETRY_AFTER_S_MAX)


def dropped(exchange: Exchange) -> headers.Headers:
    """The header that names what of the request was left out; none when nothing was."""
    translation = exchange.translation
    names = b"" if translation is None else translation.losses.header()
    return [(DROPPED, names)] if names else []


def clean(fault: Fault, exchange: Exchange) -> Fault:
    """A fault that speaks the upstream's words, without our secrets in them."""
    upstream = exchange.upstream
    if upstream is not None:
        fault.text = without(fault.text.encode("utf-8", "replace"), upstream.secrets).decode("utf-8", "replace")
    return fault
