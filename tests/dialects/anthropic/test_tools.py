"""Tools: custom ones are checked, all others belong to the upstream."""

from collections.abc import Callable

import pytest

from gateway.core.faults import Fault
from gateway.dialects.anthropic import tools

TOOL: dict[str, object] = {"name": "look_up", "input_schema": {"type": "object"}}
NAME_PATTERN = "String should match pattern '^[a-zA-Z0-9_-]{1,128}$'"


def refusal(tools_or_choice: Callable[[dict[str, object]], object], **document: object) -> str:
    with pytest.raises(Fault) as raised:
        tools_or_choice(document)
    return raised.value.text


@pytest.mark.parametrize(
    ("tool", "text"),
    [
        (5, "tools.0: Input should be a valid dictionary"),
        ({}, "tools.0.custom.name: Field required"),
        ({"type": 5}, "tools.0.type: Input should be a valid string"),
        (TOOL | {"name": 5}, "tools.0.custom.name: Input should be a valid string"),
        (TOOL | {"name": ""}, f"tools.0.custom.name: {NAME_PATTERN}"),
        (TOOL | {"name": "look up"}, f"tools.0.custom.name: {NAME_PATTERN}"),
        (TOOL | {"name": "look.up"}, f"tools.0.custom.name: {NAME_PATTERN}"),
        (TOOL | {"name": "look_up\n"}, f"tools.0.custom.name: {NAME_PATTERN}"),
        (TOOL | {"name": "x" * 129}, "tools.0.custom.name: String should have at most 128 characters"),
        ({"name": "a"}, "tools.0.custom.input_schema: Field required"),
        ({"name": "a", "type": "custom"}, "tools.0.custom.input_schema: Field required"),
        (TOOL | {"input_schema": "{}"}, "tools.0.custom.input_schema: Input should be a valid dictionary"),
        (TOOL | {"input_schema": {"type": "array"}}, "tools.0.custom.input_schema.type: Input should be 'object'"),
        (TOOL | {"description": 5}, "tools.0.custom.description: Input should be a valid string"),
    ],
)
def test_custom_tools_are_checked(tool: object, text: str) -> None:
    assert refusal(tools.check, tools=[tool]) == text


def test_names_are_unique() -> None:
    bash = {"type": "bash_20250124", "name": "bash"}
    for pair in ([TOOL, TOOL], [TOOL | {"name": "bash"}, bash], [bash, TOOL | {"name": "bash"}]):
        assert refusal(tools.check, tools=pair) == "tools: Tool names must be unique."
    tools.check({"tools": [bash, bash]})  # not ours to judge


@pytest.mark.parametrize(
    "tool",
    [
        TOOL | {"type": None, "strict": True, "new": 1, "description": None},
        TOOL | {"name": "x" * 128, "input_schema": {}},
        {"type": "web_search_20260318", "name": "web_search", "max_uses": 5},
        {"type": "of_tomorrow"},
        {"type": "mcp_toolset", "mcp_server_name": "s"},
    ],
)
def test_others_pass(tool: dict[str, object]) -> None:
    assert tools.check({"tools": [tool, tool | {"name": "another", "cache_control": {}}]}) == 1


@pytest.mark.parametrize(
    ("choice", "text"),
    [
        ("auto", "tool_choice: Input should be a valid dictionary"),
        ({}, "tool_choice.type: Field required"),
        ({"type": None}, "tool_choice.type: Input should be a valid string"),
        ({"type": "tool"}, "tool_choice.tool.name: Field required"),
        ({"type": "tool", "name": 5}, "tool_choice.tool.name: Input should be a valid string"),
    ],
)
def test_choices_are_checked(choice: object, text: str) -> None:
    assert refusal(tools.choice_of, tool_choice=choice) == text


@pytest.mark.parametrize("kind", ["auto", "any", "none", "of_tomorrow"])
def test_choices_that_pass(kind: str) -> None:
    assert tools.choice_of({"tool_choice": {"type": kind, "new": 1}}) == kind
    assert tools.choice_of({"tool_choice": {"type": "tool", "name": "t"}}) == "tool"
    assert tools.choice_of({}) == tools.choice_of({"tool_choice": None}) == ""
