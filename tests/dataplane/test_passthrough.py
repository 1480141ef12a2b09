"""Pass-through: how every kind of answer ends, for the client and in the books."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gateway.core.faults import FaultKind
from gateway.core.outcome import Outcome
from gateway.core.usage import TOKENS_MAX, Usage
from gateway.simulator.server import Simulator
from gateway.state.record import Flags
from tests.dataplane.house import KEY_ID, Client, House, conversation, house
from tests.dataplane.sse import error_event, events

QUICK = "head_timeout_s = 0.1\nidle_timeout_s = 0.1\n"


def run(test: Callable[[House, Simulator], Awaitable[None]], *, config: str = "", models: str = "") -> None:
    async def main() -> None:
        async with Simulator() as upstream, house(upstream.url, config=config, models=models) as worker:
            await test(worker, upstream)

    asyncio.run(main())


@pytest.mark.parametrize("stream", [True, False])
def test_a_whole_answer_is_billed_as_reported(stream: bool) -> None:
    async def whole(worker: House, upstream: Simulator) -> None:
        client = await worker.simulated("text_tokens=9", stream=stream)
        [truth] = await upstream.wait_truth(1)
        settled = worker.one_settled()
        assert client.status == 200
        assert client.is_whole
        assert settled.outcome is Outcome.FINISHED
        assert settled.fault is FaultKind.NONE
        assert settled.usage == Usage(truth.usage["input_tokens"], 0, 0, 0, truth.usage["output_tokens"])
        assert settled.flags == (Flags.STREAM if stream else Flags.NONE)
        assert (settled.key_id, settled.attempts, settled.status) == (KEY_ID, 1, 200)
        assert settled.response_bytes == len(client.body)
        assert settled.upstream_request_id == client.headers["request-id"]

    run(whole)


# Script, and what becomes of it: with a stream status and fault, without one status and fault. Nothing of these is success.
LOST = {
    "cut_at=0": (502, FaultKind.UNREACHABLE, 502, FaultKind.UNREACHABLE),
    "cut_at=0;cut=rst": (502, FaultKind.UNREACHABLE, 502, FaultKind.UNREACHABLE),
    "cut_at=5": (502, FaultKind.TRUNCATED, 502, FaultKind.TRUNCATED),
    "cut_at=40;count=body": (502, FaultKind.TRUNCATED, 502, FaultKind.TRUNCATED),
    "cut_at=1200;count=body": (200, FaultKind.TRUNCATED, 200, FaultKind.NONE),
    "hang_at=0": (504, FaultKind.STALLED, 504, FaultKind.STALLED),
    "hang_at=300;count=body": (504, FaultKind.STALLED, 504, FaultKind.STALLED),
    "empty": (502, FaultKind.TRUNCATED, 502, FaultKind.GARBLED),
    "malformed=json": (200, FaultKind.NONE, 502, FaultKind.GARBLED),
    "malformed=http": (502, FaultKind.GARBLED, 502, FaultKind.GARBLED),
    "malformed=chunk": (200, FaultKind.GARBLED, 200, FaultKind.NONE),
    "no_stop=message_stop": (200, FaultKind.TRUNCATED, 200, FaultKind.NONE),
    "no_stop=message_delta": (200, FaultKind.TRUNCATED, 200, FaultKind.NONE),
    "error_at=0": (200, FaultKind.FAILED, 200, FaultKind.NONE),
    "error_at=3": (200, FaultKind.FAILED, 200, FaultKind.NONE),
    "error_at=3;status=500": (200, FaultKind.FAILED, 200, FaultKind.NONE),
    "redirect=http://elsewhere.test/": (502, FaultKind.GARBLED, 502, FaultKind.GARBLED),
    "status=401": (503, FaultKind.UNAVAILABLE, 503, FaultKind.UNAVAILABLE),
}


@pytest.mark.parametrize("stream", [True, False])
def test_a_lost_answer_is_never_taken_for_success(stream: bool) -> None:
    """R3: an upstream that dies, stalls or talks nonsense becomes an error in the client's dialect, with one row."""

    async def lost(worker: House, upstream: Simulator) -> None:
        for script, (*streamed, status, kind) in LOST.items():
            expected = streamed if stream else [status, kind]
            client = await worker.simulated(script, stream=stream)
            settled = worker.one_settled()
            assert [client.status, settled.fault] == expected, script
            assert client.is_whole, script
            assert settled.status == client.status, script
            if settled.fault is FaultKind.NONE:
                assert settled.outcome is (Outcome.FINISHED if client.status == 200 else Outcome.REJECTED), script
                continue
            assert settled.outcome is Outcome.UPSTREAM_DIED, script
            if client.status == 200:
                assert error_event(client.body) is not None, script
                assert "message_stop" not in events(client.body), script
            else:
                assert client.error["message"], script
                assert client.headers["x-should-retry"] == "true", script
                assert "location" not in client.headers, script
                assert settled.usage == Usage(), script
        assert upstream.truth

    run(lost, config=QUICK)


def test_what_was_streamed_before_the_upstream_died_is_billed() -> None:
    async def died(worker: House, upstream: Simulator) -> None:
        await worker.simulated("text_tokens=50;cut_at=5000;count=body")
        [truth] = await upstream.wait_truth(1)
        settled = worker.one_settled()
        assert settled.outcome is Outcome.UPSTREAM_DIED
        assert settled.usage.input_tokens == truth.usage["input_tokens"]
        assert 0.6 <= settled.usage.output_tokens / truth.output_tokens_sent <= 1.7
        assert settled.flags == Flags.STREAM | Flags.OUTPUT_ESTIMATED

    run(died)


def test_an_answer_that_is_no_message_is_not_passed_on() -> None:
    """R3: a proxy's page with status 200 is no success."""

    async def page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>")
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(page, "127.0.0.1", 0)
        async with server, house(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as worker:
            client = await worker.ask(Client(conversation()))
            assert client.status == 502
            assert client.error["type"] == "api_error"
            assert worker.one_settled().fault is FaultKind.GARBLED

    asyncio.run(main())


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("figures", ["negative", "huge", "string", "fraction", "null", "missing", "weird"])
def test_figures_that_are_none_are_estimated_and_marked(stream: bool, figures: str) -> None:
    async def weird(worker: House, _: Simulator) -> None:
        await worker.simulated(f"text_tokens=100;usage={figures}", stream=stream)
        settled = worker.one_settled()
        assert settled.flags & Flags.OUTPUT_ESTIMATED
        assert settled.flags & Flags.INPUT_ESTIMATED
        for tokens in (settled.usage.cache_read_tokens, settled.usage.cache_write_5m_tokens, settled.usage.cache_write_1h_tokens):
            assert 0 <= tokens <= TOKENS_MAX
        assert 1 <= settled.usage.input_tokens <= 200
        assert 75 <= settled.usage.output_tokens <= 170

    run(weird)


@pytest.mark.parametrize("script", ["tokens_per_s=20;text_tokens=40", "head_ms=3000", "ttft_ms=3000"])
@pytest.mark.parametrize("stream", [True, False])
def test_when_the_client_leaves_the_upstream_is_closed_at_once(script: str, stream: bool) -> None:
    """R2: input is billed as reported, or marked as estimated when nothing was."""

    async def leave(worker: House, upstream: Simulator) -> None:
        client = Client(conversation(stream=stream))
        call = asyncio.ensure_future(worker.ask(client, x_simulate=script))
        await asyncio.sleep(0.1)  # the request has reached the upstream, and its answer is far from its end
        began_s = asyncio.get_running_loop().time()
        client.leave()
        await call
        [truth] = await upstream.wait_truth(1)
        assert asyncio.get_running_loop().time() - began_s < 1.0
        assert truth.ending == "client_gone"
        settled = worker.one_settled()
        assert settled.outcome is Outcome.CLIENT_GONE
        assert settled.usage.input_tokens > 0
        told = stream and not script.startswith("head_ms")
        assert bool(settled.flags & Flags.INPUT_ESTIMATED) is not told
        assert upstream.connections_open == 0

    run(leave)


def test_a_client_that_leaves_after_an_error_was_told_owes_nothing() -> None:
    async def leave(worker: House, _: Simulator) -> None:
        client = Client(conversation())
        call = asyncio.ensure_future(worker.ask(client, x_simulate="status=500;hang_at=20;count=body"))
        await asyncio.sleep(0.1)
        client.leave()
        await call
        settled = worker.one_settled()
        assert settled.outcome is Outcome.CLIENT_GONE
        assert settled.usage == Usage()

    run(leave)


def test_a_slow_reader_gets_everything_and_the_connection_serves_the_next() -> None:
    """The client falls behind just as the answer ends: reading from the upstream must not stay off."""

    async def slow(worker: House, upstream: Simulator) -> None:
        for room in (1, 2, 3, 4):
            client = Client(conversation(stream=True), room=room)
            call = asyncio.ensure_future(worker.ask(client, x_simulate="text_tokens=5000;split=16000"))
            async with asyncio.timeout(5):
                await client.stalled.wait()
            client.read_on()
            await call
            assert client.is_whole
            assert events(client.body)[-1] == "message_stop"
            assert (await worker.simulated("text_tokens=3")).is_whole
        worker.assert_nothing_held()
        assert all(record.outcome is Outcome.FINISHED for record in worker.settled())
        assert worker.connections.opened == 1
        assert {truth.ending for truth in upstream.truth} == {"finished"}

    run(slow)


def test_an_upstream_is_not_read_further_than_the_client_takes() -> None:
    """R15: what is held for a reader that stalls is bounded."""

    async def stalled(worker: House, upstream: Simulator) -> None:
        client = Client(conversation(stream=True, max_tokens=1_000_000), room=2)
        call = asyncio.ensure_future(worker.ask(client, x_simulate="text_tokens=100000"))
        await asyncio.sleep(0.4)
        handed = sum(len(frame.get("body", b"")) for frame in client.frames)
        assert handed < 2_000_000  # of some 13 MB
        assert not upstream.truth
        client.leave()
        await call
        assert worker.one_settled().outcome is Outcome.CLIENT_GONE

    run(stalled)


def test_another_name_of_the_model_is_echoed_in_a_compressed_answer_too() -> None:
    models = '[aliases]\nmine = "claude-sonnet-4-5"\n'

    async def echoed(worker: House, _: Simulator) -> None:
        for stream in (True, False):
            body = conversation(stream=stream).replace(b"claude-sonnet-4-5", b"mine")
            client = await worker.ask(Client(body), x_simulate="gzip")
            assert client.status == 200, client.body
            assert b'"model":"mine"' in client.body.replace(b'": "', b'":"')
            assert "content-encoding" not in client.headers
            assert worker.one_settled().model_served == "claude-sonnet-4-5"

    run(echoed, models=models)


def test_repr_says_where_a_call_stands() -> None:
    async def look(worker: House, _: Simulator) -> None:
        seen: list[str] = []
        client = Client(conversation(stream=True))
        client.on_frame = lambda: seen.extend(repr(relay) for relay in worker.worker.watch._live)  # the only way to a call's own
        await worker.ask(client, x_simulate="text_tokens=2")
        assert "POST /v1/messages" in seen[0]
        assert "hello" not in "".join(seen)

    run(look)
