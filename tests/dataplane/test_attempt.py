"""Attempts: an idle connection that was just closed is tried again unseen, and nothing else is."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.core.faults import FaultKind
from gateway.core.outcome import Outcome
from gateway.dataplane.exchange import Exchange
from gateway.dataplane.passthrough import Passthrough
from gateway.simulator.server import Simulator
from gateway.state.record import Surface
from tests.dataplane.house import SECRET, Client, House, conversation, house

MESSAGE = b'{"type":"message","model":"claude-sonnet-4-5","usage":{"input_tokens":3,"output_tokens":2}}'


def whole(status: bytes, *lines: bytes, body: bytes = MESSAGE) -> bytes:
    head = b"".join(line + b"\r\n" for line in lines or (b"content-type: application/json",))
    return b"HTTP/1.1 %b\r\n%bcontent-length: %d\r\n\r\n%b" % (status, head, len(body), body)


OK = whole(b"200 OK")


class Upstream:
    """Says what the test gives it: for each connection a list of answers, then it closes. `asked` counts requests."""

    def __init__(self, connections: list[list[bytes]]) -> None:
        self.connections = connections
        self.asked = 0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in self.connections.pop(0) if self.connections else []:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length: "))
            await reader.readexactly(int(length[16:]))
            self.asked += 1
            writer.write(answer)
        writer.close()


@asynccontextmanager
async def upstream(*connections: list[bytes]) -> AsyncIterator[tuple[Upstream, House]]:
    made = Upstream(list(connections))
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    async with server, house(f"http://127.0.0.1:{made.port}") as worker:
        yield made, worker


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(test())


async def ask(worker: House) -> Client:
    return await worker.ask(Client(conversation()))


def test_a_connection_closed_while_idle_is_replaced_unseen() -> None:
    """The upstream reads the second request on the first connection and closes it without a word."""

    async def stale() -> None:
        async with upstream([OK, b""], [OK]) as (made, worker):
            assert (await ask(worker)).status == 200
            assert (await ask(worker)).status == 200
            assert made.asked == 3
            first, second = worker.settled()
            assert (first.attempts, second.attempts) == (1, 2)
            assert second.outcome is Outcome.FINISHED
            worker.assert_nothing_held()

    run(stale)


def test_it_is_tried_only_once_more() -> None:
    async def stale() -> None:
        async with upstream([OK, b""], []) as (_, worker):
            await ask(worker)
            client = await ask(worker)
            assert (client.status, client.error["type"]) == (502, "api_error")
            _, settled = worker.settled()
            assert (settled.attempts, settled.fault) == (2, FaultKind.UNREACHABLE)
            assert settled.usage.total_input_tokens == 0
            worker.assert_nothing_held()

    run(stale)


@pytest.mark.parametrize("began", [b"H", b"HTTP/1.1 200 OK\r\n", OK[:-1]])
def test_an_answer_that_began_is_not_asked_for_again(began: bytes) -> None:
    """R7: the upstream may have done the work."""

    async def cut() -> None:
        async with upstream([OK, began], [OK]) as (made, worker):
            await ask(worker)
            assert (await ask(worker)).status == 502
            assert made.asked == 2
            assert worker.settled()[1].attempts == 1
            worker.assert_nothing_held()

    run(cut)


def test_an_upstream_that_hangs_up_at_once_is_no_bug() -> None:
    """It may close before the request is written; that is its fault and not an internal error."""

    async def hang_up() -> None:
        async with upstream() as (_, worker):
            for _ in range(10):
                client = await ask(worker)
                assert (client.status, client.error["type"]) == (502, "api_error")
            assert {one.fault for one in worker.settled()} == {FaultKind.UNREACHABLE}
            worker.assert_nothing_held()

    run(hang_up)


def test_a_redirect_is_not_followed_and_not_shown() -> None:
    async def redirected() -> None:
        async with upstream([whole(b"307 Temporary Redirect", b"location: https://elsewhere.test/")]) as (
            made,
            worker,
        ):
            client = await ask(worker)
            assert client.status == 502
            assert "location" not in client.headers
            assert b"elsewhere" not in client.body
            assert made.asked == 1
            assert worker.one_settled().fault is FaultKind.GARBLED

    run(redirected)


@pytest.mark.parametrize("encoding", [None, "gzip"])
def test_an_error_keeps_its_text_and_loses_our_secrets(encoding: str | None) -> None:
    """R12: credential and host, in body and headers, also in a compressed body."""

    async def refused() -> None:
        text = b'{"type":"error","error":{"type":"invalid_request_error","message":"%b is wrong at 127.0.0.1, use less"}}'
        body = text % SECRET.encode()
        lines = [b"content-type: application/json", b"x-echo: " + SECRET.encode() + b" at 127.0.0.1"]
        if encoding:
            body = gzip.compress(body)
            lines.append(b"content-encoding: gzip")
        async with upstream([whole(b"400 Bad Request", *lines, body=body)]) as (_, worker):
            client = await ask(worker)
            assert client.status == 400
            assert client.body == text.replace(b"127.0.0.1", b"[redacted]") % b"[redacted]"
            assert client.headers["x-echo"] == "[redacted] at [redacted]"
            assert "content-encoding" not in client.headers
            assert worker.one_settled().outcome is Outcome.REJECTED

    run(refused)


@pytest.mark.parametrize("size", [100_000, 100_000_000])
def test_a_compressed_answer_that_unfolds_too_far_is_refused(size: int) -> None:
    """R16: what an upstream's answer costs is bounded, whatever it says about itself."""

    async def bomb() -> None:
        squeeze = zlib.compressobj(9, wbits=31)
        body = squeeze.compress(b'{"usage":{"input_tokens":3,"output_tokens":2},"pad":"')
        body += (
            b"".join(squeeze.compress(b"x" * 100_000) for _ in range(size // 100_000)) + squeeze.compress(b'"}') + squeeze.flush()
        )
        lines = (b"content-type: application/json", b"content-encoding: gzip")
        async with upstream([whole(b"200 OK", *lines, body=body)]) as (_, worker):
            client = await ask(worker)
            settled = worker.one_settled()
            if size < 1_000_000:
                assert client.body == body
                assert settled.usage.output_tokens == 2
            else:
                assert client.status == 502
                assert settled.fault is FaultKind.GARBLED
                assert settled.usage.output_tokens == 0

    run(bomb)


def test_when_all_connections_are_busy_calls_wait_in_line() -> None:
    async def busy() -> None:
        config = "connections_per_upstream_max = 2\n"
        async with Simulator() as made, house(made.url, config=config) as worker:
            calls = [worker.simulated("text_tokens=2;head_ms=50") for _ in range(8)]
            clients = await asyncio.gather(*calls)
            statuses = sorted(client.status for client in clients)
            assert statuses == [200] * 4 + [503] * 4  # two at work, two in line
            refused = next(client for client in clients if client.status == 503)
            assert refused.error["type"] == "overloaded_error"
            assert refused.headers["retry-after"] == "1"
            assert worker.connections.opened == 2
            assert len(worker.settled()) == 8
            worker.assert_nothing_held()

    run(busy)


def test_leaving_the_line_leaves_no_place_taken() -> None:
    async def leave() -> None:
        async with Simulator() as made, house(made.url, config="connections_per_upstream_max = 1\n") as worker:
            first = asyncio.ensure_future(worker.simulated("text_tokens=2;head_ms=200"))
            await asyncio.sleep(0.02)
            client = Client(conversation())
            waiting = asyncio.ensure_future(worker.ask(client))
            await asyncio.sleep(0.06)
            client.leave()
            await waiting
            assert "waiting=0" in repr(worker.connections)
            await first
            assert (await worker.simulated("text_tokens=2")).status == 200
            gone = worker.settled()[0]
            assert (gone.outcome, gone.attempts, gone.usage.total_input_tokens) == (Outcome.CLIENT_GONE, 0, 0)
            worker.assert_nothing_held()

    run(leave)


def test_a_compressed_answer_that_is_cut_is_refused() -> None:
    async def cut() -> None:
        lines = (b"content-type: application/json", b"content-encoding: gzip")
        async with upstream([whole(b"200 OK", *lines, body=gzip.compress(MESSAGE)[:-5])]) as (_, worker):
            assert (await ask(worker)).status == 502
            assert worker.one_settled().fault is FaultKind.GARBLED

    run(cut)


def test_a_compressed_stream_that_unfolds_too_far_ends_in_an_error() -> None:
    """R16: an event of 100 MB in 100 kB; nothing of it is held or passed on."""

    async def bomb() -> None:
        squeeze = zlib.compressobj(9, wbits=31)
        body = squeeze.compress(b'event: message_start\ndata: {"type":"message_start"}\n\nevent: ping\ndata: ')
        body += b"".join(squeeze.compress(b"x" * 100_000) for _ in range(1000))
        body += squeeze.compress(b'\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n') + squeeze.flush()
        lines = (b"content-type: text/event-stream", b"content-encoding: gzip")
        async with upstream([whole(b"200 OK", *lines, body=body)]) as (_, worker):
            client = await ask(worker)
            assert client.status == 502
            assert b"message_stop" not in client.body
            assert worker.one_settled().outcome is Outcome.UPSTREAM_DIED

    run(bomb)


def test_a_client_that_leaves_between_two_tries_is_noticed() -> None:
    """R2: the first connection was stale, the second is not open yet; the call is over for the client all the same."""

    async def leave() -> None:
        async with upstream() as (_, worker):
            client = Client()
            exchange = Exchange(Surface.MESSAGES, "POST", "/v1/messages", 0, 0)
            relay = Passthrough(exchange, client.send, worker.worker.rows, worker.worker.clock)
            relay.stale = True
            relay.done.set_result(None)
            client.pieces.clear()
            relay.watch(client.receive)
            client.leave()
            await asyncio.wait_for(relay.leaving(), 1)
            assert exchange.outcome is Outcome.CLIENT_GONE

    run(leave)
