"""Every client's dialect before every upstream's: what a client gets, and what stands in the books."""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gateway.core.faults import FaultKind
from gateway.core.outcome import Outcome
from gateway.core.usage import Usage
from gateway.dialects.sse import Parser
from gateway.simulator.server import Simulator
from gateway.state.record import Flags, Surface
from tests.dataplane.house import SECRET, Client, House, conversation, house, question

QUICK = "head_timeout_s = 0.1\nidle_timeout_s = 0.1\n"
CLIENTS = {"anthropic": "/v1/messages", "openai_chat": "/v1/chat/completions", "openai_responses": "/v1/responses"}
SURFACES = {"anthropic": Surface.MESSAGES, "openai_chat": Surface.CHAT, "openai_responses": Surface.RESPONSES}
UPSTREAMS: dict[str, tuple[str, ...]] = {
    "anthropic": (),
    "openai_chat": ("openai_chat",),
    "openai_responses": ("openai_responses",),
}
PAIRS = [
    pytest.param(client, upstream, id=f"{client}-{upstream}")
    for client in CLIENTS
    for upstream in UPSTREAMS
    if (client, upstream) != ("anthropic", "anthropic")  # test_passthrough has that
]


def run(test: Callable[[House, Simulator], Awaitable[None]], upstream: str, *, config: str = "", models: str = "") -> None:
    async def main() -> None:
        async with (
            Simulator() as sim,
            house(sim.url, config=config, models=models, dialects=UPSTREAMS[upstream]) as worker,
        ):
            await test(worker, sim)

    asyncio.run(main())


def said(client: str, text: str = "hello there", **more: Any) -> bytes:
    """A request in the client's dialect."""
    if client == "anthropic":
        return conversation(text, **more)
    if client == "openai_chat":
        if more.get("stream"):
            more.setdefault("stream_options", {"include_usage": True})
        return question(text, **more)
    return question(messages=None, input=text, **more)


async def ask(worker: House, client: str, script: str = "", **more: Any) -> Client:
    text = more.pop("text", "hello there")
    return await worker.ask(Client(said(client, text, **more)), path=CLIENTS[client], x_simulate=script)


def payloads(stream: bytes) -> list[dict[str, Any]]:
    """The events of a stream, without OpenAI's end mark."""
    return [json.loads(event.data) for event in Parser().feed(stream) if event.data != b"[DONE]"]


def text_of(client: str, body: bytes, stream: bool) -> str:
    """The words of an answer."""
    if stream:
        found = payloads(body)
        if client == "anthropic":
            return "".join(event["delta"].get("text", "") for event in found if event["type"] == "content_block_delta")
        if client == "openai_chat":
            return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in found if chunk["choices"])
        return "".join(event["delta"] for event in found if event["type"] == "response.output_text.delta")
    answer = json.loads(body)
    if client == "anthropic":
        return "".join(block.get("text", "") for block in answer["content"])
    if client == "openai_chat":
        return str(answer["choices"][0]["message"]["content"])
    return "".join(part["text"] for item in answer["output"] if item["type"] == "message" for part in item["content"])


def is_finished(client: str, stream: bytes) -> bool:
    """Whether a stream says that its answer came to its end."""
    if client == "openai_chat":
        return stream.endswith(b"data: [DONE]\n\n")
    kinds = [event["type"] for event in payloads(stream)]
    return "message_stop" in kinds or "response.completed" in kinds or "response.incomplete" in kinds


def error_of(client: str, body: bytes) -> dict[str, Any]:
    """The error that ends a stream, or that is the answer."""
    last = payloads(body)[-1] if body.startswith((b"data:", b"event:")) else json.loads(body)
    return dict(last.get("error", last))  # flat in a response's own event


def model_of(client: str, body: bytes, stream: bool) -> set[str]:
    """Every name of the model that an answer bears."""
    answers = payloads(body) if stream else [json.loads(body)]
    if stream:
        answers = [event.get("message", event.get("response", event)) for event in answers]
    return {answer["model"] for answer in answers if "model" in answer}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("client", "upstream"), PAIRS)
def test_a_whole_answer_is_billed_as_reported(client: str, upstream: str, stream: bool) -> None:
    async def whole(worker: House, sim: Simulator) -> None:
        answer = await ask(worker, client, "text_tokens=9", stream=stream)
        assert answer.status == 200, answer.body
        assert answer.is_whole
        [truth] = await sim.wait_truth(1)
        settled = worker.one_settled()
        assert settled.outcome is Outcome.FINISHED
        assert settled.fault is FaultKind.NONE
        assert settled.usage == Usage(truth.usage["input_tokens"], 0, 0, 0, 9)
        assert settled.flags == (Flags.STREAM if stream else Flags.NONE)
        assert (settled.surface, settled.attempts, settled.status) == (SURFACES[client], 1, 200)
        assert settled.response_bytes == len(answer.body)
        assert settled.upstream_request_id == truth.request_id
        assert len(text_of(client, answer.body, stream).split()) >= 5
        assert not stream or is_finished(client, answer.body)
        name = "request-id" if client == "anthropic" else "x-request-id"
        assert answer.headers[name].startswith("req_")
        assert "x-gateway-dropped" not in answer.headers

    run(whole, upstream)


def test_the_same_dialect_is_passed_on_byte_for_byte() -> None:
    async def same(worker: House, sim: Simulator) -> None:
        sent = 0
        for client in ("openai_chat", "openai_responses"):
            for stream in (True, False):
                body = said(client, stream=stream, odd_field={"b": 1, "a": [1.0, 2e3]})
                answer = await worker.ask(Client(body), path=CLIENTS[client], x_simulate="thinking_tokens=4;text_tokens=20")
                sent += 1
                truth = (await sim.wait_truth(sent))[-1]
                assert answer.status == 200
                assert answer.headers["x-request-id"] == truth.request_id
                assert hashlib.sha256(answer.body).hexdigest() == truth.payload_sha256
                assert hashlib.sha256(body).hexdigest() == truth.body_sha256
                worker.one_settled()

    async def main() -> None:
        async with Simulator() as sim, house(sim.url, dialects=("openai_chat", "openai_responses")) as worker:
            await same(worker, sim)

    asyncio.run(main())


# Script, and what becomes of it: with a stream status and fault, without one status and fault. Nothing of these is success.
LOST = {
    "cut_at=0": (502, FaultKind.UNREACHABLE, 502, FaultKind.UNREACHABLE),
    "cut_at=5": (502, FaultKind.TRUNCATED, 502, FaultKind.TRUNCATED),
    "cut_at=40;count=body": (502, FaultKind.TRUNCATED, 502, FaultKind.TRUNCATED),
    "hang_at=0": (504, FaultKind.STALLED, 504, FaultKind.STALLED),
    "hang_at=100;count=body": (504, FaultKind.STALLED, 504, FaultKind.STALLED),
    "empty": (502, FaultKind.TRUNCATED, 502, FaultKind.GARBLED),
    "malformed=http": (502, FaultKind.GARBLED, 502, FaultKind.GARBLED),
    "redirect=http://elsewhere.test/": (502, FaultKind.GARBLED, 502, FaultKind.GARBLED),
    "html;status=502": (502, FaultKind.NONE, 502, FaultKind.NONE),
    "status=401": (503, FaultKind.UNAVAILABLE, 503, FaultKind.UNAVAILABLE),
    "status=402": (503, FaultKind.UNAVAILABLE, 503, FaultKind.UNAVAILABLE),
}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("client", "upstream"), PAIRS)
def test_a_lost_answer_is_never_taken_for_success(client: str, upstream: str, stream: bool) -> None:
    async def lost(worker: House, sim: Simulator) -> None:
        for script, (*streamed, status, kind) in LOST.items():
            if script == "status=402" and client == upstream:
                continue  # passed on as it is
            expected = streamed if stream else [status, kind]
            answer = await ask(worker, client, script, stream=stream)
            settled = worker.one_settled()
            assert [answer.status, settled.fault] == expected, script
            assert answer.is_whole, script
            assert settled.status == answer.status, script
            assert settled.usage == Usage(), script
            if "html" in script and client == upstream:
                continue
            error = error_of(client, answer.body)
            assert error["message"], script
            assert ("code" in error) is (client != "anthropic"), script
            assert "location" not in answer.headers, script
            assert settled.outcome is (Outcome.REJECTED if kind is FaultKind.NONE else Outcome.UPSTREAM_DIED), script

    run(lost, upstream, config=QUICK)


@pytest.mark.parametrize("script", ["error_at=9", "cut_at=2600;count=body", "hang_at=2600;count=body", "malformed=chunk"])
@pytest.mark.parametrize(("client", "upstream"), PAIRS)
def test_an_upstream_that_dies_in_mid_stream(client: str, upstream: str, script: str) -> None:
    """The client's dialect says so, and what was streamed is billed."""

    async def died(worker: House, sim: Simulator) -> None:
        answer = await ask(worker, client, f"text_tokens=40;tokens_per_s=500;{script}", stream=True)
        settled = worker.one_settled()
        assert answer.status == 200, answer.body
        assert answer.is_whole
        assert not is_finished(client, answer.body)
        assert error_of(client, answer.body)["message"]
        assert settled.outcome is Outcome.UPSTREAM_DIED
        assert settled.fault in (
            FaultKind.FAILED,
            FaultKind.UNAVAILABLE,
            FaultKind.TRUNCATED,
            FaultKind.STALLED,
            FaultKind.GARBLED,
        )
        assert settled.flags & Flags.OUTPUT_ESTIMATED
        assert settled.usage.input_tokens > 0
        assert 0 < settled.usage.output_tokens <= 60

    run(died, upstream, config=QUICK)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("client", "upstream"), PAIRS)
def test_figures_that_are_none_are_estimated_and_marked(client: str, upstream: str, stream: bool) -> None:
    async def weird(worker: House, _: Simulator) -> None:
        for figures in ("negative", "huge", "string", "fraction", "null", "missing"):
            answer = await ask(worker, client, f"text_tokens=100;usage={figures}", stream=stream)
            settled = worker.one_settled()
            assert answer.status == 200, (figures, answer.body)
            assert settled.flags & Flags.OUTPUT_ESTIMATED, figures
            assert settled.flags & Flags.INPUT_ESTIMATED, figures
            assert 1 <= settled.usage.input_tokens <= 200, figures
            assert 60 <= settled.usage.output_tokens <= 260, figures

    run(weird, upstream)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("client", "upstream"), PAIRS)
def test_another_name_of_the_model_is_echoed(client: str, upstream: str, stream: bool) -> None:
    models = '[aliases]\nmine = "served-model"\n'

    async def echoed(worker: House, sim: Simulator) -> None:
        answer = await ask(worker, client, "text_tokens=4", stream=stream, model="mine")
        assert answer.status == 200, answer.body
        [truth] = await sim.wait_truth(1)
        assert truth.model == "served-model"
        assert model_of(client, answer.body, stream) == {"mine"}
        assert worker.one_settled().model_served == "served-model"

    run(echoed, upstream, models=models)


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
def test_when_the_client_leaves_the_upstream_is_closed_at_once(client: str, upstream: str) -> None:
    async def leave(worker: House, sim: Simulator) -> None:
        leaver = Client(said(client, stream=True))
        call = asyncio.ensure_future(worker.ask(leaver, path=CLIENTS[client], x_simulate="tokens_per_s=200;text_tokens=4000"))
        arrived = asyncio.Event()
        leaver.on_frame = lambda: arrived.set() if len(leaver.frames) > 8 else None
        async with asyncio.timeout(5):
            await arrived.wait()
        leaver.leave()
        await call
        [truth] = await sim.wait_truth(1)
        assert truth.ending == "client_gone"
        settled = worker.one_settled()
        assert settled.outcome is Outcome.CLIENT_GONE
        assert settled.usage.input_tokens > 0
        assert settled.usage.output_tokens > 0

    run(leave, upstream)


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
def test_an_upstreams_refusal_keeps_its_words_and_none_of_our_secrets(client: str, upstream: str) -> None:
    async def refused(worker: House, _: Simulator) -> None:
        answer = await ask(worker, client, f"status=400;message=no good {SECRET} at 127.0.0.1;retry_after=7")
        assert answer.status == 400
        error = error_of(client, answer.body)
        assert error["message"] == "no good [redacted] at [redacted]"
        assert error["type"] == "invalid_request_error"
        settled = worker.one_settled()
        assert settled.outcome is Outcome.REJECTED
        limited = await ask(worker, client, "status=429;retry_after=7", stream=True)
        assert (limited.status, limited.headers["retry-after"]) == (429, "7")
        worker.one_settled()

    run(refused, upstream)


def test_what_cannot_be_carried_is_refused_or_named() -> None:
    async def lost(worker: House, _: Simulator) -> None:
        answer = await ask(worker, "openai_chat", seed=7, logit_bias={"1": 2})
        assert answer.status == 400
        assert error_of("openai_chat", answer.body)["param"] == "logit_bias"
        assert worker.one_settled().outcome is Outcome.REFUSED
        for stream in (True, False):
            answer = await ask(worker, "openai_chat", seed=7, top_logprobs=2, stream=stream)
            assert answer.status == 200
            assert set(answer.headers["x-gateway-dropped"].split(", ")) == {"seed", "top_logprobs"}
            worker.one_settled()

    run(lost, "anthropic")


def test_only_what_an_upstream_has_goes_there() -> None:
    async def only(worker: House, sim: Simulator) -> None:
        for path, method in (("/v1/files", "GET"), ("/v1/messages/batches", "POST"), ("/v1/audio/speech", "POST")):
            answer = await worker.ask(Client(b"{}"), path=path, method=method)
            assert answer.status == 404
            assert answer.error["type"] == "not_found_error"
        assert not sim.truth

    run(only, "openai_chat")

    async def neither(worker: House, sim: Simulator) -> None:
        for path, body in (("/v1/embeddings", {"input": "a"}), ("/v1/completions", {"prompt": "a"})):
            answer = await worker.ask(Client(json.dumps({"model": "m", **body}).encode()), path=path)
            assert answer.status == 404
            assert error_of("openai_chat", answer.body)["code"] == "model_not_found"
        assert not sim.truth

    run(neither, "anthropic")


def test_embeddings_and_completions_are_passed_on_and_billed() -> None:
    async def passed(worker: House, sim: Simulator) -> None:
        answer = await worker.ask(Client(b'{"model":"text-embedding-3-small","input":["a b c d","e"]}'), path="/v1/embeddings")
        assert answer.status == 200
        assert len(json.loads(answer.body)["data"]) == 2
        settled = worker.one_settled()
        assert (settled.surface, settled.usage) == (Surface.EMBEDDINGS, Usage(3))
        assert settled.flags == Flags.NONE
        for stream in (False, True):
            body = json.dumps({"model": "gpt-3.5-turbo-instruct", "prompt": "hello", "stream": stream}).encode()
            answer = await worker.ask(Client(body), path="/v1/completions", x_simulate="text_tokens=6")
            assert answer.status == 200
            settled = worker.one_settled()
            assert settled.surface is Surface.COMPLETIONS
            assert 4 <= settled.usage.output_tokens <= 9
            assert settled.flags & Flags.OUTPUT_ESTIMATED == (Flags.OUTPUT_ESTIMATED if stream else 0)
        assert [truth.path for truth in sim.truth] == ["/v1/embeddings", "/v1/completions", "/v1/completions"]

    run(passed, "openai_chat")


def test_a_refusal_before_anything_was_read_is_in_the_clients_dialect() -> None:
    async def refused(worker: House, _: Simulator) -> None:
        for path in ("/v1/chat/completions", "/v1/responses", "/v1/embeddings", "/v1/completions", "/v1/responses/resp_1"):
            wrong = await worker.ask(Client(b"{}"), path=path, x_api_key="sk-wrong")
            if path == "/v1/responses/resp_1":
                assert wrong.status == 404
            else:
                assert (wrong.status, error_of("", wrong.body)["code"]) == (401, "invalid_api_key")
            method = await worker.ask(Client(b""), path=path, method="PUT")
            assert method.status in (404, 405)
            assert "code" in error_of("", method.body)
            if method.status == 405:
                assert method.headers["allow"] == "POST"
            broken = await worker.ask(Client(b'{"model": 1'), path=path)
            assert broken.status in (400, 404)
            assert "code" in error_of("", broken.body)
            assert broken.headers["x-request-id"].startswith("req_")
            worker.settled()

    run(refused, "anthropic")
