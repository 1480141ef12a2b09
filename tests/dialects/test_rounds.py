"""Conversations of several turns across two dialects: what was said comes back to whoever said it."""

import json
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.profile import DEFAULTS, Profile
from gateway.core.usage import Usage
from gateway.dialects.conversation import Block, Conversation, RedactedThinking, Reply, Spent, Text, Thinking, ToolUse
from gateway.dialects.openai_chat import assistant, message
from gateway.dialects.translation import Translation
from tests.dialects.answering import answering, openai_sdk
from tests.golden.anthropic.write import block, call, delta, end, start, stop, text, usage, written

Json = dict[str, Any]

TOOLS = [
    {"type": "function", "function": {"name": "find_ferry", "parameters": {"type": "object", "properties": {}}}},
    {"type": "function", "function": {"name": "now"}},
]


def exchange(document: Json, client: str, upstream: str, profile: Profile | None = None) -> tuple[Translation, Json]:
    """A translation and the body that it sends."""
    translation = Translation(
        document,
        client=client,
        upstream=upstream,
        model="served",
        profile=profile or DEFAULTS[upstream],
        request_id="req_rounds",
        created_s=1,
    )
    return translation, orjson.loads(translation.body)


def spoken_by_openai(body: bytes, *, stream: bool) -> Json:
    """The assistant's message as OpenAI's SDK holds it, ready to be sent back."""
    with answering(body, stream=stream) as url, openai_sdk(url) as sdk:
        asked: Any = {"model": "m", "messages": [{"role": "user", "content": "a"}]}
        if not stream:
            completion: Any = sdk.chat.completions.create(**asked)
        else:
            with sdk.chat.completions.stream(**asked) as events:
                for _ in events:
                    pass
                completion = events.current_completion_snapshot
        said: Json = completion.choices[0].message.model_dump(exclude_none=True)
        said.pop("parsed", None)
        for one in said.get("tool_calls", ()):
            one.pop("index", None)
            one["function"].pop("parsed_arguments", None)
        return said


FIRST = [
    start("RoundOne", "claude-opus-5-5", usage(90)),
    block(0, "thinking", thinking="", signature=""),
    delta(0, "thinking_delta", thinking="They want"),
    delta(0, "thinking_delta", thinking=" a ferry."),
    delta(0, "signature_delta", signature="c2lnbmVkLTE="),
    stop(0),
    *text(1, "Let me", " look."),
    block(2, "redacted_thinking", data="cmVkYWN0ZWQ="),
    stop(2),
    *call(3, "find_ferry", '{"harbour": "Old', ' Quay"}'),
    block(4, "thinking", thinking="", signature=""),
    delta(4, "signature_delta", signature="c2lnbmVkLTI="),
    stop(4),
    *call(5, "now"),
    *end("tool_use", 90, 60, thinking=20),
]
FIRST_BLOCKS = [
    {"type": "thinking", "thinking": "They want a ferry.", "signature": "c2lnbmVkLTE="},
    {"type": "text", "text": "Let me look."},
    {"type": "redacted_thinking", "data": "cmVkYWN0ZWQ="},
    {"type": "tool_use", "id": "toolu_01Golden3FindFerry", "name": "find_ferry", "input": {"harbour": "Old Quay"}},
    {"type": "thinking", "thinking": "", "signature": "c2lnbmVkLTI="},
    {"type": "tool_use", "id": "toolu_01Golden5Now", "name": "now", "input": {}},
]


@pytest.mark.parametrize("stream", [False, True])
def test_three_turns_of_an_openai_client_on_an_anthropic_upstream(stream: bool) -> None:
    document: Json = {
        "model": "m",
        "messages": [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "When?"}],
        "tools": TOOLS,
        "reasoning_effort": "high",
        "stream": stream,
    }
    first, body = exchange(document, "openai_chat", "anthropic")
    assert body["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert body["output_config"] == {"effort": "high"}
    if stream:
        streaming = first.streaming()
        said = spoken_by_openai(streaming.feed(written(FIRST, 3)) + streaming.end(), stream=True)
    else:
        whole = {
            "id": "msg_1",
            "content": FIRST_BLOCKS,
            "stop_reason": "tool_use",
            "usage": {"input_tokens": 1, "output_tokens": 2},
        }
        said = spoken_by_openai(first.reply(json.dumps(whole).encode()), stream=False)
    assert said["content"] == "Let me look."
    assert said["reasoning_content"] == "They want a ferry."

    # Results in another order than the calls, as clients send what is done first.
    results = [
        {"role": "tool", "tool_call_id": "toolu_01Golden5Now", "content": "6:50"},
        {"role": "tool", "tool_call_id": "toolu_01Golden3FindFerry", "content": [{"type": "text", "text": "7:00"}]},
    ]
    document["messages"] = [*document["messages"], said, *results]
    second, body = exchange(document, "openai_chat", "anthropic")
    assert body["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "When?"}]},
        {"role": "assistant", "content": FIRST_BLOCKS},
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_01Golden5Now", "content": "6:50"},
                {"type": "tool_result", "tool_use_id": "toolu_01Golden3FindFerry", "content": "7:00"},
            ],
        },
    ]
    assert second.losses.dropped == ()

    last = {
        "id": "msg_2",
        "content": [{"type": "thinking", "thinking": "So:", "signature": "c2lnbmVkLTM="}, {"type": "text", "text": "At 7."}],
    }
    said = spoken_by_openai(second.reply(json.dumps({**last, "stop_reason": "end_turn"}).encode()), stream=False)
    document["messages"] = [*document["messages"], said, {"role": "user", "content": "Thanks."}]
    _, body = exchange(document, "openai_chat", "anthropic")
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user", "assistant", "user"]
    assert body["messages"][1]["content"] == FIRST_BLOCKS
    assert body["messages"][3]["content"] == last["content"]


def test_a_client_that_forgets_signatures_loses_its_thoughts_and_is_told() -> None:
    said = {"role": "assistant", "content": "At 7.", "reasoning_content": "So:"}
    document = {"model": "m", "messages": [{"role": "user", "content": "When?"}, said, {"role": "user", "content": "Thanks."}]}
    translation, body = exchange(document, "openai_chat", "anthropic")
    assert body["messages"][1]["content"] == [{"type": "text", "text": "At 7."}]
    assert translation.losses.dropped == ("messages.reasoning_content",)


REASONED = {
    "id": "chatcmpl-1",
    "choices": [
        {
            "finish_reason": "tool_calls",
            "message": {
                "role": "assistant",
                "content": "Let me look.",
                "reasoning_content": "They want a ferry.",
                "tool_calls": [
                    {
                        "id": "functions.find_ferry:0",
                        "type": "function",
                        "function": {"name": "find_ferry", "arguments": '{"hour":7}'},
                    },
                    {"id": "call_b", "type": "function", "function": {"name": "now", "arguments": "{}"}},
                ],
            },
        }
    ],
}


def anthropic_document(*messages: Json) -> Json:
    return {
        "model": "m",
        "max_tokens": 999,
        "system": [{"type": "text", "text": "x-anthropic-billing-header: cc_version=2;"}, {"type": "text", "text": "Be brief."}],
        "messages": [{"role": "user", "content": "When?"}, *messages],
        "tools": [
            {"name": "find_ferry", "input_schema": {"type": "object"}},
            {"name": "now", "input_schema": {"type": "object"}},
        ],
        "thinking": {"type": "adaptive"},
        "output_config": {"effort": "max"},
    }


def test_three_turns_of_an_anthropic_client_on_a_chat_upstream() -> None:
    profile = replace(DEFAULTS["openai_chat"], reasoning_field="reasoning_content")
    first, body = exchange(anthropic_document(), "anthropic", "openai_chat", profile)
    assert body["reasoning_effort"] == "xhigh"
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert first.losses.dropped == ("x-anthropic-billing-header",)
    said = orjson.loads(first.reply(orjson.dumps(REASONED)))
    assert [one["type"] for one in said["content"]] == ["thinking", "text", "tool_use", "tool_use"]

    results = [
        {"type": "tool_result", "tool_use_id": "call_b", "content": "6:50"},
        {
            "type": "tool_result",
            "tool_use_id": said["content"][2]["id"],
            "content": [{"type": "text", "text": "none"}],
            "is_error": True,
        },
        {"type": "text", "text": "Go on."},
    ]
    turns = [{"role": "assistant", "content": said["content"]}, {"role": "user", "content": results}]
    second, body = exchange(anthropic_document(*turns), "anthropic", "openai_chat", profile)
    assert body["messages"][1:] == [
        {"role": "user", "content": "When?"},
        REASONED["choices"][0]["message"],  # type: ignore[index]
        {"role": "tool", "tool_call_id": "functions.find_ferry:0", "content": "Error: none"},
        {"role": "tool", "tool_call_id": "call_b", "content": "6:50"},
        {"role": "user", "content": "Go on."},
    ]
    last = {"id": "c", "choices": [{"finish_reason": "stop", "message": {"content": "At 7.", "reasoning_content": "So:"}}]}
    said = orjson.loads(second.reply(orjson.dumps(last)))
    turns += [{"role": "assistant", "content": said["content"]}, {"role": "user", "content": "Thanks."}]
    _, body = exchange(anthropic_document(*turns), "anthropic", "openai_chat", profile)
    assert body["messages"][-2:] == [
        {"role": "assistant", "content": "At 7.", "reasoning_content": "So:"},
        {"role": "user", "content": "Thanks."},
    ]


def test_thoughts_are_left_out_for_an_upstream_that_takes_none_and_the_client_is_told() -> None:
    thought = {"type": "thinking", "thinking": "So:", "signature": "c2lnbmVk"}
    redacted = {"type": "redacted_thinking", "data": "cmVk"}
    turns: list[Json] = [
        {"role": "assistant", "content": [thought, redacted, {"type": "text", "text": "At 7."}]},
        {"role": "user", "content": "?"},
    ]
    translation, body = exchange(anthropic_document(*turns), "anthropic", "openai_chat")
    assert body["messages"][2] == {"role": "assistant", "content": "At 7."}
    assert translation.losses.dropped[1:] == ("messages.content.thinking", "messages.content.redacted_thinking")


def test_signatures_of_a_chat_upstream_come_back_to_it_alone() -> None:
    profile = replace(DEFAULTS["openai_chat"], reasoning_field="reasoning", reasoning_details=True)
    details = [
        {"type": "reasoning.text", "text": "So:", "signature": "c2lnbmVk", "index": 0},
        {"type": "reasoning.encrypted", "data": "ZW5jcnlwdGVk", "index": 1},
    ]
    upstream = {
        "id": "c",
        "choices": [{"finish_reason": "stop", "message": {"content": "At 7.", "reasoning": "So:", "reasoning_details": details}}],
    }
    first, _ = exchange(anthropic_document(), "anthropic", "openai_chat", profile)
    said = orjson.loads(first.reply(orjson.dumps(upstream)))
    turns = [{"role": "assistant", "content": said["content"]}, {"role": "user", "content": "?"}]
    _, body = exchange(anthropic_document(*turns), "anthropic", "openai_chat", profile)
    sent = body["messages"][2]
    assert sent["reasoning"] == "So:"
    assert [{key: one[key] for key in one if key not in ("format", "at")} for one in sent["reasoning_details"]] == details

    # The same turns on their way to Anthropic: thoughts that it did not sign would be refused there.
    losses, body = exchange({**anthropic_document(*turns), "system": "Be brief."}, "anthropic", "anthropic")
    assert body["messages"][1]["content"] == [{"type": "text", "text": "At 7."}]
    assert losses.losses.dropped == ("messages.content.thinking", "messages.content.redacted_thinking")


WORDS = st.text(st.sampled_from("ab \n"), min_size=1, max_size=6).filter(lambda words: words.strip() == words)
THOUGHTS = st.one_of(
    st.builds(Thinking, WORDS, st.sampled_from(["c2ln", "bmF0"])), st.builds(RedactedThinking, st.sampled_from(["cmVk", "YWN0"]))
)
CALLS = st.lists(st.lists(THOUGHTS, max_size=2), max_size=3)


@given(st.lists(st.one_of(THOUGHTS, st.builds(Text, WORDS)), max_size=6), CALLS)
def test_thoughts_keep_their_places_in_a_message_that_has_none(before: list[Block], calls: list[list[Block]]) -> None:
    blocks: list[Block] = []
    for one in before:  # two texts in a row are one on a wire that has one text
        if not (isinstance(one, Text) and blocks and isinstance(blocks[-1], Text)):
            blocks.append(one)
    for place, thoughts in enumerate(calls):
        blocks += [ToolUse(f"call_{place}", "f", {"n": place}), *thoughts]
    asked = Conversation("openai_chat", "m", [])
    said = orjson.loads(message.write(Reply("msg_1", "m", blocks, "end_turn", Spent(Usage())), asked, 1))["choices"][0]["message"]
    assert assistant.read(said, "messages[1]", legacy_id="")[0] == blocks
