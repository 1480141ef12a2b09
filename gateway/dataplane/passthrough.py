"""Pass-through: an upstream's answer to a client of the same dialect, bytes untouched, usage read on the way.

Owns the answer from its head to its end, for one attempt. It is the receiver of an upstream connection: everything happens
inside `data_received`, nothing is awaited. How an answer is taken is decided once, at its head:

    collected   errors, and JSON answers of the metered paths: held whole, so a cut one can still be replaced by an error
    streamed    Messages event streams: in whole events, tapped, closed with an error event when the upstream dies
    relayed     event streams of other dialects, or into others
    translated  the same of answers that are not streamed
    raw         everything else: as it comes; when the upstream dies the connection to the client is broken off

The end of it is the future `done`, which the call waits for; how it ended stands on the exchange. An answer that failed before
the client saw anything of it has not ended the call: it is `kept`, and whoever made the attempt decides what comes next.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from gateway.core.clock import Clock
from gateway.core.faults import Fault, FaultKind
from gateway.core.outcome import Outcome
from gateway.dataplane import aside, bugs, headers, settle
from gateway.dataplane.answers import Answer, Collected, Raw
from gateway.dataplane.exchange import Exchange
from gateway.dataplane.flow import Flow, Send
from gateway.dataplane.relay import Relayed
from gateway.dataplane.streamed import Streamed
from gateway.dataplane.translated import Translated
from gateway.dataplane.withheld import Withheld
from gateway.dialects.passing import ANTHROPIC
from gateway.state.inflight import InflightRows
from gateway.state.record import Surface
from gateway.upstream.connections import Connections
from gateway.upstream.pool.reading import ABANDONED, Told, of_fault
from gateway.upstream.silence import Silence
from gateway.upstream.transport.http1 import Connection

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

REDIRECTED: Final = "The upstream answered with a redirect, which is not followed."
STALLED: Final = "The upstream did not answer in time."
OVER: Final = "The call took longer than the gateway lets calls take."
NOT_A_MESSAGE: Final = "The upstream answered with something that is not a message."


class Passthrough:
    """The receiver of one attempt. `stale` is True when an idle connection turned out to be closed before anything came back:
    the only loss that is tried again, since nothing of the answer exists."""

    __slots__ = (
        "_answer",
        "_clock",
        "_leaving",
        "_rows",
        "asked_ns",
        "client_left",
        "connection",
        "done",
        "exchange",
        "expired",
        "failed",
        "flow",
        "home",
        "last_byte_ns",
        "news_ns",
        "reading",
        "reading_expired",
        "reading_since_ns",
        "sent_bytes",
        "silence",
        "stale",
    )

    def __init__(self, exchange: Exchange, send: Send, rows: InflightRows, clock: Clock) -> None:
        self.exchange = exchange
        self.flow = Flow(send, self._pause, self._resume)
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.connection: Connection | None = None
        self.home: Connections  # whom the connection is given back to; set with the first connection
        self.asked_ns = exchange.began_ns  # when the attempt's request was sent
        self.last_byte_ns = exchange.began_ns
        self.news_ns = exchange.began_ns  # when the upstream last said something new
        self.silence: Silence | None = None  # the watch's, of calls that last
        self.sent_bytes = 0  # how much the client had been sent when the watch last looked
        self.reading: Any = None  # what the request's next piece is awaited with; the watch cancels it when it takes too long
        self.reading_since_ns = exchange.began_ns
        self.reading_expired = False
        self.stale = False
        self.failed: Fault | None = None  # why no answer came; whoever waits for `done` raises it
        self.client_left = False
        self.expired = False
        self._leaving: asyncio.Future[None] | None = None
        self._answer: Answer | None = None
        self._rows = rows
        self._clock = clock

    def __repr__(self) -> str:
        return f"<Passthrough {self._answer!r} of {self.exchange!r}>"

    @property
    def answer(self) -> Answer | None:
        """How the answer is taken; None until its head has come."""
        return self._answer

    def attach(self, connection: Connection) -> None:
        """The connection of the next attempt."""
        self.connection = connection
        self.stale = False
        self._leaving = None
        self.asked_ns = self.last_byte_ns = self._clock.monotonic_ns()
        if self.done.done():
            self.done = asyncio.get_running_loop().create_future()

    def again(self) -> None:
        """Forgets an attempt of which nothing was shown, before another."""
        self._answer = None
        self.connection = None
        self.failed = None
        self.stale = False
        self.exchange.forget_answer()

    @property
    def kept(self) -> Withheld | None:
        """What the client would be told of a failure that it has not seen."""
        answer = self._answer
        return None if answer is None else answer.kept

    def told(self) -> Told:
        """What the attempt tells of who answered; after a bug of ours, nothing."""
        if self.client_left or self.expired or self.exchange.fault is FaultKind.BROKEN:
            return ABANDONED
        answer = self._answer
        if answer is not None:
            return answer.told(self._clock.wall_ns())
        return ABANDONED if self.failed is None else of_fault(self.failed.kind)

    # Receiver

    def head(self, status: int, pairs: headers.Headers) -> None:
        exchange = self.exchange
        exchange.status = status
        request_id = headers.value_of(pairs, b"request-id") or headers.value_of(pairs, b"x-request-id")
        if request_id is not None:
            exchange.upstream_request_id = request_id.decode("latin-1")
        now_ns = self.news_ns = self._clock.monotonic_ns()
        lease = exchange.lease
        if lease is not None:
            lease.head(status, pairs, now_ns // 1_000_000, self._clock.wall_ns())
        try:
            self._answer = self._choose(status, pairs)
        except Exception as error:  # noqa: BLE001 -- the parser would take a bug of ours for an upstream that cannot be read
            self._broken(error)

    def data(self, data: bytes, ended: bool) -> None:
        now_ns = self.last_byte_ns = self._clock.monotonic_ns()
        try:
            self._take(data, ended, now_ns)
        except Exception as error:  # noqa: BLE001 -- the loop would log its text, and nobody would end the call
            self._broken(error)

    def _take(self, data: bytes, ended: bool, now_ns: int) -> None:
        answer = self._answer
        assert answer is not None  # a body never comes before its head
        if data:
            if answer.take(data):
                self.news_ns = now_ns
            request = self.exchange.request
            if request is not None and self.flow.started:
                # Nothing is tried again from here on, and a stream may go on for an hour.
                self.exchange.request = None
                request.release()
            if answer.stops:
                fault = answer.close()
                if answer.kept is None:
                    self.exchange.end(Outcome.UPSTREAM_DIED if fault else Outcome.BUDGET_ENDED, fault)
                self._stop()
                return
        if ended and isinstance(answer, Translated) and answer.takes_long():
            preparing = asyncio.ensure_future(aside.done(answer.prepare))
            preparing.add_done_callback(lambda prepared: self._prepared(answer, prepared))
        elif ended:
            self._end(answer)

    def _end(self, answer: Answer) -> None:
        fault = answer.end()
        if answer.kept is None:
            self.exchange.end(Outcome.UPSTREAM_DIED if fault else answer.outcome, fault)
        self._finish()

    def _prepared(self, answer: Answer, prepared: "asyncio.Future[None]") -> None:
        """Goes on with a large answer, unless the call came to another end meanwhile."""
        bug = None if prepared.cancelled() else prepared.exception()
        if answer is not self._answer or self.done.done():
            return
        try:
            if bug is not None:
                raise bug
            self._end(answer)
        except Exception as error:  # noqa: BLE001 -- as in `data`
            self._broken(error)

    def lost(self, fault: Fault) -> None:
        connection = self.connection
        if self._answer is None:
            self.stale = fault.kind is FaultKind.UNREACHABLE and connection is not None and connection.reused
            if not self.stale:
                self.failed = fault
        else:
            self._lose(self._answer, fault)
        self._finish()

    def _lose(self, answer: Answer, fault: Fault) -> None:
        """Ends an answer whose rest is lost; a codec that fails at that too is not asked again."""
        try:
            answer.cut(fault)
        except Exception as error:  # noqa: BLE001 -- as in `data`
            bugs.log(self.exchange, error)
            self._give_up(fault)
            return
        if answer.kept is None:
            self.exchange.end(Outcome.UPSTREAM_DIED, fault)

    def _broken(self, error: Exception) -> None:
        """A bug of ours in the middle of an answer: the upstream is closed, and a client that has seen something is told."""
        bugs.log(self.exchange, error)
        fault = Fault(FaultKind.BROKEN, bugs.TEXT)
        answer = self._answer
        if answer is not None and self.flow.started:
            self._lose(answer, fault)
        else:
            self._give_up(fault)
        self._stop()

    def _give_up(self, fault: Fault) -> None:
        """Leaves the fault to whoever waits for an answer that nobody has seen, or breaks it off."""
        if self.flow.started:
            self.flow.break_off()
            self.exchange.end(Outcome.UPSTREAM_DIED, fault)
        else:
            self._answer = None
            self.failed = fault

    def watch(self, receive: Receive) -> None:
        """Looks for the client leaving, from now on. `receive` must have given the whole request already."""
        if not self._is_over():
            message: Any = receive()
            if not hasattr(message, "add_done_callback"):
                message = asyncio.ensure_future(message)
            message.add_done_callback(lambda arrived: self._arrived(arrived, receive))

    def _is_over(self) -> bool:
        """Whether nobody has to be looked at any more. An attempt may be done and another follow it."""
        return self.done.done() and self.exchange.outcome is not None

    def _arrived(self, arrived: "asyncio.Future[dict[str, Any]]", receive: Receive) -> None:
        if self._is_over():
            return
        if arrived.cancelled() or arrived.exception() is not None or arrived.result()["type"] == "http.disconnect":
            self.client_gone()
        else:
            self.watch(receive)

    def expire_reading(self) -> None:
        """The request's body takes too long."""
        self.reading_expired = True
        if self.reading is not None:
            self.reading.cancel()

    # Ends that come from elsewhere

    def client_gone(self) -> None:
        """The client left: the upstream is closed at once."""
        exchange = self.exchange
        if exchange.outcome is None:
            if isinstance(self._answer, (Streamed, Relayed)):
                self._answer.settle()
            elif self.connection is not None and not self.stale and exchange.status < 400:
                settle.assume_input(exchange)
        exchange.end(Outcome.CLIENT_GONE)
        self.client_left = True
        if self._leaving is not None and not self._leaving.done():
            self._leaving.set_result(None)
        self.flow.drop()
        self._stop()

    def leaving(self) -> "asyncio.Future[None]":
        """Done when the client has left; for whoever waits for something else meanwhile."""
        if self._leaving is None:
            self._leaving = asyncio.get_running_loop().create_future()
            if self.client_left:
                self._leaving.set_result(None)
        return self._leaving

    def call_expired(self) -> None:
        """The call took too long altogether, whoever is to blame: nothing is tried after it."""
        self.expired = True
        self.upstream_stalled(OVER)

    def upstream_stalled(self, text: str = STALLED) -> None:
        """The upstream said nothing for too long."""
        fault = Fault(FaultKind.STALLED, text, retry_after_s=1)
        if self.connection is not None:
            self.connection.abort()
        self.stale = False
        if self._answer is None:
            self.failed = fault
        else:
            self._lose(self._answer, fault)
        self._finish()

    def _stop(self) -> None:
        if self.connection is not None:
            self.connection.abort()
        self._finish()

    def _finish(self) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def _choose(self, status: int, pairs: headers.Headers) -> Answer:
        exchange = self.exchange
        if exchange.upstream is None:  # the control plane: its answers are our own
            return Raw(exchange, self.flow, status, pairs)
        content_type = headers.value_of(pairs, b"content-type") or b""
        encoding = headers.value_of(pairs, b"content-encoding")
        if 300 <= status < 400 and status != 304:
            return Collected(exchange, self.flow, 502, [], self._clock, refused=REDIRECTED)
        metered, translated = exchange.metered, exchange.translation is not None
        if metered and status == 200 and content_type.startswith(b"text/event-stream"):
            if translated or exchange.dialect is not ANTHROPIC:
                if exchange.stream or not translated:
                    return Relayed(exchange, self.flow, pairs, encoding, self._note_progress, self._clock)
                return Collected(exchange, self.flow, 502, [], self._clock, refused=NOT_A_MESSAGE)
            return Streamed(exchange, self.flow, pairs, encoding, self._note_progress, self._clock)
        if metered and status < 300 and not content_type.startswith(b"application/json"):
            return Collected(exchange, self.flow, 502, [], self._clock, refused=NOT_A_MESSAGE)
        if translated:
            if status < 300 and exchange.stream:
                return Collected(exchange, self.flow, 502, [], self._clock, refused=NOT_A_MESSAGE)
            return Translated(exchange, self.flow, status, pairs, self._clock)
        held = metered or exchange.surface is Surface.COUNT_TOKENS or exchange.reshape is not None
        if status >= 400 or (held and content_type.startswith(b"application/json")):
            return Collected(exchange, self.flow, status, pairs, self._clock)
        return Raw(exchange, self.flow, status, pairs)

    def _note_progress(self, output_bytes: int, events: int, record: Callable[[], bytes] | None) -> None:
        row = self.exchange.row
        assert row is not None  # only admitted requests have an answer that is streamed
        # The input first: a worker that dies between the two must not leave an output that is billed beside an estimate of it.
        if record is not None:
            self._rows.rewrite(row, record())
        self._rows.progress(row, output_bytes, events)

    def let_go(self) -> None:
        """Cuts the references between the parts of an ended call, so that they are freed without the garbage collector."""
        self._answer = None
        self.connection = None
        self.flow.let_go()

    def _pause(self) -> None:
        self.flow.slow_since_ns = self._clock.monotonic_ns()
        if self.connection is not None:
            self.connection.pause()

    def _resume(self) -> None:
        if self.connection is not None:
            self.connection.resume()
