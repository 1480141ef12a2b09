"""Opening: a new connection to an upstream, for as long as the client is there to wait for it.

Not compiled, on purpose: a compiled coroutine keeps all its names until whoever awaited it ends, and these would be a task and a
future for every open stream.
"""

import asyncio

from gateway.core.faults import Fault
from gateway.dataplane.body import ClientGone
from gateway.dataplane.passthrough import Passthrough
from gateway.state.counters import Counter, SlotCounters
from gateway.upstream.connections import Connections
from gateway.upstream.transport.http1 import Connection


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
