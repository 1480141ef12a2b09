"""Internal: what a worker asks the control plane while a client waits, over a socket of its own."""

import asyncio

from gateway.core.faults import Fault
from gateway.dataplane.body import ClientGone
from gateway.dataplane.headers import Headers
from gateway.dataplane.opening import opened
from gateway.dataplane.passthrough import Passthrough
from gateway.dataplane.worker import Worker

TRIES = 2


class _Held:
    """A receiver that keeps an answer."""

    def __init__(self, done: "asyncio.Future[None]") -> None:
        self.status = 0
        self.pieces: list[bytes] = []
        self.done = done

    def head(self, status: int, headers: Headers) -> None:
        self.status = status

    def data(self, data: bytes, ended: bool) -> None:
        self.pieces.append(data)
        if ended and not self.done.done():
            self.done.set_result(None)

    def lost(self, fault: Fault) -> None:
        self.status = 0
        if not self.done.done():
            self.done.set_result(None)


async def ask(worker: Worker, relay: Passthrough, head: bytes, body: bytes, timeout_s: float | None = None) -> tuple[int, bytes]:
    """Status and body of the answer; status 0 when there was none, or none in time. Raises ClientGone."""
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
            await asyncio.wait((held.done, relay.leaving()), timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            if relay.client_left:
                connection.abort()
                raise ClientGone
        finally:
            if not held.done.done():
                connection.abort()
            connections.give_back(connection)
        if not held.done.done():
            return 0, b""
        if held.status or not connection.reused:
            return held.status, b"".join(held.pieces)
    return 0, b""
