"""Whole exchanges between two dialects: what clients see, in any pieces, by their own SDKs."""

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.faults import Fault, FaultKind
from tests import torture
from tests.dialects.answering import answering, anthropic_sdk, openai_sdk
from tests.golden.anthropic import write as anthropic_write
from tests.golden.openai_chat import write as chat_write
from tests.golden.openai_responses import write as responses_write
from tests.golden.translated import write

GOLDEN = Path(__file__).parents[1] / "golden"
FILES = [(client, upstream, path) for client, upstream in write.PAIRS for path in write.sources(upstream)]
STREAMS = [case for case in FILES if case[2].suffix == ".sse"]
# Streams that end in an error, in whichever dialect.
BROKEN = {"error_midway", "error_with_status", "error_first", "garbled", "truncated", "failed", "error_flat", "error_nested"}
# Streams of which no whole message was ever the counterpart: their arguments were no JSON, or the official accumulator of the
# upstream's own dialect stumbles over them.
NO_COUNTERPART = {
    "one_event_too_many",
    "thinking_in_text",
    "unknown_index",
    "arguments_cut",
    "arguments_as_object",
    "input_no_json",
    "beta_compaction",
    "comments",
    "half_characters",
    "odd_types",
    "tool_name_in_pieces",
    "tool_repeated",
    "tools_with_one_index",
    "tools_without_index",
    "interleaved",
    "no_deltas",
    "not_closed",
    "not_opened",
    "one_place_for_all",
    "only_the_end",
    "unknown_events",
    "web_search",
    "reasoning_between",
    "reasoning_details",
    "tool_without_arguments",
    "usage_in_every_chunk",
    "words_amid_tool",
    "late_pieces",
    "no_finish",
    "role_in_every_chunk",
}


# How the end of an answer, and a fault in the place of it, look in each dialect.
FINISHED = {
    "anthropic": rb"event: message_stop\n",
    "openai_chat": rb"data: \[DONE\]\n",
    "openai_responses": rb"event: response\.(?:completed|incomplete)\n",
}
FAILED = {"anthropic": rb"event: error\n", "openai_chat": rb'data: \{"error":', "openai_responses": rb"event: response\.failed\n"}


def name_of(path: Path) -> str:
    return path.stem.removeprefix("stream_")


def ids(case: tuple[str, str, Path]) -> str:
    return f"{case[0]}-{case[2].name}"


@pytest.mark.parametrize("case", FILES, ids=ids)
def test_the_recorded_answers(case: tuple[str, str, Path]) -> None:
    client, upstream, path = case
    recorded = GOLDEN / "translated" / f"{client}_from_{upstream}" / path.name
    assert write.translated(client, upstream, path) == recorded.read_bytes()


def test_the_recorded_answers_are_those_of_their_scripts() -> None:
    scripts = {"anthropic": anthropic_write, "openai_chat": chat_write, "openai_responses": responses_write, "translated": write}
    for folder, script in scripts.items():
        files = script.everything()
        assert {name: (GOLDEN / folder / name).read_bytes() for name in files} == files


cut: list[int] = []  # pieces of each stream that was translated right


@pytest.mark.torture
@pytest.mark.parametrize("case", STREAMS, ids=ids)
@settings(max_examples=torture.rounds(8, 50))
@given(places=st.lists(st.integers(0, 100_000), max_size=40))
def test_any_chunking_gives_the_same_bytes(case: tuple[str, str, Path], places: list[int]) -> None:
    client, upstream, path = case
    content = path.read_bytes()
    stream = write.translation(client, upstream, stream=True).streaming()
    edges = [0, *sorted(place % (len(content) + 1) for place in places), len(content)]
    pieces = [stream.feed(content[start:end]) for start, end in pairwise(edges)]
    assert b"".join([*pieces, stream.end()]) == write.translated(client, upstream, path)
    cut.append(len(pieces))


def teardown_module() -> None:
    torture.proved("R3", f"{len(cut)} streams translated in {sum(cut)} pieces, cut anywhere: the same bytes as in one")


@pytest.mark.parametrize("case", STREAMS, ids=ids)
def test_byte_by_byte(case: tuple[str, str, Path]) -> None:
    client, upstream, path = case
    stream = write.translation(client, upstream, stream=True).streaming()
    pieces = [stream.feed(bytes([byte])) for byte in path.read_bytes()]
    assert b"".join([*pieces, stream.end()]) == write.translated(client, upstream, path)


@pytest.mark.parametrize("case", STREAMS, ids=ids)
def test_a_stream_that_is_cut_anywhere_never_looks_finished(case: tuple[str, str, Path]) -> None:
    client, upstream, path = case
    content = path.read_bytes()
    for end in range(0, len(content), max(7, len(content) // 40)):
        stream = write.translation(client, upstream, stream=True).streaming()
        out = stream.feed(content[:end]) + stream.end()
        assert bool(re.search(FINISHED[client], out)) == stream.ended
        assert bool(re.search(FAILED[client], out)) == (stream.error is not None) == (not stream.ended)
        assert stream.feed(content[end:]) + stream.end() == b""


def anthropic_message(body: bytes, *, stream: bool) -> dict[str, Any]:
    """What Anthropic's SDK makes of an answer."""
    with answering(body, stream=stream) as url, anthropic_sdk(url) as sdk:
        asked: Any = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "a"}]}
        if not stream:
            return dict(sdk.messages.create(**asked).model_dump(exclude_none=True))
        with sdk.messages.stream(**asked) as events:
            return events.get_final_message().model_dump(exclude_none=True)


def openai_message(body: bytes, *, stream: bool) -> dict[str, Any]:
    """What OpenAI's SDK makes of an answer."""
    with answering(body, stream=stream) as url, openai_sdk(url) as sdk:
        asked: Any = {"model": "m", "messages": [{"role": "user", "content": "a"}]}
        if not stream:
            return dict(sdk.chat.completions.create(**asked).model_dump(exclude_none=True))
        with sdk.chat.completions.stream(**asked) as events:
            try:
                for _ in events:
                    pass
            except openai.LengthFinishReasonError as cut:  # its way of saying that an answer was cut by its length
                return dict(cut.completion.model_dump(exclude_none=True))
            return dict(events.current_completion_snapshot.model_dump(exclude_none=True))


def openai_response(body: bytes, *, stream: bool) -> dict[str, Any]:
    """What OpenAI's SDK makes of an answer of the Responses API."""
    with answering(body, stream=stream) as url, openai_sdk(url) as sdk:
        if not stream:
            return dict(sdk.responses.create(model="m", input="a").model_dump(exclude_none=True))
        with sdk.responses.stream(model="m", input="a") as events:
            last: Any = None
            for event in events:
                last = event
            return dict(last.response.model_dump(exclude_none=True))


READ = {"anthropic": anthropic_message, "openai_chat": openai_message, "openai_responses": openai_response}


def parsed(arguments: str) -> object:
    """The object in a text; a text that was cut remains one."""
    try:
        return json.loads(arguments)
    except ValueError:
        return arguments


def comparable(message: dict[str, Any]) -> dict[str, Any]:
    """The parts of an SDK's message that say something, arguments as objects."""
    if "output" in message:
        output = [{**item, "arguments": parsed(item.get("arguments", ""))} for item in message["output"]]
        for part in (part for item in output for part in [item, *item.get("content", [])]):
            part.pop("parsed_arguments", None)
        return {"output": output, **{key: message.get(key) for key in ("id", "model", "status", "usage")}}
    if "content" in message:
        blocks = [{**block} for block in message["content"]]
        message["usage"].pop("cache_creation", None)  # the SDK keeps what the first event said of it
        return {"blocks": blocks, **{key: message.get(key) for key in ("id", "model", "stop_reason", "usage")}}
    choice = message["choices"][0]
    said = choice["message"]
    return {
        "content": said.get("content") or "",
        "refusal": said.get("refusal"),
        "thought": said.get("reasoning_content"),
        "details": said.get("reasoning_details"),
        "calls": [
            (call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))
            for call in said.get("tool_calls", ())
        ],
        "finish": choice["finish_reason"],
        **{key: message.get(key) for key in ("id", "model", "usage")},
    }


@pytest.mark.parametrize("case", [case for case in FILES if name_of(case[2]) not in BROKEN], ids=ids)
def test_official_sdks_read_what_is_written(case: tuple[str, str, Path]) -> None:
    client, upstream, path = case
    stream = path.suffix == ".sse"
    message = comparable(READ[client](write.translated(client, upstream, path), stream=stream))
    assert message["model"] == "asked-model"
    assert message["usage"] is not None


@pytest.mark.parametrize("case", [case for case in STREAMS if name_of(case[2]) in BROKEN], ids=ids)
def test_official_sdks_raise_for_what_broke(case: tuple[str, str, Path]) -> None:
    client, upstream, path = case
    body = write.translated(client, upstream, path)
    with pytest.raises((anthropic.APIStatusError, openai.APIError)):
        READ[client](body, stream=True)


@pytest.mark.parametrize("case", [case for case in STREAMS if name_of(case[2]) not in BROKEN | NO_COUNTERPART], ids=ids)
def test_a_stream_comes_to_the_same_message_as_the_whole_answer(case: tuple[str, str, Path]) -> None:
    client, upstream, path = case
    streamed = comparable(READ[client](write.translated(client, upstream, path), stream=True))
    # The upstream's own SDK makes a whole answer of the upstream's stream; that is translated as one.
    whole = READ[upstream](path.read_bytes(), stream=True)
    answered = comparable(READ[client](write.translation(client, upstream).reply(json.dumps(whole).encode()), stream=False))
    if not whole.get("usage"):
        del streamed["usage"], answered["usage"]  # estimates: of pieces, and of a whole
    assert streamed == answered


HALF: dict[str, dict[str, Any]] = {
    "anthropic": {"content": [{"type": "text", "text": "a HALF"}]},
    "openai_chat": {"choices": [{"message": {"content": "a HALF"}}]},
    "openai_responses": {"output": [{"type": "message", "content": [{"type": "output_text", "text": "a HALF"}]}]},
}


@pytest.mark.parametrize("half", [b"\\ud83d", b"\xf0\x9f"])
@pytest.mark.parametrize(("client", "upstream"), write.PAIRS)
def test_half_a_character_is_no_reason_to_lose_a_whole_answer(client: str, upstream: str, half: bytes) -> None:
    body = json.dumps(HALF[upstream]).encode().replace(b"HALF", half)
    assert "a \ufffd" in write.translation(client, upstream).reply(body).decode()


def test_what_an_exchange_tells() -> None:
    exchange = write.translation("anthropic", "openai_chat", top_k=5)
    assert exchange.path == "/chat/completions"
    assert exchange.losses.dropped == ("stream_options", "top_k")
    assert repr(exchange) == "<Translation of 'asked-model' to /chat/completions <Losses stream_options, top_k>>"
    exchange.reply((GOLDEN / "openai_chat" / "completion_text.json").read_bytes())
    assert (exchange.usage.total_input_tokens, exchange.input_reported, exchange.output_reported) == (1225, True, True)


def test_figures_that_an_upstream_does_not_tell_are_estimated_for_the_client_and_not_called_reported() -> None:
    exchange = write.translation("anthropic", "openai_chat", stream=True)
    exchange.input_tokens_estimated = 77
    stream = exchange.streaming()
    out = stream.feed((GOLDEN / "openai_chat" / "stream_no_usage.sse").read_bytes())
    assert out.count(b'"input_tokens":77') == 2
    assert (stream.usage.input_tokens, stream.usage.output_tokens) == (77, 1)
    assert (stream.input_reported, stream.output_reported, stream.deltas, stream.output_bytes) == (False, False, 1, 6)
    whole = json.loads(exchange.reply((GOLDEN / "openai_chat" / "completion_no_usage.json").read_bytes()))
    assert whole["usage"]["input_tokens"] == exchange.usage.input_tokens == 77
    assert not exchange.input_reported


def test_a_fault_of_ours_ends_a_stream_at_any_time() -> None:
    for client, upstream in write.PAIRS:
        stream = write.translation(client, upstream, stream=True).streaming()
        source = (GOLDEN / upstream / "stream_text.sse").read_bytes()
        before = stream.feed(source[: len(source) // 2])
        out = before + stream.fail(Fault(FaultKind.STALLED, "The upstream went silent."))
        with pytest.raises((anthropic.APIStatusError, openai.APIError), match="silent"):
            READ[client](out, stream=True)
        assert stream.feed(source[len(source) // 2 :]) == stream.end() == b""


def test_signs_of_life() -> None:
    assert (
        write.translation("anthropic", "openai_chat", stream=True).streaming().ping()
        == b'event: ping\ndata: {"type": "ping"}\n\n'
    )
    assert write.translation("openai_chat", "anthropic", stream=True).streaming().ping() == b": ping\n\n"


def test_an_upstreams_error_is_told_in_the_clients_words() -> None:
    exchange = write.translation("anthropic", "openai_chat")
    refused = exchange.fault(429, b'{"error":{"message":"Slow down.","code":"rate_limit_exceeded"}}', retry_after_s=9)
    status, headers, body = exchange.write_fault(refused)
    assert (status, dict(headers)[b"retry-after"], dict(headers)[b"request-id"]) == (429, b"9", b"req_Golden")
    assert json.loads(body)["error"] == {"type": "rate_limit_error", "message": "Slow down."}


def test_an_upstreams_limit_without_a_time_is_one_that_passes() -> None:
    limited = write.translation("anthropic", "openai_chat")
    headers = dict(limited.write_fault(limited.fault(429, b'{"error":{"message":"Slow down."}}'))[1])
    assert (headers[b"x-should-retry"], headers[b"retry-after"]) == (b"true", b"5")


def test_an_answer_without_an_id_gets_the_requests() -> None:
    exchange = write.translation("anthropic", "openai_chat", stream=True)
    whole = json.loads(exchange.reply(b'{"choices":[{"message":{"content":"a"}}]}'))
    stream = exchange.streaming()
    assert whole["id"] == "msg_req_Golden"
    assert b'"id":"msg_req_Golden"' in stream.feed(b'data: {"choices":[]}\n\n')
