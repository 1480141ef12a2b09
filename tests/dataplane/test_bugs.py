"""A bug of ours while an answer comes in: told to the client as a fault, to the log without its values, and nothing is held."""

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.core.faults import FaultKind
from gateway.core.outcome import Outcome
from gateway.dialects.sse import Parser
from gateway.dialects.translation import Streaming, Translation
from gateway.simulator.server import Simulator
from tests.dataplane.house import Client, House, conversation, house, question

PROMPT = "zq-a-secret-of-the-caller"
PATHS = {"anthropic": "/v1/messages", "openai_chat": "/v1/chat/completions", "openai_responses": "/v1/responses"}
UPSTREAMS: dict[str, tuple[str, ...]] = {
    "anthropic": ("openai_chat",),
    "openai_chat": (),
    "openai_responses": (),
}
Lines = list[MutableMapping[str, Any]]
clients = pytest.mark.parametrize("client", PATHS)


def asked(client: str, *, stream: bool) -> bytes:
    if client == "anthropic":
        return conversation(PROMPT, stream=stream)
    return question(PROMPT, stream=stream) if client == "openai_chat" else question(messages=None, input=PROMPT, stream=stream)


def broken(monkeypatch: pytest.MonkeyPatch, owner: type, name: str, at: int) -> None:
    """Makes a method raise the `at`-th time it is called, counted from 1, and ever after."""
    right: Callable[..., Any] = getattr(owner, name)
    calls = 0

    def wrong(*given: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls >= at:
            raise KeyError(PROMPT)
        return right(*given)

    monkeypatch.setattr(owner, name, wrong)


def run(client: str, test: Callable[[House, Lines], Awaitable[None]]) -> None:
    """`test` is given a worker and what it logs; afterwards everything must have been given back and told."""

    async def main() -> None:
        async with Simulator() as sim, house(sim.url, dialects=UPSTREAMS[client]) as worker:
            unhandled: list[dict[str, Any]] = []
            asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))
            with capture_logs() as lines:
                await test(worker, lines)
            settled = worker.one_settled()
            assert (settled.outcome, settled.fault) == (Outcome.UPSTREAM_DIED, FaultKind.BROKEN)
            assert unhandled == []
            bugs = [line for line in lines if line["event"] == "bug"]
            assert bugs
            assert {(line["error"], line["request_id"][:4]) for line in bugs} == {("KeyError", "req_")}
            assert "test_bugs.py" in bugs[0]["where"][-1]
            assert PROMPT not in repr(lines)

    asyncio.run(main())


def ask(worker: House, client: str, *, stream: bool) -> Awaitable[Client]:
    script = "text_tokens=40;tokens_per_s=400" if stream else ""
    return worker.ask(Client(asked(client, stream=stream)), path=PATHS[client], x_simulate=script)


@clients
@pytest.mark.parametrize("cause", [(Translation, "streaming", 1), (Streaming, "feed", 1), (Translation, "reply", 1)], ids=str)
def test_before_anything_was_said_it_is_an_answer_with_a_status(
    client: str, cause: tuple[type, str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(worker: House, _: Lines) -> None:
        broken(monkeypatch, *cause)
        answer = await ask(worker, client, stream=cause[1] != "reply")
        assert answer.status == 500
        error = json.loads(answer.body)["error"]
        assert error["message"] == "Internal server error"
        assert error["type"] == ("api_error" if client == "anthropic" else "server_error")

    run(client, refused)


@clients
def test_in_the_middle_of_a_stream_it_is_the_dialects_error(client: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def ended(worker: House, _: Lines) -> None:
        broken(monkeypatch, Streaming, "feed", 4)
        answer = await ask(worker, client, stream=True)
        assert answer.status == 200
        said = [json.loads(event.data) for event in Parser().feed(answer.body)]
        if client == "openai_responses":
            failed, said = said[-2], said[-1:]  # one for those who go by the documentation, one for those who go by the service
            assert failed["response"]["error"]["message"] == "Internal server error"
        assert said[-1]["error"]["message"] == "Internal server error"
        assert not answer.frames[-1]["more_body"]

    run(client, ended)


@clients
def test_when_the_writer_is_broken_too_the_connection_is(client: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken_off(worker: House, lines: Lines) -> None:
        broken(monkeypatch, Streaming, "feed", 4)
        broken(monkeypatch, Streaming, "fail", 1)
        answer = await ask(worker, client, stream=True)
        assert answer.status == 200
        assert answer.frames[-1]["more_body"]
        assert len([line for line in lines if line["event"] == "bug"]) == 2

    run(client, broken_off)
