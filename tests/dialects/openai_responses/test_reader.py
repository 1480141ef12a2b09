"""Streams of an upstream read into neutral events: the recorded ones add up to what their last event says, broken ones fail."""

import json
from typing import Any

import pytest

from gateway.core.faults import FaultKind
from gateway.core.usage import Usage
from gateway.dialects.conversation import Opaque, Refusal, Spent, Text, Thinking, ToolUse
from gateway.dialects.events import BlockEnded, BlockStarted, Closed, Ended, Event, Failed, InputDelta, Started, TextDelta
from gateway.dialects.openai_responses import message
from gateway.dialects.openai_responses.reader import Reader
from tests.dialects.assembled import assembled
from tests.golden.openai_responses import write as golden

FINISHED = [
    name
    for name, events in golden.STREAMS.items()
    if any(event["type"] in ("response.completed", "response.incomplete") for event in events)
]


def read(*events: dict[str, Any], names: dict[str, str] | None = None) -> list[Event]:
    reader = Reader(names or {})
    return [*reader.feed(golden.stream(list(events))), *reader.end()]


def recorded(name: str) -> list[Event]:
    return read(*golden.STREAMS[name])


@pytest.mark.parametrize("name", FINISHED)
def test_a_stream_adds_up_to_the_answer_that_its_last_event_holds(name: str) -> None:
    last = next(event for event in reversed(golden.STREAMS[name]) if "response" in event)
    streamed = assembled(recorded(name))
    whole = message.read(json.dumps(last["response"]).encode(), {})
    streamed.id, streamed.model = whole.id, whole.model  # a stream that only has its end is told by its first event
    assert streamed == whole


def test_the_beginning_tells_who_answers() -> None:
    assert recorded("text")[0] == Started("resp_0Golden", "gpt-5.5-2026-04-23", Spent(Usage()))


def test_thoughts_come_with_what_their_provider_wants_back() -> None:
    thinking = assembled(recorded("tools")).blocks[0]
    text = "Seven plus the crossing.\n\nHalf past eight, then."
    assert thinking == Thinking(text, "openai_responses:rs_0Golden0:Z29sZGVuLWVuY3J5cHRlZA==")
    assert assembled(recorded("reasoning_hidden")).blocks == [
        Thinking("", "openai_responses:rs_0Golden0:Z29sZGVuLWVuY3J5cHRlZA==")
    ]
    assert assembled(recorded("reasoning_raw")).blocks == [Thinking("Seven plus the crossing makes half past eight.")]


def test_pieces_are_handed_on_as_they_come() -> None:
    assert [event.text for event in recorded("text") if isinstance(event, TextDelta)] == [
        "The",
        " ferry",
        " leaves at",
        " seven.",
    ]


def test_free_text_travels_as_an_object() -> None:
    events = recorded("custom_tool")
    fragments = [event.fragment for event in events if isinstance(event, InputDelta)]
    assert json.loads("".join(fragments)) == {"input": golden.PATCH["input"]}
    assert len(fragments) == 4


def test_an_empty_free_text_is_an_object_too() -> None:
    item = golden.custom("apply_patch", "")
    blocks = assembled(read(*golden.opening(), golden.added(item, 0), golden.done(item, 0), *golden.closing(item))).blocks
    assert blocks == [ToolUse("call_0Golden0", "apply_patch", {"input": ""})]


def test_names_that_were_changed_come_home() -> None:
    events = read(*golden.STREAMS["tools"], names={"find_ferry": "harbour.find_ferry!"})
    assert [block.name for block in assembled(events).blocks if isinstance(block, ToolUse)] == ["harbour.find_ferry!", "now"]
    events = read(*golden.STREAMS["no_deltas"], names={"find_ferry": "harbour.find_ferry!"})
    assert [block.name for block in assembled(events).blocks if isinstance(block, ToolUse)] == ["harbour.find_ferry!"]


def test_calls_in_pieces_between_each_other_come_one_after_the_other() -> None:
    kinds = [type(event).__name__ for event in recorded("interleaved")]
    once = ["BlockStarted", "InputDelta", "InputDelta", "BlockEnded"]
    assert kinds == ["Started", *once, *once[:2], "BlockEnded", "Ended", "Closed"]


@pytest.mark.parametrize("closed", [True, False])
def test_any_number_of_calls_may_wait(closed: bool) -> None:
    calls = [golden.call("look", "{}", place) for place in range(3000)]
    begun = [golden.added(call, place) for place, call in enumerate(calls)]
    ended = [golden.done(calls[place], place) for place in reversed(range(len(calls)))] if closed else []
    blocks = assembled(read(*golden.opening(), *begun, *ended, *golden.closing(*calls))).blocks
    assert sorted(block.id for block in blocks if isinstance(block, ToolUse)) == sorted(call["call_id"] for call in calls)


def test_what_the_provider_searched_is_a_block_of_its_own() -> None:
    assert assembled(recorded("web_search")).blocks == [Opaque("web_search_call", golden.SEARCH), Text("Let me look.")]


def test_a_refusal_is_told_apart() -> None:
    assert assembled(recorded("refusal")).blocks == [Text("I can tell you the time."), Refusal("I will not tell you the key.")]


@pytest.mark.parametrize(
    ("name", "stop"),
    [
        ("text", "end_turn"),
        ("tools", "tool_use"),
        ("custom_tool", "tool_use"),
        ("max_output_tokens", "max_tokens"),
        ("content_filter", "refusal"),
        ("empty", "end_turn"),
    ],
)
def test_why_it_stopped(name: str, stop: str) -> None:
    *_, end, close = recorded(name)
    assert isinstance(end, Ended)
    assert isinstance(close, Closed)
    assert end.stop == stop
    assert end.spent == Spent(Usage(12, 20, 4, 0, 87), 64, input_reported=True, output_reported=True)


def test_nothing_is_told_twice_and_nothing_after_the_end() -> None:
    assert recorded("unknown_events") == [
        Started("resp_0Golden", "gpt-5.5-2026-04-23", Spent(Usage())),
        BlockStarted(Text("")),
        TextDelta("The ferry leaves at seven."),
        BlockEnded(),
        *recorded("text")[-2:],
    ]


@pytest.mark.parametrize(
    ("name", "kind", "text"),
    [
        ("failed", FaultKind.LIMITED, "Rate limit reached. Please try again in 1.5s."),
        ("error_flat", FaultKind.FAILED, "The ferry sank (golden)."),
        ("error_nested", FaultKind.INVALID, "Too long."),
        ("truncated", FaultKind.TRUNCATED, "The upstream's answer ended before it was complete."),
    ],
)
def test_a_failure_is_the_last_event(name: str, kind: FaultKind, text: str) -> None:
    last = recorded(name)[-1]
    assert isinstance(last, Failed)
    assert (last.fault.kind, last.fault.text) == (kind, text)


@pytest.mark.parametrize(
    "payload",
    [b"{", b"[]", b"null", b'"text"', b"\xff", b'{"type":"response.created"} x'],
)
def test_what_cannot_be_read_ends_the_stream(payload: bytes) -> None:
    reader = Reader({})
    events = reader.feed(b"data: " + payload + b"\n\n") + reader.feed(golden.stream(golden.STREAMS["text"]))
    assert len(events) == 1
    assert isinstance(events[0], Failed)
    assert events[0].fault.kind is FaultKind.GARBLED
    assert reader.end() == []


def test_an_event_without_end_is_given_up() -> None:
    reader = Reader({})
    events = [event for _ in range(20) for event in reader.feed(b"data: " + b"x" * 1_000_000)]
    assert [type(event) for event in events] == [Failed]


def test_half_a_character_is_no_reason_to_give_up() -> None:
    frames = golden.stream(golden.STREAMS["text"]).replace(b'"delta":"The"', b'"delta":"The \\ud83d"')
    reader = Reader({})
    deltas = [event.text for event in reader.feed(frames) if isinstance(event, TextDelta)]
    assert deltas[0] == "The \ufffd"


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.output_text.delta", "output_index": "0", "content_index": 0, "delta": "x"},
        {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": 1},
        {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": ""},
        {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": "{}"},
        {"type": "response.output_item.added", "output_index": 0, "item": None},
        {"type": "response.output_item.added", "output_index": 0, "item": {"type": "function_call"}},
        {"type": "response.output_item.done", "output_index": 0, "item": None},
        {"type": "response.output_item.done", "output_index": 0, "item": {"type": "message", "content": [None, {"text": 1}]}},
        {"type": ["response.completed"]},
        {"type": None},
    ],
)
def test_odd_events_say_nothing(event: dict[str, Any]) -> None:
    events = read(*golden.opening(), event, *golden.closing())
    assert [type(each).__name__ for each in events] == ["Started", "Ended", "Closed"]


def test_the_end_of_a_done_stream_says_nothing() -> None:
    reader = Reader({})
    reader.feed(golden.stream(golden.STREAMS["text"]) + b"data: [DONE]\n\n")
    assert reader.end() == []
