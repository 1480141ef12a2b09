"""Upload: request bodies that are passed on as they come, because they may be larger than what we hold (files, batches).

Owns the pacing between the client and the upstream's socket. Nothing here can be tried again: the body is gone once it is sent.
"""

import asyncio

from gateway.core.faults import Fault, FaultKind
from gateway.dataplane import failover, headers
from gateway.dataplane.body import read_piece, too_large
from gateway.dataplane.exchange import Exchange
from gateway.dataplane.headers import Said
from gateway.dataplane.opening import opened
from gateway.dataplane.passthrough import Passthrough, Receive
from gateway.dataplane.worker import Worker
from gateway.upstream.providers import Upstream
from gateway.upstream.transport.http1 import Connection

# Up to here a body is held whole, which allows a second try on a connection that was just closed.
HELD_BYTES_MAX = 1024 * 1024
# Anthropic takes files of 500 MB; with the frame of a form around them.
UPLOAD_BYTES_MAX = 512 * 1024 * 1024


def is_large(said: Said) -> bool:
    """Whether a body is, or may be, larger than what is held."""
    if said.content_length is None:
        return b"transfer-encoding" in said.notes
    return said.content_length > HELD_BYTES_MAX


async def pass_on(
    worker: Worker,
    exchange: Exchange,
    relay: Passthrough,
    upstream: Upstream,
    query: bytes,
    said: Said,
    receive: Receive,
) -> None:
    """Sends head and body and waits for the end of the answer. Raises Fault: OVERSIZED, SLOW, UNREACHABLE; ClientGone."""
    if said.content_length is not None and said.content_length > UPLOAD_BYTES_MAX:
        raise too_large()
    chunked = said.content_length is None
    block = said.block + b"transfer-encoding: chunked\r\n" if chunked else said.block
    failover.leased(worker, exchange, failover.OTHERS, failover.OTHERS_KEY)
    head = headers.request_head(exchange, upstream, exchange.path, query, block, said.content_length)
    relay.home = upstream.connections
    connection = await opened(relay, upstream.connections, worker.counters)
    exchange.connection = connection
    exchange.attempts += 1
    relay.attach(connection)
    connection.start(head, relay)
    await _pump(worker, exchange, relay, connection, receive, chunked=chunked)
    worker.watch.sent(relay, receive)
    await relay.done
    if relay.stale:
        raise Fault(FaultKind.UNREACHABLE, "The upstream closed the connection before it answered.", retry_after_s=1)
    if relay.failed is not None:
        raise relay.failed


async def _pump(
    worker: Worker, exchange: Exchange, relay: Passthrough, connection: Connection, receive: Receive, *, chunked: bool
) -> None:
    """Passes pieces on until the last one, or until the upstream has answered without waiting for it."""
    more = True
    while more and not relay.done.done():
        # The limit holds for each piece here, not for the whole, which may be large.
        relay.reading_since_ns = relay.asked_ns = relay.news_ns = worker.clock.monotonic_ns()
        piece, more = await read_piece(relay, receive)
        exchange.request_bytes += len(piece)
        if exchange.request_bytes > UPLOAD_BYTES_MAX:
            raise too_large()
        if piece:
            connection.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if connection.drained is not None:
            await asyncio.wait((connection.drained, relay.done), return_when=asyncio.FIRST_COMPLETED)
    if chunked:
        connection.write(b"0\r\n\r\n")
