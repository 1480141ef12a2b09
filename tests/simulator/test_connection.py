import asyncio
import json
import socket
import struct
from collections.abc import Callable

import pytest

from gateway.simulator import Simulator, connection
from gateway.simulator.playback import WRITE_BYTES_MAX

from .wire import ask, connect, conversation, exchange, parse, request, simulated


async def _until(condition: Callable[[], bool], timeout_s: float = 5.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110  # nothing signals these conditions, and the deadline bounds the loop
            await asyncio.sleep(0.001)


def test_one_connection_serves_many_requests() -> None:
    async def run() -> None:
        async with Simulator() as sim:
            raw = await exchange(
                sim.url,
                request(conversation("one"), close=False)
                + request(conversation("two"), close=False)
                + request(conversation("three")),
            )
            answers = []
            while raw:
                answer = parse(raw)
                answers.append(answer.json["content"][0]["text"])
                raw = raw[raw.index(b"\r\n\r\n") + 4 + len(answer.payload) :]
            assert [word for word, text in zip(("one", "two", "three"), answers, strict=True) if f'"{word}"' in text] == [
                "one",
                "two",
                "three",
            ]

    asyncio.run(run())


def test_pipelined_requests_are_answered_one_after_the_other() -> None:
    async def run() -> None:
        async with Simulator() as sim:
            count = connection.PIPELINE_MAX * 2
            sent = [
                simulated("ttft_ms=1", conversation("x" * 8000), close=False, x_request_tag=str(place)) for place in range(count)
            ]
            raw = await exchange(sim.url, b"".join(sent) + request(method="GET", path="/v1/models"))
            assert raw.count(b"HTTP/1.1 200 OK") == count + 1
            assert [truth.tag for truth in sim.truth[:-1]] == [str(place) for place in range(count)]

    asyncio.run(run())


def test_a_client_that_sends_far_ahead_is_not_read_any_further() -> None:
    async def run() -> None:
        async with Simulator() as sim:
            _, writer = await connect(sim.url)
            writer.write(simulated("hang_at=1", close=False))
            writer.write(request(conversation("x" * 8000), close=False) * 5000)
            await _until(lambda: sim.connections_open == 1)
            (served,) = sim._connections._open
            await _until(lambda: len(served._waiting) >= connection.PIPELINE_MAX)
            for _ in range(200):  # turns of the loop in which everything would be read
                await asyncio.sleep(0)
            assert len(served._waiting) < 3 * connection.PIPELINE_MAX
            writer.transport.abort()

    asyncio.run(run())


def test_a_chunked_request_body_is_read() -> None:
    async def run() -> None:
        async with Simulator() as sim:
            body = json.dumps(conversation("chunky")).encode()
            chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:7], body[7:9], body[9:])) + b"0\r\n\r\n"
            head = request(b"", content_length=None, transfer_encoding="chunked")
            answer = await ask(sim.url, head + chunks)
            assert "chunky" in answer.json["content"][0]["text"]
            assert sim.truth[0].body_bytes == len(body)

    asyncio.run(run())


def test_a_request_may_arrive_byte_by_byte() -> None:
    async def run() -> None:
        async with Simulator() as sim:
            reader, writer = await connect(sim.url)
            for byte in request(conversation("slowly")):
                writer.write(bytes([byte]))
                await asyncio.sleep(0)
            assert "slowly" in parse(await reader.read()).json["content"][0]["text"]
            writer.close()

    asyncio.run(run())


def test_expect_continue_is_answered_before_the_body_comes() -> None:
    async def run() -> None:
        async with Simulator() as sim:
            body = json.dumps(conversation()).encode()
            reader, writer = await connect(sim.url)
            writer.write(request(b"", expect="100-continue", content_length=str(len(body))))
            assert await reader.readexactly(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(body)
            assert parse(await reader.read()).status == 200
            writer.close()

    asyncio.run(run())


def test_http_1_0_gets_a_stream_that_ends_with_the_connection() -> None:
    async def run() -> None:
        async with Simulator() as sim:
            sent = simulated("text_tokens=3", conversation(stream=True), close=False).replace(b"HTTP/1.1", b"HTTP/1.0")
            answer = await ask(sim.url, sent)
            assert "transfer-encoding" not in answer.headers
            assert answer.events[-1][0] == "message_stop"

    asyncio.run(run())


@pytest.mark.parametrize(
    "sent", [b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/9.9\r\n\r\n", b"POST /v1/messages HTTP/1.1\r\nbad header\r\n\r\n"]
)
def test_what_is_not_http_is_refused_and_noted(sent: bytes) -> None:
    async def run() -> None:
        async with Simulator() as sim:
            assert parse(await exchange(sim.url, sent)).status == 400
            assert [truth.ending for truth in await sim.wait_truth(1)] == ["unreadable"]

    asyncio.run(run())


def test_a_huge_head_is_refused() -> None:
    async def run() -> None:
        async with Simulator() as sim:
            assert (
                parse(await exchange(sim.url, request(conversation(), x_big="a" * (connection.HEADER_BYTES_MAX + 1)))).status
                == 400
            )

    asyncio.run(run())


def test_a_body_over_the_limit_is_413(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "BODY_BYTES_MAX", 1000)

    async def run() -> None:
        async with Simulator() as sim:
            assert (await ask(sim.url, request(conversation("x" * 500)))).status == 200
            answer = await ask(sim.url, request(conversation("x" * 5000)))
            assert (answer.status, answer.json["error"]["type"]) == (413, "request_too_large")

    asyncio.run(run())


@pytest.mark.parametrize("way", ["fin", "rst"])
def test_a_client_that_leaves_is_noticed_in_mid_stream(way: str) -> None:
    async def run() -> None:
        async with Simulator() as sim:
            reader, writer = await connect(sim.url)
            writer.write(simulated("text_tokens=50000;tokens_per_s=100;chunk=1", conversation(stream=True, max_tokens=100_000)))
            await reader.readuntil(b"text_delta")
            if way == "rst":
                sock = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.close()
            truth = (await sim.wait_truth(1))[0]
            assert truth.ending == "client_gone"
            assert 0 < truth.output_tokens_sent < 1000
            assert truth.payload_sha256 is None
            await _until(lambda: sim.connections_open == 0)

    asyncio.run(run())


def test_a_client_that_does_not_read_is_not_written_to_without_end() -> None:
    async def run() -> None:
        async with Simulator() as sim:
            reader, writer = await connect(sim.url)
            writer.write(simulated("text_tokens=200000", conversation(stream=True, max_tokens=1_000_000)))
            await reader.readuntil(b"text_delta")
            writer.transport.pause_reading()  # type: ignore[attr-defined]  # the reader's buffer would pause it a little later
            await _until(
                lambda: all(open_._playback is not None and open_._playback.is_paused for open_ in sim._connections._open)
            )
            writer.close()
            truth = (await sim.wait_truth(1))[0]
            assert truth.ending == "client_gone"
            # Socket buffers of both sides, the transport's own and one write; the whole answer has about 30 MB.
            assert truth.wire_bytes_sent < 12_000_000 + WRITE_BYTES_MAX

    asyncio.run(run())


def test_closing_the_server_ends_what_is_open() -> None:
    async def run() -> None:
        sim = Simulator()
        await sim.open()
        reader, writer = await connect(sim.url)
        writer.write(simulated("hang_at=100", close=False))
        await reader.readexactly(100)
        await sim.close()
        assert [truth.ending for truth in sim.truth] == ["hung"]
        assert sim.connections_open == 0
        writer.close()

    asyncio.run(run())


def test_reprs_tell_the_state_and_no_content() -> None:
    assert repr(connection.Request(method="POST", path="/v1/messages", body=b"secret")) == "<Request POST /v1/messages 6 bytes>"
    assert repr(connection.Connections()) == "<Connections 0>"
