"""Whole Messages answers, written and read."""

from typing import Any

import orjson
import pytest

from gateway.core.faults import Fault, FaultKind
from gateway.core.usage import Usage
from gateway.dialects.anthropic import message
from gateway.dialects.conversation import Block, Conversation, Opaque, Refusal, Reply, Spent, Text, Thinking, ToolUse


def answer(blocks: list[Block], identifier: str = "chatcmpl-1") -> Any:
    reply = Reply(identifier, "served", blocks, "end_turn", Spent(Usage(3, 2, 1, 4, 5), 2))
    return orjson.loads(message.write(reply, Conversation("anthropic", "asked", []), 1))


def test_the_frame() -> None:
    document = answer([Text("a")])
    assert {key: document[key] for key in ("id", "type", "role", "model", "stop_reason", "stop_sequence")} == {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "asked",
        "stop_reason": "end_turn",
        "stop_sequence": None,
    }
    assert document["usage"] == {
        "input_tokens": 3,
        "cache_creation_input_tokens": 5,
        "cache_read_input_tokens": 2,
        "cache_creation": {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 4},
        "output_tokens": 5,
        "output_tokens_details": {"thinking_tokens": 2},
        "server_tool_use": None,
        "service_tier": "standard",
    }


def test_blocks() -> None:
    blocks: list[Block] = [
        Thinking("", ""),
        Opaque("x", {}),
        Opaque("x", {}, text="said"),
        Refusal("no"),
        ToolUse("a:1", "f", {}),
    ]
    assert [block["type"] for block in answer(blocks)["content"]] == ["text", "text", "tool_use"]


@pytest.mark.parametrize(
    ("identifier", "written"),
    [("chatcmpl-Ab-1", "msg_Ab1"), ("msg_01x", "msg_01x"), ("resp_9", "msg_9"), ("a/b c", "msg_abc"), ("", "msg_")],
)
def test_ids(identifier: str, written: str) -> None:
    assert message.message_id(identifier) == written


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"content":"a"}', b'{"content":[{"type":"text"}]}', b'{"content":[7]}'])
def test_bodies_that_are_no_answer(body: bytes) -> None:
    with pytest.raises(Fault) as caught:
        message.read(body, {})
    assert caught.value.kind is FaultKind.GARBLED


def test_an_error_in_the_place_of_an_answer() -> None:
    with pytest.raises(Fault, match="Overloaded") as caught:
        message.read(b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}', {})
    assert caught.value.kind is FaultKind.UNAVAILABLE


def test_reading() -> None:
    call = {"type": "tool_use", "id": "a", "name": "short", "input": {}}
    body = orjson.dumps({"id": "msg_1", "model": "m", "content": [call], "stop_reason": None, "usage": {"output_tokens": 5}})
    reply = message.read(body, {"short": "long"})
    assert reply.blocks == [ToolUse("a", "long", {})]
    assert (reply.stop, reply.spent.output_reported, reply.spent.input_reported) == ("tool_use", True, False)


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ({"n": 1}, {"n": 1}),
        ("seven o'clock", {"unparsed_arguments": "seven o'clock"}),
        ('{"n": 1}', {"n": 1}),
        ([1], {"unparsed_arguments": "[1]"}),
        (7, {"unparsed_arguments": "7"}),
        (None, {}),
        ("", {}),
    ],
)
def test_an_input_that_is_no_object_is_mended(told: object, read: dict[str, object]) -> None:
    call = {"type": "tool_use", "id": "a", "name": "f", "input": told}
    assert message.read(orjson.dumps({"content": [call]}), {}).blocks == [ToolUse("a", "f", read)]


def test_figures_are_cumulative() -> None:
    spent = Spent(Usage())
    message.tell(spent, {"input_tokens": 9, "cache_creation_input_tokens": 4, "output_tokens": 1})
    message.tell(spent, {"input_tokens": None, "output_tokens": 7, "output_tokens_details": {"thinking_tokens": 3}})
    message.tell(spent, {"output_tokens": "many"})
    message.tell(spent, 7)
    assert (spent.usage, spent.thinking_tokens) == (Usage(9, 0, 4, 0, 7), 3)
