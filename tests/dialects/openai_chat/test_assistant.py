"""The assistant's message: what is in it, and what is wrong with it."""

from typing import Any

import pytest

from gateway.core.faults import Fault
from gateway.dialects.conversation import Opaque, Refusal, Text, Thinking, ToolUse
from gateway.dialects.openai_chat.assistant import Spoken, read


def test_everything_in_one_message() -> None:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": [{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "b"}],
        "refusal": "c",
        "tool_calls": [
            {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}, "extra_content": {"x": 1}},
            {"id": "2", "type": "custom", "custom": {"name": "g", "input": "d"}},
        ],
        "reasoning_content": "e",
        "audio": {"id": "x"},
        "annotations": None,
    }
    blocks, extras = read(message, "messages[1]", legacy_id="")
    assert blocks == [
        Thinking("e", "openai_chat:"),
        Text("a"),
        Refusal("b"),
        Refusal("c"),
        ToolUse("1", "f", {}, extras={"extra_content": {"x": 1}}),
        ToolUse("2", "g", {"input": "d"}),
    ]
    assert extras == {"audio": {"id": "x"}}


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"content": 7}, "m.content"),
        ({"tool_calls": {}}, "m.tool_calls"),
        ({"tool_calls": [7]}, "m.tool_calls[0]"),
        ({"tool_calls": [{}]}, "m.tool_calls[0].function"),
        ({"tool_calls": [{"function": {}}]}, "m.tool_calls[0].function.name"),
        ({"tool_calls": [{"custom": {"name": ""}}]}, "m.tool_calls[0].custom.name"),
        ({"function_call": {"arguments": "{}"}}, "m.function_call.name"),
    ],
)
def test_what_is_wrong(message: dict[str, Any], param: str) -> None:
    with pytest.raises(Fault) as caught:
        read(message, "m", legacy_id="")
    assert caught.value.param == param


def test_what_blocks_come_to() -> None:
    call = ToolUse("1", "f", {})
    spoken = Spoken(
        [Thinking("t", "s"), Text("a"), Text("b"), Opaque("x", {}), Text("c"), call, Thinking("u", "s"), Refusal("d")]
    )
    assert (spoken.text, spoken.refusal, spoken.calls, spoken.thought) == ("ab\n\nc", "d", [call], "t\n\nu")
    assert [placed[1:] for placed in spoken.thoughts] == [(0, 0), (5, 1)]
