"""Chat chunks as they are written: what the client asked for decides their form."""

from typing import Any

import openai
import orjson
import pytest

from gateway.core.faults import Fault, FaultKind
from gateway.core.usage import Usage
from gateway.dialects.conversation import Conversation, Opaque, Refusal, Spent, Text, Thinking, Tool, ToolUse
from gateway.dialects.events import (
    BlockEnded,
    BlockStarted,
    Closed,
    Ended,
    Event,
    InputDelta,
    Ping,
    SignatureDelta,
    Started,
    TextDelta,
    ThinkingDelta,
)
from gateway.dialects.openai_chat.events import Reader, Writer
from gateway.dialects.sse import Parser
from tests.dialects.answering import answering

Json = dict[str, Any]

CUSTOM = [{"type": "custom", "custom": {"name": "patch"}}]


def written(events: list[Event], **asked: Any) -> list[Any]:
    """The payloads of a whole answer, `[DONE]` as that."""
    writer = Writer(Conversation("openai_chat", "m", [], **asked), 1)
    ended = Ended("tool_use", Spent(Usage(3, 0, 0, 0, 5)))
    frames = writer.write([Started("msg_1", "m", Spent(Usage(3))), *events, ended, Closed()])
    return [event.data if event.data == b"[DONE]" else orjson.loads(event.data) for event in Parser().feed(frames)]


def deltas(events: list[Event], **asked: Any) -> list[Json]:
    chunks = [chunk for chunk in written(events, **asked) if chunk != b"[DONE]" and chunk["choices"]]
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": "", "refusal": None}
    assert chunks[-1]["choices"][0]["delta"] == {}
    return [chunk["choices"][0]["delta"] for chunk in chunks[1:-1]]


def call(name: str, *fragments: str, identifier: str = "a") -> list[Event]:
    return [BlockStarted(ToolUse(identifier, name, {})), *(InputDelta(fragment) for fragment in fragments), BlockEnded()]


def test_usage_only_for_those_who_asked() -> None:
    with_usage, without = written([], include_usage=True), written([], include_usage=False)
    assert with_usage[-1] == without[-1] == b"[DONE]"
    assert with_usage[-2]["usage"]["total_tokens"] == 8
    assert with_usage[-2]["choices"] == []
    assert all(chunk["usage"] is None for chunk in with_usage[:-2])
    assert all("usage" not in chunk for chunk in without[:-1])
    assert len(with_usage) == len(without) + 1


def test_older_functions_are_answered_in_their_form() -> None:
    events = [*call("f", '{"n":', "1}"), *call("g", "{}", identifier="b")]
    chunks = written(events, asked={"functions": [{"name": "f"}]})
    assert [chunk["choices"][0]["delta"].get("function_call") for chunk in chunks[1:4]] == [
        {"name": "f", "arguments": ""},
        {"arguments": '{"n":'},
        {"arguments": "1}"},
    ]
    assert chunks[4]["choices"][0]["finish_reason"] == "function_call"


def test_freeform_tools_are_called_with_a_text() -> None:
    tools = [Tool("patch", freeform=True)]
    pieces = deltas(call("patch", '{"inp', 'ut": "say \\', '"hi\\"', '"}'), tools=tools)
    assert pieces[0]["tool_calls"] == [{"index": 0, "id": "a", "type": "custom", "custom": {"name": "patch", "input": ""}}]
    assert "".join(piece["tool_calls"][0]["custom"]["input"] for piece in pieces) == 'say "hi"'


def test_a_freeform_call_that_is_no_such_object_is_told_in_the_end() -> None:
    pieces = deltas(call("patch", '{"command": 1}'), tools=[Tool("patch", freeform=True)])
    assert pieces[-1]["tool_calls"][0]["custom"]["input"] == '{"command":1}'


def test_calls_are_counted_and_have_arguments() -> None:
    pieces = deltas([BlockStarted(Text("")), TextDelta("a"), BlockEnded(), *call("f"), *call("g", "{}", identifier="b")])
    assert [(piece["tool_calls"][0]["index"], piece["tool_calls"][0]["function"]["arguments"]) for piece in pieces[1:]] == [
        (0, ""),
        (0, "{}"),
        (1, ""),
        (1, "{}"),
    ]


def test_texts_and_thoughts_are_set_apart() -> None:
    def thought(words: str, signature: str) -> list[Event]:
        return [BlockStarted(Thinking("")), ThinkingDelta(words), SignatureDelta(signature), BlockEnded()]

    def said(words: str) -> list[Event]:
        return [BlockStarted(Text("")), TextDelta(words), BlockEnded()]

    pieces = deltas([*thought("a", "s"), *said("b"), *said("c"), *thought("d", "openai_chat:"), *said("e")])
    assert "".join(piece.get("content", "") for piece in pieces) == "bc\n\ne"
    assert "".join(piece.get("reasoning_content", "") for piece in pieces) == "a\n\nd"
    assert [piece["reasoning_details"][0]["text"] for piece in pieces if "reasoning_details" in piece] == ["a"]


def test_refusals_and_what_has_no_name_here() -> None:
    refusal: list[Event] = [BlockStarted(Refusal("")), TextDelta("no"), BlockEnded()]
    opaque: list[Event] = [BlockStarted(Opaque("server_tool_use", {})), InputDelta("{}"), BlockEnded()]
    assert deltas([*refusal, *opaque]) == [{"refusal": "no"}]


def test_what_stands_between_two_texts_is_not_said_before_anything_else() -> None:
    first: list[Event] = [BlockStarted(Text("")), TextDelta("a"), BlockEnded(), *call("f")]
    empty: list[Event] = [BlockStarted(Text("")), BlockEnded()]
    refusal: list[Event] = [BlockStarted(Refusal("")), TextDelta("no"), BlockEnded()]
    assert deltas([*first, *empty, *refusal])[-1] == {"refusal": "no"}


def test_signs_of_life_are_comments() -> None:
    writer = Writer(Conversation("openai_chat", "m", []), 1)
    assert writer.write([Ping()]) == b": ping\n\n"


def test_nothing_follows_the_end() -> None:
    writer = Writer(Conversation("openai_chat", "m", []), 1)
    fault = Fault(FaultKind.TRUNCATED, "cut")
    assert writer.fail(fault, "req_1").startswith(b'data: {"error":')
    assert writer.fail(fault, "req_1") == writer.write([Ping(), Closed()]) == b""


def test_the_sdk_reads_freeform_calls() -> None:
    writer = Writer(Conversation("openai_chat", "m", [], tools=[Tool("patch", freeform=True)]), 1)
    events = [
        Started("msg_1", "m", Spent(Usage())),
        *call("patch", '{"input": "a\\nb"}'),
        Ended("tool_use", Spent(Usage())),
        Closed(),
    ]
    with answering(writer.write(events), stream=True) as url, openai.OpenAI(api_key="k", base_url=url, max_retries=0) as sdk:
        asked: Any = {"model": "m", "messages": [{"role": "user", "content": "a"}], "stream": True}
        deltas = [choice.model_dump()["delta"] for chunk in sdk.chat.completions.create(**asked) for choice in chunk.choices]
    assert "".join(delta["tool_calls"][0]["custom"]["input"] for delta in deltas if delta["tool_calls"]) == "a\nb"


@pytest.mark.parametrize("end", [b"", b"data: [DONE]\n\n"])
def test_a_stream_without_a_chunk_is_a_cut_one(end: bytes) -> None:
    reader = Reader({})
    failed: Any = [*reader.feed(end), *reader.end()]
    assert [type(event).__name__ for event in failed] == ["Failed"]
    assert failed[0].fault.kind is FaultKind.TRUNCATED
