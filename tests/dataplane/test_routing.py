"""Routing: the forms of a request, and how long they are kept."""

import asyncio
import sys

import pytest

from gateway.dataplane.exchange import Exchange
from gateway.dataplane.routing import Form
from gateway.simulator.server import Simulator
from tests.dataplane.house import Client, House, conversation, house, question

PATHS = {"anthropic": "/v1/messages", "openai_chat": "/v1/chat/completions"}


async def open_stream(worker: House, client: Client, path: str, script: str) -> "tuple[asyncio.Task[None], Exchange]":
    """Begins a call; returns once its upstream has the request and the client, where the script lets it, the first frames."""
    scope = worker.scope(sum(map(len, client.pieces)), path=path, x_simulate=script)
    call = asyncio.ensure_future(worker.calls(scope, client.receive, client.send))
    async with asyncio.timeout(5):
        while not worker.worker.watch._live or not client.frames:  # noqa: ASYNC110 -- the client has no event for it
            await asyncio.sleep(0.005)
    (relay,) = worker.worker.watch._live
    return call, relay.exchange


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("speaks", PATHS)
def test_an_open_stream_keeps_nothing_of_its_request(path: str, speaks: str) -> None:
    async def main() -> None:
        async with Simulator() as sim, house(sim.url, dialects=() if speaks == "anthropic" else (speaks,)) as worker:
            text = "what was asked " * 1000
            body = conversation(text, stream=True) if path == "anthropic" else question(text, stream=True)
            held = sys.getrefcount(body)
            client = Client(body)
            call, exchange = await open_stream(worker, client, PATHS[path], "text_tokens=40;hang_at=2600;count=body")
            assert client.status == 200
            assert exchange.request is None
            assert sys.getrefcount(body) == held
            if exchange.translation is not None:
                assert exchange.translation.body == b""
            client.leave()
            async with asyncio.timeout(5):
                await call
            assert worker.one_settled().request_bytes == len(body)

    asyncio.run(main())


def test_what_was_let_go_is_not_sent_again() -> None:
    form = Form("/v1/messages", b"", b"accept: */*\r\n", b"{}")
    form.head = b"POST"
    form.release()
    assert (form.head, form.block, form.body) == (b"", b"", b"")
