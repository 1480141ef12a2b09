"""Connections: HTTP/1.1 on one socket, one request answered at a time.

Owns parsing (httptools), the bounds on what a client may send, keep-alive, `Expect: 100-continue` and the end of every exchange.
Knows no message format: a `Responder` turns a request into a delivery. A framework could not do what a script asks for, which is
to stop at byte n, so the bytes are ours down to the transport.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol, cast

import httptools

from gateway.simulator.delivery import Delivery, Ending
from gateway.simulator.playback import Playback

BODY_BYTES_MAX = 32 * 1024 * 1024  # upstream's limit for messages
FILE_BYTES_MAX = 500 * 1024 * 1024
HEADER_BYTES_MAX = 256 * 1024
PIPELINE_MAX = 64  # requests a client may send ahead before it is not read any further

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_BAD_REQUEST = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: 11\r\nconnection: close\r\n\r\nBad Request"
)


@dataclass(slots=True)
class Request:
    """One request as received. Header names are in lower case; `header` holds the last value of each."""

    method: str = ""
    path: str = ""
    query: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    header: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    keep_alive: bool = True
    is_http10: bool = False
    is_oversized: bool = False
    received_s: float = 0.0  # on the loop's clock

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.path} {len(self.body)} bytes>"


class Overlong(Exception):
    """A head is larger than a client may send."""


class Exchange(Protocol):
    """What a responder hands over for one request."""

    delivery: Delivery

    def ended(self, ending: str, wire_bytes: int) -> None:
        """Called exactly once, however it ends."""


class Responder(Protocol):
    """The other side of a connection: decides what is answered."""

    def respond(self, request: Request) -> Exchange: ...

    def unreadable(self) -> None:
        """Bytes came in that are not HTTP, or too many of them."""


class Connections:
    """The open connections of one server."""

    def __init__(self) -> None:
        self._open: set[Connection] = set()
        self._is_empty = asyncio.Event()
        self._is_empty.set()

    def __len__(self) -> int:
        return len(self._open)

    def __repr__(self) -> str:
        return f"<Connections {len(self._open)}>"

    def add(self, connection: "Connection") -> None:
        self._open.add(connection)
        self._is_empty.clear()

    def discard(self, connection: "Connection") -> None:
        self._open.discard(connection)
        if not self._open:
            self._is_empty.set()

    async def close(self) -> None:
        """Breaks all of them and waits until they are gone."""
        for connection in list(self._open):
            connection.close()
        await self._is_empty.wait()


class Connection(asyncio.Protocol):
    """One client. Created by the server for each accepted socket."""

    def __init__(self, responder: Responder, connections: Connections, loop: asyncio.AbstractEventLoop) -> None:
        self._responder = responder
        self._connections = connections
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[Request] = deque()
        self._request = Request()
        self._target = b""
        self._header_bytes = 0
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._exchange: Exchange | None = None
        self._playback: Playback | None = None
        self._keep_alive = True
        self._is_stopping = False
        self._is_answering = False
        self._is_held = False

    def __repr__(self) -> str:
        return f"<Connection {'busy' if self._exchange else 'idle'}, {len(self._waiting)} waiting>"

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's, so there is nothing to check.
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            if not isinstance(error.__context__, Overlong):
                raise
            self._refuse()
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse()

    def pause_writing(self) -> None:
        if self._playback is not None:
            self._playback.pause()

    def resume_writing(self) -> None:
        if self._playback is not None:
            self._playback.resume()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        self._waiting.clear()
        if self._playback is not None:
            is_hanging = self._playback.delivery.ending is Ending.HANG and self._playback.is_over
            self._playback.stop()
            self._end(Ending.HANG.value if is_hanging else "stopped" if self._is_stopping else "client_gone")

    # httptools callbacks

    def on_message_begin(self) -> None:
        self._request = Request(received_s=self._loop.time())
        self._target = b""
        self._header_bytes = 0
        self._body = []
        self._body_bytes = 0

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > HEADER_BYTES_MAX:
            raise Overlong
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self._request.headers.append((key, text))
        self._request.header[key] = text

    def on_headers_complete(self) -> None:
        request = self._request
        request.method = self._parser.get_method().decode("latin-1")
        request.is_http10 = self._parser.get_http_version() == "1.0"
        path, _, query = self._target.decode("latin-1").partition("?")
        request.path, request.query = path, query
        if request.header.get("expect", "").lower() == "100-continue" and self._transport is not None:
            self._transport.write(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        limit = FILE_BYTES_MAX if self._request.path.startswith("/v1/files") else BODY_BYTES_MAX
        if self._body_bytes <= limit:
            self._body.append(body)
        else:
            # Read to the end and refuse then: a client that is still sending cannot read an answer.
            self._request.is_oversized = True
            self._body.clear()

    def on_message_complete(self) -> None:
        request = self._request
        request.body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        request.keep_alive = self._parser.should_keep_alive()
        self._body = []
        self._waiting.append(request)
        self._next()

    # answering

    def _next(self) -> None:
        """Answers what waits, in order, until an answer takes time. Answers that take none come back here, hence the guard."""
        if self._is_answering or self._transport is None:
            return
        self._is_answering = True
        try:
            while self._waiting and self._exchange is None and not self._transport.is_closing():
                self._answer(self._waiting.popleft())
        finally:
            self._is_answering = False
        if len(self._waiting) >= PIPELINE_MAX:
            self._transport.pause_reading()
        elif self._is_held:
            self._transport.resume_reading()
        self._is_held = len(self._waiting) >= PIPELINE_MAX

    def _answer(self, request: Request) -> None:
        assert self._transport is not None
        self._keep_alive = request.keep_alive
        self._exchange = exchange = self._responder.respond(request)
        self._playback = Playback(exchange.delivery, self._transport, self._loop, request.received_s, self._played)
        self._playback.advance()

    def _played(self, ending: Ending) -> None:
        if ending is Ending.HANG:
            return
        is_over = ending is not Ending.FINISH or not self._keep_alive
        self._end(ending.value)
        assert self._transport is not None
        if is_over:
            self._transport.close()
        else:
            self._next()

    def _end(self, ending: str) -> None:
        exchange, playback = self._exchange, self._playback
        self._exchange = self._playback = None
        if exchange is not None and playback is not None:
            exchange.ended(ending, playback.written)

    def _refuse(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._responder.unreadable()
            if self._exchange is None:
                self._transport.write(_BAD_REQUEST)
            self._transport.close()

    def close(self) -> None:
        """Closes the socket now; an exchange in flight ends as stopped."""
        self._is_stopping = True
        if self._transport is not None:
            self._transport.abort()
