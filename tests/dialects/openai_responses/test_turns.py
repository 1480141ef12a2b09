"""Turns as items for an upstream."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.core.faults import Fault
from gateway.core.profile import DEFAULTS
from gateway.dialects.conversation import (
    Block,
    Conversation,
    Document,
    Image,
    Opaque,
    RedactedThinking,
    Refusal,
    Source,
    Text,
    Thinking,
    Tool,
    ToolResult,
    ToolUse,
    Turn,
)
from gateway.dialects.losses import Losses
from gateway.dialects.names import Names
from gateway.dialects.openai_responses import turns

OWN = "openai_responses:rs_1:gAAA"
PATCH = Tool("patch", freeform=True)
PICTURE = Image(Source("base64", "iVBORw0KGgo=", "image/png"))
PICTURE_WIRE = {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,iVBORw0KGgo="}


def write(*said: Turn, **taken: Any) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    losses, profile = Losses("anthropic"), replace(DEFAULTS["openai_responses"], **taken)
    conversation = Conversation("anthropic", "m", list(said), tools=[PATCH])
    return turns.write(conversation, profile, Names(profile.tool_name_chars_max), losses), losses.dropped


def user(*blocks: Block, **taken: Any) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    return write(Turn("user", list(blocks)), **taken)


def assistant(*blocks: Block) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    return write(Turn("assistant", list(blocks)))


def message(role: str, *parts: dict[str, Any]) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": list(parts)}


def said(text: str, kind: str = "input_text") -> dict[str, Any]:
    return {"type": kind, "text": text}


def test_words_are_messages_of_their_roles() -> None:
    items, _ = write(
        Turn("user", [Text("a"), Text("b")]), Turn("assistant", [Text("c"), Refusal("d")]), Turn("system", [Text("e")])
    )
    assert items == [
        message("user", said("a"), said("b")),
        message("assistant", said("c", "output_text"), said("d", "output_text")),
        message("developer", said("e")),
    ]


def test_instructions_in_the_middle_can_be_put_into_a_users_turn() -> None:
    items, _ = write(Turn("user", [Text("a")]), Turn("system", [Text("e")]), system_anywhere=False)
    assert items[1]["role"] == "user"
    assert "e" in items[1]["content"][0]["text"]


def test_calls_and_thoughts_stand_alone_between_words() -> None:
    items, dropped = assistant(
        Thinking("Hm.", OWN),
        Text("a"),
        ToolUse("call_1", "now", {"at": 1}),
        ToolUse("call_2", "patch", {"input": "***"}),
        Text("b"),
    )
    assert items == [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}], "id": "rs_1", "encrypted_content": "gAAA"},
        message("assistant", said("a", "output_text")),
        {"type": "function_call", "call_id": "call_1", "name": "now", "arguments": '{"at":1}'},
        {"type": "custom_tool_call", "call_id": "call_2", "name": "patch", "input": "***"},
        message("assistant", said("b", "output_text")),
    ]
    assert dropped == ()


def test_thoughts_without_an_id_or_words() -> None:
    items, _ = assistant(Thinking("", "openai_responses::gAAA"), Text("a"))
    assert items[0] == {"type": "reasoning", "summary": [], "encrypted_content": "gAAA"}


@pytest.mark.parametrize(
    ("thoughts", "name"),
    [
        (Thinking("Hm.", "EqQBsignedByAnother=="), "messages.content.thinking"),
        (Thinking("Hm.", "openai_chat:"), "messages.content.thinking"),
        (Thinking("Hm."), "messages.content.thinking"),
        (RedactedThinking("x"), "messages.content.redacted_thinking"),
    ],
)
def test_another_providers_thoughts_are_left_out_and_named(thoughts: Block, name: str) -> None:
    assert assistant(thoughts, Text("a")) == ([message("assistant", said("a", "output_text"))], (name,))


def test_thoughts_that_led_to_nothing_are_left_out_and_named() -> None:
    assert assistant(Text("a"), Thinking("Hm.", OWN)) == (
        [message("assistant", said("a", "output_text"))],
        ("messages.content.thinking",),
    )


def test_answers_have_the_kind_of_their_calls() -> None:
    items, _ = write(
        Turn("assistant", [ToolUse("call_1", "now", {}), ToolUse("call_2", "patch", {"input": ""})]),
        Turn("user", [ToolResult("call_1", [Text("seven")]), ToolResult("call_2", []), Text("Go.")]),
    )
    assert items[2:] == [
        {"type": "function_call_output", "call_id": "call_1", "output": "seven"},
        {"type": "custom_tool_call_output", "call_id": "call_2", "output": ""},
        message("user", said("Go.")),
    ]


def test_an_upstream_without_custom_tools_gets_calls_with_objects() -> None:
    items, _ = write(
        Turn("assistant", [ToolUse("call_2", "patch", {"input": "x"})]),
        Turn("user", [ToolResult("call_2", [])]),
        freeform_tools=False,
    )
    assert [item["type"] for item in items] == ["function_call", "function_call_output"]


@pytest.mark.parametrize(
    ("result", "output"),
    [
        (ToolResult("1", [Text("a"), Text("b")]), "a\n\nb"),
        (ToolResult("1", [Text("broken")], is_error=True), "Error: broken"),
        (ToolResult("1", [Text("Error 7")], is_error=True), "Error 7"),
        (ToolResult("1", [Text("a"), PICTURE]), [said("a"), PICTURE_WIRE]),
        (ToolResult("1", [PICTURE], is_error=True), [said("Error:"), PICTURE_WIRE]),
    ],
)
def test_what_a_tool_answered(result: ToolResult, output: Any) -> None:
    assert user(result)[0][0]["output"] == output


def test_long_ids_are_shortened_alike() -> None:
    identifier = "x" * 100
    items, _ = write(Turn("assistant", [ToolUse(identifier, "now", {})]), Turn("user", [ToolResult(identifier, [])]))
    assert items[0]["call_id"] == items[1]["call_id"]
    assert len(items[0]["call_id"]) <= 64


@pytest.mark.parametrize(
    ("block", "parts"),
    [
        (PICTURE, [PICTURE_WIRE]),
        (
            Image(Source("url", "https://a.test/b.png")),
            [{"type": "input_image", "detail": "auto", "image_url": "https://a.test/b.png"}],
        ),
        (
            Document(Source("base64", "JVBERi0=", "application/pdf"), "a.pdf", "About."),
            [said("About."), {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}],
        ),
        (Document(Source("url", "https://a.test/b.pdf")), [{"type": "input_file", "file_url": "https://a.test/b.pdf"}]),
        (Document(Source("text", "words"), "Title"), [said("Title\n\nwords")]),
        (Document(Source("blocks", blocks=[Text("a"), PICTURE]), "Title"), [said("Title"), said("a"), PICTURE_WIRE]),
    ],
)
def test_pictures_and_documents(block: Block, parts: list[dict[str, Any]]) -> None:
    assert user(block)[0] == [message("user", *parts)]


@pytest.mark.parametrize(
    ("block", "taken"),
    [
        (Image(Source("file", "file_1", place="here")), {}),
        (Image(Source("url", "https://a.test", place="here")), {"image_urls": False}),
        (Image(Source("base64", "x", place="here")), {"images": False}),
        (Document(Source("file", "file_1", place="here")), {}),
        (Document(Source("base64", "x", place="here")), {"documents": False}),
        (ToolResult("1", [Image(Source("file", "file_1", place="here"))]), {}),
    ],
)
def test_what_cannot_be_had_is_refused_with_its_place(block: Block, taken: dict[str, Any]) -> None:
    with pytest.raises(Fault) as raised:
        user(block, **taken)
    assert raised.value.param == "here"


def test_what_only_another_provider_understands_is_named() -> None:
    opaque = Opaque("server_tool_use", {}, "messages.0.content.0")
    assert user(opaque, Text("a", cache="5m")) == (
        [message("user", said("a"))],
        ("messages.content.server_tool_use", "cache_control"),
    )
