"""Watch: the clocks of every answer in flight, in one place.

Owns the ends that nobody announces: a client that reads nothing, an upstream that says nothing, connections grown old. One
timer for all of a worker's calls, because a timer for each would cost 3 us a call.

The client of a call is looked at only once the call has lasted `CLIENT_UNWATCHED_NS`: looking costs two crossings into the
server, most short calls are over by then, and an upstream that must be closed because the client left is closed a
fiftieth of a second later at worst.
"""

import asyncio
from collections import deque

from gateway.core.clock import Clock
from gateway.dataplane.passthrough import Passthrough, Receive
from gateway.settings import Settings
from gateway.state.limits import Limits
from gateway.state.workers import WorkerSlot
from gateway.upstream.connections import Connections

TICK_S = 0.02
CLIENT_UNWATCHED_NS = 20_000_000
SWEEP_EVERY_TICKS = 25
# A client that takes nothing for this long is gone for all we know.
CLIENT_STALL_S = 45.0


class Watch:
    """`begin` and `end` bracket a call, `sent` says that its request is complete; `start` and `stop` bracket the worker."""

    def __init__(
        self, settings: Settings, slot: WorkerSlot, limits: Limits, connections: list[Connections], clock: Clock
    ) -> None:
        self._clock = clock
        self._slot = slot
        self._limits = limits
        self._connections = connections
        self._head_timeout_ns = round(settings.head_timeout_s * 1e9)
        self._idle_timeout_ns = round(settings.idle_timeout_s * 1e9)
        self._body_timeout_ns = round(settings.body_timeout_s * 1e9)
        self._live: set[Passthrough] = set()
        self._unwatched: deque[tuple[int, Passthrough, Receive]] = deque()
        self._ticks = 0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(TICK_S, self._tick)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def begin(self, relay: Passthrough) -> None:
        self._live.add(relay)

    def sent(self, relay: Passthrough, receive: Receive) -> None:
        """The request was read to its end, so the client can be looked at."""
        self._unwatched.append((self._clock.monotonic_ns() + CLIENT_UNWATCHED_NS, relay, receive))

    def end(self, relay: Passthrough) -> None:
        self._live.discard(relay)

    @property
    def live(self) -> int:
        return len(self._live)

    def _tick(self) -> None:
        self.start()
        now_ns = self._clock.monotonic_ns()
        while self._unwatched and self._unwatched[0][0] <= now_ns:
            _, relay, receive = self._unwatched.popleft()
            if relay in self._live:
                relay.watch(receive)
        if self._ticks % SWEEP_EVERY_TICKS == 0:  # the first tick too: its beat says that this worker serves
            self.sweep(now_ns)
        self._ticks += 1

    def sweep(self, now_ns: int) -> None:
        """Ends what has lasted too long, and settles what could not be settled in its time."""
        self._slot.beat(now_ns)
        self._limits.settle_late(now_ns)
        for connections in self._connections:
            connections.close_old()
        for relay in list(self._live):
            slow_since_ns = relay.flow.slow_since_ns
            if relay.reading is not None:
                if now_ns - relay.reading_since_ns > self._body_timeout_ns:
                    relay.expire_reading()
            elif slow_since_ns:
                if now_ns - slow_since_ns > CLIENT_STALL_S * 1e9:
                    relay.client_gone()
                else:
                    relay.last_byte_ns = now_ns  # the upstream waits for us, not we for it
            elif relay.connection is not None and not relay.done.done():
                allowed_ns = self._head_timeout_ns if relay.answer is None else self._idle_timeout_ns
                if now_ns - relay.last_byte_ns > allowed_ns:
                    relay.upstream_stalled()
