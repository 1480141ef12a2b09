"""What an upstream may get wrong, each with a stated result: odd waits, odd error bodies, errors that look like answers,
redirects, another model than was asked for. For clients that speak as the upstream does, and those whose answers are translated.
"""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.core.faults import FaultKind
from gateway.core.outcome import Outcome
from gateway.simulator.server import Simulator
from tests.dataplane.house import Client, House, conversation, house, question
from tests.dataplane.sse import events
from tests.dataplane.test_failover import PROVIDERS, ROUTE, SECOND

LIMIT = b'{"type":"error","error":{"type":"rate_limit_error","message":"Slow down"}}'
OVERLOAD = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded for now"}}'
SPENT = b'{"type":"message","model":"claude-haiku-4-5","usage":{"input_tokens":1000,"output_tokens":1000}}'
ANOTHER = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant",'
    b'"model":"claude-haiku-4-5","content":[],"usage":{"input_tokens":1000,"output_tokens":1}}}\n\n'
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n'
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hi"}}\n\n'
    b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1000}}\n\n'
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
)
DAY_S = 86_400
LARGE = 10_000_000


class Upstream:
    """One that answers everything with the same bytes, and counts how often it was asked."""

    def __init__(self, status: str, lines: Sequence[bytes], body: bytes) -> None:
        self.asked = 0
        said = [b"content-length: %d" % len(body), b"connection: close", *lines]
        self._answer = b"HTTP/1.1 %b\r\n%b\r\n\r\n%b" % (status.encode(), b"\r\n".join(said), body)
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            self.asked += 1
            writer.write(self._answer)
            await writer.drain()
        except ConnectionError:
            pass  # the gateway wanted no more of it
        finally:
            writer.close()


@asynccontextmanager
async def answering(status: str, *lines: bytes, body: bytes = b"") -> AsyncIterator[tuple[Upstream, House]]:
    """A worker before such an upstream, which it may try again elsewhere if there were one."""
    upstream = Upstream(status, lines, body)
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    upstream.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, house(upstream.url, pooled=True) as worker:
        yield upstream, worker


async def messages(worker: House, **more: Any) -> Client:
    return await worker.ask(Client(conversation(**more)))


async def chat(worker: House, **more: Any) -> Client:
    """The same in a dialect that has to be translated."""
    return await worker.ask(Client(question(**more)), path="/v1/chat/completions")


CLIENTS = pytest.mark.parametrize("ask", [messages, chat])
Ask = Callable[..., Any]


def text_of(client: Client) -> str:
    """The text of an error in either dialect's envelope; AssertionError when the body is none."""
    document = json.loads(client.body)
    assert isinstance(document["error"]["message"], str)
    return str(document["error"]["message"])


@pytest.mark.parametrize(
    ("said", "seen", "translated", "out_s"),
    [
        ("7", "7", "7", 7),
        ("-5", "-5", "0", 1),  # the least there is
        ("99999999999999999999", "99999999999999999999", str(DAY_S), DAY_S),
        ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT", "0", 1),
        ("Fri, 31 Dec 9999 23:59:59 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", str(DAY_S), DAY_S),
        ("soon", "soon", "5", 1),  # as if nothing had been said: our own word to the client, the backoff of the pool
        ("", "", "5", 1),
    ],
)
@CLIENTS
def test_odd_waits(ask: Ask, said: str, seen: str, translated: str, out_s: int) -> None:
    """The client gets what the upstream wrote, translated in seconds; the pool waits a second at least, a day at most."""

    async def main() -> None:
        lines = (b"content-type: application/json", b"retry-after: " + said.encode())
        async with answering("429 Too Many Requests", *lines, body=LIMIT) as (upstream, worker):
            first = await ask(worker)
            assert (first.status, text_of(first)) == (429, "Slow down")
            assert first.headers.get("retry-after") == (seen if ask is messages else translated)
            second = await ask(worker)
            assert (second.status, text_of(second)) == (429, "Slow down")
            assert out_s - 1 <= int(second.headers["retry-after"]) <= out_s
            assert upstream.asked == 1  # the second caller was told without a call

    asyncio.run(main())


PAGE = b"<html><body>nginx</body></html>"
BODIES: dict[str, tuple[tuple[bytes, ...], bytes]] = {
    "html": ((b"content-type: text/html",), PAGE),
    "empty": ((), b""),
    "empty-of-json": ((b"content-type: application/json",), b""),
    "gzip": ((b"content-type: application/json", b"content-encoding: gzip"), gzip.compress(LIMIT, mtime=0)),
    "gzip-cut": ((b"content-type: application/json", b"content-encoding: gzip"), gzip.compress(LIMIT, mtime=0)[:9]),
    "no-gzip": ((b"content-type: application/json", b"content-encoding: gzip"), LIMIT),
    "unknown-encoding": ((b"content-type: application/json", b"content-encoding: br"), LIMIT),
    "bomb": ((b"content-type: application/json", b"content-encoding: gzip"), gzip.compress(bytes(LARGE), mtime=0)),
    "ten-megabytes": ((b"content-type: application/json",), b'{"error":{"message":"' + b"x" * LARGE + b'"}}'),
    "half-json": ((b"content-type: application/json",), b'{"error": {"mess'),
    "no-object": ((b"content-type: application/json",), b"[1]"),
}
# Of these nothing is left that could be shown, so the client is told in words of ours.
OURS = {"empty", "empty-of-json", "gzip-cut", "no-gzip", "unknown-encoding", "ten-megabytes"}


@pytest.mark.parametrize("name", BODIES)
@CLIENTS
def test_odd_error_bodies(ask: Ask, name: str) -> None:
    """They count by their status and its `retry-after`, which the client gets, never with more than a megabyte."""

    async def main() -> None:
        lines, body = BODIES[name]
        async with answering("429 Too Many Requests", b"retry-after: 9", *lines, body=body) as (upstream, worker):
            client = await ask(worker)
            settled = worker.one_settled()
            assert (client.status, client.headers["retry-after"]) == (429, "9")
            assert (settled.outcome, settled.fault, settled.cost_nanodollars) == (Outcome.REJECTED, FaultKind.NONE, 0)
            assert len(client.body) <= 1024 * 1024
            assert "content-encoding" not in client.headers
            assert int(client.headers["content-length"]) == len(client.body)
            if name == "gzip":
                assert text_of(client) == "Slow down"
            elif name in OURS or ask is chat:
                assert len(text_of(client)) <= 5000
                assert client.headers["content-type"].startswith("application/json")
            if name in OURS:
                assert text_of(client) == "The upstream answered with status 429."
            elif ask is messages and name not in ("gzip", "bomb"):
                assert client.body == body  # passed on
            second = await ask(worker)
            assert (second.status, upstream.asked) == (429, 1)
            assert 8 <= int(second.headers["retry-after"]) <= 9

    asyncio.run(main())


@CLIENTS
def test_an_error_of_ten_megabytes_goes_elsewhere(ask: Ask) -> None:
    async def main() -> None:
        bad = Upstream("500 Internal Server Error", (), b"x" * LARGE)
        server = await asyncio.start_server(bad.serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server, Simulator(script="text_tokens=3") as second:
            providers = PROVIDERS.format(url, "anthropic", second.url)
            async with house(url, providers=providers, models=ROUTE.format(""), pooled=True, SECOND_KEY=SECOND) as worker:
                client = await ask(worker)
                assert (client.status, client.headers["x-gateway-provider"]) == (200, "second")
                assert client.headers["x-gateway-attempts"] == "2"

    asyncio.run(main())


@CLIENTS
def test_an_error_inside_a_200_goes_elsewhere(ask: Ask) -> None:
    async def main() -> None:
        bad = Upstream("200 OK", (b"content-type: application/json",), OVERLOAD)
        server = await asyncio.start_server(bad.serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server, Simulator(script="text_tokens=3") as second:
            providers = PROVIDERS.format(url, "anthropic", second.url)
            async with house(url, providers=providers, models=ROUTE.format(""), pooled=True, SECOND_KEY=SECOND) as worker:
                client = await ask(worker)
                assert (client.status, client.headers["x-gateway-provider"]) == (200, "second")

    asyncio.run(main())


@CLIENTS
def test_an_error_inside_a_200_is_never_a_success(ask: Ask) -> None:
    """Where nobody else is to be had it is an error for the client too, in the upstream's words, and nothing is billed."""

    async def main() -> None:
        async with answering("200 OK", b"content-type: application/json", body=OVERLOAD) as (_, worker):
            client = await ask(worker)
            settled = worker.one_settled()
            assert client.status in (503, 529)
            assert text_of(client) == "Overloaded for now"
            assert (settled.outcome, settled.status, settled.cost_nanodollars) == (Outcome.UPSTREAM_DIED, client.status, 0)

    asyncio.run(main())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@CLIENTS
def test_a_redirect_is_never_followed(ask: Ask, status: int) -> None:
    """Nobody calls where it points to, and the client does not learn where that is."""

    async def main() -> None:
        async with Simulator() as elsewhere:
            lines = (b"location: " + elsewhere.url.encode() + b"/v1/messages",)
            async with answering(f"{status} Moved", *lines) as (_, worker):
                client = await ask(worker)
                assert client.status == 502
                assert "location" not in client.headers
                assert elsewhere.url.rpartition(":")[2].encode() not in client.body
                assert text_of(client)
                assert worker.one_settled().fault is FaultKind.GARBLED
                assert not elsewhere.truth

    asyncio.run(main())


@pytest.mark.parametrize("stream", [False, True])
def test_another_model_than_was_asked_for(stream: bool) -> None:
    """Passed on as it came, and billed as the model that was asked for: the operator's route decides the price, not an answer."""

    async def main() -> None:
        kind, body = (b"text/event-stream", ANOTHER) if stream else (b"application/json", SPENT)
        async with answering("200 OK", b"content-type: " + kind, body=body) as (_, worker):
            client = await messages(worker, stream=stream)
            assert client.status == 200
            assert b'"model":"claude-haiku-4-5"' in client.body
            assert not stream or events(client.body)[-1] == "message_stop"
            settled = worker.one_settled()
            rate = worker.worker.tariff.rate("claude-sonnet-4-5", settled.started_ns)
            assert settled.model_served == "claude-sonnet-4-5"
            assert rate is not None
            assert (settled.usage.input_tokens, settled.usage.output_tokens) == (1000, 1000)
            assert settled.cost_nanodollars == rate.cost(settled.usage)

    asyncio.run(main())
