"""Flow: frames in order, never more than the client takes, and an end to waiting for it."""

import asyncio
from collections.abc import Awaitable, Callable

from gateway.dataplane.flow import Flow
from tests.dataplane.house import Client


class Told:
    """A flow to a client, and what was heard of its pace."""

    def __init__(self, room: int | None) -> None:
        self.client = Client(room=room)
        self.words: list[str] = []
        self.flow = Flow(self.client.send, lambda: self.words.append("slow"), lambda: self.words.append("free"))

    @property
    def bodies(self) -> list[bytes]:
        return [frame["body"] for frame in self.client.frames if "body" in frame]


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(5):
            await test()

    asyncio.run(main())


def test_a_quick_client_gets_every_frame_at_once() -> None:
    async def quick() -> None:
        told = Told(None)
        told.flow.start(200, [])
        told.flow.body(b"a", more=True)
        told.flow.body(b"b", more=False)
        assert [frame["type"] for frame in told.client.frames] == ["http.response.start"] + 2 * ["http.response.body"]
        assert told.flow.closed
        assert told.flow.bytes_sent == 2
        assert told.words == []
        await told.flow.flushed(1)

    run(quick)


def test_a_slow_client_gets_them_in_order_and_is_told_of_once() -> None:
    async def slow() -> None:
        told = Told(2)
        told.flow.start(200, [])
        for letter in b"abcdef":
            told.flow.body(bytes([letter]), more=letter != ord("f"))
        assert told.bodies == [b"a", b"b"]
        assert told.words == ["slow"]
        assert told.flow.slow
        told.client.read_on()
        await told.flow.flushed(1)
        assert b"".join(told.bodies) == b"abcdef"
        assert told.client.is_whole
        assert told.words == ["slow", "free"]
        assert told.flow.slow_since_ns == 0

    run(slow)


def test_nothing_follows_the_end() -> None:
    async def ended() -> None:
        told = Told(None)
        told.flow.start(200, [])
        told.flow.body(b"a", more=False)
        told.flow.body(b"b", more=True)
        assert told.bodies == [b"a"]

    run(ended)


def test_what_waits_for_a_client_that_left_is_forgotten() -> None:
    async def dropped() -> None:
        told = Told(1)
        told.flow.start(200, [])
        for _ in range(3):
            told.flow.body(b"x", more=True)
        waiting = asyncio.ensure_future(told.flow.flushed(60))
        await asyncio.sleep(0)
        told.flow.drop()
        await waiting
        told.client.read_on()
        await asyncio.sleep(0)
        assert told.bodies == [b"x"]

    run(dropped)


def test_waiting_for_a_client_that_takes_nothing_has_an_end() -> None:
    """R15: the call has ended, and its last frames must not be kept for ever."""

    async def stalled() -> None:
        told = Told(1)
        told.flow.start(200, [])
        told.flow.body(b"x", more=True)
        told.flow.body(b"y", more=False)
        await told.flow.flushed(0.02)
        assert told.bodies == [b"x"]
        assert not told.client.is_whole

    run(stalled)


class SteppedLoop(asyncio.SelectorEventLoop):
    """A loop whose clock stands until it is moved."""

    now_s = 0.0

    def time(self) -> float:
        return self.now_s

    async def pass_s(self, seconds: float) -> None:
        """Lets what is ready come to its rest, moves the clock on, and lets what is due be done."""
        for step_s in (seconds, 0):
            for _ in range(5):
                await asyncio.sleep(0)
            self.now_s += step_s


def test_a_client_that_takes_a_little_now_and_then_is_waited_for() -> None:
    loop = SteppedLoop()

    async def dripping() -> None:
        told = Told(1)
        told.flow.start(200, [])
        for letter in b"abcde":
            told.flow.body(bytes([letter]), more=letter != ord("e"))
        waiting = asyncio.ensure_future(told.flow.flushed(45.0))
        for _ in range(5):
            await loop.pass_s(44.9)
            [taken] = [one for one in told.client._stalled if not one.done()]  # what the server would let go
            taken.set_result(None)
        await waiting
        assert b"".join(told.bodies) == b"abcde"

    async def stopping() -> None:
        told = Told(1)
        told.flow.start(200, [])
        told.flow.body(b"x", more=True)
        told.flow.body(b"y", more=False)
        waiting = asyncio.ensure_future(told.flow.flushed(45.0))
        await loop.pass_s(44.9)
        assert not waiting.done()
        await loop.pass_s(0.2)
        assert waiting.done()
        assert told.bodies == [b"x"]

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(dripping())
        runner.run(stopping())


def test_after_letting_go_nobody_is_told() -> None:
    async def let_go() -> None:
        told = Told(1)
        told.flow.start(200, [])
        told.flow.body(b"x", more=True)
        told.flow.let_go()
        told.client.read_on()
        await told.flow.flushed(1)
        assert told.words == ["slow"]

    run(let_go)
