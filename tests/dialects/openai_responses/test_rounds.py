"""Conversations of several turns: what was thought and called comes back to whoever thought it, by the official SDKs' hands."""

import json
from typing import Any

import orjson
import pytest

from gateway.core.profile import DEFAULTS
from gateway.dialects.translation import Translation
from tests.dialects.answering import answering, anthropic_sdk, openai_sdk
from tests.golden.anthropic import write as anthropic_golden
from tests.golden.openai_responses import write as golden

Json = dict[str, Any]

SIGNATURE = "c2lnbmVkLTE="
REDACTED = "cmVkYWN0ZWQ="
PATCH = '*** Begin Patch\n+ "é" \U0001f6a2\n'
FIRST = [
    anthropic_golden.start("RoundOne", "claude-opus-5-5", anthropic_golden.usage(90)),
    anthropic_golden.block(0, "thinking", thinking="", signature=""),
    anthropic_golden.delta(0, "thinking_delta", thinking="First see"),
    anthropic_golden.delta(0, "thinking_delta", thinking=" the boat."),
    anthropic_golden.delta(0, "signature_delta", signature=SIGNATURE),
    anthropic_golden.stop(0),
    *anthropic_golden.text(1, "Let me", " see."),
    anthropic_golden.block(2, "redacted_thinking", data=REDACTED),
    anthropic_golden.stop(2),
    *anthropic_golden.call(3, "paint__list", '{"hue":', ' "red"}'),
    *anthropic_golden.call(4, "apply_patch", *json.dumps({"input": PATCH}).partition("Begin")),
    *anthropic_golden.end("tool_use", 90, 60, thinking=20),
]
CALLS = {"list": "toolu_01Golden3PaintList", "patch": "toolu_01Golden4ApplyPatch"}
FIRST_BLOCKS = [
    {"type": "thinking", "thinking": "First see the boat.", "signature": SIGNATURE},
    {"type": "text", "text": "Let me see."},
    {"type": "redacted_thinking", "data": REDACTED},
    {"type": "tool_use", "id": CALLS["list"], "name": "paint__list", "input": {"hue": "red"}},
    {"type": "tool_use", "id": CALLS["patch"], "name": "apply_patch", "input": {"input": PATCH}},
]
TOOLS: list[Any] = [
    {"type": "custom", "name": "apply_patch"},
    {"type": "namespace", "name": "paint", "description": "Paint.", "tools": [{"type": "function", "name": "list"}]},
]


def exchange(document: Json, client: str, upstream: str) -> tuple[Translation, Json]:
    """A translation and the body that it sends."""
    translation = Translation(
        document,
        client=client,
        upstream=upstream,
        model="served",
        profile=DEFAULTS[upstream],
        request_id="req_rounds",
        created_s=1,
    )
    return translation, orjson.loads(translation.body)


def output_by_openai(body: bytes, *, stream: bool) -> list[Json]:
    """The output as OpenAI's SDK holds it, ready to be sent back."""
    with answering(body, stream=stream) as url, openai_sdk(url) as sdk:
        if not stream:
            response: Any = sdk.responses.create(model="m", input="a", tools=TOOLS)
        else:
            with sdk.responses.stream(model="m", input="a", tools=TOOLS) as events:
                response = events.get_final_response()
        return [item.to_dict(exclude_unset=True) for item in response.output]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("forgets_summaries", [False, True])
def test_three_turns_of_a_responses_client_on_an_anthropic_upstream(stream: bool, forgets_summaries: bool) -> None:
    document: Json = {
        "model": "m",
        "input": [{"role": "user", "content": "Paint the boat."}],
        "tools": TOOLS,
        "reasoning": {"effort": "high", "summary": "auto"},
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "stream": stream,
    }
    first, body = exchange(document, "openai_responses", "anthropic")
    assert body["thinking"] == {"type": "adaptive", "display": "summarized"}
    if stream:
        streaming = first.streaming()
        output = output_by_openai(streaming.feed(anthropic_golden.written(FIRST, 3)) + streaming.end(), stream=True)
    else:
        whole = {
            "id": "msg_1",
            "content": FIRST_BLOCKS,
            "stop_reason": "tool_use",
            "usage": {"input_tokens": 1, "output_tokens": 2},
        }
        output = output_by_openai(first.reply(json.dumps(whole).encode()), stream=False)
    kinds = ["reasoning", "message", "reasoning", "function_call", "custom_tool_call"]
    assert [item["type"] for item in output] == kinds
    if forgets_summaries:
        output = [{**item, "summary": []} if item["type"] == "reasoning" else item for item in output]

    results = [
        {"type": "custom_tool_call_output", "call_id": CALLS["patch"], "output": "Done."},
        {"type": "function_call_output", "call_id": CALLS["list"], "output": "red"},
    ]
    document["input"] = [*document["input"], *output, *results]
    second, body = exchange(document, "openai_responses", "anthropic")
    assert body["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "Paint the boat."}]},
        {"role": "assistant", "content": FIRST_BLOCKS},
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": CALLS["list"], "content": "red"},
                {"type": "tool_result", "tool_use_id": CALLS["patch"], "content": "Done."},
            ],
        },
    ]
    assert second.losses.dropped == ()

    last = [{"type": "thinking", "thinking": "", "signature": "c2lnbmVkLTM="}, {"type": "text", "text": "Painted."}]
    output = output_by_openai(second.reply(json.dumps({"id": "msg_2", "content": last}).encode()), stream=False)
    document["input"] = [*document["input"], *output, {"role": "user", "content": "Thanks."}]
    _, body = exchange(document, "openai_responses", "anthropic")
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user", "assistant", "user"]
    assert body["messages"][1]["content"] == FIRST_BLOCKS
    assert body["messages"][3]["content"] == last


def test_thoughts_do_not_go_to_another_provider() -> None:
    items = [
        {"role": "user", "content": "a"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAAtheirs=="},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    ]
    translation, body = exchange({"model": "m", "input": items}, "openai_responses", "anthropic")
    assert body["messages"][1]["content"] == [{"type": "text", "text": "b"}]
    assert translation.losses.dropped == ("input.reasoning",)


def test_three_turns_of_an_anthropic_client_on_a_responses_upstream() -> None:
    document: Json = {
        "model": "m",
        "max_tokens": 999,
        "messages": [{"role": "user", "content": "When?"}],
        "tools": [
            {"name": "find_ferry", "input_schema": {"type": "object"}},
            {"name": "now", "input_schema": {"type": "object"}},
        ],
        "thinking": {"type": "adaptive"},
        "stream": True,
    }
    first, body = exchange(document, "anthropic", "openai_responses")
    assert (first.path, body["store"], body["include"]) == ("/responses", False, ["reasoning.encrypted_content"])
    assert body["reasoning"] == {"summary": "auto"}
    streaming = first.streaming()
    stream = streaming.feed(golden.stream(golden.STREAMS["tools"])) + streaming.end()
    with answering(stream, stream=True) as url, anthropic_sdk(url) as sdk:
        asked: Any = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "a"}]}
        with sdk.messages.stream(**asked) as events:
            said = events.get_final_message().model_dump(exclude_none=True)["content"]
    assert [block["type"] for block in said] == ["thinking", "text", "tool_use", "tool_use"]

    results = [
        {"type": "tool_result", "tool_use_id": "call_0Golden3", "content": "6:50"},
        {"type": "tool_result", "tool_use_id": "call_0Golden2", "content": [{"type": "text", "text": "none"}], "is_error": True},
        {"type": "text", "text": "Go on."},
    ]
    document["messages"] = [*document["messages"], {"role": "assistant", "content": said}, {"role": "user", "content": results}]
    second, body = exchange(document, "anthropic", "openai_responses")
    thought, find, now = golden.THOUGHT, golden.FIND, golden.NOW
    assert body["input"] == [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "When?"}]},
        {
            "type": "reasoning",
            "id": thought["id"],
            "summary": [{"type": "summary_text", "text": "\n\n".join(part["text"] for part in thought["summary"])}],
            "encrypted_content": thought["encrypted_content"],
        },
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Let me look."}]},
        {
            "type": "function_call",
            "call_id": find["call_id"],
            "name": "find_ferry",
            "arguments": '{"harbour":"Old Quay, pier 3","hour":7}',
        },
        {"type": "function_call", "call_id": now["call_id"], "name": "now", "arguments": "{}"},
        {"type": "function_call_output", "call_id": now["call_id"], "output": "6:50"},
        {"type": "function_call_output", "call_id": find["call_id"], "output": "Error: none"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Go on."}]},
    ]
    assert second.losses.dropped == ()
