"""Counting: token counts made here when the upstream makes none.

The estimator needs memory and time that no worker has: the control plane runs it, and this asks over its internal socket.
"""

import asyncio

import orjson

from gateway.core.faults import Fault, FaultKind
from gateway.core.outcome import Outcome
from gateway.dataplane.answers import Collected
from gateway.dataplane.attempt import opened
from gateway.dataplane.body import ClientGone
from gateway.dataplane.exchange import Exchange
from gateway.dataplane.headers import Headers
from gateway.dataplane.passthrough import Passthrough
from gateway.dataplane.worker import Worker

NO_COUNT = "Token counting is not available at the moment."
TRIES = 2


def declined(relay: Passthrough) -> bool:
    """Whether the upstream gave no count."""
    return isinstance(relay.answer, Collected) and relay.answer.declined


async def estimate(worker: Worker, exchange: Exchange, relay: Passthrough, body: bytes) -> None:
    """Answers with an estimate. Raises Fault UNAVAILABLE when none can be made, ClientGone."""
    if relay.client_left:
        return
    model = exchange.model_served.encode("utf-8", "replace").decode("latin-1")
    lines = f"POST /internal/count_tokens HTTP/1.1\r\nhost: localhost\r\nx-model: {model}\r\ncontent-length: {len(body)}\r\n\r\n"
    status, answer = await _ask(worker, relay, lines.encode("latin-1"), body)
    if status != 200:
        raise Fault(FaultKind.UNAVAILABLE, NO_COUNT, retry_after_s=1)
    tokens = orjson.loads(answer)["input_tokens"]
    reply = orjson.dumps({"input_tokens": tokens})
    exchange.outcome = Outcome.FINISHED
    exchange.fault = FaultKind.NONE
    exchange.status = 200
    relay.flow.start(
        200,
        [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(reply)),
            (b"request-id", exchange.id_text.encode("ascii")),
            (b"x-token-count-method", b"estimate"),
        ],
    )
    relay.flow.body(reply, more=False)


class _Held:
    """A receiver that keeps a small answer."""

    def __init__(self, done: "asyncio.Future[None]") -> None:
        self.status = 0
        self.body = b""
        self.done = done

    def head(self, status: int, headers: Headers) -> None:
        self.status = status

    def data(self, data: bytes, ended: bool) -> None:
        self.body += data
        if ended and not self.done.done():
            self.done.set_result(None)

    def lost(self, fault: Fault) -> None:
        self.status = 0
        if not self.done.done():
            self.done.set_result(None)


async def _ask(worker: Worker, relay: Passthrough, head: bytes, body: bytes) -> tuple[int, bytes]:
    """Status and body of the answer; status 0 when there was none."""
    connections = worker.internal
    for _ in range(TRIES):
        connection = connections.take()
        try:
            if connection is None:
                connection = await opened(relay, connections, worker.counters)
        except Fault:
            return 0, b""
        held = _Held(asyncio.get_running_loop().create_future())
        try:
            connection.send(head, body, held)
            await asyncio.wait((held.done, relay.leaving()), return_when=asyncio.FIRST_COMPLETED)
            if relay.client_left:
                connection.abort()
                raise ClientGone
        finally:
            if not held.done.done():
                connection.abort()
            connections.give_back(connection)
        if held.status or not connection.reused:
            return held.status, held.body
    return 0, b""
