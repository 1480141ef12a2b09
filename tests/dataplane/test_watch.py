"""Watch: the ends that nobody announces, on a clock that the test moves."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from gateway.core.clock import ManualClock
from gateway.core.faults import FaultKind
from gateway.core.outcome import Outcome
from gateway.dataplane.watch import CLIENT_STALL_S, REST_SWEEPS
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


def test_a_worker_at_rest_gives_the_shared_file_s_pages_back() -> None:
    async def rest(night: Night) -> None:
        path = str(night.worker.shared.path)
        client = Client(conversation())
        call = await night.begin(client, "hang_at=0")
        await night.pass_(601)
        async with asyncio.timeout(5):
            await call
        for _ in range(REST_SWEEPS - 1):
            await night.pass_(0.5)
        assert 0 not in resident_bytes(path)
        await night.pass_(0.5)
        assert 0 in resident_bytes(path)  # the worker's own mapping; the test has another one
        night.worker.one_settled()

    run(rest)


def resident_bytes(path: str) -> list[int]:
    """How much of each of its mappings of a file this process has touched."""
    lines = Path("/proc/self/smaps").read_text().splitlines()
    places = [place for place, line in enumerate(lines) if line.endswith(path)]
    return [next(int(line.split()[1]) * 1024 for line in lines[place:] if line.startswith("Rss:")) for place in places]


PING = b'event: ping\ndata: {"type": "ping"}\n\n'


async def stopped(call: "asyncio.Task[None]") -> None:
    """Ends a call as a worker that stops does."""
    call.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await call


def pings_of(client: Client) -> int:
    return client.body.count(PING)


def test_a_silent_stream_is_pinged_every_15_seconds() -> None:
    """R17: ten minutes after its last word the upstream is still waited for, and the client knows that we live."""

    async def silent(night: Night) -> None:
        client = Client(conversation(stream=True))
        call = await night.begin(client, "text_tokens=9;hang_at=1500;count=body")
        sent, quiet_s = len(client.frames), 0.0
        for _ in range(598):
            await night.pass_(0.5)
            quiet_s = 0.0 if len(client.frames) > sent else quiet_s + 0.5
            sent = len(client.frames)
            assert quiet_s < 15
        assert not call.done()
        assert pings_of(client) == 22  # one of them is the upstream's own
        await night.pass_(2)
        await call
        assert error_event(client.body) == {"type": "timeout_error", "message": "The upstream did not answer in time."}
        assert night.worker.one_settled().fault is FaultKind.STALLED

    run(silent)


def test_what_was_held_back_goes_out_with_the_first_ping() -> None:
    """R17: `message_start` waits for content, but not longer than the client may be left alone."""

    async def held(night: Night) -> None:
        client = Client(conversation(stream=True))
        call = await night.begin(client, "text_tokens=9;hang_at=600;count=body")
        assert not client.frames
        await night.pass_(13)
        assert not client.frames
        await night.pass_(1.5)
        assert client.body.startswith(b"event: message_start\n")
        assert client.body.endswith(PING)
        await stopped(call)
        assert night.worker.one_settled().ttft_us is None

    run(held)


def test_before_the_first_event_a_comment_is_the_sign_of_life() -> None:
    async def nothing(night: Night) -> None:
        client = Client(conversation(stream=True))
        call = await night.begin(client, "hang_at=10;count=body")
        await night.pass_(14)
        assert (client.status, client.body) == (200, b": ping\n\n")
        await stopped(call)

    run(nothing)


def test_nothing_is_sent_before_the_upstream_has_answered_at_all() -> None:
    """A status cannot be taken back; nor is an answer pinged that is no stream."""

    async def no_head(night: Night) -> None:
        for script, stream in (("hang_at=0", True), ("hang_at=20;count=body", False)):
            client = Client(conversation(stream=stream))
            call = await night.begin(client, script)
            await night.pass_(60)
            assert not client.frames
            await stopped(call)

    run(no_head)


class Drip:
    """An upstream whose stream begins, and brings another piece whenever the test says so."""

    def __init__(self, first: bytes) -> None:
        self.first = first
        self.writer: asyncio.StreamWriter | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + self.first)
        self.writer = writer

    async def say(self, piece: bytes) -> None:
        assert self.writer is not None
        self.writer.write(piece)
        await self.writer.drain()
        await asyncio.sleep(0.001)


BEGUN = (
    b'event: message_start\ndata: {"type":"message_start","message":{"model":"m","usage":{"input_tokens":3}}}\n\n'
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}\n\n'
)
WORD = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"b"}}\n\n'


@pytest.mark.parametrize(
    ("pieces", "ends_after_s"),
    [
        ([PING], 300),  # the upstream lives and says nothing
        ([WORD[place : place + 1] for place in range(len(WORD) - 1)], 300),  # a byte now and then, never an event
        ([WORD], 3600),  # as busy as can be
    ],
    ids=["pings", "bytes", "words"],
)
def test_what_is_no_progress_and_the_hard_limit(pieces: list[bytes], ends_after_s: int) -> None:
    """R17: pings only, one byte at a time, and an answer without an end."""

    async def main() -> None:
        drip = Drip(BEGUN)
        clock = ManualClock(wall_ns=1_800_000_000_000_000_000, monotonic_ns=5_000_000_000)
        server = await asyncio.start_server(drip.serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server, house(url, config=CONFIG + "call_limit_s = 3600\n", clock=clock) as worker:
            worker.worker.watch.stop()
            client = Client(conversation(stream=True))
            scope = worker.scope(sum(map(len, client.pieces)))
            call = asyncio.ensure_future(worker.calls(scope, client.receive, client.send))
            while not client.frames:  # noqa: ASYNC110 -- bounded by the test's own deadline
                await asyncio.sleep(0.001)
            passed_s, step_s = 0, 10
            while not call.done() and passed_s <= ends_after_s + step_s:
                await drip.say(pieces[(passed_s // step_s) % len(pieces)])
                clock.advance(step_s)
                passed_s += step_s
                worker.worker.watch.sweep(clock.monotonic_ns())
                await asyncio.sleep(0)
            await asyncio.wait_for(call, 5)
            assert abs(passed_s - ends_after_s) <= 2 * step_s
            assert worker.one_settled().fault is FaultKind.STALLED
            assert error_event(client.body) is not None
            assert drip.writer is not None
            drip.writer.close()

    asyncio.run(main())
