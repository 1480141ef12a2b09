"""Playbacks: one delivery being written to one transport.

Owns the timers and the place in the delivery. Knows no HTTP. No task is started: the loop calls back when a segment is due or
when the transport takes more, so a stream costs one timer at a time. Segments that are due together leave in one write.
"""

import asyncio
import fcntl
import socket
import struct
import termios
from collections.abc import Callable

from gateway.simulator.delivery import Delivery, Ending

WRITE_BYTES_MAX = 65_536  # joined segments of one write; a slow reader then holds back the rest
FLUSH_POLL_S = 0.001
# uvloop rounds to milliseconds and may call early: what is due this soon is due now, or the loop would spin until it is.
TIMER_S = 0.001
_LINGER_ZERO = struct.pack("ii", 1, 0)


class Playback:
    """Writes a delivery and calls `done(ending)` once, unless it is stopped first. `written`: bytes given to the transport."""

    __slots__ = ("_done", "_loop", "_place", "_started_s", "_timer", "_transport", "delivery", "is_paused", "written")

    def __init__(
        self,
        delivery: Delivery,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        started_s: float,
        done: Callable[[Ending], None],
    ) -> None:
        self.delivery = delivery
        self.written = 0
        self._transport = transport
        self._loop = loop
        self._started_s = started_s
        self._done: Callable[[Ending], None] | None = done
        self._place = 0
        self.is_paused = False
        self._timer: asyncio.Handle | None = None

    def __repr__(self) -> str:
        return f"<Playback {self._place}/{len(self.delivery.segments)} segments, {self.written} bytes>"

    @property
    def is_over(self) -> bool:
        """Everything was written, or it was stopped."""
        return self._done is None

    def advance(self) -> None:
        """Writes what is due now and arms a timer for what is not."""
        self._timer = None
        segments, due_s = self.delivery.segments, self.delivery.due_s
        while self._done is not None and not self.is_paused:
            place = self._place
            if place == len(segments):
                self._finish()
                return
            stop = place + 1
            if due_s is not None:
                now_s = self._loop.time() - self._started_s
                if due_s[place] > now_s + TIMER_S:
                    self._timer = self._loop.call_at(self._started_s + due_s[place], self.advance)
                    return
            if not self.delivery.separately:
                size = len(segments[place])
                while stop < len(segments) and size < WRITE_BYTES_MAX and (due_s is None or due_s[stop] <= now_s + TIMER_S):
                    size += len(segments[stop])
                    stop += 1
            self._place = stop
            written = segments[place] if stop == place + 1 else b"".join(segments[place:stop])
            self.written += len(written)
            self._transport.write(written)
            if self.delivery.separately:
                self._timer = self._loop.call_soon(self.advance)
                return

    def pause(self) -> None:
        """The transport's buffer is full."""
        self.is_paused = True

    def resume(self) -> None:
        """The transport takes bytes again."""
        self.is_paused = False
        if self._timer is None:
            self.advance()

    def stop(self) -> None:
        """Nothing more is written and `done` is not called."""
        self._done = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _finish(self) -> None:
        ending = self.delivery.ending
        if ending in (Ending.CUT_FIN, Ending.CUT_RST) and not _is_delivered(self._transport, ending):
            # The promised bytes must have left before the connection breaks, or the cut would come too early.
            self._timer = self._loop.call_later(FLUSH_POLL_S, self.advance)
            return
        done, self._done = self._done, None
        if ending is Ending.CUT_RST:
            reset(self._transport)
        elif ending is Ending.CUT_FIN:
            self._transport.close()
        if done is not None:
            done(ending)


def _is_delivered(transport: asyncio.Transport, ending: Ending) -> bool:
    """Whether a connection may break now. A reset throws away what the kernel still holds, so that must be acknowledged first."""
    if transport.get_write_buffer_size():
        return False
    sock: socket.socket | None = transport.get_extra_info("socket")
    if ending is not Ending.CUT_RST or sock is None or sock.family == socket.AF_UNIX:
        return True
    return fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0\0\0\0") == b"\0\0\0\0"


def reset(transport: asyncio.Transport) -> None:
    """Breaks a TCP connection with a reset instead of an orderly end; a Unix socket is just closed."""
    sock: socket.socket | None = transport.get_extra_info("socket")
    if sock is not None and sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
    transport.abort()
