"""Whole chat answers, written and read."""

from typing import Any

import orjson
import pytest

from gateway.core.faults import Fault, FaultKind
from gateway.core.usage import Usage
from gateway.dialects.conversation import Block, Conversation, Opaque, Refusal, Reply, Spent, Text, Tool, ToolUse
from gateway.dialects.openai_chat import message


def answer(blocks: list[Block], stop: str = "end_turn", **asked: Any) -> Any:
    reply = Reply("msg_01x", "served", blocks, stop, Spent(Usage(3, 2, 1, 0, 5)))
    return orjson.loads(message.write(reply, Conversation("openai_chat", "asked", [], **asked), 1234))


def test_the_frame() -> None:
    document = answer([Text("a")])
    assert (document["id"], document["object"], document["created"], document["model"]) == (
        "chatcmpl-01x",
        "chat.completion",
        1234,
        "asked",
    )
    assert document["usage"]["prompt_tokens"] == 6
    assert document["choices"][0]["message"] == {"role": "assistant", "content": "a", "refusal": None, "annotations": []}


@pytest.mark.parametrize(("stop", "finish"), [*message.FINISHES.items(), ("new_reason", "stop")])
def test_reasons_to_stop(stop: str, finish: str) -> None:
    assert answer([Text("a")], stop)["choices"][0]["finish_reason"] == finish


@pytest.mark.parametrize(
    ("finish", "called", "stop"),
    [
        ("stop", False, "end_turn"),
        ("stop", True, "tool_use"),
        (None, True, "tool_use"),
        ("length", True, "max_tokens"),
        ("content_filter", False, "refusal"),
        ("eos", False, "end_turn"),
        (7, False, "end_turn"),
    ],
)
def test_finish_reasons(finish: object, called: bool, stop: str) -> None:
    assert message.stop_of(finish, called=called) == stop


def test_older_functions_get_one_call() -> None:
    calls: list[Block] = [ToolUse("a", "f", {"n": 1}), ToolUse("b", "g", {})]
    choice = answer(calls, "tool_use", asked={"functions": [{}]})["choices"][0]
    assert choice["message"]["function_call"] == {"name": "f", "arguments": '{"n":1}'}
    assert choice["finish_reason"] == "function_call"
    assert "tool_calls" not in choice["message"]


def test_freeform_calls() -> None:
    call: list[Block] = [ToolUse("a", "patch", {"input": "x"})]
    said = answer(call, "tool_use", tools=[Tool("patch", freeform=True)])["choices"][0]["message"]
    assert said["tool_calls"] == [{"id": "a", "type": "custom", "custom": {"name": "patch", "input": "x"}}]
    assert said["content"] is None


def test_refusals_and_opaque_blocks() -> None:
    said = answer([Opaque("compaction", {}, text="Before: a."), Refusal("no")])["choices"][0]["message"]
    assert (said["content"], said["refusal"]) == ("Before: a.", "no")
    assert answer([Opaque("server_tool_use", {})])["choices"][0]["message"]["content"] == ""


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"choices":[]}', b'{"choices":[7]}', b'{"choices":[{"message":"a"}]}'])
def test_bodies_that_are_no_answer(body: bytes) -> None:
    with pytest.raises(Fault) as caught:
        message.read(body, {})
    assert caught.value.kind is FaultKind.GARBLED


def test_a_call_without_a_name_is_no_answer() -> None:
    body = b'{"choices":[{"message":{"tool_calls":[{"id":"a","function":{}}]}}]}'
    with pytest.raises(Fault) as caught:
        message.read(body, {})
    assert caught.value.kind is FaultKind.GARBLED


def test_an_error_in_the_place_of_an_answer() -> None:
    with pytest.raises(Fault, match="Slow down") as caught:
        message.read(b'{"error":{"message":"Slow down.","code":"rate_limit_exceeded"}}', {})
    assert caught.value.kind is FaultKind.LIMITED


def test_names_as_the_client_knows_them() -> None:
    body = b'{"id":"c-1","choices":[{"message":{"tool_calls":[{"function":{"name":"short"}}]},"finish_reason":"stop"}]}'
    reply = message.read(body, {"short": "long"})
    assert reply.blocks == [ToolUse("call_c-1_0", "long", {})]
    assert reply.stop == "tool_use"
