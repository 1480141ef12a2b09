"""Messages streams: sloppy ones read, orderly ones written."""

from typing import Any

import orjson
import pytest

from gateway.core.faults import Fault, FaultKind
from gateway.core.usage import Usage
from gateway.dialects.anthropic.events import Reader, Writer
from gateway.dialects.conversation import Conversation, Opaque, RedactedThinking, Spent, Text, Thinking, ToolUse
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
from gateway.dialects.sse import Parser, frame

Json = dict[str, Any]
START: Json = {
    "type": "message_start",
    "message": {"id": "msg_1", "model": "m", "usage": {"input_tokens": 3, "output_tokens": 1}},
}
STOP: Json = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}}


def block(content: Json) -> Json:
    return {"type": "content_block_start", "index": 0, "content_block": content}


def delta(**fields: Any) -> Json:
    return {"type": "content_block_delta", "index": 0, "delta": fields}


def stream(*payloads: Json) -> bytes:
    return b"".join(frame(payload["type"].encode(), orjson.dumps(payload)) for payload in payloads)


def read(*payloads: Json, **names: str) -> list[Event]:
    reader = Reader(names)
    return [*reader.feed(stream(*payloads)), *reader.end()]


TEXT = {"type": "text", "text": ""}
CALL: Json = {"type": "tool_use", "id": "a", "name": "f", "input": {}}
END_BLOCK: Json = {"type": "content_block_stop", "index": 0}
END: Json = {"type": "message_stop"}


def inner(*payloads: Json, **names: str) -> list[Event]:
    """What is read between the start and the end of an orderly message."""
    events = read(START, *payloads, STOP, END, **names)
    assert isinstance(events[0], Started)
    assert isinstance(events[-2], Ended)
    assert isinstance(events[-1], Closed)
    return events[1:-2]


@pytest.mark.parametrize(
    ("payloads", "events"),
    [
        ([block(TEXT), delta(type="text_delta", text="a"), END_BLOCK], [BlockStarted(Text("")), TextDelta("a"), BlockEnded()]),
        # A block that comes with its text, and one whose end is forgotten.
        ([block({"type": "text", "text": "a"})], [BlockStarted(Text("")), TextDelta("a"), BlockEnded()]),
        # Thoughts in a block of text, and a delta without a block.
        (
            [
                block(TEXT),
                delta(type="text_delta", text="a"),
                delta(type="thinking_delta", thinking="b"),
                delta(type="text_delta", text="c"),
            ],
            [
                BlockStarted(Text("")),
                TextDelta("a"),
                BlockEnded(),
                BlockStarted(Thinking("")),
                ThinkingDelta("b"),
                BlockEnded(),
                BlockStarted(Text("")),
                TextDelta("c"),
                BlockEnded(),
            ],
        ),
        ([delta(type="text_delta", text="a")], [BlockStarted(Text("")), TextDelta("a"), BlockEnded()]),
        ([delta(type="input_json_delta", partial_json="{}")], []),
        # An input that comes whole with the block, alone and beside its pieces.
        (
            [block({"type": "tool_use", "id": "a", "name": "f", "input": {"n": 1}}), END_BLOCK],
            [BlockStarted(ToolUse("a", "f", {})), InputDelta('{"n":1}'), BlockEnded()],
        ),
        (
            [
                block({"type": "tool_use", "id": "a", "name": "f", "input": {"n": 1}}),
                delta(type="input_json_delta", partial_json='{"n": 2}'),
            ],
            [BlockStarted(ToolUse("a", "f", {})), InputDelta('{"n": 2}'), BlockEnded()],
        ),
        # An input that is no object: in pieces, whole, nothing, and an object that begins with a blank.
        (
            [block(CALL), *(delta(type="input_json_delta", partial_json=piece) for piece in ("", "seven ", "{}"))],
            [BlockStarted(ToolUse("a", "f", {})), InputDelta('{"unparsed_arguments":"seven {}"}'), BlockEnded()],
        ),
        (
            [block({**CALL, "input": "seven"}), END_BLOCK],
            [BlockStarted(ToolUse("a", "f", {})), InputDelta('{"unparsed_arguments":"seven"}'), BlockEnded()],
        ),
        (
            [block(CALL), delta(type="input_json_delta", partial_json="null"), END_BLOCK],
            [BlockStarted(ToolUse("a", "f", {})), InputDelta("{}"), BlockEnded()],
        ),
        (
            [block(CALL), *(delta(type="input_json_delta", partial_json=piece) for piece in (" ", '{"n": 2', "}"))],
            [BlockStarted(ToolUse("a", "f", {})), InputDelta('{"n":2}'), BlockEnded()],
        ),
        # The next call begins anew, and one that was cut is passed on as far as it came.
        (
            [
                block(CALL),
                delta(type="input_json_delta", partial_json="7"),
                block({**CALL, "id": "b"}),
                *(delta(type="input_json_delta", partial_json=piece) for piece in ('{"n":', " sev")),
            ],
            [
                BlockStarted(ToolUse("a", "f", {})),
                InputDelta('{"unparsed_arguments":"7"}'),
                BlockEnded(),
                BlockStarted(ToolUse("b", "f", {})),
                InputDelta('{"n":'),
                InputDelta(" sev"),
                BlockEnded(),
            ],
        ),
        ([block({"type": "tool_use", "id": "a", "name": "f"})], [BlockStarted(ToolUse("a", "f", {})), BlockEnded()]),
        (
            [block({"type": "thinking", "thinking": ""}), delta(type="signature_delta", signature="s")],
            [BlockStarted(Thinking("")), SignatureDelta("s"), BlockEnded()],
        ),
        ([block({"type": "redacted_thinking", "data": "d"})], [BlockStarted(RedactedThinking("d")), BlockEnded()]),
        (
            [block({"type": "new", "x": 1}), delta(type="new_delta", x=2), delta(type="text_delta", text="a"), END_BLOCK],
            [
                BlockStarted(Opaque("new", {"type": "new", "x": 1}, "content_block")),
                ExtraDelta("new_delta", {"type": "new_delta", "x": 2}),
                ExtraDelta("text_delta", {"type": "text_delta", "text": "a"}),
                BlockEnded(),
            ],
        ),
        ([START, {"type": "ping"}, {"type": "new_event"}], [Ping()]),
    ],
)
def test_reading(payloads: list[Json], events: list[Event]) -> None:
    assert inner(*payloads) == events


def test_names_as_the_client_knows_them() -> None:
    started = inner(block({"type": "tool_use", "id": "a", "name": "short", "input": {}}), short="long")[0]
    assert started == BlockStarted(ToolUse("a", "long", {}))


def test_usage_and_reason() -> None:
    ended = read(START, STOP, END)[-2]
    assert isinstance(ended, Ended)
    assert (ended.stop, ended.spent.usage, ended.spent.output_reported) == ("end_turn", Usage(3, 0, 0, 0, 5), True)


@pytest.mark.parametrize(
    ("payloads", "kind"),
    [
        ([START], FaultKind.TRUNCATED),
        ([START, END], FaultKind.TRUNCATED),
        ([], FaultKind.TRUNCATED),
        ([START, block({"type": "text"})], FaultKind.GARBLED),
        ([START, {"type": "error", "error": {"type": "overloaded_error", "message": "x"}}], FaultKind.UNAVAILABLE),
    ],
)
def test_failing(payloads: list[Json], kind: FaultKind) -> None:
    failed = read(*payloads)[-1]
    assert isinstance(failed, Failed)
    assert failed.fault.kind is kind


def test_a_missing_message_stop_is_forgiven() -> None:
    assert isinstance(read(START, STOP)[-1], Closed)


def test_what_comes_before_the_start_is_started_all_the_same() -> None:
    assert [type(event) for event in read(block(TEXT), STOP, END)][:2] == [Started, BlockStarted]


def test_writing() -> None:
    writer = Writer(Conversation("anthropic", "asked", []), 1)
    events: list[Event] = [
        Started("chatcmpl-1", "served", Spent(Usage(3))),
        Ping(),
        BlockStarted(Thinking("")),
        ThinkingDelta("a"),
        BlockEnded(),
        BlockStarted(Opaque("x", {})),
        TextDelta("unseen"),
        BlockEnded(),
        BlockStarted(ToolUse("a:1", "f", {})),
        BlockEnded(),
        Ended("tool_use", Spent(Usage(3))),
        Closed(),
        Ping(),
    ]
    found = [(event.name.decode(), orjson.loads(event.data)) for event in Parser().feed(writer.write(events))]
    assert [name for name, _ in found] == [
        "message_start",
        "ping",
        *("content_block_start", "content_block_delta", "content_block_delta", "content_block_stop"),
        *("content_block_start", "content_block_delta", "content_block_stop"),
        *("message_delta", "message_stop"),
    ]
    assert all(name == payload["type"] for name, payload in found)
    assert [payload["index"] for name, payload in found if name.startswith("content")] == [0, 0, 0, 0, 1, 1, 1]
    assert found[4][1]["delta"] == {"type": "signature_delta", "signature": ""}
    assert writer.fail(Fault(FaultKind.TRUNCATED, "x"), "req_1") == b""
