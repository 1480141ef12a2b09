"""A request's top level, both ways."""

import json
from dataclasses import replace
from typing import Any

import pytest

from gateway.core.faults import Fault
from gateway.core.profile import DEFAULTS, Profile
from gateway.dialects.conversation import Choice, Conversation, Format, Reasoning, Text, Thinking, Tool, ToolResult, ToolUse, Turn
from gateway.dialects.losses import Losses
from gateway.dialects.openai_responses import conversation as dialect
from gateway.dialects.openai_responses.tools import Form
from gateway.dialects.translation import CODECS

SCHEMA: dict[str, object] = {"type": "object", "properties": {"hour": {"type": "integer"}}}
CLOSED: dict[str, object] = {**SCHEMA, "required": ["hour"], "additionalProperties": False}
USER = Turn("user", [Text("When?")])


def read(**fields: Any) -> Conversation:
    return dialect.read({"model": "m", "input": "When?", **fields}, Losses("openai_responses"))


def refusal_of(**fields: Any) -> Fault:
    with pytest.raises(Fault) as raised:
        read(**fields)
    return raised.value


def test_the_least_request() -> None:
    assert read() == Conversation("openai_responses", "m", [USER], asked={"model": "m", "input": "When?"})


def test_instructions_and_leading_messages_of_developers_are_the_system() -> None:
    items = [{"role": role, "content": role} for role in ("developer", "system", "user", "developer", "user")]
    read_in = read(instructions="First.", input=items)
    assert read_in.system == [Text("First."), Text("developer"), Text("system")]
    assert [turn.role for turn in read_in.turns] == ["user", "system", "user"]


def test_fields_with_a_common_name() -> None:
    found = read(
        stream=True,
        max_output_tokens=64,
        tools=[{"type": "function", "name": "now", "parameters": SCHEMA}],
        tool_choice={"type": "function", "name": "now"},
        parallel_tool_calls=False,
        temperature=1,
        top_p=0.5,
        reasoning={"effort": "high", "summary": "auto"},
        safety_identifier="sailor",
        user="old",
        service_tier="default",
    )
    assert found.stream
    assert found.max_tokens == 64
    assert found.tools == [Tool("now", schema=SCHEMA)]
    assert found.choice == Choice("tool", "now")
    assert found.parallel is False
    assert (found.temperature, found.top_p) == (1.0, 0.5)
    assert found.reasoning == Reasoning(effort="high", display="summarized")
    assert (found.user, found.service_tier, found.extras) == ("sailor", "standard", {"user": "old"})


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (None, None),
        ({}, None),
        ({"format": {"type": "text"}}, None),
        ({"format": {"type": "json_object"}}, Format("json_object")),
        (
            {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA, "description": "d", "strict": True}},
            Format("json_schema", SCHEMA, "n", "d", True),
        ),
    ],
)
def test_formats(text: Any, form: Format | None) -> None:
    assert read(text=text).format == form


@pytest.mark.parametrize(
    ("reasoning", "read_as"),
    [
        ({}, None),
        ({"effort": None, "summary": None}, None),
        ({"summary": "detailed"}, Reasoning(display="summarized")),
        ({"generate_summary": "concise"}, Reasoning(display="summarized")),
        ({"summary": "none"}, None),
        ({"effort": "none"}, Reasoning(effort="none")),
        ({"effort": "low", "context": "x"}, Reasoning(effort="low", extras={"context": "x"})),
    ],
)
def test_reasoning(reasoning: Any, read_as: Reasoning | None) -> None:
    assert read(reasoning=reasoning).reasoning == read_as


def test_what_has_no_common_name_is_kept_for_the_verdict() -> None:
    found = read(
        truncation="auto",
        text={"verbosity": "low", "glow": 1},
        include=["reasoning.encrypted_content", "message.output_text.logprobs"],
        service_tier="flex",
        client_metadata={"a": "b"},
        context_management=[],
        metadata={"kept": "for the answer"},
        prompt=None,
    )
    assert found.verbosity == "low"
    assert found.extras == {
        "truncation": "auto",
        "text.glow": 1,
        "include": ["reasoning.encrypted_content", "message.output_text.logprobs"],
        "service_tier": "flex",
        "client_metadata": {"a": "b"},
    }
    assert read(include=["reasoning.encrypted_content"]).extras == {}


def test_forms_are_those_of_the_clients_own_tools() -> None:
    tools = [{"type": "custom", "name": "patch"}]
    assert dialect.forms_of(read(tools=tools)) == {"patch": Form("custom", "patch")}
    assert dialect.forms_of(Conversation("anthropic", "m", [], asked={"tools": tools})) == {}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"),
        ({"model": 1}, "model"),
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": ""}, "input"),
        ({"input": {}}, "input"),
        ({"instructions": ["a"]}, "instructions"),
        ({"stream": "yes"}, "stream"),
        ({"max_output_tokens": "9"}, "max_output_tokens"),
        ({"max_output_tokens": True}, "max_output_tokens"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"tools": {}}, "tools"),
        ({"tool_choice": "maybe"}, "tool_choice"),
        ({"parallel_tool_calls": 1}, "parallel_tool_calls"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"reasoning": "high"}, "reasoning"),
        ({"reasoning": {"effort": "much"}}, "reasoning.effort"),
        ({"reasoning": {"effort": ["low"]}}, "reasoning.effort"),
        ({"reasoning": {"summary": "long"}}, "reasoning.summary"),
        ({"text": "json"}, "text"),
        ({"text": {"format": "json"}}, "text.format"),
        ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
        ({"text": {"format": {"type": "json_schema", "name": "n"}}}, "text.format.schema"),
        ({"text": {"format": {"type": "json_schema", "schema": {}}}}, "text.format.name"),
        ({"service_tier": 1}, "service_tier"),
        ({"include": "all"}, "include"),
    ],
)
def test_a_broken_field_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    assert refusal_of(**fields).param == param


def test_a_response_that_was_not_kept_is_refused_clearly() -> None:
    fault = refusal_of(previous_response_id="resp_1")
    assert (fault.status, fault.param, fault.code) == (400, "previous_response_id", "previous_response_not_found")
    assert "Send the whole conversation in 'input'" in fault.text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("conversation", "conv_1"),
        ("prompt", {"id": "pmpt_1"}),
        ("background", True),
        ("moderation", {"model": "m"}),
    ],
)
@pytest.mark.parametrize("upstream", ["anthropic", "openai_chat"])
def test_what_nobody_else_can_do_is_refused_by_name(field: str, value: object, upstream: str) -> None:
    losses = Losses("openai_responses")
    with pytest.raises(Fault) as raised:
        CODECS[upstream].write_request(read(**{field: value}), "served", DEFAULTS[upstream], losses)
    assert raised.value.param == field


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ({"type": "compaction", "encrypted_content": "x"}, "input[1]"),
        ({"type": "compaction_trigger"}, "input[1]"),
        ({"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}, "input[1].content[0]"),
        ({"role": "user", "content": [{"type": "input_image", "file_id": "file_1"}]}, "input[1].content[0].file_id"),
    ],
)
@pytest.mark.parametrize("upstream", ["anthropic", "openai_chat"])
def test_items_without_which_the_answer_would_be_another_are_refused(item: Any, param: str, upstream: str) -> None:
    asked = read(input=[{"role": "user", "content": "a"}, item])
    with pytest.raises(Fault) as raised:
        CODECS[upstream].write_request(asked, "served", DEFAULTS[upstream], Losses("openai_responses"))
    assert raised.value.param == param


def written(taken: Profile | None = None, **fields: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    asked = Conversation(**{"dialect": "anthropic", "model": "asked", "turns": [USER], **fields})
    losses = Losses("anthropic")
    body = dialect.write(asked, "served", taken or DEFAULTS["openai_responses"], losses).body
    return json.loads(body), losses.dropped


LEAST = {
    "model": "served",
    "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "When?"}]}],
    "store": False,
    "include": ["reasoning.encrypted_content"],
}


def test_the_least_body() -> None:
    assert written() == (LEAST, ())


def test_nothing_is_asked_of_thoughts_where_there_are_none() -> None:
    plain = replace(DEFAULTS["openai_responses"], efforts=())
    body, dropped = written(plain, reasoning=Reasoning(effort="low"))
    assert ("include" in body, "reasoning" in body, dropped) == (False, False, ("thinking",))


def test_fields_are_written_under_their_names() -> None:
    body, dropped = written(
        system=[Text("Be short."), Text("Be kind.", cache="5m")],
        stream=True,
        max_tokens=64,
        tools=[Tool("now", "Tells.", CLOSED, strict=True)],
        choice=Choice("any"),
        parallel=False,
        temperature=0.5,
        top_p=0.9,
        user="u" * 70,
        service_tier="standard",
        format=Format("json_schema", CLOSED),
    )
    assert dropped == ("cache_control",)
    assert {key: body[key] for key in body if key not in LEAST} == {
        "instructions": "Be short.\n\nBe kind.",
        "tools": [{"type": "function", "name": "now", "description": "Tells.", "parameters": CLOSED, "strict": True}],
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "text": {"format": {"type": "json_schema", "name": "response", "schema": CLOSED, "strict": True}},
        "max_output_tokens": 64,
        "temperature": 0.5,
        "top_p": 0.9,
        "safety_identifier": body["safety_identifier"],
        "service_tier": "default",
        "stream": True,
    }
    assert len(body["safety_identifier"]) == 64


def test_choices_without_tools_are_left_out() -> None:
    assert written(choice=Choice("auto"), parallel=True) == (LEAST, ())


@pytest.mark.parametrize(
    ("form", "wire"),
    [
        (Format("json_object"), {"type": "json_object"}),
        (
            Format("json_schema", SCHEMA, "n", "d", None),
            {"type": "json_schema", "name": "n", "schema": SCHEMA, "strict": False, "description": "d"},
        ),
    ],
)
def test_formats_are_written(form: Format, wire: dict[str, Any]) -> None:
    assert written(format=form)[0]["text"] == {"format": wire}


def test_a_format_that_is_not_taken_is_asked_for_in_words() -> None:
    body, dropped = written(replace(DEFAULTS["openai_responses"], formats=()), format=Format("json_object"))
    assert body["instructions"].startswith("Answer with one JSON object")
    assert dropped == ("output_config.format",)


@pytest.mark.parametrize(
    ("asked", "wire", "dropped"),
    [
        (Reasoning(effort="high"), {"effort": "high"}, ()),
        (Reasoning(effort="max"), {"effort": "xhigh"}, ()),
        (Reasoning("enabled", 5000), {"effort": "high", "summary": "auto"}, ()),
        (Reasoning("adaptive"), {"summary": "auto"}, ()),
        (Reasoning("adaptive", display="omitted"), None, ()),
        (Reasoning("disabled"), {"effort": "none"}, ()),
        (Reasoning(effort="none"), {"effort": "none"}, ()),
        (Reasoning(effort="low", display="summarized"), {"effort": "low", "summary": "auto"}, ()),
    ],
)
def test_how_much_to_think(asked: Reasoning, wire: Any, dropped: tuple[str, ...]) -> None:
    body, lost = written(reasoning=asked)
    assert (body.get("reasoning"), lost) == (wire, dropped)


def test_thinking_that_cannot_be_switched_off_is_told() -> None:
    body, dropped = written(replace(DEFAULTS["openai_responses"], efforts=("low", "high")), reasoning=Reasoning("disabled"))
    assert (body.get("reasoning"), dropped) == ({"effort": "low"}, ("thinking",))


@pytest.mark.parametrize(
    ("fields", "taken", "name"),
    [
        ({"stop": ["X"]}, {}, "stop_sequences"),
        ({"top_k": 5}, {}, "top_k"),
        ({"cache": "5m"}, {}, "cache_control"),
        ({"temperature": 0.1}, {"temperature": False}, "temperature"),
        ({"top_p": 0.1}, {"top_p": False}, "top_p"),
        ({"max_tokens": 1}, {}, "max_tokens"),
        ({"max_tokens": 99}, {"max_tokens_max": 50}, "max_tokens"),
        ({"extras": {"speed": "fast"}}, {}, "speed"),
    ],
)
def test_what_cannot_be_carried_is_named(fields: dict[str, Any], taken: dict[str, Any], name: str) -> None:
    assert written(replace(DEFAULTS["openai_responses"], **taken), **fields)[1] == (name,)


@pytest.mark.parametrize(("asked", "sent"), [(1, 16), (16, 16), (99, 50)])
def test_the_number_of_tokens_stays_within_what_is_taken(asked: int, sent: int) -> None:
    body, _ = written(replace(DEFAULTS["openai_responses"], max_tokens_max=50), max_tokens=asked)
    assert body["max_output_tokens"] == sent


def test_what_was_written_reads_the_same() -> None:
    """Everything with a common name survives a round through this dialect."""
    asked = Conversation(
        "anthropic",
        "served",
        [
            USER,
            Turn(
                "assistant", [Thinking("Hm.", "openai_responses:rs_1:gAAA"), Text("So."), ToolUse("call_1", "now", {"hour": 1})]
            ),
            Turn("user", [ToolResult("call_1", [Text("seven")])]),
        ],
        system=[Text("Be short.")],
        stream=True,
        max_tokens=64,
        tools=[Tool("now", "Tells.", CLOSED, strict=True), Tool("patch", "Edits.", freeform=True, grammar="g", syntax="lark")],
        choice=Choice("auto", allowed=["now"]),
        parallel=True,
        temperature=0.5,
        reasoning=Reasoning(effort="high", display="summarized"),
        format=Format("json_schema", CLOSED, "n", "d", True),
        user="sailor",
        service_tier="standard",
    )
    losses = Losses("anthropic")
    body = json.loads(dialect.write(asked, "served", DEFAULTS["openai_responses"], losses).body)
    back = dialect.read(body, Losses("openai_responses"))
    back.dialect, back.asked, back.extras = asked.dialect, {}, {}
    assert back == asked
    assert losses.dropped == ()
