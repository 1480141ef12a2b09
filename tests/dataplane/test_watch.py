"""Watch: the ends that nobody announces, on a clock that the test moves."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gateway.core.clock import ManualClock
from gateway.core.faults import FaultKind
from gateway.core.outcome import Outcome
from gateway.dataplane.watch import CLIENT_STALL_S
from gateway.simulator.server import Simulator
from tests.dataplane.house import Client, House, conversation, house
from tests.dataplane.sse import error_event

STILL_ROUNDS = 10  # looks, ten milliseconds apart, in which nothing may move
CONFIG = "head_timeout_s = 600\nidle_timeout_s = 300\nbody_timeout_s = 60\nidle_connection_s = 55\n"


class Night:
    """A worker whose time stands still until the test lets it pass."""

    def __init__(self, worker: House, upstream: Simulator, clock: ManualClock) -> None:
        self.worker = worker
        self.upstream = upstream
        self.clock = clock

    async def begin(self, client: Client, script: str = "", **more: str) -> "asyncio.Task[None]":
        """Starts a call and returns once it stands still."""
        scope = self.worker.scope(sum(map(len, client.pieces)) or 5000, x_simulate=script, **more)
        call = asyncio.ensure_future(self.worker.calls(scope, client.receive, client.send))
        still, seen = 0, self._standing(client)
        while still < STILL_ROUNDS:
            await asyncio.sleep(0.01)
            now = self._standing(client)
            still, seen = still + 1 if now == seen else 0, now
        assert not call.done()
        return call

    def _standing(self, client: Client) -> tuple[object, ...]:
        """Whatever moves while a call does."""
        relays = self.worker.worker.watch._live
        return len(client.frames), self.upstream.connections_open, [(id(one.answer), id(one.connection)) for one in relays]

    async def pass_(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.worker.worker.watch.sweep(self.clock.monotonic_ns())
        for _ in range(5):
            await asyncio.sleep(0)


def run(test: Callable[[Night], Awaitable[None]]) -> None:
    async def main() -> None:
        clock = ManualClock(wall_ns=1_800_000_000_000_000_000, monotonic_ns=5_000_000_000)
        async with Simulator() as upstream, house(upstream.url, config=CONFIG, clock=clock) as worker:
            worker.worker.watch.stop()
            await test(Night(worker, upstream, clock))

    asyncio.run(main())


@pytest.mark.parametrize(
    ("script", "allowed_s"),
    [("hang_at=0", 600), ("hang_at=40", 600), ("hang_at=10;count=body", 300), ("text_tokens=9;hang_at=1500;count=body", 300)],
)
@pytest.mark.parametrize("stream", [True, False])
def test_an_upstream_that_says_nothing_is_given_up(script: str, allowed_s: float, stream: bool) -> None:
    async def silent(night: Night) -> None:
        if not stream and "1500" in script:
            return
        client = Client(conversation(stream=stream))
        call = await night.begin(client, script)
        await night.pass_(allowed_s - 1)
        assert not call.done()
        await night.pass_(2)
        await call
        settled = night.worker.one_settled()
        assert (settled.outcome, settled.fault) == (Outcome.UPSTREAM_DIED, FaultKind.STALLED)
        if client.status == 200:
            assert error_event(client.body) == {"type": "timeout_error", "message": "The upstream did not answer in time."}
        else:
            assert (client.status, client.error["type"]) == (504, "timeout_error")
        await night.upstream.wait_truth(1)
        assert night.upstream.connections_open == 0

    run(silent)


def test_a_client_that_takes_nothing_is_given_up() -> None:
    """R15: its upstream is let go; what it was sent is billed."""

    async def stalled(night: Night) -> None:
        client = Client(conversation(stream=True, max_tokens=1_000_000), room=2)
        call = await night.begin(client, "text_tokens=50000")
        await asyncio.wait_for(client.stalled.wait(), 10)
        await night.pass_(CLIENT_STALL_S - 1)
        assert not call.done()
        await night.pass_(2)
        await call
        assert not client.is_whole
        settled = night.worker.one_settled()
        assert settled.outcome is Outcome.CLIENT_GONE
        assert settled.usage.output_tokens > 0
        [truth] = await night.upstream.wait_truth(1)
        assert truth.ending == "client_gone"

    run(stalled)


def test_an_upstream_that_waits_for_a_slow_client_is_not_silent() -> None:
    async def slow(night: Night) -> None:
        client = Client(conversation(stream=True, max_tokens=1_000_000), room=2)
        call = await night.begin(client, "text_tokens=20000")
        await asyncio.wait_for(client.stalled.wait(), 10)
        for _ in range(10):
            await night.pass_(CLIENT_STALL_S - 5)
            client._stalled.pop(0).set_result(None)  # takes one frame
            await asyncio.sleep(0.02)
            if not client._stalled:
                break
            assert not call.done()
        client.read_on()
        await asyncio.wait_for(call, 5)
        assert night.worker.one_settled().outcome is Outcome.FINISHED

    run(slow)


def test_a_body_that_does_not_come_is_408() -> None:
    """R15."""

    async def slow(night: Night) -> None:
        client = Client(pieces=[])
        call = await night.begin(client)
        await night.pass_(59)
        assert not call.done()
        await night.pass_(2)
        await call
        assert (client.status, client.error["type"]) == (408, "timeout_error")
        settled = night.worker.one_settled()
        assert (settled.outcome, settled.fault, settled.attempts) == (Outcome.REFUSED, FaultKind.SLOW, 0)
        assert not night.upstream.truth

    run(slow)


def test_old_connections_are_closed() -> None:
    async def old(night: Night) -> None:
        await night.worker.simulated("text_tokens=2")
        assert night.upstream.connections_open == 1
        await night.pass_(56)
        async with asyncio.timeout(5):
            while night.upstream.connections_open:  # noqa: ASYNC110 -- the simulator has no event for it
                await asyncio.sleep(0)

    run(old)


def test_the_workers_heart_beats() -> None:
    async def beat(night: Night) -> None:
        await night.pass_(3)
        slot = night.worker.worker.slot.index
        assert night.worker.shared.workers.heartbeat_ns(slot) == night.clock.monotonic_ns()

    run(beat)
