"""Streams written for a client: the SDK's types take every event, numbers and order hold, calls have the form of their tools."""

import json
from pathlib import Path
from typing import Any

import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from gateway.core.faults import Fault, FaultKind
from gateway.core.usage import Usage
from gateway.dialects.conversation import Conversation, Opaque, RedactedThinking, Refusal, Spent, Text, Thinking, ToolUse
from gateway.dialects.events import (
    BlockEnded,
    BlockStarted,
    Closed,
    Ended,
    Event,
    ExtraDelta,
    Failed,
    InputDelta,
    Ping,
    SignatureDelta,
    Started,
    TextDelta,
    ThinkingDelta,
)
from gateway.dialects.losses import Losses
from gateway.dialects.openai_responses import conversation
from gateway.dialects.openai_responses.fault import CODES
from gateway.dialects.openai_responses.seal import unseal
from gateway.dialects.openai_responses.writer import Writer

EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
GOLDEN = Path(__file__).parents[2] / "golden" / "translated"
STREAMS = sorted(GOLDEN.glob("openai_responses_from_*/*.sse"))

ASKED = {
    "model": "asked",
    "input": "Paint the boat.",
    "instructions": "Be quick.",
    "max_output_tokens": 99,
    "metadata": {"quay": "3"},
    "tools": [
        {"type": "custom", "name": "apply_patch"},
        {
            "type": "namespace",
            "name": "paint",
            "tools": [{"type": "function", "name": "list"}, {"type": "custom", "name": "mix"}],
        },
        {"type": "tool_search", "execution": "client"},
    ],
}
STARTED = Started("msg_01Abc", "served", Spent(Usage(10)))
SPENT = Spent(Usage(10, 20, 3, 2, 7), 5, input_reported=True, output_reported=True)


def writer_for(document: dict[str, Any] = ASKED) -> Writer:
    return Writer(conversation.read(document, Losses("openai_responses")), 1_700_000_000)


def frames(content: bytes) -> list[dict[str, Any]]:
    """The payloads of the frames, each under its own name."""
    found = []
    for frame in content.decode().split("\n\n"):
        if frame and not frame.startswith(":"):
            name, _, data = frame.partition("\ndata: ")
            found.append(json.loads(data))
            assert name == f"event: {found[-1]['type']}"
    return found


def written(*events: Event, stop: str = "end_turn") -> list[dict[str, Any]]:
    return frames(writer_for().write([STARTED, *events, Ended(stop, SPENT), Closed()]))


def call(name: str, *fragments: str) -> list[Event]:
    return [BlockStarted(ToolUse("toolu_1", name, {})), *map(InputDelta, fragments), BlockEnded()]


def short(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_recorded_events_are_of_the_sdks_types_and_numbered_in_order(path: Path) -> None:
    events = frames(path.read_bytes())
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    for event in events:
        if event["type"] == "response.failed":
            assert event["response"]["error"]["code"] in CODES
            event["response"]["error"]["code"] = "server_error"  # the SDK's list lacks some that the API sends
        parsed = EVENT.validate_python(event)
        assert parsed.type == event["type"]
        assert set(parsed.model_extra or ()) <= {"error", "name"}


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("openai_responses_from_*/*.json")), ids=lambda path: path.stem)
def test_recorded_bodies_are_of_the_sdks_type(path: Path) -> None:
    Response.model_validate_json(path.read_bytes())


def test_there_are_recorded_answers_of_both_other_dialects() -> None:
    assert len({path.parent for path in STREAMS}) == 2


def test_the_order_of_a_text() -> None:
    events = written(BlockStarted(Text("")), Ping(), TextDelta("Hel"), TextDelta(""), TextDelta("lo"), BlockEnded())
    assert short(events) == [
        *("created", "in_progress", "output_item.added", "content_part.added", "output_text.delta", "output_text.delta"),
        *("output_text.done", "content_part.done", "output_item.done", "completed"),
    ]
    assert [event["delta"] for event in events if "delta" in event] == ["Hel", "lo"]
    item = {
        "id": "msg_01Abc_0",
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [{"type": "output_text", "annotations": [], "logprobs": [], "text": "Hello"}],
    }
    assert events[-2]["item"] == item
    assert events[-1]["response"]["output"] == [item]


def test_a_ping_is_a_comment() -> None:
    assert writer_for().write([Ping()]) == b": ping\n\n"


def test_the_response_repeats_the_request_and_tells_the_figures() -> None:
    first, last = written()[0]["response"], written()[-1]["response"]
    assert first["usage"] is None
    assert {key: last[key] for key in ("id", "object", "created_at", "status", "model", "instructions", "metadata", "store")} == {
        "id": "resp_01Abc",
        "object": "response",
        "created_at": 1_700_000_000,
        "status": "completed",
        "model": "asked",
        "instructions": "Be quick.",
        "metadata": {"quay": "3"},
        "store": False,
    }
    assert last["max_output_tokens"] == 99
    assert last["tools"] == ASKED["tools"]
    assert last["usage"] == {
        "input_tokens": 35,
        "input_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 5},
        "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 5},
        "total_tokens": 42,
    }


def test_words_after_words_are_parts_of_one_message() -> None:
    blocks: list[Event] = [BlockStarted(Text("")), TextDelta("One."), BlockEnded()]
    refusal: list[Event] = [BlockStarted(Refusal("")), TextDelta("No."), BlockEnded()]
    events = written(*blocks, *refusal)
    assert short(events).count("output_item.added") == short(events).count("output_item.done") == 1
    assert [part["type"] for part in events[-1]["response"]["output"][0]["content"]] == ["output_text", "refusal"]
    assert [event["content_index"] for event in events if "content_index" in event] == [0] * 4 + [1] * 4


def test_words_after_a_search_of_the_providers_are_the_next_message() -> None:
    words: list[Event] = [BlockStarted(Text("")), TextDelta("I look."), BlockEnded()]
    hidden: list[Event] = [BlockStarted(Opaque("server_tool_use", {})), ExtraDelta("x", {}), InputDelta("{}"), BlockEnded()]
    events = written(*hidden, *words, *hidden, *hidden, *words, *words)
    output = events[-1]["response"]["output"]
    assert [[part["text"] for part in item["content"]] for item in output] == [["I look."], ["I look.", "I look."]]
    assert [event["output_index"] for event in events if event["type"] == "response.output_item.done"] == [0, 1]


def test_thoughts_are_a_summary_and_sealed() -> None:
    thinking: list[Event] = [
        BlockStarted(Thinking("")),
        ThinkingDelta("Hm"),
        ThinkingDelta("m."),
        SignatureDelta("SIG=="),
        BlockEnded(),
    ]
    events = written(*thinking)
    assert short(events)[2:-1] == [
        *("output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta", "reasoning_summary_text.delta"),
        *("reasoning_summary_text.done", "reasoning_summary_part.done", "output_item.done"),
    ]
    item = events[-1]["response"]["output"][0]
    assert item["summary"] == [{"type": "summary_text", "text": "Hmm."}]
    assert unseal(item["encrypted_content"]) == Thinking("Hmm.", "SIG==")


def test_thoughts_without_words_have_no_summary() -> None:
    events = written(BlockStarted(Thinking("")), SignatureDelta("SIG=="), BlockEnded())
    assert short(events)[2:-1] == ["output_item.added", "output_item.done"]
    assert unseal(events[-1]["response"]["output"][0]["encrypted_content"]) == Thinking("", "SIG==")
    events = written(BlockStarted(RedactedThinking("Data")), BlockEnded())
    assert unseal(events[-1]["response"]["output"][0]["encrypted_content"]) == RedactedThinking("Data")


def test_a_call_of_a_tool_nobody_offered_is_a_function_call() -> None:
    events = written(*call("look", '{"a":', " 1}"), stop="tool_use")
    assert events[-1]["response"]["output"] == [
        {
            "id": "fc_01Abc_0",
            "type": "function_call",
            "status": "completed",
            "call_id": "toolu_1",
            "name": "look",
            "arguments": '{"a": 1}',
        }
    ]
    assert short(events)[-1] == "completed"


def test_arguments_that_never_came_are_an_empty_object() -> None:
    events = written(*call("look", ""))
    assert [event["delta"] for event in events if "delta" in event] == ["{}"]
    assert events[-1]["response"]["output"][0]["arguments"] == "{}"


def test_a_call_has_the_form_in_which_its_tool_was_offered() -> None:
    events = written(
        *call("apply_patch", '{"inp', 'ut": "*** \\u00e9', '\\n"}'),
        *call("paint__list", "{}"),
        *call("paint__mix", '{"input":"red"}'),
        *call("tool_search", '{"query":', '"brush"}'),
    )
    patch, paints, mix, search = events[-1]["response"]["output"]
    assert (patch["type"], patch["name"], patch["input"]) == ("custom_tool_call", "apply_patch", "*** é\n")
    assert (paints["type"], paints["name"], paints["namespace"]) == ("function_call", "list", "paint")
    assert (mix["type"], mix["name"], mix["namespace"], mix["input"]) == ("custom_tool_call", "mix", "paint", "red")
    assert (search["type"], search["execution"], search["arguments"]) == ("tool_search_call", "client", {"query": "brush"})
    deltas = [event["delta"] for event in events if event["type"] == "response.custom_tool_call_input.delta"]
    assert deltas == ["*** é", "\n", "red"]


def test_free_text_that_came_as_something_else_is_not_lost() -> None:
    events = written(*call("apply_patch", '{"patch": ', "1}"))
    assert events[-1]["response"]["output"][0]["input"] == '{"patch":1}'
    assert [event["delta"] for event in events if "delta" in event] == ['{"patch":1}']


def test_a_search_that_is_no_object_is_an_empty_one() -> None:
    assert written(*call("tool_search", "{"))[-1]["response"]["output"][0]["arguments"] == {}


@pytest.mark.parametrize(
    ("stop", "status", "reason"),
    [
        ("end_turn", "completed", None),
        ("tool_use", "completed", None),
        ("stop_sequence", "completed", None),
        ("pause_turn", "completed", None),
        ("max_tokens", "incomplete", "max_output_tokens"),
        ("model_context_window_exceeded", "incomplete", "max_output_tokens"),
        ("refusal", "incomplete", "content_filter"),
    ],
)
def test_why_it_stopped(stop: str, status: str, reason: str | None) -> None:
    events = written(BlockStarted(Text("")), TextDelta("a"), BlockEnded(), *call("look", "{}"), stop=stop)
    last = events[-1]
    assert (last["type"], last["response"]["status"]) == (f"response.{status}", status)
    assert (last["response"]["incomplete_details"] or {}).get("reason") == reason
    assert [item["status"] for item in last["response"]["output"]] == ["completed", status]


def test_a_fault_in_the_middle_is_a_failed_response_and_an_error() -> None:
    writer = writer_for()
    begun = writer.write([STARTED, BlockStarted(Text("")), TextDelta("a"), Failed(Fault(FaultKind.FAILED, "x"))])
    failed, error = frames(writer.fail(Fault(FaultKind.LIMITED, "Too much.", retry_after_s=3), "req_1"))
    assert failed["sequence_number"] == len(frames(begun))
    assert failed["response"]["status"] == "failed"
    assert failed["response"]["error"] == {"code": "rate_limit_exceeded", "message": "Too much. Please try again in 3s."}
    assert (error["code"], error["message"], error["param"]) == ("rate_limit_exceeded", "Too much.", None)
    assert error["error"]["type"] == "tokens"
    assert writer.fail(Fault(FaultKind.BROKEN, "again"), "req_1") == b""
    assert writer.write([TextDelta("late"), BlockEnded(), Ended("end_turn", SPENT)]) == b""


def test_a_fault_before_anything_begins_and_fails_a_response() -> None:
    events = frames(writer_for().fail(Fault(FaultKind.UNREACHABLE, "Nobody there."), "req_77"))
    assert short(events) == ["created", "in_progress", "failed", "error"]
    assert {event["response"]["id"] for event in events[:3]} == {"resp_77"}


def test_nothing_follows_the_end() -> None:
    writer = writer_for()
    writer.write([STARTED, Ended("end_turn", SPENT), Closed()])
    assert writer.write([BlockStarted(Text("")), TextDelta("late"), Ended("end_turn", SPENT)]) == b""
    assert writer.fail(Fault(FaultKind.BROKEN, "late"), "req_1") == b""


def test_a_client_of_another_dialect_gets_defaults() -> None:
    writer = Writer(Conversation("anthropic", "m", []), 1)
    response = frames(writer.write([STARTED, *call("apply_patch", '{"input":"a"}'), Ended("end_turn", SPENT)]))[-1]["response"]
    assert (response["model"], response["instructions"], response["tools"]) == ("m", None, [])
    assert response["output"][0]["type"] == "function_call"
