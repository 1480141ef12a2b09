"""Connections to one origin: bounded, handed over in turn, and none lost whatever is cancelled when."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from gateway.core.clock import ManualClock
from gateway.core.faults import Fault, FaultKind
from gateway.upstream.connections import Connections
from gateway.upstream.transport.http1 import Connection, Headers
from gateway.upstream.transport.origin import Origin

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


class Upstream:
    """A server that accepts, answers every request at once, and counts who is connected."""

    def __init__(self) -> None:
        self.clients: set[asyncio.StreamWriter] = set()
        self.accepted = 0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.clients.add(writer)
        self.accepted += 1
        try:
            while await reader.read(1000):
                writer.write(ANSWER)
        except ConnectionResetError:
            pass
        finally:
            self.clients.discard(writer)
            writer.close()


class Ended:
    """A receiver that is told the end."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()

    def head(self, status: int, headers: Headers) -> None: ...

    def data(self, data: bytes, ended: bool) -> None:
        if ended:
            self.ended.set()

    def lost(self, fault: Fault) -> None:
        raise AssertionError(fault)


@asynccontextmanager
async def upstream() -> AsyncIterator[Upstream]:
    made = Upstream()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for writer in list(made.clients):
            writer.close()


def connections_to(
    port: int, *, max_open: int = 2, connect_timeout_s: float = 5.0, clock: ManualClock | None = None
) -> Connections:
    origin = Origin.tcp("127.0.0.1", port, tls=False)
    return Connections(origin, clock or ManualClock(), max_open=max_open, idle_s=50.0, connect_timeout_s=connect_timeout_s)


async def use(connection: Connection) -> Connection:
    """One exchange on it, after which it may be used again."""
    connection.send(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", b"", taker := Ended())
    await asyncio.wait_for(taker.ended.wait(), 5)
    return connection


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 -- anything may be asked for, also what has no event
            await asyncio.sleep(0)


def run(test: Callable[[Upstream], Awaitable[None]]) -> None:
    async def main() -> None:
        async with upstream() as made:
            await test(made)

    asyncio.run(main())


def test_the_connection_used_last_is_used_next() -> None:
    async def last_first(made: Upstream) -> None:
        connections = connections_to(made.port)
        first, second = await use(await connections.open()), await use(await connections.open())
        connections.give_back(first)
        connections.give_back(second)
        assert repr(connections) == "<Connections out=0 idle=2 waiting=0>"
        assert connections.take() is second
        assert connections.take() is first
        assert connections.take() is None
        assert made.accepted == 2

    run(last_first)


def test_one_that_was_idle_too_long_is_closed() -> None:
    async def grow_old(made: Upstream) -> None:
        clock = ManualClock()
        connections = connections_to(made.port, clock=clock)
        old, young = await use(await connections.open()), await use(await connections.open())
        connections.give_back(old)
        clock.advance(49)
        connections.give_back(young)
        clock.advance(2)
        connections.close_old()
        assert old.closed
        assert connections.take() is young
        connections.give_back(young)
        clock.advance(51)
        assert connections.take() is None
        assert young.closed
        await until(lambda: not made.clients)

    run(grow_old)


def test_one_that_the_upstream_closed_while_idle_is_forgotten() -> None:
    async def closed(made: Upstream) -> None:
        connections = connections_to(made.port)
        connections.give_back(await use(await connections.open()))
        for writer in list(made.clients):
            writer.close()
        await until(lambda: "idle=0" in repr(connections))
        assert connections.take() is None
        assert connections.out == 0

    run(closed)


def test_one_in_the_middle_of_an_answer_is_closed_and_not_kept() -> None:
    async def unfinished(made: Upstream) -> None:
        connections = connections_to(made.port)
        connection = await connections.open()
        connection.send(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", b"", Ended())
        connections.give_back(connection)
        assert connection.closed
        assert repr(connections) == "<Connections out=0 idle=0 waiting=0>"

    run(unfinished)


def test_who_comes_when_all_are_busy_waits_in_line() -> None:
    async def in_line(made: Upstream) -> None:
        connections = connections_to(made.port)
        first, second = await use(await connections.open()), await use(await connections.open())
        waiting = [asyncio.ensure_future(connections.open()) for _ in range(2)]
        await until(lambda: "waiting=2" in repr(connections))
        with pytest.raises(Fault) as refused:  # the line is as long as the bound
            await connections.open()
        assert refused.value.kind is FaultKind.UNAVAILABLE
        connections.give_back(first)
        assert await waiting[0] is first
        second.abort()
        connections.give_back(second)  # room for a new one
        assert await waiting[1] not in (first, second)
        assert connections.out == 2
        assert made.accepted == 3

    run(in_line)


def test_waiting_ends_with_the_connect_timeout_and_leaves_no_place_taken() -> None:
    async def too_long(made: Upstream) -> None:
        connections = connections_to(made.port, max_open=1, connect_timeout_s=0.02)
        held = await use(await connections.open())
        for _ in range(3):
            with pytest.raises(Fault) as refused:
                await connections.open()
            assert refused.value.kind is FaultKind.UNAVAILABLE
            assert repr(connections) == "<Connections out=1 idle=0 waiting=0>"
        connections.give_back(held)
        assert connections.take() is held

    run(too_long)


def test_no_connection_to_be_had_is_a_fault_and_no_place() -> None:
    async def nobody() -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            connections = connections_to(closed.getsockname()[1])
            for _ in range(4):
                with pytest.raises(Fault) as refused:
                    await connections.open()
                assert refused.value.kind is FaultKind.UNREACHABLE
        assert connections.out == 0
        assert connections.failed == 4

    asyncio.run(nobody())


async def _turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.parametrize("turns", range(12))
def test_opening_may_be_cancelled_at_every_turn_of_the_loop(turns: int) -> None:
    async def cancelled(made: Upstream) -> None:
        connections = connections_to(made.port)
        opening = asyncio.ensure_future(connections.open())
        await _turns(turns)
        opening.cancel()
        [opened] = await asyncio.gather(opening, return_exceptions=True)
        if isinstance(opened, Connection):
            connections.give_back(opened)
        assert connections.out == 0
        await until(lambda: not made.clients)
        assert len([await connections.open() for _ in range(2)]) == 2

    run(cancelled)


@pytest.mark.parametrize("dead", [False, True])
@pytest.mark.parametrize("turns", range(8))
@pytest.mark.parametrize("cancel_first", [False, True])
def test_waiting_may_be_cancelled_at_every_turn_of_a_handover(turns: int, dead: bool, cancel_first: bool) -> None:
    """Whoever gives up in the moment in which he is handed a connection passes it on to the next in line."""

    async def cancelled(made: Upstream) -> None:
        connections = connections_to(made.port)
        held, other = await use(await connections.open()), await use(await connections.open())
        leaver, stayer = asyncio.ensure_future(connections.open()), asyncio.ensure_future(connections.open())
        await until(lambda: "waiting=2" in repr(connections))
        if dead:
            held.abort()
        if cancel_first:
            leaver.cancel()
            await _turns(turns)
            connections.give_back(held)
        else:
            connections.give_back(held)
            await _turns(turns)
            leaver.cancel()
        [left] = await asyncio.gather(leaver, return_exceptions=True)
        if isinstance(left, Connection):
            connections.give_back(await use(left))
        got = await asyncio.wait_for(stayer, 5)
        assert connections.out == 2
        connections.give_back(await use(got))
        connections.give_back(other)
        assert repr(connections) == "<Connections out=0 idle=2 waiting=0>"

    run(cancelled)


def test_closing_closes_what_is_idle() -> None:
    async def close(made: Upstream) -> None:
        connections = connections_to(made.port)
        first, second = await use(await connections.open()), await use(await connections.open())
        connections.give_back(first)
        connections.close()
        assert first.closed
        assert not second.closed
        await until(lambda: len(made.clients) == 1)

    run(close)
