"""Whole answers: read, written, and refused."""

import json

import pytest
from openai.types.responses import Response

from gateway.core.faults import Fault, FaultKind
from gateway.core.usage import Usage
from gateway.dialects.conversation import Reply, Spent, Text, Thinking, ToolUse
from gateway.dialects.losses import Losses
from gateway.dialects.openai_responses import conversation, message
from tests.golden.openai_responses import write as golden

SPENT = Spent(Usage(12, 20, 4, 0, 87), 64, input_reported=True, output_reported=True)


def test_an_answer_is_read() -> None:
    reply = message.read(json.dumps(golden.BODIES["tools"]).encode(), {"find_ferry": "find.ferry"})
    text = "Seven plus the crossing.\n\nHalf past eight, then."
    assert reply == Reply(
        "resp_0Golden",
        "gpt-5.5-2026-04-23",
        [
            Thinking(text, "openai_responses:rs_0Golden0:Z29sZGVuLWVuY3J5cHRlZA=="),
            Text("Let me look."),
            ToolUse("call_0Golden2", "find.ferry", {"harbour": "Old Quay, pier 3", "hour": 7}),
            ToolUse("call_0Golden3", "now", {}),
        ],
        "tool_use",
        SPENT,
    )


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"output":null}', b'{"output":{}}', b"\xff"])
def test_what_is_no_response_is_told_so(body: bytes) -> None:
    with pytest.raises(Fault) as raised:
        message.read(body, {})
    assert raised.value.kind is FaultKind.GARBLED


def test_a_response_that_failed_is_its_fault() -> None:
    body = golden.response("failed", error={"code": "server_error", "message": "Sunk."})
    with pytest.raises(Fault, match=r"Sunk\.") as raised:
        message.read(json.dumps(body).encode(), {})
    assert raised.value.kind is FaultKind.FAILED


def test_an_answer_is_written() -> None:
    asked = conversation.read({"model": "asked", "input": "a"}, Losses("openai_responses"))
    reply = Reply("msg_01Abc", "served", [Text("a"), Text("b"), ToolUse("call_1", "now", {"at": [1]})], "tool_use", SPENT)
    body = json.loads(message.write(reply, asked, 7))
    assert [item["id"] for item in body["output"]] == ["msg_01Abc_0", "fc_01Abc_1"]
    assert [part["text"] for part in body["output"][0]["content"]] == ["a", "b"]
    assert body["output"][1]["arguments"] == '{"at":[1]}'
    assert (body["id"], body["model"], body["created_at"], body["usage"]["total_tokens"]) == ("resp_01Abc", "asked", 7, 123)
    Response.model_validate(body)
