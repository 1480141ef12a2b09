"""Flow: frames to one client, in order, never more than the client takes.

Owns the sending end of an ASGI call. Granian's `send` hands a frame over when it is called and returns something already done,
unless four frames wait for a slow client; only then is there anything to wait for, and then the upstream is not read any
further. So nothing is awaited per frame (measured: 19 us an event against 23 with a task switch).
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final

from native_fastpath import keep_headers

Message = dict[str, Any]
Headers = list[tuple[bytes, bytes]]

_NO_NAMES: Final[frozenset[bytes]] = frozenset()
RATE_LIMIT_PREFIXES: Final = (b"anthropic-ratelimit-", b"x-ratelimit-")
Send = Callable[[Message], Awaitable[None]]


class Flow:
    """Frames go out in the order of `put`. `on_slow` and `on_free` tell when the client falls behind and when it caught up."""

    __slots__ = (
        "_flushed",
        "_gone",
        "_on_free",
        "_on_slow",
        "_pending",
        "_send",
        "_waiting",
        "bytes_sent",
        "closed",
        "closes_after",
        "slow_since_ns",
        "standing",
        "started",
    )

    def __init__(self, send: Send, on_slow: Callable[[], None], on_free: Callable[[], None]) -> None:
        self._send = send
        self._on_slow = on_slow
        self._on_free = on_free
        self._pending: asyncio.Future[None] | None = None
        self._gone = False
        self._flushed: asyncio.Future[None] | None = None
        self._waiting: deque[Message] | None = None  # made when there is something to wait: one takes 800 bytes
        self.started = False
        self.closed = False  # the last frame went out, or the client is gone
        self.closes_after = False  # the connection shall not carry another request
        self.bytes_sent = 0
        self.slow_since_ns = 0
        self.standing: Headers | None = None  # how the caller stands with its limits; told with whatever is answered

    @property
    def slow(self) -> bool:
        return self._pending is not None

    def start(self, status: int, headers: Headers) -> None:
        """Puts the head of the answer."""
        self.started = True
        standing = self.standing
        if standing is not None:
            # What the upstream says of the operator's own limits would be mistaken for the caller's.
            headers = keep_headers(headers, _NO_NAMES, RATE_LIMIT_PREFIXES)
            headers += standing
            self.standing = None
        if self.closes_after:
            headers.append((b"connection", b"close"))
        self.put({"type": "http.response.start", "status": status, "headers": headers})

    def body(self, data: bytes, *, more: bool) -> None:
        """Puts a piece of the body; `more=False` ends the answer."""
        self.bytes_sent += len(data)
        self.put({"type": "http.response.body", "body": data, "more_body": more})
        if not more:
            self.closed = True

    def put(self, message: Message) -> None:
        if self.closed:
            return
        if self._pending is not None:
            if self._waiting is None:
                self._waiting = deque()
            self._waiting.append(message)
            return
        if self._send_now(message):
            self._on_slow()

    def drop(self) -> None:
        """The client is gone: what waits is forgotten."""
        self.closed = True
        self._gone = True
        self._waiting = None
        self._wake()

    def break_off(self) -> None:
        """Ends without an end: when the call returns, the server closes the connection in the middle of the body."""
        self.drop()

    def let_go(self) -> None:
        """Forgets whom to tell; the call has ended."""
        self._on_slow = self._on_free = _nobody

    async def flushed(self, stall_s: float) -> None:
        """Waits until everything put was handed over, or until the client has taken nothing for `stall_s`."""
        loop = asyncio.get_running_loop()
        while self._pending is not None and not self._gone:
            self._flushed = loop.create_future()
            timer = loop.call_later(stall_s, self.drop)
            try:
                await self._flushed
            finally:
                timer.cancel()

    def _send_now(self, message: Message) -> bool:
        """Hands one frame over; True when the client has to be waited for."""
        handed_over: Any = self._send(message)
        # Granian's awaitable for "done already" has nothing of a future; the other one has it all.
        if not hasattr(handed_over, "add_done_callback"):
            return False
        self._pending = handed_over
        handed_over.add_done_callback(self._sent)
        return True

    def _sent(self, _: object) -> None:
        self._pending = None
        while self._waiting and not self.slow:
            self._send_now(self._waiting.popleft())
        self._wake()
        if not self.slow:
            self.slow_since_ns = 0
            self._on_free()

    def _wake(self) -> None:
        flushed, self._flushed = self._flushed, None
        if flushed is not None and not flushed.done():
            flushed.set_result(None)


def _nobody() -> None:
    return
