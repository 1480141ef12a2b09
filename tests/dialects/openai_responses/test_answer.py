"""Items of an answer as blocks and as events."""

from typing import Any

import pytest

from gateway.core.usage import Usage
from gateway.dialects.conversation import Block, Opaque, RedactedThinking, Refusal, Spent, Text, Thinking, ToolUse
from gateway.dialects.events import Closed, Ended, Started
from gateway.dialects.openai_responses.answer import blocks_of, events_of, stop_of
from tests.dialects.assembled import assembled


@pytest.mark.parametrize(
    ("item", "blocks"),
    [
        (
            {"type": "message", "content": [{"type": "output_text", "text": "a"}, {"type": "refusal", "refusal": "b"}]},
            [Text("a"), Refusal("b")],
        ),
        ({"type": "message", "content": [{"type": "output_text", "text": ""}, {"type": "refusal"}, None, 1]}, []),
        ({"type": "message", "content": None}, []),
        ({"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "x"}, [Thinking("", "openai_responses:rs:x")]),
        ({"type": "reasoning", "summary": [{"text": "a"}, {"text": "b"}]}, [Thinking("a\n\nb")]),
        ({"type": "reasoning", "summary": [], "content": [{"text": "a"}]}, [Thinking("a")]),
        ({"type": "reasoning", "summary": "?"}, []),
        ({"type": "function_call", "call_id": "c", "name": "changed", "arguments": '{"a":1}'}, [ToolUse("c", "home", {"a": 1})]),
        ({"type": "function_call", "id": "fc", "name": "n"}, [ToolUse("fc", "n", {})]),
        ({"type": "custom_tool_call", "call_id": "c", "name": "n", "input": "x"}, [ToolUse("c", "n", {"input": "x"})]),
        ({"type": "web_search_call", "id": "ws"}, [Opaque("web_search_call", {"type": "web_search_call", "id": "ws"})]),
        ({}, [Opaque("", {})]),
    ],
)
def test_items_as_blocks(item: dict[str, Any], blocks: list[Block]) -> None:
    assert blocks_of(item, {"changed": "home"}) == blocks


@pytest.mark.parametrize(
    "block",
    [
        Text("a"),
        Refusal("b"),
        Thinking("c", "s"),
        Thinking("", "s"),
        Thinking("c"),
        RedactedThinking("d"),
        ToolUse("i", "n", {"a": [1]}),
        Opaque("k", {}),
    ],
)
def test_blocks_as_events(block: Block) -> None:
    spent = Spent(Usage())
    events = [Started("i", "m", spent), *events_of(block), Ended("end_turn", spent), Closed()]
    assert assembled(events).blocks == [block]


@pytest.mark.parametrize(
    ("response", "called", "stop"),
    [
        ({"status": "completed"}, False, "end_turn"),
        ({"status": "completed"}, True, "tool_use"),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, True, "refusal"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, True, "max_tokens"),
        ({"status": "incomplete", "incomplete_details": None}, False, "max_tokens"),
        ({}, False, "end_turn"),
    ],
)
def test_why_it_stopped(response: dict[str, Any], called: bool, stop: str) -> None:
    assert stop_of(response, called=called) == stop
