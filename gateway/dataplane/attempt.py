"""Attempt: sends a request to an upstream and waits until its answer has reached its end.

Owns the choice between an idle connection and a new one, and the one repetition that is always safe: an idle connection that
was closed in the moment of sending, with nothing of an answer seen.
"""

import asyncio

from gateway.core.faults import Fault, FaultKind
from gateway.dataplane.body import ClientGone
from gateway.dataplane.exchange import Exchange
from gateway.dataplane.passthrough import Passthrough
from gateway.state.counters import Counter, SlotCounters
from gateway.upstream.connections import Connections
from gateway.upstream.transport.http1 import Connection

TRIES = 2


async def attempt(
    exchange: Exchange, relay: Passthrough, connections: Connections, counters: SlotCounters, head: bytes, body: bytes
) -> None:
    """One request, one answer. The connection stands on the exchange as long as it is ours; `finish` gives it back.

    Raises Fault when there is no connection to be had or no answer came over it, ClientGone when the client left before there was
    a connection.
    """
    relay.home = connections
    for turn in range(TRIES):
        connection = connections.take() if turn == 0 else None
        if connection is None:
            connection = await opened(relay, connections, counters)
        elif exchange.upstream is not None:
            counters.add(Counter.UPSTREAM_REUSES)
        exchange.connection = connection
        exchange.attempts += 1
        relay.attach(connection)
        connection.send(head, body, relay, head_only=exchange.method == "HEAD")
        await relay.done
        if relay.failed is not None:
            raise relay.failed
        if not relay.stale:
            return
        exchange.connection = None
        connections.give_back(connection)
    raise Fault(FaultKind.UNREACHABLE, "The upstream closed the connection before it answered.", retry_after_s=1)


async def opened(relay: Passthrough, connections: Connections, counters: SlotCounters) -> Connection:
    """A new connection, unless the client leaves first. Only those to upstreams are counted."""
    counted = connections is relay.home and relay.exchange.upstream is not None
    opening = asyncio.ensure_future(connections.open())
    try:
        await asyncio.wait((opening, relay.leaving()), return_when=asyncio.FIRST_COMPLETED)
        if relay.client_left:
            raise ClientGone
        connection = opening.result()
    except BaseException as error:
        opening.cancel()
        opening.add_done_callback(lambda opened: _give_back_late(opened, connections))
        if counted and isinstance(error, Fault):
            counters.add(Counter.UPSTREAM_FAILURES)
        raise
    if counted:
        counters.add(Counter.UPSTREAM_CONNECTS)
    return connection


def _give_back_late(opened: "asyncio.Future[Connection]", connections: Connections) -> None:
    if not opened.cancelled() and opened.exception() is None:
        connections.give_back(opened.result())
