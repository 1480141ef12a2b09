"""One HTTP/1.1 connection to an upstream.

Owns the socket, the parsing of answers and the question whether the connection may be used again. Refuses to know what a
request means: it is handed finished bytes and hands what arrives to a `Receiver`, inside `data_received`, so that a streamed
event crosses the process without a task switch.

Bytes that arrive together are handed on together: the parser's pieces of one read are joined and delivered once, with the end
flag if the answer ended in the same read. A failed, cut or cancelled connection is closed and never used again.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

import httptools

from gateway.core.faults import Fault, FaultKind
from native_fastpath import fold_names

# Beyond this an answer's head is an attack or a mistake; the usual head is under 2 kB.
HEAD_BYTES_MAX: Final = 256 * 1024
# Above this size head and body are handed to the socket as two buffers: joining would copy the prompt once more.
JOIN_BYTES_MAX: Final = 64 * 1024

Headers = list[tuple[bytes, bytes]]

_FRAMING: Final = (b"content-length", b"transfer-encoding")
_CONTENT_LENGTH_BYTES: Final = 14
_TRANSFER_ENCODING_BYTES: Final = 17


class Receiver(Protocol):
    """Who takes an answer. Calls come in this order: `head` once, `data` any number of times, and at the end exactly one of
    `data(..., ended=True)` and `lost`. Nothing comes after `Connection.abort`."""

    def head(self, status: int, headers: Headers) -> None: ...

    def data(self, data: bytes, ended: bool) -> None: ...

    def lost(self, fault: Fault) -> None: ...


class Connection(asyncio.Protocol):
    """A connection that carries one exchange at a time.

    `reused` tells whether an earlier answer came over it: only then a loss before the first byte may be an idle connection
    that the upstream had just closed. `on_idle_lost` is called when it dies between exchanges.
    """

    __slots__ = (
        "_body_to_eof",
        "_ended",
        "_head_bytes",
        "_head_only",
        "_headers",
        "_interim",
        "_keep_alive",
        "_on_idle_lost",
        "_parser",
        "_parts",
        "_paused",
        "_receiver",
        "_status",
        "_transport",
        "answered",
        "closed",
        "drained",
        "idle_since_ns",
        "reused",
    )

    def __init__(self, on_idle_lost: Callable[["Connection"], None]) -> None:
        self._on_idle_lost = on_idle_lost
        self._transport: asyncio.Transport | None = None
        self._receiver: Receiver | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._headers: Headers = []
        self._parts: list[bytes] = []
        self._head_bytes = 0
        self._status = 0  # of the current answer; 0 until its head has come
        self._head_only = False
        self._interim = False
        self._body_to_eof = False
        self._keep_alive = False
        self._ended = False
        self._paused = False
        self.answered = False  # a byte of the current answer has arrived
        self.closed = False
        self.reused = False
        self.idle_since_ns = 0
        self.drained: asyncio.Future[None] | None = None  # set while the socket's write buffer is full

    def __repr__(self) -> str:
        state = "closed" if self.closed else "busy" if self._receiver is not None else "idle"
        return f"<Connection {state}{' reused' if self.reused else ''}>"

    @property
    def reusable(self) -> bool:
        """True when the last answer ended whole and both sides are willing to go on."""
        return not self.closed and self._receiver is None and self._keep_alive

    # What a caller does

    def send(self, head: bytes, body: bytes, receiver: Receiver, *, head_only: bool = False) -> None:
        """Writes a request and routes its answer to `receiver`. `head_only` is for HEAD, whose answer has no body."""
        transport = self._begin(receiver, head_only)
        if self.closed:
            self._refuse()
        elif len(body) <= JOIN_BYTES_MAX:
            transport.write(head + body)
        else:
            transport.writelines((head, body))

    def start(self, head: bytes, receiver: Receiver) -> None:
        """Like `send`, for a body that follows in pieces by `write`."""
        transport = self._begin(receiver, False)
        if self.closed:
            self._refuse()
        else:
            transport.write(head)

    def write(self, piece: bytes) -> None:
        """Writes a piece of a body; wait for `drained` (when it is set) before the next."""
        if self._transport is not None and not self.closed:
            self._transport.write(piece)

    def pause(self) -> None:
        """Stops reading: the client takes the answer more slowly than it comes."""
        # After the end of an answer nobody would resume, and the next answer would never be read.
        if not self._paused and self._receiver is not None and self._transport is not None and not self.closed:
            self._paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._paused and self._transport is not None:
            self._paused = False
            if not self.closed:
                self._transport.resume_reading()

    def abort(self) -> None:
        """Closes at once and without a word to the receiver. Safe to call at any time, any number of times."""
        self._receiver = None
        self._keep_alive = False
        if not self.closed:
            self.closed = True
            if self._transport is not None:
                self._transport.abort()

    def _begin(self, receiver: Receiver, head_only: bool) -> asyncio.Transport:
        if self._transport is None or self._receiver is not None:
            raise RuntimeError(f"cannot send on {self!r}")
        self._receiver = receiver
        self._head_only = head_only
        self._headers = []
        self._status = 0
        self._head_bytes = 0
        self._body_to_eof = True  # until a header says where the body ends
        self._keep_alive = False
        self._ended = False
        self.answered = False
        return self._transport

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # a stream transport, by construction

    def pause_writing(self) -> None:
        self.drained = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        drained, self.drained = self.drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    def data_received(self, data: bytes) -> None:
        if self._receiver is None:
            # Bytes nobody asked for: an answer to nothing, or a late one. Either way the framing is lost.
            self._drop_idle()
            return
        self.answered = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(FaultKind.GARBLED, "The upstream switched protocols.")
            return
        except httptools.HttpParserError:
            if not self._ended:
                self._fail(FaultKind.GARBLED, "The upstream's answer is not valid HTTP.")
                return
            self._keep_alive = False
        if self._receiver is not None and (self._parts or self._ended):
            self._deliver()
        elif not self._status:
            # A header that never ends is seen by no callback.
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX:
                self._fail(FaultKind.GARBLED, "The upstream's answer is not valid HTTP.")

    def eof_received(self) -> bool | None:
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        was_closed, self.closed = self.closed, True
        self.resume_writing()
        if self._receiver is None:
            if not was_closed:
                self._on_idle_lost(self)
        elif self._body_to_eof and self._status and exc is None:
            self._ended = True
            self._deliver()
        elif self.answered:
            self._fail(FaultKind.TRUNCATED, "The upstream closed the connection before its answer was complete.")
        else:
            self._refuse()

    # httptools callbacks, all inside feed_data

    def on_message_begin(self) -> None:
        if self._ended:
            raise ValueError("bytes after the end of the answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        size = len(name)
        self._head_bytes += size + len(value)
        if self._head_bytes > HEAD_BYTES_MAX:
            raise ValueError("answer head too large")
        if size in (_CONTENT_LENGTH_BYTES, _TRANSFER_ENCODING_BYTES) and name.lower() in _FRAMING:
            self._body_to_eof = False
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            self._interim = True
            self._headers = []
            self._body_to_eof = True
            return
        self._status = status
        if self._head_only or status in (204, 304):
            self._body_to_eof = False
        if self._receiver is not None:
            fold_names(self._headers)
            self._receiver.head(status, self._headers)
            self._headers = []  # the receiver's now, which lets go of them when it can
        if self._head_only:
            # The parser was not told that this answer has no body, so it cannot be trusted with another one.
            self._ended = True

    def on_body(self, body: bytes) -> None:
        self._parts.append(body)

    def on_message_complete(self) -> None:
        if self._interim:
            self._interim = False
            return
        if not self._head_only:
            self._keep_alive = self._parser.should_keep_alive() and not self._body_to_eof
        self._ended = True

    # Ends

    def _deliver(self) -> None:
        parts = self._parts
        receiver = self._receiver
        if receiver is None:
            return
        if not parts:
            data = b""
        else:
            data = parts[0] if len(parts) == 1 else b"".join(parts)
            self._parts = []
        if self._ended:
            self._receiver = None
            self.reused = True
            receiver.data(data, True)
        else:
            receiver.data(data, False)

    def _fail(self, kind: FaultKind, text: str) -> None:
        receiver, parts = self._receiver, self._parts
        self._parts = []
        self.abort()
        if receiver is not None:
            if parts:
                receiver.data(b"".join(parts), False)
            receiver.lost(Fault(kind, text))

    def _refuse(self) -> None:
        self._fail(FaultKind.UNREACHABLE, "The upstream closed the connection before it answered.")

    def _drop_idle(self) -> None:
        if not self.closed:
            self.abort()
            self._on_idle_lost(self)
