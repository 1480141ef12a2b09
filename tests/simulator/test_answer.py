import json
from typing import Any

import pytest

from gateway.core.usage import Usage
from gateway.simulator.answer import Answer, compose
from gateway.simulator.prompt import read
from gateway.simulator.script import Script, read_header

from .wire import conversation

SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "unit": {"enum": ["celsius", "kelvin"]},
        "days": {"type": "integer"},
        "exact": {"type": ["boolean", "null"]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "place": {"type": "object", "properties": {"lat": {"type": "number"}}},
    },
}
TOOLS = [{"name": "weather", "input_schema": SCHEMA}, {"name": "now", "input_schema": {"type": "object"}}]


def _compose(script: str = "", sha256: str | None = None, **body: Any) -> Answer:
    asked = read(conversation(**body), version="2023-06-01", has_breakpoints=False)
    return compose(asked, read_header(script, Script()), Usage(input_tokens=asked.input_tokens), sha256)


def test_without_a_script_the_prompt_is_echoed() -> None:
    answer = _compose(text="good morning")
    assert '"good morning"' in answer.blocks[0].text
    assert (answer.stop_reason, answer.stop_sequence) == ("end_turn", None)


def test_the_same_request_gets_the_same_text_under_a_new_id() -> None:
    first, second = _compose("text_tokens=30"), _compose("text_tokens=30")
    assert first.blocks[0].pieces == second.blocks[0].pieces
    assert first.id != second.id


@pytest.mark.parametrize(
    ("tokens", "maximum", "told", "reason"), [(9, 10, 9, "end_turn"), (10, 10, 10, "end_turn"), (11, 10, 10, "max_tokens")]
)
def test_max_tokens_is_kept(tokens: int, maximum: int, told: int, reason: str) -> None:
    answer = _compose(f"text_tokens={tokens}", max_tokens=maximum)
    assert (answer.usage.output_tokens, len(answer.blocks[0].pieces), answer.stop_reason) == (told, told, reason)


def test_max_tokens_zero_says_nothing() -> None:
    answer = _compose(max_tokens=0)
    assert (answer.blocks, answer.usage.output_tokens, answer.stop_reason) == ([], 0, "max_tokens")


def test_thinking_counts_and_comes_first() -> None:
    answer = _compose("text_tokens=10;thinking_tokens=6", max_tokens=12)
    assert [(block.kind, len(block.pieces)) for block in answer.blocks] == [("thinking", 6), ("text", 6)]
    assert (answer.usage.output_tokens, answer.thinking_tokens, answer.stop_reason) == (12, 6, "max_tokens")
    assert answer.blocks[0].signature


@pytest.mark.parametrize(("script", "tokens"), [("", 16), ("thinking_tokens=0", 0), ("thinking_tokens=3", 3)])
def test_asking_to_think_is_enough_unless_a_script_says_otherwise(script: str, tokens: int) -> None:
    assert _compose(script, thinking={"type": "adaptive"}).thinking_tokens == tokens


@pytest.mark.parametrize(
    ("stops", "text", "stop"),
    [
        (["morning"], 'This is the simulator, not a model. You wrote: "good ', "morning"),
        (["nowhere", "rite", " ul"], "This is", None),
        (["model", "sim"], "This is the ", "sim"),
        (["This"], "", "This"),
        (["\x00absent"], None, None),
    ],
)
def test_the_first_stop_sequence_ends_the_text(stops: list[str], text: str | None, stop: str | None) -> None:
    answer = _compose(text="good morning", stop_sequences=stops)
    said = "".join(block.text for block in answer.blocks)
    if stop is None:
        assert (answer.stop_reason, answer.stop_sequence) == ("end_turn", None)
        assert "real answers" in said
    else:
        assert (said, answer.stop_reason, answer.stop_sequence) == (text, "stop_sequence", stop)
        assert answer.usage.output_tokens == sum(len(block.pieces) for block in answer.blocks)


def test_a_tool_is_called_with_input_that_fits_its_schema() -> None:
    answer = _compose("tool=weather", tools=TOOLS)
    call = answer.blocks[-1]
    assert answer.stop_reason == "tool_use"
    assert json.loads(call.text) == {
        "city": "simulated",
        "unit": "celsius",
        "days": 1,
        "exact": True,
        "tags": ["simulated"],
        "place": {"lat": 1.5},
    }
    assert answer.usage.output_tokens == len(call.pieces) > 5


def test_a_tool_without_arguments_has_an_empty_input() -> None:
    answer = _compose(text="use tool now", tools=TOOLS)
    assert (answer.blocks[-1].text, answer.usage.output_tokens) == ("", 1)


def test_text_may_come_before_a_call() -> None:
    answer = _compose("tool=now;text_tokens=4", tools=TOOLS)
    assert [block.kind for block in answer.blocks] == ["text", "tool_use"]


def test_a_call_is_cut_by_max_tokens() -> None:
    answer = _compose("tool=weather", tools=TOOLS, max_tokens=3)
    assert (answer.usage.output_tokens, answer.stop_reason) == (3, "max_tokens")


def test_hostile_schemas_give_some_input() -> None:
    deep: dict[str, Any] = {}
    for _ in range(60):
        deep = {"type": "object", "properties": {"a": deep}}
    schemas: list[Any] = [deep, [], "x", {"type": []}, {"type": {"x": 1}}, {"properties": 3}, {"enum": []}]
    for schema in schemas:
        assert _compose("tool=t", tools=[{"name": "t", "input_schema": schema}]).stop_reason == "tool_use"


def test_the_digest_of_the_body_is_said_first() -> None:
    assert _compose("text_tokens=2", sha256="ab" * 32).blocks[0].text.startswith("sha256 " + "ab" * 32 + "\n")
