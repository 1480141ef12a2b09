"""Each kind of item on its way: what opens it, what it takes, what closes it, what it is in the end."""

import json
from typing import Any

import pytest

from gateway.dialects.conversation import RedactedThinking, Thinking, ToolUse
from gateway.dialects.openai_responses.output import Item, Thoughts, Words, open_call
from gateway.dialects.openai_responses.tools import Form

FORMS = {
    "patch": Form("custom", "patch"),
    "paint__mix": Form("custom", "mix", "paint"),
    "paint__list": Form("function", "list", "paint"),
    "tool_search": Form("tool_search", "tool_search"),
}


def told(events: list[tuple[bytes, bytes]]) -> list[tuple[str, dict[str, Any]]]:
    """Events as type and fields; the fields are JSON."""
    return [(kind.decode(), json.loads(b"{" + fields + b"}")) for kind, fields in events]


def delta(item: Item, text: str) -> dict[str, Any]:
    """The event of a delta, as it is put together around the text."""
    frame = (item.delta_head + json.dumps(text).encode() + item.delta_tail + b"7}").decode()
    name, _, data = frame.partition("\ndata: ")
    payload: dict[str, Any] = json.loads(data)
    assert name == f"event: {payload['type']}"
    return payload


def final(item: Item, status: str = "completed") -> dict[str, Any]:
    read: dict[str, Any] = json.loads(item.item(status))
    return read


def opened(name: str) -> Item:
    return open_call("S", 3, ToolUse('call_"1"', name, {}), FORMS)


def test_a_message_with_two_parts() -> None:
    item = Words("S", 2)
    item.part("output_text")
    assert [kind for kind, _ in told(item.opening())] == ["response.output_item.added", "response.content_part.added"]
    assert item.take("a") == "a"
    place = {"item_id": "msg_S_2", "output_index": 2, "content_index": 0}
    assert delta(item, "a\n") == {
        "type": "response.output_text.delta",
        **place,
        "delta": "a\n",
        "logprobs": [],
        "sequence_number": 7,
    }
    assert told(item.closing())[0] == ("response.output_text.done", {**place, "text": "a", "logprobs": []})
    item.part("refusal")
    part = {"type": "refusal", "refusal": ""}
    assert told(item.opening()) == [("response.content_part.added", {**place, "content_index": 1, "part": part})]
    item.take("b")
    assert told(item.closing())[0] == ("response.refusal.done", {**place, "content_index": 1, "refusal": "b"})
    assert [part["type"] for part in final(item, "incomplete")["content"]] == ["output_text", "refusal"]
    assert final(item, "incomplete")["status"] == "incomplete"


def test_thoughts() -> None:
    item = Thoughts("S", 0, Thinking(""))
    assert told(item.opening())[0][1]["item"] == {"id": "rs_S_0", "type": "reasoning", "summary": [], "encrypted_content": None}
    assert len(item.summary_opening()) == 1
    item.take("Hm.")
    assert item.summary_opening() == []
    assert delta(item, "x")["summary_index"] == 0
    item.signature = "SIG"
    assert [kind for kind, _ in told(item.closing())] == [
        "response.reasoning_summary_text.done",
        "response.reasoning_summary_part.done",
    ]
    assert final(item)["encrypted_content"] == "sluice1.t.SG0u.SIG"
    assert final(Thoughts("S", 0, RedactedThinking("d")))["encrypted_content"] == "sluice1.r..d"


def test_thoughts_that_hold_nothing() -> None:
    item = Thoughts("S", 0, Thinking(""))
    assert item.closing() == []
    assert final(item) == {"id": "rs_S_0", "type": "reasoning", "summary": [], "encrypted_content": None}


def test_a_function_call() -> None:
    item = opened("paint__list")
    assert told(item.opening())[0][1]["item"]["arguments"] == ""
    assert item.take('{"a":1}') == '{"a":1}'
    done = {"item_id": "fc_S_3", "output_index": 3, "name": "list", "arguments": '{"a":1}'}
    assert told(item.closing()) == [("response.function_call_arguments.done", done)]
    assert final(item) == {
        "id": "fc_S_3",
        "type": "function_call",
        "status": "completed",
        "call_id": 'call_"1"',
        "name": "list",
        "namespace": "paint",
        "arguments": '{"a":1}',
    }


@pytest.mark.parametrize(("name", "namespace"), [("patch", None), ("paint__mix", "paint")])
def test_a_call_with_free_text(name: str, namespace: str | None) -> None:
    item = opened(name)
    assert item.take('{"input":"a\\') == "a"
    assert item.take('n"}') == "\n"
    assert told(item.closing()) == [
        ("response.custom_tool_call_input.done", {"item_id": "ctc_S_3", "output_index": 3, "input": "a\n"})
    ]
    assert (final(item)["input"], final(item).get("namespace")) == ("a\n", namespace)


def test_a_search() -> None:
    item = opened("tool_search")
    assert told(item.opening())[0][1]["item"]["arguments"] == {}
    assert (item.take('{"q":'), item.take("1}"), item.closing()) == ("", "", [])
    assert final(item)["arguments"] == {"q": 1}


def test_a_tool_nobody_offered_is_called_as_a_function() -> None:
    assert final(opened("unheard of"))["name"] == "unheard of"
