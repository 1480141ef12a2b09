"""Watch: the clocks of every answer in flight, in one place.

Owns the ends that nobody announces: a client that reads nothing, an upstream that says nothing, connections grown old. One
timer for all of a worker's calls, because a timer for each would cost 3 us a call.

The client of a call is looked at only once the call has lasted `CLIENT_UNWATCHED_NS`: looking costs two crossings into the
server, most short calls are over by then, and an upstream that must be closed because the client left is closed a
fiftieth of a second later at worst.
"""

import asyncio
from typing import Final

from gateway.core import heap
from gateway.core.clock import Clock
from gateway.dataplane.exchange import Exchange
from gateway.dataplane.passthrough import Passthrough, Receive
from gateway.settings import Settings
from gateway.state.limits import Limits
from gateway.state.workers import WorkerSlot
from gateway.upstream.connections import Connections
from gateway.upstream.silence import Patience, Silence, Verdict, patience

TICK_S: Final = 0.02
CLIENT_UNWATCHED_NS: Final = 20_000_000
SWEEP_EVERY_TICKS: Final = 25
# After so many sweeps without a call, 3 s, a worker gives back the memory that its last calls took: 3 to 7 MB of heap were
# measured, and up to 10 MB of the shared file, whose pages count as the worker's from the first touch on.
REST_SWEEPS: Final = 6
# A client that takes nothing for this long is gone for all we know.
CLIENT_STALL_S: Final = 45.0


class Watch:
    """`begin` and `end` bracket a call, `sent` says that its request is complete; `start` and `stop` bracket the worker."""

    def __init__(
        self, settings: Settings, slot: WorkerSlot, limits: Limits, connections: list[Connections], clock: Clock
    ) -> None:
        self._clock = clock
        self._slot = slot
        self._limits = limits
        self._connections = connections
        self._settings = settings
        self._body_timeout_ns = round(settings.body_timeout_s * 1e9)
        self._live: set[Passthrough] = set()
        # In the order of their times. Left at once when a call ends: what is freed while it is warm is used again.
        self._unwatched: dict[Passthrough, tuple[int, Receive]] = {}
        self._ticks = 0
        self._rested_sweeps = REST_SWEEPS
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
        self._unwatched[relay] = (self._clock.monotonic_ns() + CLIENT_UNWATCHED_NS, receive)

    def end(self, relay: Passthrough) -> None:
        self._live.discard(relay)
        self._unwatched.pop(relay, None)

    @property
    def live(self) -> int:
        return len(self._live)

    def _tick(self) -> None:
        self.start()
        now_ns = self._clock.monotonic_ns()
        while self._unwatched:
            relay = next(iter(self._unwatched))
            due_ns, receive = self._unwatched[relay]
            if due_ns > now_ns:
                break
            del self._unwatched[relay]
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
        self._rested_sweeps = 0 if self._live else self._rested_sweeps + 1
        if self._rested_sweeps == REST_SWEEPS:
            heap.trim()
            self._slot.region.release_pages()
        for relay in list(self._live):
            slow_since_ns = relay.flow.slow_since_ns
            if relay.reading is not None:
                if now_ns - relay.reading_since_ns > self._body_timeout_ns:
                    relay.expire_reading()
            elif slow_since_ns:
                if now_ns - slow_since_ns > CLIENT_STALL_S * 1e9:
                    relay.client_gone()
                else:
                    # The upstream waits for us, not we for it.
                    relay.news_ns = relay.last_byte_ns = now_ns
            elif relay.connection is not None and not relay.done.done():
                self._listen(relay, now_ns // 1_000_000)

    def _listen(self, relay: Passthrough, now_ms: int) -> None:
        """Does what the silence of an answer asks for."""
        silence, answer = relay.silence, relay.answer
        if silence is None:
            silence = relay.silence = Silence(self._patience_of(relay.exchange), relay.exchange.began_ns // 1_000_000)
        if answer is None:
            silence.asked(relay.asked_ns // 1_000_000)
        else:
            silence.progressed(relay.news_ns // 1_000_000)
        if relay.flow.bytes_sent != relay.sent_bytes:
            relay.sent_bytes = relay.flow.bytes_sent
            silence.sent(relay.last_byte_ns // 1_000_000)
        verdict = silence.verdict(now_ms, may_ping=answer is not None and answer.may_ping())
        if verdict is Verdict.STALLED:
            relay.upstream_stalled()
        elif verdict is Verdict.OVER:
            relay.call_expired()
        elif verdict is Verdict.PING and answer is not None:
            answer.ping()
            relay.sent_bytes = relay.flow.bytes_sent
            silence.sent(now_ms)

    def _patience_of(self, exchange: Exchange) -> Patience:
        settings = self._settings
        return patience(
            exchange.model,
            head_timeout_s=settings.head_timeout_s,
            idle_timeout_s=settings.idle_timeout_s,
            call_limit_s=settings.call_limit_s,
        )
