"""The top-level fields of chat requests, read and written."""

from typing import Any

import pytest

from gateway.core.faults import Fault
from tests.dialects.openai_chat.carrying import Json, to_anthropic, to_chat

TOOL = {"type": "function", "function": {"name": "f"}}


@pytest.mark.parametrize(
    ("fields", "written"),
    [
        ({"max_tokens": 7}, {"max_tokens": 7}),
        ({"max_completion_tokens": 8}, {"max_tokens": 8}),
        ({"max_completion_tokens": 8, "max_tokens": 7}, {"max_tokens": 8}),
        ({}, {"max_tokens": 32_000}),
        ({"stop": "a"}, {"stop_sequences": ["a"]}),
        ({"stop": ["a", "b"]}, {"stop_sequences": ["a", "b"]}),
        ({"stop": None}, {}),
        ({"stream": True, "stream_options": {"include_usage": True}}, {"stream": True}),
        ({"user": "someone"}, {"metadata": {"user_id": "someone"}}),
        ({"safety_identifier": "someone"}, {"metadata": {"user_id": "someone"}}),
        ({"service_tier": "auto"}, {"service_tier": "auto"}),
        ({"service_tier": "default"}, {"service_tier": "standard_only"}),
        ({"tools": [TOOL], "parallel_tool_calls": False}, {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}),
        ({"tools": [TOOL], "parallel_tool_calls": True}, {}),
        ({"parallel_tool_calls": False}, {}),
        ({"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
        (
            {"reasoning_effort": "minimal"},
            {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "low"}},
        ),
        (
            {"reasoning_effort": "max"},
            {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "max"}},
        ),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 2500, "display": "omitted"}},
            {"thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "medium"}},
        ),
        (
            {"reasoning": {"effort": "high"}},
            {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "high"}},
        ),
        ({"reasoning": {"enabled": False}}, {"thinking": {"type": "disabled"}}),
        ({"response_format": {"type": "text"}}, {}),
        ({"cache_control": {"type": "ephemeral"}}, {"cache_control": {"type": "ephemeral"}}),
    ],
)
def test_what_fields_become_for_anthropic(fields: Json, written: Json) -> None:
    body, dropped = to_anthropic(**fields)
    body.pop("tools", None)
    body.setdefault("max_tokens")
    rest = {key: value for key, value in body.items() if key not in ("model", "messages")}
    assert rest == {"max_tokens": 32_000, **written}
    assert dropped == ()


@pytest.mark.parametrize(
    ("fields", "dropped"),
    [
        ({"temperature": 0}, ("temperature",)),
        ({"temperature": 1, "top_p": 1}, ("temperature", "top_p")),
        ({"seed": 7, "logprobs": True, "top_logprobs": 2}, ("seed", "logprobs", "top_logprobs")),
        ({"frequency_penalty": 0.5}, ("frequency_penalty",)),
        ({"stop": ["a", " ", "\n"]}, ("stop",)),
        ({"service_tier": "flex"}, ("service_tier",)),
        ({"user": "a", "safety_identifier": "b"}, ("safety_identifier",)),
        ({"stream_options": {"include_obfuscation": False}}, ("stream_options.include_obfuscation",)),
        ({"response_format": {"type": "json_object"}}, ("response_format",)),
    ],
)
def test_what_is_dropped_for_anthropic(fields: Json, dropped: tuple[str, ...]) -> None:
    body, told = to_anthropic(**fields)
    assert told == dropped
    assert not {"temperature", "top_p", "seed", "logprobs", "service_tier"} & body.keys()
    assert body.get("stop_sequences", ["a"]) == ["a"]


def test_sampling_goes_to_models_that_take_it() -> None:
    older = {"temperature": True, "top_p": True, "thinking": "enabled", "efforts": ()}
    body, dropped = to_anthropic(profile=older, temperature=0.5, top_p=0.9)
    assert (body["temperature"], body["top_p"], dropped) == (0.5, 0.9, ())
    body, dropped = to_anthropic(profile=older, temperature=1.5)
    assert (body["temperature"], dropped) == (1.0, ("temperature",))
    body, dropped = to_anthropic(profile=older, temperature=0.5, reasoning_effort="low")
    assert "temperature" not in body
    assert dropped == ("temperature",)


SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer", "minimum": 1, "description": "A number."}, "m": {"$ref": "#/$defs/m"}},
    "required": ["n"],
    "$defs": {"m": {"type": "object", "properties": {}, "additionalProperties": True}},
}


def test_a_schema_is_made_enforceable_for_anthropic() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA, "strict": True}}
    body, dropped = to_anthropic(response_format=form)
    assert dropped == ()
    assert body["output_config"]["format"] == {
        "type": "json_schema",
        "schema": {
            "type": "object",
            "properties": {"n": {"type": "integer", "description": "A number.\n\n{minimum: 1}"}, "m": {"$ref": "#/$defs/m"}},
            "required": ["n"],
            "$defs": {"m": {"type": "object", "properties": {}, "additionalProperties": False}},
            "additionalProperties": False,
        },
    }


@pytest.mark.parametrize(
    "form", [{"type": "json_object"}, {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}]
)
def test_a_form_that_cannot_be_enforced_is_asked_for_in_words(form: Json) -> None:
    body, dropped = to_anthropic({"role": "system", "content": "Be brief."}, response_format=form, profile={"formats": ()})
    assert [block["text"][:11] for block in body["system"]] == ["Be brief.", "Answer with"]
    assert dropped == ("response_format",)
    schema = {"type": "json_schema", "schema": SCHEMA}
    body, dropped = to_chat(system="Be brief.", output_config={"format": schema}, profile={"formats": ()})
    assert body["messages"][0]["content"].startswith("Be brief.\n\nAnswer with one JSON value")
    assert dropped == ("output_config.format",)
    body, _ = to_chat(output_config={"format": schema}, profile={"formats": ()})
    assert [message["role"] for message in body["messages"]] == ["system", "user"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": ["hi"]}, "messages[0]"),
        ({"messages": [{"role": "narrator", "content": "a"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": "7"}, "max_tokens"),
        ({"temperature": "warm"}, "temperature"),
        ({"stop": [7]}, "stop"),
        ({"stream": "yes"}, "stream"),
        ({"parallel_tool_calls": 1}, "parallel_tool_calls"),
        ({"reasoning_effort": 3}, "reasoning_effort"),
        ({"response_format": "json"}, "response_format"),
        ({"response_format": {"type": "yaml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"tools": {}}, "tools"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        ({"tools": [{"type": "function", "function": {"name": "f", "parameters": []}}]}, "tools[0].function.parameters"),
        ({"tools": [{"type": "code_interpreter"}]}, "tools[0].type"),
        ({"tool_choice": "perhaps"}, "tool_choice"),
        ({"tool_choice": {"type": "function"}}, "tool_choice"),
        ({"n": 2}, "n"),
    ],
)
def test_what_is_refused_is_named(fields: Json, param: str) -> None:
    with pytest.raises(Fault) as caught:
        to_anthropic(**fields)
    assert caught.value.param == param
    assert param in caught.value.text


@pytest.mark.parametrize(
    ("fields", "written"),
    [
        ({}, {}),
        ({"stop_sequences": ["a", "b"]}, {"stop": ["a", "b"]}),
        ({"stream": True}, {"stream": True, "stream_options": {"include_usage": True}}),
        ({"temperature": 0.5, "top_p": 0.9}, {"temperature": 0.5, "top_p": 0.9}),
        ({"metadata": {"user_id": "someone"}}, {"user": "someone"}),
        ({"service_tier": "standard_only"}, {"service_tier": "default"}),
        ({"thinking": {"type": "enabled", "budget_tokens": 3000}}, {"reasoning_effort": "medium"}),
        ({"thinking": {"type": "adaptive"}}, {}),
        ({"thinking": {"type": "disabled"}}, {"reasoning_effort": "none"}),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, {"reasoning_effort": "xhigh"}),
        ({"output_config": {"effort": "medium"}}, {"reasoning_effort": "medium"}),
        (
            {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
            {"response_format": {"type": "json_schema", "json_schema": {"name": "response", "schema": SCHEMA, "strict": False}}},
        ),
    ],
)
def test_what_fields_become_for_chat(fields: Json, written: Json) -> None:
    body, dropped = to_chat(**fields)
    rest = {key: value for key, value in body.items() if key not in ("model", "messages")}
    assert rest == {"max_completion_tokens": 64, **written}
    assert dropped == ()


def test_a_strict_schema_is_called_strict() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}
    body, _ = to_chat(output_format={"type": "json_schema", "schema": schema})
    assert body["response_format"]["json_schema"] == {"name": "response", "schema": schema, "strict": True}


@pytest.mark.parametrize(
    ("profile", "fields", "written", "dropped"),
    [
        ({"max_tokens_field": "max_tokens"}, {}, {"max_tokens": 64}, ()),
        ({"stream_options": False}, {"stream": True}, {"stream": True}, ()),
        ({"stop_max": 1}, {"stop_sequences": ["a", "b"]}, {"stop": ["a"]}, ("stop_sequences",)),
        ({"stop_max": 0}, {"stop_sequences": ["a"]}, {}, ("stop_sequences",)),
        ({"temperature": False}, {"temperature": 1}, {}, ("temperature",)),
        ({"top_k": True}, {"top_k": 5}, {"top_k": 5}, ()),
        ({}, {"top_k": 5}, {}, ("top_k",)),
        ({"efforts": ("low", "high")}, {"output_config": {"effort": "medium"}}, {"reasoning_effort": "low"}, ()),
        ({"efforts": ()}, {"output_config": {"effort": "medium"}}, {}, ("output_config.effort",)),
        ({"efforts": ("low", "high")}, {"thinking": {"type": "disabled"}}, {"reasoning_effort": "low"}, ()),
        ({"efforts": ()}, {"thinking": {"type": "disabled"}}, {}, ("thinking",)),
        ({"user": False}, {"metadata": {"user_id": "a"}}, {}, ("metadata.user_id",)),
        ({"service_tier": False}, {"service_tier": "auto"}, {}, ("service_tier",)),
        ({}, {"cache_control": {"type": "ephemeral"}}, {}, ("cache_control",)),
        ({}, {"thinking": {"type": "adaptive", "display": "omitted"}}, {}, ("thinking.display",)),
        ({}, {"context_management": {}, "diagnostics": {}}, {}, ("context_management", "diagnostics")),
    ],
)
def test_what_the_profile_decides(profile: Json, fields: Json, written: Json, dropped: tuple[str, ...]) -> None:
    body, told = to_chat(profile=profile, **fields)
    rest: Any = {key: value for key, value in body.items() if key not in ("model", "messages", "max_completion_tokens")}
    assert (rest, told) == (written, dropped)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"max_tokens": 0}, "max_tokens"),
        ({"mcp_servers": [{}]}, "mcp_servers"),
        ({"container": "c"}, "container"),
        ({"thread": {"type": "create"}}, "thread"),
        ({"inference_geo": "us"}, "inference_geo"),
        ({"tools": [{"type": "web_search_20260318", "name": "web_search"}]}, "tools.0"),
    ],
)
def test_what_is_refused_for_chat(fields: Json, named: str) -> None:
    with pytest.raises(Fault) as caught:
        to_chat(**fields)
    assert caught.value.text.startswith(f"{named}: ")


def test_long_names_of_users_become_digests() -> None:
    body, _ = to_chat(metadata={"user_id": "x" * 300})
    assert len(body["user"]) == 64
    assert body["user"] == to_chat(metadata={"user_id": "x" * 300})[0]["user"]
