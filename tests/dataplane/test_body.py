"""Request bodies: bounded in size and time, and without their encoding."""

import asyncio
import gzip
import tempfile
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from gateway.core.clock import SystemClock
from gateway.core.faults import Fault, FaultKind
from gateway.dataplane import body, headers
from gateway.dataplane.body import INFLATE_PIECE_BYTES, ClientGone
from gateway.dataplane.exchange import Exchange
from gateway.dataplane.passthrough import Passthrough
from gateway.state.inflight import InflightRows
from gateway.state.record import Surface
from gateway.state.shared import SharedFile
from gateway.state.workers import WorkerSlot


class Arriving:
    """What a server hands over of a body: pieces, then silence or the news that the client has left."""

    def __init__(self, *pieces: bytes, ends: bool = True, leaves: bool = False) -> None:
        self._pieces = list(pieces)
        self._ends = ends
        self._leaves = leaves
        self.asked = 0
        self.is_silent = asyncio.Event()  # somebody waits for what does not come

    def __call__(self) -> "asyncio.Future[dict[str, Any]]":
        self.asked += 1
        arriving: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        if self._pieces:
            piece = self._pieces.pop(0)
            more = bool(self._pieces) or not self._ends
            arriving.set_result({"type": "http.request", "body": piece, "more_body": more})
        elif self._leaves:
            arriving.set_result({"type": "http.disconnect"})
        else:
            self.is_silent.set()
        return arriving


@cache
def rows() -> InflightRows:
    """Rows of a slot that nobody else sees; none is opened."""
    with tempfile.TemporaryDirectory() as folder:
        shared = SharedFile.create(Path(folder) / "shared.map")
        return InflightRows(WorkerSlot.claim(shared, Path(folder)))


def relay() -> Passthrough:
    exchange = Exchange(Surface.MESSAGES, "POST", "/v1/messages", 0, 0)
    return Passthrough(exchange, lambda _: asyncio.sleep(0), rows(), SystemClock())


def read(arriving: Arriving, **said: str) -> bytes:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in said.items()]

    async def run() -> bytes:
        async with asyncio.timeout(5):
            return await body.read(relay(), arriving, headers.read(pairs), bytes_max=100)

    return asyncio.run(run())


def fault_of(arriving: Arriving, **said: str) -> FaultKind:
    with pytest.raises(Fault) as caught:
        read(arriving, **said)
    return caught.value.kind


@pytest.mark.parametrize("pieces", [(b"hello",), (b"he", b"llo"), (b"", b"hello", b""), (b"h", b"e", b"l", b"l", b"o")])
def test_every_chunking_gives_the_same_body(pieces: tuple[bytes, ...]) -> None:
    assert read(Arriving(*pieces), content_length="5") == b"hello"
    assert read(Arriving(*pieces), transfer_encoding="chunked") == b"hello"


def test_no_body_is_not_waited_for() -> None:
    silent = Arriving(ends=False)
    assert read(silent) == b""
    assert read(silent, content_length="0") == b""
    assert silent.asked == 0


def test_a_known_length_is_refused_before_a_byte_is_read() -> None:
    large = Arriving(b"x" * 101)
    assert fault_of(large, content_length="101") is FaultKind.OVERSIZED
    assert large.asked == 0
    assert read(Arriving(b"x" * 100), content_length="100") == b"x" * 100


def test_an_unknown_length_is_counted() -> None:
    endless = Arriving(*[b"x" * 30] * 50, ends=False)
    assert fault_of(endless, transfer_encoding="chunked") is FaultKind.OVERSIZED
    assert endless.asked == 4
    assert read(Arriving(b"x" * 60, b"x" * 40), transfer_encoding="chunked") == b"x" * 100
    assert fault_of(Arriving(b"x" * 101), transfer_encoding="chunked") is FaultKind.OVERSIZED


@pytest.mark.parametrize("said", [{"content_length": "9"}, {"transfer_encoding": "chunked"}])
def test_a_client_that_leaves(said: dict[str, str]) -> None:
    with pytest.raises(ClientGone):
        read(Arriving(b"half", ends=False, leaves=True), **said)
    with pytest.raises(ClientGone):
        read(Arriving(leaves=True), **said)


def test_less_than_the_length_is_no_body() -> None:
    with pytest.raises(ClientGone):
        read(Arriving(b"half"), content_length="9")


def test_a_slow_body_is_ended_by_the_watch() -> None:
    """R15: the reader itself keeps no clock; whoever watches says that it is enough."""

    async def run() -> FaultKind:
        waiting = relay()
        said = headers.read([(b"content-length", b"9")])
        silent = Arriving(b"half", ends=False)
        task = asyncio.create_task(body.read(waiting, silent, said, bytes_max=100))
        await silent.is_silent.wait()
        waiting.expire_reading()
        with pytest.raises(Fault) as caught:
            await task
        return caught.value.kind

    assert asyncio.run(run()) is FaultKind.SLOW


def test_a_cancelled_reader_is_cancelled() -> None:
    """A stopping worker is no slow client."""

    async def run() -> None:
        waiting = relay()
        silent = Arriving(ends=False)
        task = asyncio.create_task(body.read(waiting, silent, headers.read([(b"content-length", b"9")]), bytes_max=99))
        await silent.is_silent.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert waiting.reading is None

    asyncio.run(run())


def decoded(data: bytes, encoding: bytes | None, bytes_max: int = 1000) -> bytes:
    return asyncio.run(body.decoded(data, encoding, bytes_max=bytes_max))


@pytest.mark.parametrize("encoding", [b"gzip", b"GZIP", b"x-gzip"])
def test_gzip(encoding: bytes) -> None:
    assert decoded(gzip.compress(b"hello"), encoding) == b"hello"
    assert decoded(gzip.compress(b""), encoding) == b""
    assert decoded(gzip.compress(b"x" * 1000), encoding) == b"x" * 1000


@pytest.mark.parametrize("encoding", [None, b"identity", b"Identity"])
def test_no_encoding(encoding: bytes | None) -> None:
    data = b"hello"
    assert decoded(data, encoding) is data


@pytest.mark.parametrize("encoding", [b"br", b"deflate", b"zstd", b"gzip, gzip", b"gzip, br", b"", b"gzip;q=1"])
def test_other_encodings(encoding: bytes) -> None:
    with pytest.raises(Fault) as caught:
        decoded(b"x", encoding)
    assert caught.value.kind is FaultKind.UNSUPPORTED


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        gzip.compress(b"hello", mtime=0)[:-1],
        gzip.compress(b"hello", mtime=0)[:5],
        gzip.compress(b"hello", mtime=0) + b"x",
        gzip.compress(b"hello", mtime=0) * 2,
        zlib.compress(b"hello"),
        gzip.compress(b"hello", mtime=0)[:-8] + bytes(8),
    ],
)
def test_broken_gzip(data: bytes) -> None:
    with pytest.raises(Fault) as caught:
        decoded(data, b"gzip")
    assert caught.value.kind is FaultKind.INVALID


def test_a_bomb_is_stopped_at_the_bound() -> None:
    """R16: a thousand times larger than it looks; no more than one piece beyond the bound is ever made of it."""
    bomb = gzip.compress(bytes(64 * INFLATE_PIECE_BYTES))
    assert len(bomb) < 100_000
    with pytest.raises(Fault) as caught:
        decoded(bomb, b"gzip", 2 * INFLATE_PIECE_BYTES)
    assert caught.value.kind is FaultKind.OVERSIZED


def test_others_get_their_turn_while_a_large_body_is_opened() -> None:
    """R16: between the pieces the loop goes on."""

    async def run() -> int:
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(other())
        await body.decoded(gzip.compress(bytes(8 * INFLATE_PIECE_BYTES)), b"gzip", bytes_max=1 << 30)
        task.cancel()
        return turns

    assert asyncio.run(run()) >= 8
