"""Messages requests as they are read; how they are written stands in the tests of Chat's fields."""

from typing import Any

import orjson
import pytest

from gateway.core.faults import Fault
from gateway.core.profile import DEFAULTS
from gateway.dialects.anthropic import conversation
from gateway.dialects.conversation import Choice, Conversation, Format, Reasoning, Text, ToolResult, ToolUse, Turn
from gateway.dialects.losses import Losses
from tests.dialects.openai_chat.carrying import to_anthropic

Json = dict[str, Any]
LEAST: Json = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}


def read(**fields: Any) -> Conversation:
    return conversation.read({**LEAST, **fields}, Losses("anthropic"))


def test_fields() -> None:
    asked = read(
        system="Be brief.",
        stream=True,
        stop_sequences=["a"],
        temperature=1,
        top_k=5.0,
        thinking={"type": "enabled", "budget_tokens": 2000, "block_binding": {}},
        output_config={"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object"}}, "task_budget": {}},
        tool_choice={"type": "tool", "name": "f", "disable_parallel_tool_use": True},
        metadata={"user_id": "u", "more": 1},
        service_tier="standard_only",
        cache_control={"type": "ephemeral"},
        speed="fast",
    )
    assert asked.system == [Text("Be brief.")]
    assert (asked.stream, asked.stop, asked.temperature, asked.top_k, asked.max_tokens) == (True, ["a"], 1, 5, 9)
    assert asked.reasoning == Reasoning("enabled", 2000, "low", extras={"block_binding": {}})
    assert asked.format == Format("json_schema", {"type": "object"})
    assert (asked.choice, asked.parallel) == (Choice("tool", "f"), False)
    assert (asked.user, asked.service_tier, asked.cache) == ("u", "standard", "5m")
    assert asked.extras == {"speed": "fast", "metadata.more": 1, "output_config.task_budget": {}}
    assert asked.asked["speed"] == "fast"


def test_the_billing_line_is_no_instruction() -> None:
    billing = {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1;"}
    asked = read(system=[billing, {"type": "text", "text": "Be brief."}])
    assert asked.system == [Text("Be brief.")]
    assert asked.extras == {"x-anthropic-billing-header": billing["text"]}


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"model": None}, "model: Input should be a valid string"),
        ({"messages": {}}, "messages: Input should be a valid list"),
        ({"messages": ["hi"]}, "messages.0: Input should be a valid dictionary"),
        (
            {"messages": [{"role": "narrator", "content": "a"}]},
            "messages.0.role: Input should be 'user', 'assistant' or 'system'",
        ),
        ({"messages": [{"role": "user"}]}, "messages.0.content: Field required"),
        ({"max_tokens": 2**40}, "max_tokens: Input should be between 0 and 2147483647"),
        ({"output_config": {"format": {"type": "xml"}}}, "output_config.format: Input should be a 'json_schema' with a 'schema'"),
        ({"tool_choice": {"type": "some"}}, "tool_choice: Input tag 'some' is none of 'auto', 'any', 'tool', 'none'"),
        ({"tools": {}}, "tools: Input should be a valid list"),
    ],
)
def test_what_is_wrong(fields: Json, text: str) -> None:
    with pytest.raises(Fault) as caught:
        read(**fields)
    assert caught.value.text == text


def test_caching_is_asked_for_where_the_operator_wants_it_and_nobody_marked_anything() -> None:
    automatic = {"cache_automatic": True}
    body, _ = to_anthropic(profile=automatic)
    assert body["cache_control"] == {"type": "ephemeral"}
    marked = {"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]}
    body, _ = to_anthropic(marked, profile=automatic)
    assert "cache_control" not in body
    body, _ = to_anthropic()
    assert "cache_control" not in body


BUDGETS = {"thinking": "enabled", "efforts": (), "temperature": True}


@pytest.mark.parametrize(
    ("fields", "profile", "thinking", "max_tokens"),
    [
        ({"max_tokens": 9000, "reasoning_effort": "high"}, {}, {"type": "enabled", "budget_tokens": 4096}, 9000),
        ({"max_tokens": 500, "reasoning_effort": "low"}, {}, {"type": "enabled", "budget_tokens": 1024}, 1524),
        (
            {"max_tokens": 3000, "reasoning_effort": "high"},
            {"max_tokens_max": 5000},
            {"type": "enabled", "budget_tokens": 2500},
            5000,
        ),
        ({"max_tokens": 500, "reasoning_effort": "high"}, {"max_tokens_max": 1000}, None, 500),
        (
            {"max_tokens": 9000, "thinking": {"type": "enabled", "budget_tokens": 5000}},
            {},
            {"type": "enabled", "budget_tokens": 5000},
            9000,
        ),
        ({"max_tokens": 9, "reasoning_effort": "none"}, {}, {"type": "disabled"}, 9),
        ({"max_tokens": 9, "reasoning_effort": "none"}, {"thinking_off": False}, None, 9),
        ({"max_tokens": 9, "reasoning_effort": "low"}, {"thinking": ""}, None, 9),
    ],
)
def test_thinking_by_budget(fields: Json, profile: Json, thinking: Json | None, max_tokens: int) -> None:
    body, dropped = to_anthropic(profile={**BUDGETS, **profile}, **fields)
    assert (body.get("thinking"), body["max_tokens"]) == (thinking, max_tokens)
    assert dropped == (() if thinking else ("reasoning_effort",))


def test_no_thinking_by_budget_where_the_turn_under_way_lost_its_thoughts() -> None:
    call = {"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}]}
    result = {"role": "tool", "tool_call_id": "a", "content": "done"}
    body, dropped = to_anthropic({"role": "user", "content": "hi"}, call, result, profile=BUDGETS, reasoning_effort="low")
    assert "thinking" not in body
    assert dropped == ("reasoning_effort",)
    kept = {**call, "reasoning_details": [{"type": "reasoning.text", "text": "t", "signature": "s"}]}
    body, dropped = to_anthropic({"role": "user", "content": "hi"}, kept, result, profile=BUDGETS, reasoning_effort="low")
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 1024}
    assert dropped == ()


def test_results_come_first_in_their_turn() -> None:
    turns = [Turn("assistant", [ToolUse("a", "f", {})]), Turn("user", [Text("go on")]), Turn("user", [ToolResult("a", [])])]
    written = conversation.write(Conversation("openai_chat", "m", turns), "served", DEFAULTS["anthropic"], Losses("openai_chat"))
    assert [block["type"] for block in orjson.loads(written.body)["messages"][1]["content"]] == ["tool_result", "text"]


def test_only_names_that_were_changed_are_remembered() -> None:
    asked = Conversation("openai_chat", "m", [Turn("assistant", [ToolUse("a", "lib.f", {})])])
    written = conversation.write(asked, "served", DEFAULTS["anthropic"], Losses("openai_chat"))
    ((changed, name),) = written.tool_names.items()
    assert name == "lib.f"
    assert changed.encode() in written.body
