"""Items into turns: who said what, in which order, and which pairs are refused."""

from typing import Any

import pytest

from gateway.core.faults import Fault
from gateway.dialects.conversation import Image, Opaque, RedactedThinking, Source, Text, Thinking, ToolResult, ToolUse, Turn
from gateway.dialects.losses import Losses
from gateway.dialects.openai_chat.arguments import UNPARSED
from gateway.dialects.openai_responses.items import collect_tools, read_items
from gateway.dialects.openai_responses.seal import seal
from gateway.dialects.openai_responses.tools import Form, Toolbox

USER = {"role": "user", "content": "Go."}
SAID = {"role": "assistant", "content": "So."}


def call(identifier: str, name: str = "look", arguments: str = '{"at":1}', **more: Any) -> dict[str, Any]:
    return {"type": "function_call", "call_id": identifier, "name": name, "arguments": arguments, **more}


def output(identifier: str, text: Any = "seen", **more: Any) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": identifier, "output": text, **more}


def read(*items: Any, box: Toolbox | None = None, losses: Losses | None = None) -> list[Turn]:
    return read_items(list(items), box or Toolbox(), losses or Losses("openai_responses"))


def test_messages_become_turns_by_their_roles() -> None:
    assert read(
        {"role": "developer", "content": "Be kind."}, {"type": "message", **USER}, SAID, {"role": "system", "content": "Now!"}
    ) == [
        Turn("system", [Text("Be kind.")]),
        Turn("user", [Text("Go.")]),
        Turn("assistant", [Text("So.")]),
        Turn("system", [Text("Now!")]),
    ]


def test_items_of_one_side_in_a_row_are_one_turn() -> None:
    turns = read(USER, USER, SAID, call("1"), call("2", "hear"), output("2", "heard"), output("1"), USER)
    assert turns == [
        Turn("user", [Text("Go."), Text("Go.")]),
        Turn("assistant", [Text("So."), ToolUse("1", "look", {"at": 1}), ToolUse("2", "hear", {"at": 1})]),
        Turn("user", [ToolResult("1", [Text("seen")]), ToolResult("2", [Text("heard")]), Text("Go.")]),
    ]


def test_an_answer_between_two_calls_parts_them() -> None:
    turns = read(USER, call("1"), output("1"), call("2"), output("2"))
    assert [turn.role for turn in turns] == ["user", "assistant", "user", "assistant", "user"]


def test_a_late_answer_goes_where_its_call_is() -> None:
    turns = read(USER, call("1"), USER, SAID, output("1"), USER)
    assert turns[1:] == [
        Turn("assistant", [ToolUse("1", "look", {"at": 1})]),
        Turn("user", [ToolResult("1", [Text("seen")]), Text("Go.")]),
        Turn("assistant", [Text("So.")]),
        Turn("user", [Text("Go.")]),
    ]


def test_instructions_between_a_call_and_its_answer_come_after_it() -> None:
    turns = read(USER, call("1"), {"role": "developer", "content": "Hush."}, output("1"))
    assert [turn.role for turn in turns] == ["user", "assistant", "user", "system"]


def test_a_second_answer_to_a_call_takes_the_place_of_the_first_and_is_told() -> None:
    losses = Losses("openai_responses")
    turns = read(USER, call("1"), output("1", "old"), output("1", "new"), losses=losses)
    assert turns[2].blocks == [ToolResult("1", [Text("new")])]
    assert losses.dropped == ("input.function_call_output",)


@pytest.mark.parametrize("items", [[USER, call("call_7")], [USER, call("call_7"), USER]])
def test_a_call_without_an_answer_is_refused(items: list[Any]) -> None:
    with pytest.raises(Fault) as raised:
        read(*items)
    assert raised.value.text == "No tool output found for function call call_7."


def test_an_answer_without_a_call_is_refused_with_its_place() -> None:
    with pytest.raises(Fault) as raised:
        read(USER, output("call_8"))
    assert raised.value.text == "No tool call found for function call output with call_id call_8."
    assert raised.value.param == "input[1].call_id"


def test_ids_are_shown_in_part() -> None:
    with pytest.raises(Fault) as raised:
        read(USER, output("x" * 1000))
    assert len(raised.value.text) < 200


@pytest.mark.parametrize(
    ("arguments", "read_as"),
    [
        ('{"a": 1}', {"a": 1}),
        ("", {}),
        ("  ", {}),
        ("null", {}),
        ('"{\\"a\\": 1}"', {"a": 1}),
        ("[1]", {UNPARSED: "[1]"}),
        ('{"a": ', {UNPARSED: '{"a": '}),
    ],
)
def test_arguments_that_are_no_object_are_made_one(arguments: str, read_as: dict[str, object]) -> None:
    assert read(call("1", arguments=arguments), output("1"))[0].blocks == [ToolUse("1", "look", read_as)]


def test_calls_find_their_tools_by_form() -> None:
    box = Toolbox()
    space = {"type": "namespace", "name": "paint", "tools": [{"type": "function", "name": "list"}]}
    box.add_all([{"type": "custom", "name": "patch"}, space, {"type": "tool_search", "execution": "client"}], "tools")
    turns = read(
        call("1", "list", namespace="paint"),
        {"type": "custom_tool_call", "call_id": "2", "name": "patch", "input": "***"},
        {"type": "tool_search_call", "call_id": "3", "execution": "client", "arguments": {"query": "x"}},
        output("1"),
        {"type": "custom_tool_call_output", "call_id": "2", "output": "done"},
        {"type": "tool_search_output", "call_id": "3", "execution": "client", "tools": [{"type": "function", "name": "brush"}]},
        box=box,
    )
    assert turns == [
        Turn(
            "assistant",
            [
                ToolUse("1", "paint__list", {"at": 1}),
                ToolUse("2", "patch", {"input": "***"}),
                ToolUse("3", "tool_search", {"query": "x"}),
            ],
        ),
        Turn(
            "user",
            [
                ToolResult("1", [Text("seen")]),
                ToolResult("2", [Text("done")]),
                ToolResult("3", [Text("Tools found: brush")]),
            ],
        ),
    ]


def test_a_search_that_found_nothing_says_so() -> None:
    search = {"type": "tool_search_call", "call_id": "3", "execution": "client"}
    found = {"type": "tool_search_output", "call_id": "3", "execution": "client", "tools": []}
    assert read(search, found)[1].blocks == [ToolResult("3", [Text("No tools found.")])]


def test_tools_in_items_are_tools() -> None:
    box = Toolbox()
    tool = {"type": "function", "name": "brush"}
    items: list[object] = [
        {"type": "tool_search_output", "call_id": "3", "execution": "client", "tools": [tool]},
        {"type": "tool_search_output", "call_id": "4", "execution": "server", "tools": [{"type": "function", "name": "not"}]},
        {"type": "additional_tools", "role": "developer", "tools": [{"type": "custom", "name": "more"}]},
        "odd",
    ]
    collect_tools(items, box)
    assert box.forms == {"brush": Form("function", "brush"), "more": Form("custom", "more")}
    assert read(USER, items[2]) == [Turn("user", [Text("Go.")])]


def test_thoughts_come_back_as_they_were_sealed() -> None:
    for thoughts in (Thinking("Hmm.", "SIG=="), RedactedThinking("Data")):
        item: dict[str, Any] = {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [],
            "content": None,
            "encrypted_content": seal(thoughts),
        }
        assert read(item, SAID) == [Turn("assistant", [thoughts, Text("So.")])]


def test_thoughts_another_provider_sealed_are_marked_as_this_dialects() -> None:
    item = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "a"}], "encrypted_content": "gAAA"}
    assert read(item, SAID)[0].blocks[0] == Thinking("a", "openai_responses:rs_1:gAAA")
    assert read({**item, "id": None}, SAID)[0].blocks[0] == Thinking("a", "openai_responses::gAAA")


def test_thoughts_nobody_sealed_are_words_alone() -> None:
    told = [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}]
    raw = [{"type": "reasoning_text", "text": "raw"}]
    assert read({"type": "reasoning", "summary": told}, SAID)[0].blocks[0] == Thinking("a\n\nb")
    assert read({"type": "reasoning", "summary": told, "content": raw}, SAID)[0].blocks[0] == Thinking("raw")


def test_thoughts_that_led_to_nothing_are_dropped_and_told() -> None:
    losses = Losses("openai_responses")
    thoughts = {"type": "reasoning", "summary": [], "encrypted_content": seal(Thinking("a", "b"))}
    assert read(USER, thoughts, USER, SAID, thoughts, losses=losses) == [
        Turn("user", [Text("Go.")]),
        Turn("user", [Text("Go.")]),
        Turn("assistant", [Text("So.")]),
    ]
    assert losses.dropped == ("input.reasoning",)


@pytest.mark.parametrize(
    ("kind", "role"),
    [
        ("web_search_call", "assistant"),
        ("computer_call_output", "user"),
        ("mcp_approval_response", "user"),
        ("tool_search_call", "assistant"),
        ("tool_search_output", "user"),
        ("something_new", "assistant"),
    ],
)
def test_items_of_the_providers_own_stay_opaque(kind: str, role: str) -> None:
    item = {"type": kind, "more": 1}
    assert read(item)[0] == Turn(role, [Opaque(kind, item, "input[0]")])  # type: ignore[arg-type]


def test_what_has_no_common_name_is_kept_for_the_verdict() -> None:
    turns = read({**SAID, "phase": "commentary"}, call("1", caller={"type": "direct"}), output("1", glow=1, id="x", status="y"))
    assert turns[0].extras == {"phase": "commentary"}
    assert turns[0].blocks[1] == ToolUse("1", "look", {"at": 1}, extras={"caller": {"type": "direct"}})
    assert turns[1].blocks == [ToolResult("1", [Text("seen")], extras={"glow": 1})]


def test_a_tool_may_answer_with_pictures() -> None:
    parts = [{"type": "input_text", "text": "see"}, {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo="}]
    image = Image(Source("base64", "iVBORw0KGgo=", "image/png", place="input[1].output[1].image_url"))
    assert read(call("1"), output("1", parts))[1].blocks == [ToolResult("1", [Text("see"), image])]


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ("text", "input[0]"),
        ({}, "input[0].type"),
        ({"type": 1}, "input[0].type"),
        ({"type": "message"}, "input[0].role"),
        ({"role": "tool", "content": "a"}, "input[0].role"),
        ({"role": "user"}, "input[0].content"),
        ({"role": "user", "content": 1}, "input[0].content"),
        ({"type": "function_call", "name": "a", "arguments": "{}"}, "input[0].call_id"),
        ({"type": "function_call", "call_id": "1", "arguments": "{}"}, "input[0].name"),
        ({"type": "function_call", "call_id": "1", "name": "a", "arguments": {}}, "input[0].arguments"),
        ({"type": "custom_tool_call", "call_id": "1", "name": "a"}, "input[0].input"),
        ({"type": "function_call_output", "call_id": "1"}, "input[0].output"),
        ({"type": "reasoning", "encrypted_content": 1}, "input[0].encrypted_content"),
        ({"type": "reasoning", "summary": "a"}, "input[0].summary"),
        ({"type": "reasoning", "summary": ["a"]}, "input[0].summary[0]"),
        ({"type": "reasoning", "summary": [{}]}, "input[0].summary[0].text"),
        ({"type": "item_reference", "id": "msg_1"}, "input[0].id"),
        ({"type": "item_reference"}, "input[0].id"),
        ({"type": "tool_search_output", "call_id": "1", "execution": "client"}, "input[0].tools"),
    ],
)
def test_a_broken_item_is_refused_with_its_place(item: Any, param: str) -> None:
    with pytest.raises(Fault) as raised:
        read(item)
    assert raised.value.param == param
