"""Connections: the same answer whatever the chunks, the end where it is, and nothing after it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.faults import Fault, FaultKind
from gateway.upstream.transport.http1 import HEAD_BYTES_MAX, Connection, Headers

REQUEST = b"POST / HTTP/1.1\r\nhost: x\r\n\r\n"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"4\r\nabcd\r\n1\r\ne\r\n5;note=x\r\nfghij\r\n0\r\n\r\n"
)
SIZED = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabcdefghij"
EARLY = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"


class Taker:
    """A receiver that remembers, and fails when it is called in a wrong order."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: Headers = []
        self.body = b""
        self.ended = False
        self.fault: Fault | None = None

    def head(self, status: int, headers: Headers) -> None:
        assert not self.status
        self.status, self.headers = status, headers

    def data(self, data: bytes, ended: bool) -> None:
        assert self.status
        assert not self.over
        self.body += data
        self.ended = ended

    def lost(self, fault: Fault) -> None:
        assert not self.over
        self.fault = fault

    @property
    def over(self) -> bool:
        return self.ended or self.fault is not None


class Wire:
    """A connection and the other end of its socket."""

    def __init__(self, connection: Connection, peer: socket.socket, idle_lost: list[Connection]) -> None:
        self.connection = connection
        self.peer = peer
        self.idle_lost = idle_lost

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not holds():  # noqa: ASYNC110 -- anything may be asked for, also what has no event
                await asyncio.sleep(0)

    async def exchange(self, answer: bytes, *, close: bool = False, head_only: bool = False) -> Taker:
        """Sends a request and lets the peer say `answer`; returns once the taker knows how it ended."""
        taker = Taker()
        self.connection.send(REQUEST, b"", taker, head_only=head_only)
        self.peer.sendall(answer)
        assert self.peer.recv(1000).endswith(REQUEST)  # a socket closed with unread bytes in it resets the connection
        if close:
            self.peer.close()
        await self.until(lambda: taker.over)
        return taker


@asynccontextmanager
async def wired() -> AsyncIterator[Wire]:
    ours, peer = socket.socketpair()
    idle_lost: list[Connection] = []
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(lambda: Connection(idle_lost.append), sock=ours)
    try:
        yield Wire(connection, peer, idle_lost)
    finally:
        connection.abort()
        peer.close()
        await asyncio.sleep(0)


def on_wire(test: Callable[[Wire], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        async with wired() as wire:
            await test(wire)

    asyncio.run(run())


@settings(max_examples=120, deadline=None)
@given(st.sampled_from([CHUNKED, SIZED, EARLY + CHUNKED, EARLY + SIZED]), st.data())
def test_any_chunking_gives_the_same_answer(answer: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, len(answer) - 1), max_size=len(answer))))
    taker = Taker()

    async def feed(wire: Wire) -> None:
        wire.connection.send(REQUEST, b"", taker)
        for start, end in zip([0, *cuts], [*cuts, len(answer)], strict=True):
            assert not taker.ended
            wire.connection.data_received(answer[start:end])
        assert wire.connection.reusable

    on_wire(feed)
    assert (taker.status, taker.body, taker.ended, taker.fault) == (200, b"abcdefghij", True, None)
    expected = [b"content-type", b"x-a", b"transfer-encoding"] if answer.endswith(CHUNKED) else [b"content-length"]
    assert [name for name, _ in taker.headers] == expected


@settings(max_examples=80, deadline=None)
@given(st.sampled_from([CHUNKED, SIZED, EARLY + CHUNKED]), st.data())
def test_a_cut_answer_is_lost_wherever_the_cut_is(answer: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(answer) - 1))

    async def cut(wire: Wire) -> None:
        taker = await wire.exchange(answer[:place], close=True)
        assert taker.fault is not None
        assert taker.fault.kind is (FaultKind.TRUNCATED if place else FaultKind.UNREACHABLE)
        assert b"abcdefghij".startswith(taker.body)
        assert not wire.connection.reusable

    on_wire(cut)


def test_a_connection_carries_one_answer_after_another() -> None:
    async def twice(wire: Wire) -> None:
        for answer in (CHUNKED, SIZED, b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 304 Not Modified\r\n\r\n", SIZED):
            taker = await wire.exchange(answer)
            assert taker.ended
            assert wire.connection.reusable
            assert wire.connection.reused

    on_wire(twice)


def test_an_answer_to_head_has_no_body_and_ends_the_connection() -> None:
    async def head(wire: Wire) -> None:
        taker = await wire.exchange(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n", head_only=True)
        assert (taker.status, taker.body) == (200, b"")
        assert not wire.connection.reusable

    on_wire(head)


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    async def to_eof(wire: Wire) -> None:
        taker = await wire.exchange(b"HTTP/1.1 200 OK\r\n\r\nall of it", close=True)
        assert taker.ended
        assert taker.body == b"all of it"
        assert not wire.connection.reusable

    on_wire(to_eof)


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\n"]
)
def test_a_connection_that_the_upstream_wants_closed_is_not_used_again(answer: bytes) -> None:
    async def closing(wire: Wire) -> None:
        await wire.exchange(answer, close=True)
        assert not wire.connection.reusable

    on_wire(closing)


@pytest.mark.parametrize("surplus", [b"H", b"HTTP/1.1 200 OK\r\n", SIZED, b"x", b"\0"])
def test_bytes_after_the_end_of_an_answer_are_never_part_of_the_next(surplus: bytes) -> None:
    async def in_one_read(wire: Wire) -> None:
        taker = Taker()
        wire.connection.send(REQUEST, b"", taker)
        wire.connection.data_received(SIZED + surplus)
        assert (taker.body, taker.ended) == (b"abcdefghij", True)
        assert not wire.connection.reusable

    async def in_two(wire: Wire) -> None:
        await wire.exchange(SIZED)
        wire.peer.sendall(surplus)
        await wire.until(lambda: wire.connection.closed)
        assert wire.idle_lost == [wire.connection]

    on_wire(in_one_read)
    on_wire(in_two)


@pytest.mark.parametrize(
    "answer",
    [
        b"\x16\x03\x01\x02\x00 these bytes are not HTTP\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
    ],
)
def test_what_is_not_http_is_garbled(answer: bytes) -> None:
    async def garbled(wire: Wire) -> None:
        taker = await wire.exchange(answer)
        assert taker.fault is not None
        assert taker.fault.kind is FaultKind.GARBLED
        assert wire.connection.closed

    on_wire(garbled)


@pytest.mark.parametrize("bomb", [b"x-a: " + b"y" * 2000 + b"\r\n", b"y" * 2000])
def test_a_head_without_an_end_is_given_up(bomb: bytes) -> None:
    """Many headers, or one whose end never comes: what is held of it is bounded."""

    async def endless(wire: Wire) -> None:
        taker = Taker()
        wire.connection.send(REQUEST, b"", taker)
        wire.connection.data_received(b"HTTP/1.1 200 OK\r\nx-b: ")
        for _ in range(HEAD_BYTES_MAX // len(bomb) + 2):
            wire.connection.data_received(bomb)
            if taker.fault is not None:
                break
        assert taker.fault is not None
        assert taker.fault.kind is FaultKind.GARBLED
        assert wire.connection.closed

    on_wire(endless)


def test_a_body_that_is_larger_than_a_head_may_be_is_none_of_its_business() -> None:
    async def large(wire: Wire) -> None:
        body = b"z" * (HEAD_BYTES_MAX * 2)
        taker = Taker()
        wire.connection.send(REQUEST, b"", taker)
        wire.connection.data_received(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        assert taker.ended
        assert taker.body == body

    on_wire(large)


def test_a_connection_paused_by_the_last_piece_of_an_answer_reads_the_next_one() -> None:
    async def paused(wire: Wire) -> None:
        class Slow(Taker):
            def data(self, data: bytes, ended: bool) -> None:
                super().data(data, ended)
                wire.connection.pause()

        wire.connection.send(REQUEST, b"", slow := Slow())
        wire.connection.data_received(SIZED)
        assert slow.ended
        assert (await wire.exchange(SIZED)).body == b"abcdefghij"

    on_wire(paused)


def test_a_paused_connection_delivers_nothing_until_it_is_resumed() -> None:
    async def paused(wire: Wire) -> None:
        wire.connection.send(REQUEST, b"", taker := Taker())
        wire.peer.sendall(SIZED[:-4])
        await wire.until(lambda: bool(taker.body))
        wire.connection.pause()
        wire.peer.sendall(SIZED[-4:])
        for _ in range(20):
            await asyncio.sleep(0)
        assert not taker.over
        wire.connection.resume()
        await wire.until(lambda: taker.ended)

    on_wire(paused)


def test_a_request_on_a_connection_that_has_just_closed_is_lost_at_once() -> None:
    """Between opening and sending the loop turns, and an upstream may close in that moment."""

    async def closed(wire: Wire) -> None:
        wire.peer.close()
        await wire.until(lambda: wire.connection.closed)
        sent, started = Taker(), Taker()
        wire.connection.send(REQUEST, b"", sent)
        wire.connection.start(REQUEST, started)
        for taker in (sent, started):
            assert taker.fault is not None
            assert taker.fault.kind is FaultKind.UNREACHABLE

    on_wire(closed)


def test_after_an_abort_the_receiver_hears_nothing() -> None:
    async def aborted(wire: Wire) -> None:
        wire.connection.send(REQUEST, b"", taker := Taker())
        wire.connection.abort()
        wire.connection.abort()
        for _ in range(5):
            await asyncio.sleep(0)
        assert not taker.over
        assert wire.idle_lost == []
        assert repr(wire.connection) == "<Connection closed>"

    on_wire(aborted)


def test_two_requests_at_once_are_a_bug() -> None:
    async def twice(wire: Wire) -> None:
        wire.connection.send(REQUEST, b"", Taker())
        with pytest.raises(RuntimeError, match="busy"):
            wire.connection.send(REQUEST, b"", Taker())

    on_wire(twice)
