"""Large bodies are read and translated beside the event loop, small ones on it, with the same outcome."""

import asyncio
import json
import re
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from gateway.core.faults import Fault, FaultKind
from gateway.core.outcome import Outcome
from gateway.dataplane import aside
from gateway.dialects.translation import Translation
from gateway.simulator.server import Simulator
from native_fastpath import IMPLEMENTATION
from tests.dataplane.house import Client, House, conversation, house, question

PATHS = {"anthropic": "/v1/messages", "openai_chat": "/v1/chat/completions"}
OTHER: dict[str, tuple[str, ...]] = {"anthropic": ("openai_chat",), "openai_chat": ()}
LARGE = "word " * (aside.INLINE_BYTES_MAX // 5)
HUGE = LARGE * (aside.OUTLINED_BYTES_MAX // aside.INLINE_BYTES_MAX + 1)
# Its texts are so many, and so short, that an outline has all of them.
DENSE = [{"role": "user", "content": "word"}] * (aside.INLINE_BYTES_MAX // 20)
# An outline is made in C only, and only then is there little left to read of a large text.
BODIES: dict[str, tuple[str, list[dict[str, str]] | None, list[str]]] = {
    "small": ("word", None, []),
    "large": (LARGE, None, ["form"] if IMPLEMENTATION == "native" else ["_checked", "form"]),
    "huge": (HUGE, None, ["_checked", "form"]),
    "dense": ("", DENSE, ["_checked", "form"]),
}


@pytest.mark.parametrize("client", PATHS)
@pytest.mark.parametrize("size", BODIES)
def test_who_reads_and_translates(client: str, size: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text, messages, handed_over = BODIES[size]
    more = {} if messages is None else {"messages": messages}
    works: list[tuple[str, bool]] = []
    done = aside.done

    async def noted(work: "partial[Any]") -> Any:
        def doing() -> Any:
            works.append((work.func.__name__, threading.current_thread() is threading.main_thread()))
            return work()

        return await done(doing)

    async def main() -> None:
        async with Simulator() as sim, house(sim.url, dialects=OTHER[client]) as worker:
            body = conversation(text, **more) if client == "anthropic" else question(text, **more)
            monkeypatch.setattr(aside, "done", noted)
            answer = await worker.ask(Client(body), path=PATHS[client], x_simulate="text_tokens=3")
            assert answer.status == 200
            assert worker.one_settled().request_bytes == len(body)

    asyncio.run(main())
    assert works == [(name, False) for name in handed_over]


@pytest.mark.parametrize("client", PATHS)
def test_a_large_text_is_translated_whole(client: str) -> None:
    async def main() -> None:
        async with Simulator() as sim, house(sim.url, dialects=OTHER[client]) as worker:
            text = LARGE + "the end"
            body = conversation(text) if client == "anthropic" else question(text)
            assert (await worker.ask(Client(body), path=PATHS[client], x_simulate="text_tokens=3")).status == 200
            assert [record.body_bytes > len(text) for record in sim.truth] == [True]

    asyncio.run(main())


@pytest.mark.parametrize("client", PATHS)
def test_what_is_refused_is_refused_from_there_too(client: str) -> None:
    async def main() -> None:
        async with Simulator() as sim, house(sim.url, dialects=OTHER[client]) as worker:
            told = json.loads(conversation(LARGE) if client == "anthropic" else question(LARGE))
            field = {"container": "c_1"} if client == "anthropic" else {"n": 2}
            for wrong in ({"model": 1}, field):
                answer = await worker.ask(Client(json.dumps(told | wrong).encode()), path=PATHS[client])
                assert answer.status == 400
                assert next(iter(wrong)) in json.loads(answer.body)["error"]["message"]
                worker.one_settled()

    asyncio.run(main())


def test_a_fault_comes_out_as_it_is() -> None:
    def refuse() -> None:
        raise Fault(FaultKind.INVALID, "no")

    async def main() -> None:
        with pytest.raises(Fault, match="no"):
            await aside.done(refuse)
        assert await aside.done(lambda: 7) == 7

    asyncio.run(main())


def completion(text: str) -> bytes:
    """A chat answer that says this."""
    message = {"role": "assistant", "content": text}
    usage = {"prompt_tokens": 11, "completion_tokens": 22}
    return json.dumps(
        {"id": "c", "model": "m", "choices": [{"index": 0, "finish_reason": "stop", "message": message}], "usage": usage}
    ).encode()


@asynccontextmanager
async def answered_with(body: bytes) -> AsyncIterator[House]:
    """A worker whose upstream speaks Chat and always says this, whole."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(re.findall(rb"content-length: (\d+)", head.lower())[0]))
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()
        except OSError:
            pass  # the client left, and its upstream with it
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server, house(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", dialects=("openai_chat",)) as worker:
        yield worker


@pytest.mark.parametrize(("text", "handed_over"), [("word", 0), (LARGE, 1)], ids=["small", "large"])
def test_a_large_answer_is_translated_while_the_loop_goes_on(
    text: str, handed_over: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[bool] = []
    done = aside.done

    async def noted(work: "partial[Any]") -> Any:
        loop = asyncio.get_running_loop()

        def doing() -> Any:
            turned = threading.Event()
            loop.call_soon_threadsafe(turned.set)
            turns.append(turned.wait(10))  # only a loop that is free sets it
            return work()

        return await done(doing)

    async def main() -> None:
        async with answered_with(completion(text)) as worker:
            monkeypatch.setattr(aside, "done", noted)
            answer = await worker.ask(Client(conversation()))
            assert answer.is_whole
            said = json.loads(answer.body)
            assert said["content"][0]["text"] == text
            assert said["usage"]["input_tokens"] == 11
            settled = worker.one_settled()
            assert (settled.outcome, settled.usage.output_tokens) == (Outcome.FINISHED, 22)

    asyncio.run(main())
    assert turns == [True] * handed_over


def test_a_large_answer_that_cannot_be_read_is_one_that_failed() -> None:
    async def main() -> None:
        async with answered_with(completion(LARGE)[:-1]) as worker:
            answer = await worker.ask(Client(conversation()))
            assert (answer.status, answer.error["type"]) == (502, "api_error")
            assert worker.one_settled().outcome is Outcome.UPSTREAM_DIED

    asyncio.run(main())


def test_a_bug_beside_the_loop_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Translation, body: bytes) -> bytes:
        raise ZeroDivisionError

    async def main() -> None:
        async with answered_with(completion(LARGE)) as worker:
            answer = await worker.ask(Client(conversation()))
            assert (answer.status, answer.error["type"]) == (500, "api_error")
            worker.one_settled()

    monkeypatch.setattr(Translation, "reply", broken)
    asyncio.run(main())


def test_a_client_that_leaves_meanwhile_is_gone_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    done = aside.done

    async def main() -> None:
        begun, goes_on = asyncio.Event(), asyncio.Event()
        late: list[asyncio.Task[Any] | None] = []

        async def held(work: "partial[Any]") -> Any:
            late.append(asyncio.current_task())
            begun.set()
            await goes_on.wait()
            return await done(work)

        async with answered_with(completion(LARGE)) as worker:
            monkeypatch.setattr(aside, "done", held)
            client = Client(conversation())
            call = asyncio.ensure_future(worker.ask(client))
            async with asyncio.timeout(10):
                await begun.wait()
            client.leave()
            await call
            assert worker.one_settled().outcome is Outcome.CLIENT_GONE
            goes_on.set()
            await asyncio.gather(*(task for task in late if task is not None))
            assert client.frames == []
            assert worker.settled() == []

    asyncio.run(main())
