"""Tools and the choice among them, both ways."""

from typing import Any

import pytest

from gateway.core.faults import Fault
from gateway.core.profile import Profile
from gateway.dialects.conversation import Choice, Conversation, ForeignTool, Tool
from gateway.dialects.losses import Losses
from gateway.dialects.names import Names
from gateway.dialects.openai_responses.tools import Form, Toolbox, read_choice, write, write_choice

SCHEMA: dict[str, object] = {"type": "object", "properties": {"path": {"type": "string"}}}
GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": "start: WORD"}


def box_of(*entries: dict[str, Any]) -> Toolbox:
    box = Toolbox()
    box.add_all(list(entries), "tools")
    return box


def function(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "function", "name": name, "description": f"Does {name}.", "parameters": SCHEMA, **more}


def test_a_function_keeps_all_that_has_a_common_name() -> None:
    box = box_of(function("read", strict=True, defer_loading=True))
    assert box.tools == [Tool("read", "Does read.", SCHEMA, strict=True, extras={"defer_loading": True})]
    assert box.forms == {"read": Form("function", "read")}


def test_a_function_without_parameters_takes_an_empty_object() -> None:
    assert box_of({"type": "function", "name": "now", "parameters": None}).tools == [
        Tool("now", schema={"type": "object", "properties": {}})
    ]


def test_a_custom_tool_is_freeform_with_its_grammar() -> None:
    box = box_of({"type": "custom", "name": "apply_patch", "description": "Patches.", "format": GRAMMAR})
    assert box.tools == [Tool("apply_patch", "Patches.", freeform=True, grammar="start: WORD", syntax="lark")]
    assert box.forms == {"apply_patch": Form("custom", "apply_patch")}
    assert box_of({"type": "custom", "name": "a", "format": {"type": "text"}}).tools == [Tool("a", freeform=True)]


def test_tools_in_a_namespace_get_names_of_their_own_and_keep_their_form() -> None:
    space = {"type": "namespace", "description": "Agents.", "tools": [function("spawn"), {"type": "custom", "name": "tell"}]}
    box = box_of({**space, "name": "agents"}, {**space, "name": "mcp__files__"})
    assert [tool.name for tool in box.tools] == ["agents__spawn", "agents__tell", "mcp__files__spawn", "mcp__files__tell"]
    assert box.forms["agents__spawn"] == Form("function", "spawn", "agents")
    assert box.forms["mcp__files__tell"] == Form("custom", "tell", "mcp__files__")


def test_names_that_would_meet_are_kept_apart() -> None:
    box = box_of(function("a__b"), {"type": "namespace", "name": "a", "description": "", "tools": [function("b")]})
    assert box.forms == {"a__b": Form("function", "a__b"), "a__b_2": Form("function", "b", "a")}
    assert box.name_of(Form("function", "b", "a")) == "a__b_2"


def test_many_names_that_would_meet_are_told_apart() -> None:
    spaces = [{"type": "namespace", "name": "a__" * n + "a", "tools": [function("a__" * (300 - n) + "a")]} for n in range(300)]
    assert len(box_of(*spaces).forms) == 300


def test_a_tool_that_is_there_twice_is_one() -> None:
    assert len(box_of(function("read"), function("read")).tools) == 1


def test_a_search_that_the_client_does_is_a_tool() -> None:
    box = box_of({"type": "tool_search", "execution": "client", "description": "Finds tools.", "parameters": SCHEMA})
    assert box.tools == [Tool("tool_search", "Finds tools.", SCHEMA)]
    assert box.forms == {"tool_search": Form("tool_search", "tool_search")}


@pytest.mark.parametrize("kind", ["web_search", "mcp", "tool_search", "local_shell", "something_new"])
def test_what_the_provider_runs_stays_foreign(kind: str) -> None:
    assert box_of({"type": kind, "more": 1}).tools == [ForeignTool(kind, {"type": kind, "more": 1}, "tools[0]")]


@pytest.mark.parametrize(
    ("entry", "param"),
    [
        ("x", "tools[0]"),
        ({}, "tools[0].type"),
        ({"type": "function"}, "tools[0].name"),
        ({"type": "function", "name": ""}, "tools[0].name"),
        ({"type": "function", "name": 1}, "tools[0].name"),
        ({"type": "function", "name": "a", "parameters": []}, "tools[0].parameters"),
        ({"type": "function", "name": "a", "description": 1}, "tools[0].description"),
        ({"type": "function", "name": "a", "strict": "yes"}, "tools[0].strict"),
        ({"type": "custom", "name": "a", "format": "lark"}, "tools[0].format"),
        ({"type": "custom", "name": "a", "format": {"type": "grammar"}}, "tools[0].format.syntax"),
        ({"type": "namespace", "name": "a"}, "tools[0].tools"),
        ({"type": "namespace", "name": "a", "tools": [{"type": "custom"}]}, "tools[0].tools[0].name"),
    ],
)
def test_a_broken_tool_is_refused_with_its_place(entry: Any, param: str) -> None:
    with pytest.raises(Fault) as raised:
        box_of(entry)
    assert raised.value.param == param


def test_tools_that_are_no_list_are_refused() -> None:
    with pytest.raises(Fault) as raised:
        Toolbox().add_all({"type": "function"}, "tools")
    assert raised.value.param == "tools"


BOX = box_of(
    function("read"),
    {"type": "custom", "name": "patch"},
    {"type": "namespace", "name": "agents", "description": "", "tools": [function("spawn")]},
    {"type": "tool_search", "execution": "client"},
)


@pytest.mark.parametrize(
    ("wire", "choice"),
    [
        ("auto", Choice("auto")),
        ("none", Choice("none")),
        ("required", Choice("any")),
        ({"type": "function", "name": "read"}, Choice("tool", "read")),
        ({"type": "custom", "name": "patch"}, Choice("tool", "patch")),
        ({"type": "function", "name": "spawn"}, Choice("tool", "agents__spawn")),
        ({"type": "function", "name": "spawn", "namespace": "agents"}, Choice("tool", "agents__spawn")),
        ({"type": "tool_search"}, Choice("tool", "tool_search")),
        (
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "read"}, {"type": "web_search"}]},
            Choice("auto", allowed=["read"]),
        ),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "custom", "name": "patch"}]},
            Choice("any", allowed=["patch"]),
        ),
    ],
)
def test_a_choice_is_read(wire: Any, choice: Choice) -> None:
    assert read_choice(wire, BOX) == choice


@pytest.mark.parametrize(
    ("wire", "param"),
    [
        ("any", "tool_choice"),
        (1, "tool_choice"),
        ({}, "tool_choice.type"),
        ({"type": "web_search"}, "tool_choice.type"),
        ({"type": "function"}, "tool_choice.name"),
        ({"type": "function", "name": "nobody"}, "tool_choice"),
        ({"type": "function", "name": "patch"}, "tool_choice"),
        ({"type": "allowed_tools", "mode": "any"}, "tool_choice.mode"),
        ({"type": "allowed_tools", "mode": "auto"}, "tool_choice.tools"),
        ({"type": "allowed_tools", "mode": "auto", "tools": [1]}, "tool_choice.tools[0]"),
        ({"type": "allowed_tools", "mode": "auto", "tools": [{"x": 1}]}, "tool_choice.tools[0].type"),
    ],
)
def test_a_choice_that_cannot_be_made_is_refused(wire: Any, param: str) -> None:
    with pytest.raises(Fault) as raised:
        read_choice(wire, BOX)
    assert raised.value.param == param


CLOSED: dict[str, object] = {**SCHEMA, "required": ["path"], "additionalProperties": False}
PATCH = Tool("patch", "Patches.", freeform=True, grammar="start: WORD", syntax="lark")


def written(*tools: Tool | ForeignTool, choice: Choice | None = None, dialect: str = "anthropic", **taken: Any) -> Any:
    conversation = Conversation(dialect, "m", [], tools=list(tools), choice=choice)
    profile, names, losses = Profile(**{"freeform_tools": True, **taken}), Names(20), Losses(dialect)
    return (
        write(conversation, profile, names, losses),
        write_choice(conversation, profile, names, losses),
        losses.dropped,
    )


def test_tools_are_written_flat() -> None:
    tools, choice, dropped = written(Tool("read", "Reads.", SCHEMA, cache="5m"), PATCH)
    assert tools == [
        {"type": "function", "name": "read", "description": "Reads.", "parameters": SCHEMA, "strict": False},
        {"type": "custom", "name": "patch", "description": "Patches.", "format": GRAMMAR},
    ]
    assert (choice, dropped) == (None, ("cache_control",))


def test_an_upstream_without_custom_tools_gets_a_function_that_takes_a_text() -> None:
    tools, _, _ = written(PATCH, freeform_tools=False)
    assert tools[0]["type"] == "function"
    assert tools[0]["parameters"]["required"] == ["input"]
    assert tools[0]["description"].startswith("Patches.\n\nThe value of `input` must follow this lark grammar:")


def test_strict_goes_only_where_it_holds() -> None:
    assert written(Tool("a", schema=CLOSED, strict=True))[0][0]["strict"] is True
    tools, _, dropped = written(Tool("a", schema=SCHEMA, strict=True))
    assert (tools[0]["strict"], dropped) == (False, ("tools.strict",))


def test_long_names_are_shortened_in_tools_and_choice_alike() -> None:
    tools, choice, _ = written(Tool("a" * 30), choice=Choice("tool", "a" * 30))
    assert len(tools[0]["name"]) == 20
    assert choice == {"type": "function", "name": tools[0]["name"]}


@pytest.mark.parametrize(
    ("choice", "wire"),
    [
        (Choice("auto"), "auto"),
        (Choice("any"), "required"),
        (Choice("none"), "none"),
        (Choice("tool", "patch"), {"type": "custom", "name": "patch"}),
        (
            Choice("any", allowed=["read", "patch"]),
            {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [{"type": "function", "name": "read"}, {"type": "custom", "name": "patch"}],
            },
        ),
    ],
)
def test_a_choice_is_written(choice: Choice, wire: Any) -> None:
    assert written(Tool("read"), PATCH, choice=choice)[1] == wire


def test_a_choice_that_cannot_be_forced_is_left_to_the_model() -> None:
    assert written(Tool("read"), choice=Choice("any"), forced_tools=False)[1:] == ("auto", ("tool_choice",))


def test_a_foreign_tool_is_refused_or_left_out_as_the_table_says() -> None:
    search = ForeignTool("web_search", {}, "tools[3]")
    assert written(Tool("read"), search, dialect="openai_responses")[2] == ("tools.web_search",)
    with pytest.raises(Fault) as raised:
        written(ForeignTool("web_search_20250305", {}, "tools.3"))
    assert raised.value.param == "tools.3"
