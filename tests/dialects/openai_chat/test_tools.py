"""Tools and the choice among them between the two dialects."""

import pytest

from gateway.core.faults import Fault
from gateway.core.profile import DEFAULTS
from gateway.dialects.translation import Translation
from tests.dialects.openai_chat.carrying import Json, to_anthropic, to_chat

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}
CLOSED = {**SCHEMA, "required": ["n"], "additionalProperties": False}
F = {"name": "f", "description": "d", "parameters": SCHEMA}
WRITTEN = {"name": "f", "description": "d", "input_schema": SCHEMA}


@pytest.mark.parametrize(
    ("tool", "written"),
    [
        ({"type": "function", "function": F}, WRITTEN),
        ({"type": "function", **F}, WRITTEN),
        ({"name": "f", "description": "d", "input_schema": SCHEMA}, WRITTEN),
        ({"type": "custom", "name": "f", "description": "d", "input_schema": SCHEMA}, WRITTEN),
        ({"type": "function", "function": {"name": "f"}}, {"name": "f", "input_schema": {"type": "object", "properties": {}}}),
        (
            {"type": "function", "function": {**F, "strict": True}},
            {**WRITTEN, "input_schema": {**SCHEMA, "additionalProperties": False}, "strict": True},
        ),
        ({"type": "function", "function": {**F, "strict": False}}, WRITTEN),
    ],
)
def test_tools_in_every_shape(tool: Json, written: Json) -> None:
    body, dropped = to_anthropic(tools=[tool])
    assert body["tools"] == [written]
    assert dropped == ()


@pytest.mark.parametrize("nested", [True, False])
def test_freeform_tools_take_an_object_with_a_text(nested: bool) -> None:
    grammar = {"syntax": "lark", "definition": "start: X"}
    form = {"type": "grammar", "grammar": grammar} if nested else {"type": "grammar", **grammar}
    custom = {"name": "patch", "description": "Applies.", "format": form}
    body, dropped = to_anthropic(tools=[{"type": "custom", "custom": custom} if nested else {"type": "custom", **custom}])
    assert body["tools"][0]["input_schema"]["required"] == ["input"]
    assert body["tools"][0]["description"].endswith("lark grammar:\nstart: X")
    assert dropped == ()


def test_no_more_strict_tools_than_anthropic_takes() -> None:
    tools = [{"type": "function", "function": {"name": f"f{number}", "strict": True}} for number in range(21)]
    body, dropped = to_anthropic(tools=tools)
    assert sum(tool.get("strict", False) for tool in body["tools"]) == 20
    assert dropped == ("tools.function.strict",)


NAMED = [{"type": "function", "function": {"name": name}} for name in ("f", "g")]


@pytest.mark.parametrize(
    ("choice", "written"),
    [
        ("auto", {"type": "auto"}),
        ("required", {"type": "any"}),
        ("none", {"type": "none"}),
        ({"type": "function", "function": {"name": "g"}}, {"type": "tool", "name": "g"}),
        ({"type": "function", "name": "g"}, {"type": "tool", "name": "g"}),
        ({"type": "tool", "name": "g"}, {"type": "tool", "name": "g"}),
        ({"type": "any"}, {"type": "any"}),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "g"}}]},
            },
            {"type": "any"},
        ),
        ({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "g"}]}, {"type": "auto"}),
    ],
)
def test_choices_for_anthropic(choice: object, written: Json) -> None:
    body, dropped = to_anthropic(tools=NAMED, tool_choice=choice)
    assert body["tool_choice"] == written
    allowed = ["g"] if isinstance(choice, dict) and choice["type"] == "allowed_tools" else ["f", "g"]
    assert [tool["name"] for tool in body["tools"]] == allowed
    assert dropped == ()


def test_a_forced_choice_and_thinking_exclude_each_other() -> None:
    body, _ = to_anthropic(tools=NAMED, tool_choice="required", reasoning_effort="high")
    assert "thinking" not in body
    assert body["output_config"] == {"effort": "high"}
    body, dropped = to_anthropic(tools=NAMED, tool_choice="required", profile={"forced_tools": False})
    assert body["tool_choice"] == {"type": "auto"}
    assert dropped == ("tool_choice",)


def custom(**more: object) -> Json:
    return {"name": "f", "description": "d", "input_schema": SCHEMA, **more}


@pytest.mark.parametrize(
    ("tool", "function", "dropped"),
    [
        (custom(), F, ()),
        (custom(type="custom", cache_control={"type": "ephemeral"}), F, ("cache_control",)),
        (custom(input_schema=CLOSED, strict=True), {**F, "parameters": CLOSED, "strict": True}, ()),
        (custom(strict=True), F, ("tools.strict",)),
        (custom(input_examples=[{"n": 1}]), F, ("tools.input_examples",)),
        (custom(input_schema={"type": "object"}), {**F, "parameters": {"type": "object", "properties": {}}}, ()),
    ],
)
def test_tools_for_chat(tool: Json, function: Json, dropped: tuple[str, ...]) -> None:
    body, told = to_chat(tools=[tool])
    assert body["tools"] == [{"type": "function", "function": function}]
    assert told == dropped


@pytest.mark.parametrize("kind", ["bash_20250124", "text_editor_20250728", "memory_20250818"])
def test_tools_that_the_client_runs_itself(kind: str) -> None:
    body, dropped = to_chat(tools=[{"type": kind, "name": "t"}])
    assert body["tools"][0]["function"]["name"] == "t"
    assert "command" in body["tools"][0]["function"]["parameters"]["properties"]
    assert dropped == ("tools.type",)


@pytest.mark.parametrize(
    ("choice", "written"),
    [
        ({"type": "auto"}, "auto"),
        ({"type": "any"}, "required"),
        ({"type": "none"}, "none"),
        ({"type": "tool", "name": "f"}, {"type": "function", "function": {"name": "f"}}),
    ],
)
def test_choices_for_chat(choice: Json, written: object) -> None:
    body, dropped = to_chat(tools=[custom()], tool_choice={**choice, "disable_parallel_tool_use": True})
    assert body["tool_choice"] == written
    assert body["parallel_tool_calls"] is False
    assert dropped == ()
    body, dropped = to_chat(tools=[custom()], tool_choice=choice, profile={"forced_tools": False, "parallel_tools": False})
    assert body["tool_choice"] == ("auto" if written not in ("auto", "none") else written)


def test_names_that_do_not_fit_come_back_as_they_were() -> None:
    name = "mcp__harbour__" + "find_the_next_ferry_" * 4
    document = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}], "tools": [custom(name=name)]}
    exchange = Translation(
        document,
        client="anthropic",
        upstream="openai_chat",
        model="m",
        profile=DEFAULTS["openai_chat"],
        request_id="r",
        created_s=1,
    )
    (sent,) = {part for part in exchange.body.decode().split('"') if part.startswith("mcp__")}
    assert len(sent) == 64
    call = f'[{{"index":0,"id":"a","function":{{"name":"{sent}","arguments":"{{}}"}}}}]'.encode()
    stream = exchange.streaming()
    out = stream.feed(b'data: {"id":"c","choices":[{"delta":{"tool_calls":' + call + b"}}]}\n\ndata: [DONE]\n\n")
    assert f'"name":"{name}"'.encode() in out


def test_a_freeform_call_for_chat_is_a_text_where_the_upstream_takes_it() -> None:
    tools = [{"type": "custom", "custom": {"name": "patch", "format": {"type": "text"}}}]
    call = {"id": "a", "type": "custom", "custom": {"name": "patch", "input": 'say "hi"'}}
    messages: list[Json] = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": "ok"},
    ]
    body, _ = to_anthropic(*messages, tools=tools)
    assert body["messages"][1]["content"][0]["input"] == {"input": 'say "hi"'}
    with pytest.raises(Fault):
        to_anthropic(tools=[{"type": "custom", "custom": {}}])
