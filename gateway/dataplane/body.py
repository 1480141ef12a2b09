"""Request bodies: read whole, bounded in size and in time, decoded if they came compressed.

Refuses to know what a body means. Memory is bounded by what is admitted: the size is known from the head where there is one,
and counted where there is none.
"""

import asyncio
import zlib
from typing import Final

from gateway.core.faults import Fault, FaultKind
from gateway.dataplane.headers import Said
from gateway.dataplane.passthrough import Passthrough, Receive

# Inflating a megabyte takes about two milliseconds; between pieces other requests get their turn.
INFLATE_PIECE_BYTES: Final = 1 << 20


class ClientGone(Exception):
    """The client left before its request was complete."""


async def read(relay: Passthrough, receive: Receive, said: Said, *, bytes_max: int) -> bytes:
    """The body as it came. Raises Fault OVERSIZED or SLOW, ClientGone.

    How long it may take is the watch's business, which looks at `relay.reading`; a timer for each body costs 3 us.
    """
    length = said.content_length
    if length is not None and length > bytes_max:
        raise too_large()
    if length == 0 or (length is None and b"transfer-encoding" not in said.notes):
        return b""
    parts: list[bytes] = []
    size, more = 0, True
    while more and size != length:
        piece, more = await read_piece(relay, receive)
        parts.append(piece)
        size += len(piece)
        if size > bytes_max:
            raise too_large()
    # A compiled coroutine keeps its names for as long as whoever awaited it runs; the body must not live on in them.
    del piece
    return _whole(parts, length)


async def read_piece(relay: Passthrough, receive: Receive) -> tuple[bytes, bool]:
    """The next piece of the body and whether more follow. Raises Fault SLOW, ClientGone."""
    relay.reading = arriving = receive()
    try:
        message = await arriving
    except asyncio.CancelledError:
        if relay.reading_expired:
            raise Fault(FaultKind.SLOW, "The request body did not arrive in time.") from None
        raise
    finally:
        relay.reading = None
    if message["type"] == "http.disconnect":
        raise ClientGone
    return message.pop("body"), message["more_body"]


def _whole(parts: list[bytes], length: int | None) -> bytes:
    body = b"".join(parts)
    parts.clear()
    if length is not None and len(body) != length:
        raise ClientGone
    return body


async def decoded(body: bytes, encoding: bytes | None, *, bytes_max: int) -> bytes:
    """The body without its `Content-Encoding`. Raises Fault: UNSUPPORTED for any but gzip, OVERSIZED, INVALID."""
    if encoding is None or encoding.lower() == b"identity":
        return body
    if encoding.lower() not in (b"gzip", b"x-gzip"):
        raise Fault(FaultKind.UNSUPPORTED, "The Content-Encoding is not supported; send the body plain or with gzip.")
    inflater = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    pieces: list[bytes] = []
    size = 0
    rest = body
    try:
        while not inflater.eof:
            piece = inflater.decompress(rest, INFLATE_PIECE_BYTES)
            rest = inflater.unconsumed_tail
            if not piece and not rest and not inflater.eof:
                raise zlib.error("cut")
            pieces.append(piece)
            size += len(piece)
            if size > bytes_max:
                raise too_large()
            if size >= INFLATE_PIECE_BYTES:
                await asyncio.sleep(0)
    except zlib.error:
        raise Fault(FaultKind.INVALID, "The request body is not valid gzip.") from None
    if inflater.unused_data:
        raise Fault(FaultKind.INVALID, "The request body has bytes after its gzip data.")
    return b"".join(pieces)


def too_large() -> Fault:
    return Fault(FaultKind.OVERSIZED, "Request exceeds the maximum size")
