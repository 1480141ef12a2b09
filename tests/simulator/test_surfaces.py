import asyncio
import gzip
import hashlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.simulator import Simulator
from gateway.simulator.connection import Request
from gateway.simulator.script import Script
from gateway.simulator.surfaces import Surfaces
from gateway.simulator.truth import TruthLog

from .wire import Answer, ask, conversation, exchange, parse, request, simulated

STREAM = conversation(stream=True)
WORDS = [
    "model",
    "max_tokens",
    "messages",
    "role",
    "content",
    "type",
    "text",
    "system",
    "tools",
    "tool_choice",
    "name",
    "input_schema",
    "properties",
    "enum",
    "items",
    "stream",
    "thinking",
    "display",
    "stop_sequences",
    "cache_control",
    "ttl",
    "tool_use",
    "tool_result",
    "image",
    "requests",
    "custom_id",
    "params",
    "any",
    "tool",
    "auto",
    "object",
    "array",
]


def _ask(sent: bytes, **options: Any) -> Answer:
    async def run() -> Answer:
        async with Simulator(**options) as sim:
            return await ask(sim.url, sent)

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("sent", "status", "text"),
    [
        (request(conversation(), x_api_key=None), 401, "x-api-key header is required"),
        (request(conversation(), x_api_key=""), 401, "x-api-key header is required"),
        (request(conversation(), x_api_key=None, authorization="Basic abc"), 401, "x-api-key header is required"),
        (request(conversation(), x_api_key="sk-other"), 401, "invalid x-api-key"),
        (request(conversation(), x_api_key=None, authorization="Bearer sk-other"), 401, "Invalid bearer token"),
        (request(conversation(), x_api_key="sk-other", authorization="Bearer sk-test"), 401, "invalid x-api-key"),
        (request(conversation(), anthropic_version=None), 400, "anthropic-version: header is required"),
        (request(conversation(), anthropic_version="2023-10-01"), 400, 'anthropic-version: "2023-10-01" is not a valid version'),
        (request(conversation(), content_encoding="gzip"), 400, "The request body encoding is not supported."),
        (request(b"{"), 400, "The request body is not valid JSON."),
        (
            request(
                b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"x","y":'
                + b"[" * 900
                + b"]" * 900
                + b"}]}]}"
            ),
            400,
            "The request body is nested too deeply.",
        ),
        (request({"model": "m", "max_tokens": 1}), 400, "messages: Field required"),
        (
            request(conversation(temperature=1), anthropic_version="2026-10-21"),
            400,
            "temperature: Extra inputs are not permitted",
        ),
        (request(conversation(), path="/v1/complete"), 404, "Not found"),
        (request(method="GET", path="/v1/messages"), 405, "Method Not Allowed"),
        (request(method="DELETE", path="/v1/models/claude-sonnet-5-5"), 405, "Method Not Allowed"),
        (request(method="GET", path="/v1/models/nobody"), 404, "model: nobody"),
        (request(method="GET", path="/v1/models?" + "a&" * 200), 400, "too many query parameters"),
        (simulated("speed=1"), 400, "simulate: unknown key 'speed'"),
        (request(conversation("[[simulate status=1]]")), 400, "simulate: status must be a whole number from 400 to 599"),
        (simulated("fixture=nobody"), 404, "simulate: no such fixture"),
    ],
)
def test_refusals_come_in_an_envelope(sent: bytes, status: int, text: str) -> None:
    answer = _ask(sent, keys=["sk-test"])
    assert (answer.status, answer.json["error"]["message"]) == (status, text)
    assert answer.json["request_id"] == answer.headers["request-id"]
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("headers", [{"x_api_key": "sk-test"}, {"x_api_key": None, "authorization": "Bearer sk-test"}])
def test_either_credential_header_is_taken(headers: dict[str, Any]) -> None:
    assert _ask(request(conversation(), **headers), keys=["sk-test", "sk-second"]).status == 200


def test_any_query_string_is_ignored_on_messages() -> None:
    assert _ask(request(conversation(), path="/v1/messages?beta=true")).status == 200


def test_the_root_answers_a_probe_without_credentials() -> None:
    answer = _ask(request(method="HEAD", path="/", x_api_key=None, anthropic_version=None))
    assert (answer.status, answer.raw.endswith(b"\r\n\r\n")) == (200, True)


def test_count_tokens_and_messages_agree() -> None:
    body = conversation("x" * 999, system="be brief")
    counted = _ask(request(body, path="/v1/messages/count_tokens")).json
    assert counted == {"input_tokens": _ask(request(body)).json["usage"]["input_tokens"]}


def test_a_stream_tells_its_usage_and_the_truth_log_agrees() -> None:
    async def run() -> None:
        async with Simulator() as sim:
            answer = await ask(sim.url, simulated("text_tokens=20;chunk=3", STREAM, x_request_tag="tag-1"))
            assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
            told = next(payload["usage"] for name, payload in answer.events if name == "message_delta")
            truth = sim.truth[0]
            assert (told["output_tokens"], truth.usage["output_tokens"], truth.output_tokens_sent) == (20, 20, 20)
            assert told["input_tokens"] == truth.usage["input_tokens"]
            assert (truth.tag, truth.model, truth.stream, truth.status, truth.ending) == (
                "tag-1",
                "claude-sonnet-5-5",
                True,
                200,
                "finished",
            )
            assert truth.request_id == answer.headers["request-id"]
            assert truth.events_sent == truth.events_planned == len(answer.events)
            assert truth.payload_bytes_sent == len(answer.payload)
            assert truth.payload_sha256 == hashlib.sha256(answer.payload).hexdigest()
            assert truth.wire_bytes_sent == len(answer.raw)

    asyncio.run(run())


def test_the_truth_log_keeps_no_secret_and_no_prompt() -> None:
    async def run() -> None:
        async with Simulator() as sim:
            await ask(
                sim.url,
                request(conversation("canary-prompt"), x_api_key="canary-a", authorization="Bearer canary-b", cookie="canary-c"),
            )
            line = sim.truth[0].line()
            assert b"canary" not in line
            assert b"Bearer " in line
            assert (sim.truth[0].credential_sha256 or "").startswith(hashlib.sha256(b"canary-a").hexdigest()[:16])

    asyncio.run(run())


def test_a_marked_prompt_is_written_once_and_read_later() -> None:
    async def run() -> None:
        async with Simulator() as sim:
            system = [{"type": "text", "text": "s" * 400, "cache_control": {"type": "ephemeral"}}]
            first = (await ask(sim.url, request(conversation(system=system)))).json["usage"]
            second = (await ask(sim.url, request(conversation(system=system)))).json["usage"]
            other = (await ask(sim.url, request(conversation(system=system), x_api_key="someone-else"))).json["usage"]
            assert (first["cache_creation_input_tokens"], first["cache_read_input_tokens"]) == (107, 0)
            assert (second["cache_creation_input_tokens"], second["cache_read_input_tokens"]) == (0, 107)
            assert other["cache_read_input_tokens"] == 0

    asyncio.run(run())


def test_the_header_outranks_the_prompt_and_the_prompt_the_server() -> None:
    async def run() -> None:
        async with Simulator(script="text_tokens=5;chunk=5;status=503") as sim:
            assert (await ask(sim.url, request(conversation()))).status == 503
            sim.set_script("text_tokens=5;chunk=5")
            body = conversation("[[simulate text_tokens=7 chunk=7]]", stream=True)
            for sent, tokens, deltas in (
                (request(body), 7, 1),
                (simulated("chunk=1", body), 7, 7),
                (simulated("text_tokens=9", body), 9, 2),
            ):
                answer = await ask(sim.url, sent)
                assert dict(answer.events)["message_delta"]["usage"]["output_tokens"] == tokens
                assert sum(name == "content_block_delta" for name, _ in answer.events) == deltas
            assert (await ask(sim.url, request(conversation()))).json["usage"]["output_tokens"] == 5

    asyncio.run(run())


def test_a_prompt_can_ask_for_a_fault() -> None:
    answer = _ask(request(conversation('hello [[simulate status=429 retry_after=7 message="too much"]]')))
    assert (answer.status, answer.headers["retry-after"], answer.json["error"]["message"]) == (429, "7", "too much")
    assert answer.headers["x-should-retry"] == "true"


def test_an_error_carries_its_code() -> None:
    answer = _ask(simulated("status=429;error_code=enforced_spend_limit_reached"))
    assert answer.json["error"]["details"] == {"error_code": "enforced_spend_limit_reached"}


def test_a_redirect() -> None:
    answer = _ask(simulated("redirect=http://127.0.0.1:9/x?y=1"))
    assert (answer.status, answer.headers["location"], answer.payload) == (307, "http://127.0.0.1:9/x?y=1", b"")


@pytest.mark.parametrize(("script", "status"), [("html", 502), ("html;status=403", 403)])
def test_a_page_of_html(script: str, status: int) -> None:
    answer = _ask(simulated(script))
    assert (answer.status, answer.headers["content-type"]) == (status, "text/html")
    assert answer.payload.startswith(b"<html>")


@pytest.mark.parametrize("stream", [True, False])
def test_an_empty_answer(stream: bool) -> None:
    answer = _ask(simulated("empty", conversation(stream=stream)))
    assert (answer.status, answer.payload, answer.is_complete) == (200, b"", True)


def test_bytes_that_are_not_http() -> None:
    async def run() -> None:
        async with Simulator() as sim:
            assert (await exchange(sim.url, simulated("malformed=http"))).startswith(b"\x16\x03\x01")

    asyncio.run(run())


def test_a_broken_chunk_size() -> None:
    async def run() -> None:
        async with Simulator() as sim:
            raw = await exchange(sim.url, simulated("malformed=chunk", STREAM))
            assert b"\r\nzz\r\n" in raw
            with pytest.raises(ValueError):
                parse(raw)

    asyncio.run(run())


@pytest.mark.parametrize("stream", [True, False])
def test_half_a_json_value(stream: bool) -> None:
    answer = _ask(simulated("malformed=json", conversation(stream=stream)))
    with pytest.raises(json.JSONDecodeError):
        assert answer.events if stream else answer.json


def test_lines_that_are_no_events() -> None:
    assert b"\nthis line has no colon\n" in _ask(simulated("malformed=sse", STREAM)).payload


@pytest.mark.parametrize("stream", [True, False])
def test_compressed_unasked(stream: bool) -> None:
    answer = _ask(simulated("gzip;text_tokens=9", conversation(stream=stream)))
    assert answer.headers["content-encoding"] == "gzip"
    plain = gzip.decompress(answer.payload)
    assert plain.endswith(b"}\n\n") if stream else json.loads(plain)["usage"]["output_tokens"] == 9


@pytest.mark.parametrize(("script", "last"), [("no_stop", "message_delta"), ("no_stop=message_delta", "content_block_stop")])
def test_a_stream_without_its_end(script: str, last: str) -> None:
    answer = _ask(simulated(script, STREAM))
    assert (answer.events[-1][0], answer.is_complete) == (last, True)


def test_an_error_in_mid_stream() -> None:
    answer = _ask(simulated("error_at=4;status=500;message=lost", STREAM))
    assert answer.status == 200
    assert [name for name, _ in answer.events] == ["message_start", "content_block_start", "ping", "content_block_delta", "error"]
    assert answer.events[-1][1] == {
        "type": "error",
        "error": {"type": "api_error", "message": "lost"},
        "request_id": answer.headers["request-id"],
    }


@pytest.mark.parametrize("stream", [True, False])
def test_usage_no_one_should_trust(stream: bool) -> None:
    answer = _ask(simulated("usage=negative", conversation(stream=stream)))
    usage = dict(answer.events)["message_delta"]["usage"] if stream else answer.json["usage"]
    assert usage["output_tokens"] < 0


def test_the_digest_of_the_request_is_in_text_and_header() -> None:
    body = json.dumps(conversation("x" * 50_000, unknown={"a": [1, 2]})).encode()
    answer = _ask(simulated("sha", body))
    digest = hashlib.sha256(body).hexdigest()
    assert answer.headers["x-body-sha256"] == digest
    assert digest in answer.json["content"][0]["text"]


def test_a_slow_body_waits_for_its_tokens() -> None:
    async def run() -> None:
        async with Simulator() as sim:
            loop = asyncio.get_running_loop()
            start_s = loop.time()
            assert (await ask(sim.url, simulated("text_tokens=5;tokens_per_s=100;ttft_ms=20;head_ms=10"))).status == 200
            assert loop.time() - start_s > 0.078

    asyncio.run(run())


def test_files_over_the_wire() -> None:
    async def run() -> None:
        async with Simulator() as sim:
            part = b'content-disposition: form-data; name="file"; filename="a.txt"\r\ncontent-type: text/plain\r\n\r\nhello'
            body = b"--b\r\n" + part + b"\r\n--b--\r\n"
            created = await ask(sim.url, request(body, path="/v1/files", content_type="multipart/form-data; boundary=b"))
            path = f"/v1/files/{created.json['id']}"
            content = await ask(sim.url, request(method="GET", path=f"{path}/content"))
            assert (content.payload, content.headers["content-type"]) == (b"hello", "text/plain")
            assert (await ask(sim.url, request(method="GET", path=path))).json == created.json
            assert (await ask(sim.url, request(method="GET", path="/v1/files"))).json["data"] == [created.json]
            assert (await ask(sim.url, request(method="DELETE", path=path))).json["type"] == "file_deleted"
            assert (await ask(sim.url, request(method="GET", path=path))).status == 404

    asyncio.run(run())


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=4), inner, max_size=5),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(st.sampled_from(WORDS), JSON, max_size=8),
    st.booleans(),
    st.sampled_from(["/v1/messages", "/v1/messages/batches"]),
)
def test_no_body_is_too_odd_for_an_answer(change: dict[str, Any], is_shaped: bool, path: str) -> None:
    body = json.dumps({**(conversation() if is_shaped else {}), **change}).encode()
    surfaces = Surfaces(keys=frozenset(), script=Script(), truth=TruthLog(), fixtures_dir=None)
    headers = {"x-api-key": "k", "anthropic-version": "2023-06-01"}
    served = surfaces.respond(Request(method="POST", path=path, header=headers, headers=list(headers.items()), body=body))
    assert parse(b"".join(served.delivery.segments)).status in (200, 400)
