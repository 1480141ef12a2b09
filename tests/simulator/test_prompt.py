from typing import Any

import pytest

from gateway.simulator.prompt import IMAGE_TOKENS, Refusal, parse, read

from .wire import conversation

TOOLS = [{"name": "alpha", "input_schema": {"type": "object"}}, {"name": "beta", "input_schema": {"type": "object"}}]


def _read(body: dict[str, Any], version: str = "2023-06-01", counting: bool = False) -> Any:
    return read(body, version=version, has_breakpoints=False, counting=counting)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"model": None}, "model: Input should be a valid string"),
        ({"messages": "hi"}, "messages: Input should be a valid list"),
        ({"messages": []}, "messages: at least one message is required"),
        ({"messages": ["hi"]}, "messages.0: Input should be a valid dictionary"),
        ({"messages": [{"role": "user"}]}, "messages.0.content: Field required"),
        ({"messages": [{"content": "x"}]}, "messages.0.role: Field required"),
        ({"messages": [{"role": 1, "content": "x"}]}, "messages.0.role: Input should be 'user' or 'assistant'"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages.0.content: Input should be a valid string"),
        ({"messages": [{"role": "user", "content": [5]}]}, "messages.0.content.0: Input should be a valid dictionary"),
        ({"messages": [{"role": "user", "content": [{}]}]}, "messages.0.content.0.type: Field required"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]},
            "messages: text content blocks must be non-empty",
        ),
        ({"max_tokens": "9"}, "max_tokens: Input should be a valid integer"),
        ({"max_tokens": True}, "max_tokens: Input should be a valid integer"),
        ({"max_tokens": -1}, "max_tokens: Input should be greater than or equal to 0"),
        ({"stream": "yes"}, "stream: Input should be a valid boolean"),
        ({"tools": {}}, "tools: Input should be a valid list"),
        ({"stop_sequences": "x"}, "stop_sequences: Input should be a valid list"),
        (
            {"tools": TOOLS, "tool_choice": {"type": "tool", "name": ["x"]}},
            "tool_choice.tool.name: Tool not found in provided tools",
        ),
    ],
)
def test_a_wrong_shape_is_refused_in_the_words_of_an_upstream(change: dict[str, Any], text: str) -> None:
    with pytest.raises(Refusal) as refusal:
        _read(conversation(**change))
    assert (refusal.value.status, refusal.value.text) == (400, text)


@pytest.mark.parametrize("name", ["model", "messages", "max_tokens"])
def test_a_missing_field_is_named(name: str) -> None:
    body = conversation()
    del body[name]
    with pytest.raises(Refusal) as refusal:
        _read(body)
    assert refusal.value.text == f"{name}: Field required"


def test_counting_needs_no_max_tokens() -> None:
    body = conversation("x" * 40)
    del body["max_tokens"]
    assert _read(body, counting=True).input_tokens == 7 + 4 + 10


@pytest.mark.parametrize("name", ["temperature", "top_p", "top_k"])
def test_the_newest_version_takes_no_sampling(name: str) -> None:
    body = {**conversation(), name: 1}
    assert _read(body).model == "claude-sonnet-5-5"
    with pytest.raises(Refusal, match=f"{name}: Extra inputs are not permitted"):
        _read(body, version="2026-10-21")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b'{"a": NaN}', b'{"a": "\xff"}', b"[" * 100_000])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(Refusal):
        parse(body)


def test_unknown_fields_blocks_and_roles_pass() -> None:
    content = [{"type": "hologram", "depth": 3}, {"type": "text", "text": "hello"}]
    asked = _read(conversation(messages=[{"role": "narrator", "content": content}], data_flow="x"))
    assert asked.last_text == "hello"


def test_input_tokens_count_everything_once() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 1_000_000}}
    plain = _read(conversation("x" * 400)).input_tokens
    assert _read(conversation("x" * 400, system="y" * 400)).input_tokens == plain + 100
    assert _read(conversation("x" * 400, tools=TOOLS)).input_tokens > plain + 10
    assert _read(conversation(messages=[{"role": "user", "content": [image]}])).input_tokens == 7 + 4 + IMAGE_TOKENS


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (conversation("hi", tools=TOOLS), None),
        (conversation("please use tool beta now", tools=TOOLS), "beta"),
        (conversation("please use tool gamma now", tools=TOOLS), None),
        (conversation("use tool beta"), None),
        (conversation("use tool beta", tools=TOOLS, tool_choice={"type": "none"}), None),
        (conversation("hi", tools=TOOLS, tool_choice={"type": "any"}), "alpha"),
        (conversation("hi", tools=TOOLS, tool_choice={"type": "tool", "name": "beta"}), "beta"),
        (
            conversation(
                tools=TOOLS,
                messages=[
                    {
                        "role": "user",
                        "content": [{"type": "tool_result", "tool_use_id": "t"}, {"type": "text", "text": "use tool beta"}],
                    }
                ],
            ),
            None,
        ),
    ],
)
def test_a_tool_is_wanted_when_forced_or_named_in_the_prompt(body: dict[str, Any], name: str | None) -> None:
    wanted = _read(body).wanted_tool
    assert (wanted and wanted["name"]) == name


@pytest.mark.parametrize(
    ("thinking", "thinks", "shows"),
    [
        (None, False, True),
        ({"type": "disabled"}, False, True),
        ({"type": "enabled", "budget_tokens": 1024}, True, True),
        ({"type": "adaptive", "display": "omitted"}, True, False),
        ("on", False, True),
    ],
)
def test_thinking_is_read(thinking: Any, thinks: bool, shows: bool) -> None:
    asked = _read(conversation(thinking=thinking))
    assert (asked.thinks, asked.shows_thinking) == (thinks, shows)
