"""The messages of chat requests: roles, pairs of calls and results, and what a chat message cannot hold."""

import pytest

from gateway.core.faults import Fault
from gateway.dialects.anthropic import call_ids
from tests.dialects.openai_chat.carrying import Json, to_anthropic, to_chat

PICTURE = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
PDF = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}


def calling(*identifiers: str, content: object = None) -> Json:
    calls = [{"id": one, "type": "function", "function": {"name": "f", "arguments": '{"n":1}'}} for one in identifiers]
    return {"role": "assistant", "content": content, "tool_calls": calls}


def result(identifier: str, content: object = "done") -> Json:
    return {"role": "tool", "tool_call_id": identifier, "content": content}


def used(identifier: str) -> Json:
    return {"type": "tool_use", "id": identifier, "name": "f", "input": {"n": 1}}


def resulted(identifier: str, content: object = "done", **more: object) -> Json:
    return {"type": "tool_result", "tool_use_id": identifier, "content": content, **more}


def text(words: str) -> Json:
    return {"type": "text", "text": words}


USER = {"role": "user", "content": "hi"}


def test_roles() -> None:
    body, dropped = to_anthropic(
        {"role": "developer", "content": "Be brief."},
        {"role": "system", "content": [text("Be kind.")]},
        USER,
        {"role": "assistant", "content": "hello"},
        {"role": "system", "content": "Now in rhyme."},
        {"role": "user", "content": "go on"},
    )
    assert body["system"] == [text("Be brief."), text("Be kind.")]
    assert body["messages"] == [
        {"role": "user", "content": [text("hi")]},
        {"role": "assistant", "content": [text("hello")]},
        {"role": "user", "content": [text("<system-reminder>\nNow in rhyme.\n</system-reminder>"), text("go on")]},
    ]
    assert dropped == ()


def test_results_of_several_calls_become_one_turn_with_what_is_said_after_them() -> None:
    body, _ = to_anthropic(USER, calling("a", "b", content="wait"), result("b"), result("a", [text("x"), text("y")]), USER, USER)
    assert body["messages"][1:] == [
        {"role": "assistant", "content": [text("wait"), used("a"), used("b")]},
        {"role": "user", "content": [resulted("b"), resulted("a", [text("x"), text("y")]), text("hi"), text("hi")]},
    ]


def test_ids_that_anthropic_does_not_take() -> None:
    body, _ = to_anthropic(USER, calling("functions.f:0"), result("functions.f:0"))
    identifier = body["messages"][1]["content"][0]["id"]
    assert identifier == body["messages"][2]["content"][0]["tool_use_id"] == call_ids.write("functions.f:0")
    assert call_ids.read(identifier) == "functions.f:0"


def test_empty_content() -> None:
    body, _ = to_anthropic(USER, {"role": "assistant", "content": ""}, {"role": "user", "content": ""})
    assert body["messages"] == [{"role": "user", "content": [text("hi"), text("(no content)")]}]
    body, _ = to_anthropic({"role": "system", "content": "Be brief."})
    assert body["messages"] == [{"role": "user", "content": [text("(no content)")]}]
    body, _ = to_anthropic(USER, calling("a"), result("a", ""))
    assert body["messages"][2]["content"] == [{"type": "tool_result", "tool_use_id": "a"}]


def test_older_functions() -> None:
    call = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": '{"n":1}'}}
    body, dropped = to_anthropic(
        USER,
        call,
        {"role": "function", "name": "f", "content": "done"},
        functions=[{"name": "f", "description": "d", "parameters": {"type": "object"}}],
        function_call={"name": "f"},
    )
    assert body["messages"][1]["content"] == [used("call_f")]
    assert body["messages"][2]["content"] == [resulted("call_f")]
    assert body["tools"] == [{"name": "f", "description": "d", "input_schema": {"type": "object", "properties": {}}}]
    assert body["tool_choice"] == {"type": "tool", "name": "f", "disable_parallel_tool_use": True}
    assert dropped == ()


@pytest.mark.parametrize(
    ("arguments", "read"),
    [
        ("", {}),
        ("null", {}),
        ('{"n": 1}', {"n": 1}),
        ('"{\\"n\\": 1}"', {"n": 1}),
        ("[1]", {"unparsed_arguments": "[1]"}),
        ("seven", {"unparsed_arguments": "seven"}),
        ('{"n": 1', {"unparsed_arguments": '{"n": 1'}),
        ({"n": 1}, {"n": 1}),
    ],
)
def test_arguments_that_are_no_object(arguments: object, read: Json) -> None:
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": arguments}}
    body, _ = to_anthropic(USER, {"role": "assistant", "tool_calls": [call]}, result("a"))
    assert body["messages"][1]["content"][0]["input"] == read


@pytest.mark.parametrize(
    ("messages", "param", "begins"),
    [
        ([USER, result("a")], "messages.[1].role", "Invalid parameter: messages with role 'tool' must be a response"),
        ([USER, calling("a"), result("b")], "messages.[2].role", "Invalid parameter"),
        ([USER, calling("a"), result("a"), result("a")], "messages.[3].role", "Invalid parameter"),
        ([USER, calling("a", "b"), result("a")], "messages", "An assistant message with 'tool_calls' must be followed"),
        ([USER, calling("a"), USER], "messages", "An assistant message"),
        ([USER, {"role": "function", "name": "f", "content": "x"}], "messages.[1].role", "Invalid parameter"),
        ([USER, {"role": "tool", "content": "x"}], "messages[1].tool_call_id", "Missing required parameter"),
    ],
)
def test_results_without_calls_and_calls_without_results(messages: list[Json], param: str, begins: str) -> None:
    with pytest.raises(Fault) as caught:
        to_anthropic(*messages)
    assert caught.value.param == param
    assert caught.value.text.startswith(begins)


def test_messages_for_chat() -> None:
    body, dropped = to_chat(
        USER,
        {"role": "assistant", "content": [text("wait"), used("a"), used("b")]},
        {"role": "user", "content": [resulted("b"), resulted("a", "no", is_error=True), text("x"), text("y")]},
        {"role": "system", "content": "Now in rhyme."},
        {"role": "assistant", "content": "hello"},
        system=[text("Be brief."), text("Be kind.")],
    )
    assert body["messages"] == [
        {"role": "system", "content": "Be brief.\n\nBe kind."},
        USER,
        calling("a", "b", content="wait"),
        result("a", "Error: no"),
        result("b"),
        {"role": "user", "content": "x\n\ny"},
        {"role": "system", "content": "Now in rhyme."},
        {"role": "assistant", "content": "hello"},
    ]
    assert dropped == ()


def test_roles_as_the_profile_wants_them() -> None:
    profile = {"system_role": "developer", "system_anywhere": False}
    body, _ = to_chat(USER, {"role": "system", "content": "Now in rhyme."}, system="Be brief.", profile=profile)
    assert body["messages"] == [
        {"role": "developer", "content": "Be brief."},
        USER,
        {"role": "user", "content": "<system-reminder>\nNow in rhyme.\n</system-reminder>"},
    ]


def test_only_calls_have_no_content() -> None:
    body, _ = to_chat(USER, {"role": "assistant", "content": [used("a")]}, {"role": "user", "content": [resulted("a")]})
    assert body["messages"][1] == calling("a")


@pytest.mark.parametrize(
    ("content", "written"),
    [(None, ""), ([], ""), ("", ""), ([text("x"), text("y")], "x\n\ny"), ("Error: no", "Error: no"), ("error 5", "error 5")],
)
def test_contents_of_results(content: object, written: str) -> None:
    block = {"type": "tool_result", "tool_use_id": "a", "content": content, "is_error": written.lower().startswith("error")}
    body, _ = to_chat(USER, {"role": "assistant", "content": [used("a")]}, {"role": "user", "content": [block]})
    assert body["messages"][2] == result("a", written)


def test_pictures_in_results_follow_in_a_message_that_can_hold_them() -> None:
    block = resulted("a", [text("two"), {"type": "image", "source": PICTURE}, {"type": "document", "source": PDF}])
    turn = {"role": "user", "content": [block, resulted("b"), text("go on")]}
    body, dropped = to_chat(USER, {"role": "assistant", "content": [used("a"), used("b")]}, turn)
    assert body["messages"][2:] == [
        result("a", "two\n[What the tool returned beside this follows in the next message.]"),
        result("b"),
        {
            "role": "user",
            "content": [
                text("[Returned by the tool call a:]"),
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
                {"type": "file", "file": {"filename": "document.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
                text("go on"),
            ],
        },
    ]
    assert dropped == ()


def test_long_ids_are_shortened_alike() -> None:
    long = "toolu_" + "x" * 60
    body, _ = to_chat(USER, {"role": "assistant", "content": [used(long)]}, {"role": "user", "content": [resulted(long)]})
    identifier = body["messages"][1]["tool_calls"][0]["id"]
    assert len(identifier) <= 40
    assert body["messages"][2]["tool_call_id"] == identifier


def test_blocks_that_only_anthropic_knows() -> None:
    found = {"type": "search_result", "title": "Tides", "source": "https://example.test", "content": [text("High at six.")]}
    searched = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    summary = {"type": "compaction", "content": "They asked for tides.", "encrypted_content": "x"}
    body, dropped = to_chat(
        {"role": "assistant", "content": [summary, searched, text("At six.")]}, {"role": "user", "content": [found]}
    )
    assert body["messages"] == [
        {"role": "assistant", "content": "They asked for tides.At six."},
        {"role": "user", "content": "Tides\nhttps://example.test\nHigh at six."},
    ]
    assert dropped == (
        "messages.content.compaction",
        "messages.content.server_tool_use",
        "messages.content.search_result",
    )


def test_what_is_no_words_among_instructions_is_listed() -> None:
    picture = {"type": "image_url", "image_url": {"url": "https://a.test"}}
    body, dropped = to_anthropic({"role": "system", "content": [text("Be brief."), picture]}, USER)
    assert body["messages"][0]["content"][0] == text("<system-reminder>\nBe brief.\n</system-reminder>")
    assert dropped == ("messages.content.image_url",)
    body, dropped = to_chat(USER, {"role": "system", "content": [{"type": "image", "source": PICTURE}]}, system=[{"type": "new"}])
    assert body["messages"] == [USER]
    assert dropped == ("system.new", "messages.content.image")


def test_marks_go_to_upstreams_that_take_them() -> None:
    marked = {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}
    asked = {"role": "user", "content": [marked]}
    body, dropped = to_anthropic({"role": "system", "content": [marked]}, asked, cache_control={"type": "ephemeral"})
    assert str(body).count("cache_control") == 3
    assert dropped == ()
    body, dropped = to_anthropic(
        {"role": "system", "content": [marked]}, asked, cache_control={"type": "ephemeral"}, profile={"cache_marks": False}
    )
    assert "cache_control" not in str(body)
    assert dropped == ("prompt_cache_breakpoint",)
