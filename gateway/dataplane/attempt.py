"""Attempt: sends a request to an upstream and waits until its answer has reached its end.

Owns the choice between an idle connection and a new one, and the one repetition that is always safe: an idle connection that
was closed in the moment of sending, with nothing of an answer seen.
"""

from typing import Final

from gateway.core.faults import Fault, FaultKind
from gateway.dataplane.exchange import Exchange
from gateway.dataplane.opening import opened
from gateway.dataplane.passthrough import Passthrough
from gateway.dataplane.routing import Form
from gateway.state.counters import Counter, SlotCounters
from gateway.upstream.connections import Connections

TRIES: Final = 2


async def attempt(exchange: Exchange, relay: Passthrough, connections: Connections, counters: SlotCounters, form: Form) -> None:
    """One request, one answer; `form` has its head. The connection stands on the exchange as long as it is ours, until `finish`
    gives it back.

    Raises Fault when there is no connection to be had or no answer came over it, ClientGone when the client left before there was
    a connection.
    """
    relay.home = connections
    if not form.head:
        raise RuntimeError("a request that was let go cannot be sent")
    exchange.request = form
    for turn in range(TRIES):
        connection = connections.take() if turn == 0 else None
        if connection is None:
            connection = await opened(relay, connections, counters)
        elif exchange.upstream is not None:
            counters.add(Counter.UPSTREAM_REUSES)
        exchange.connection = connection
        exchange.attempts += 1
        relay.attach(connection)
        connection.send(form.head, form.body, relay, head_only=exchange.method == "HEAD")
        await relay.done
        if relay.failed is not None:
            raise relay.failed
        if not relay.stale:
            return
        exchange.connection = None
        connections.give_back(connection)
    raise Fault(FaultKind.UNREACHABLE, "The upstream closed the connection before it answered.", retry_after_s=1)
