"""The connections a worker holds to one origin.

Idle ones stand on a stack: last in, first out, so the busiest stay warm and the rest grow old and are closed. The number of
connections is bounded; who comes when all are busy waits in line, and the line is bounded too. Decisions are plain methods;
only `open` waits.
"""

import asyncio
from collections import deque
from typing import Final

from gateway.core.clock import Clock
from gateway.core.faults import Fault, FaultKind
from gateway.upstream.transport.http1 import Connection
from gateway.upstream.transport.origin import Origin

BUSY_RETRY_AFTER_S: Final = 1


class Connections:
    """Free list and bound for one origin. `take` / `open` hand a connection out, `give_back` must be called exactly once for
    each, whatever happened to it."""

    def __init__(self, origin: Origin, clock: Clock, *, max_open: int, idle_s: float, connect_timeout_s: float) -> None:
        self.origin = origin
        self.opened = 0  # connects that succeeded since start
        self.failed = 0  # connects that did not
        self._clock = clock
        self._max_open = max_open
        self._idle_ns = round(idle_s * 1e9)
        self._connect_timeout_s = connect_timeout_s
        self._idle: deque[Connection] = deque()
        self._out = 0  # handed out or being opened
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()

    def __repr__(self) -> str:
        return f"<Connections out={self._out} idle={len(self._idle)} waiting={len(self._waiting)}>"

    @property
    def out(self) -> int:
        return self._out

    def take(self) -> Connection | None:
        """The most recently used idle connection, or None."""
        if not self._idle:
            return None
        oldest_ns = self._clock.monotonic_ns() - self._idle_ns
        while self._idle:
            connection = self._idle.pop()
            if connection.closed:
                continue
            if connection.idle_since_ns < oldest_ns:
                connection.abort()
                continue
            self._out += 1
            return connection
        return None

    async def open(self) -> Connection:
        """A new connection, or one that another request gives back while we wait for room.

        Raises Fault: UNAVAILABLE when the bound is reached and nobody gives back in time, UNREACHABLE when there is no
        connection to be had.
        """
        if self._out + len(self._idle) >= self._max_open and not self._shed_one_idle():
            handed_over = await self._wait_for_room()
            if handed_over is not None:
                return handed_over
        else:
            self._out += 1
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                connection = await self.origin.open(self._forget)
        except BaseException as error:
            self._out -= 1
            self._wake_one()
            if isinstance(error, OSError | TimeoutError):
                self.failed += 1
                raise Fault(FaultKind.UNREACHABLE, "The gateway could not connect to the upstream.", retry_after_s=2) from error
            raise
        self.opened += 1
        return connection

    def give_back(self, connection: Connection) -> None:
        """Takes a connection back: to the next in line, to the stack, or away when it may not be used again."""
        if not connection.reusable:
            connection.abort()
            self._out -= 1
            self._wake_one()
            return
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        self._out -= 1
        connection.idle_since_ns = self._clock.monotonic_ns()
        self._idle.append(connection)

    def close_old(self) -> None:
        """Closes what has been idle for too long. Called by the worker's sweep."""
        oldest_ns = self._clock.monotonic_ns() - self._idle_ns
        while self._idle and (self._idle[0].closed or self._idle[0].idle_since_ns < oldest_ns):
            self._idle.popleft().abort()

    def close(self) -> None:
        """Closes every idle connection."""
        while self._idle:
            self._idle.pop().abort()

    def _shed_one_idle(self) -> bool:
        while self._idle:
            connection = self._idle.popleft()
            if not connection.closed:
                connection.abort()
                return True
        return self._out < self._max_open

    async def _wait_for_room(self) -> Connection | None:
        """A connection handed over, or None: room to open one (already counted in `_out`)."""
        if len(self._waiting) >= self._max_open:
            raise _all_busy()
        waiter: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                return await waiter
        except BaseException as error:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            if waiter.done() and not waiter.cancelled():
                # Handed over in the moment we gave up: pass it on.
                handed_over = waiter.result()
                if handed_over is not None:
                    self.give_back(handed_over)
                else:
                    self._out -= 1
                    self._wake_one()
            if isinstance(error, TimeoutError):
                raise _all_busy() from None
            raise

    def _wake_one(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                self._out += 1
                waiter.set_result(None)
                return

    def _forget(self, connection: Connection) -> None:
        """An idle connection died; rare enough that a linear search costs nothing that matters."""
        try:
            self._idle.remove(connection)
        except ValueError:
            return


def _all_busy() -> Fault:
    return Fault(
        FaultKind.UNAVAILABLE, "All connections to the upstream are busy. Please try again.", retry_after_s=BUSY_RETRY_AFTER_S
    )
