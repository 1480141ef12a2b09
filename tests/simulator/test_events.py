import json
import re
from typing import Any

import pytest

from gateway.core.usage import Usage
from gateway.simulator.answer import Answer, Block
from gateway.simulator.events import PING, body, stream


def _answer(*blocks: Block, stop_reason: str = "end_turn") -> Answer:
    tokens = sum(len(block.pieces) for block in blocks)
    usage = Usage(11, 22, 33, 44, tokens)
    return Answer(
        "msg_1", "claude-x", list(blocks), stop_reason, None, usage, 2 if any(b.kind == "thinking" for b in blocks) else 0
    )


TEXT = Block("text", ["A", ' "b"', "\nc", " d", " é"])
THINKING = Block("thinking", ["hm", " so"], signature="c2ln")
CALL = Block("tool_use", ['{"a":', "1}"], name="alpha", id="toolu_1")
DELTA = rb'event: content_block_delta\ndata: \{"type":"content_block_delta","index":0,"delta":\{"type":"text_delta","text":"x"\}'
EMPTY_CALL = Block("tool_use", [""], name="beta", id="toolu_2")


def _names(answer: Answer, tokens_per_event: int = 1) -> list[str]:
    names = []
    for frame in stream(answer, tokens_per_event, None).bytes_of:
        found = re.fullmatch(rb"event: ([a-z_]+)\ndata: (\{.*\})\n\n", frame)
        assert found is not None
        payload = json.loads(found.group(2))
        assert payload["type"] == found.group(1).decode()
        names.append(payload["type"] + (":" + payload["delta"]["type"] if "index" in payload and "delta" in payload else ""))
    return names


def test_a_text_stream_has_every_event_in_order() -> None:
    assert _names(_answer(TEXT), 2) == [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta:text_delta",
        "content_block_delta:text_delta",
        "content_block_delta:text_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_thinking_ends_with_its_signature_and_only_the_first_block_has_a_ping() -> None:
    assert _names(_answer(THINKING, TEXT), 9) == [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta:thinking_delta",
        "content_block_delta:signature_delta",
        "content_block_stop",
        "content_block_start",
        "content_block_delta:text_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_omitted_thinking_is_a_signature_alone() -> None:
    hidden = Block("thinking", ["hm", " so"], signature="c2ln", shown=False)
    assert _names(_answer(hidden))[3:5] == ["content_block_delta:signature_delta", "content_block_stop"]
    assert json.loads(body(_answer(hidden), None))["content"] == [{"type": "thinking", "thinking": "", "signature": "c2ln"}]


def test_a_call_starts_with_an_empty_part_and_may_have_no_other() -> None:
    frames = stream(_answer(CALL, EMPTY_CALL), 1, None).bytes_of
    parts = [json.loads(frame.split(b"data: ")[1]) for frame in frames if b"input_json_delta" in frame]
    assert [(part["index"], part["delta"]["partial_json"]) for part in parts] == [(0, ""), (0, '{"a":'), (0, "1}"), (1, "")]


def test_the_frame_is_exact_and_the_padding_varies_from_0_to_15() -> None:
    frames = stream(_answer(Block("text", ["x"] * 64)), 1, None).bytes_of
    assert frames[2] == PING == b'event: ping\ndata: {"type": "ping"}\n\n'
    paddings = set()
    for frame in frames[3:67]:
        found = re.fullmatch(DELTA + rb"( *)\}\n\n", frame)
        assert found is not None
        paddings.add(len(found.group(1)))
    assert paddings == set(range(16))


def test_stream_and_body_say_the_same() -> None:
    answer = _answer(THINKING, TEXT, CALL, stop_reason="tool_use")
    told = json.loads(body(answer, None))
    payloads = [json.loads(frame.split(b"data: ")[1]) for frame in stream(answer, 2, None).bytes_of]
    assert (
        "".join(p["delta"]["text"] for p in payloads if p.get("delta", {}).get("type") == "text_delta")
        == told["content"][1]["text"]
    )
    assert told["content"][2]["input"] == {"a": 1}
    start, last = payloads[0]["message"], payloads[-2]
    assert {**start, "content": told["content"], "stop_reason": "tool_use", "usage": told["usage"]} == told
    assert last["delta"]["stop_reason"] == told["stop_reason"]
    assert {name: told["usage"][name] for name in last["usage"]} == last["usage"]
    assert start["usage"]["output_tokens"] == 1


def test_usage_tells_every_class() -> None:
    figures = json.loads(body(_answer(THINKING, TEXT), None))["usage"]
    assert figures["input_tokens"] == 11
    assert figures["cache_read_input_tokens"] == 22
    assert figures["cache_creation_input_tokens"] == 33 + 44
    assert figures["cache_creation"] == {"ephemeral_5m_input_tokens": 33, "ephemeral_1h_input_tokens": 44}
    assert (figures["output_tokens"], figures["output_tokens_details"]) == (7, {"thinking_tokens": 2})


def test_tokens_grow_with_the_events() -> None:
    assert stream(_answer(TEXT), 2, None).tokens == [0, 0, 0, 2, 4, 5, 5, 5, 5]
    assert stream(_answer(THINKING, CALL), 1, None).tokens == [0, 0, 0, 1, 2, 2, 2, 2, 2, 3, 4, 4, 4, 4]


def test_the_body_is_compact() -> None:
    assert body(_answer(TEXT), None).startswith(
        b'{"model":"claude-x","id":"msg_1","type":"message","role":"assistant","content":[{"type":"text",'
    )


def test_half_a_call_is_an_empty_input() -> None:
    assert json.loads(body(_answer(Block("tool_use", ['{"a":'], name="alpha", id="t")), None))["content"][0]["input"] == {}


@pytest.mark.parametrize(
    ("distortion", "figure"),
    [
        ("negative", -12),
        ("huge", 9_000_000_000_000_000_011),
        ("string", "11"),
        ("fraction", 11.5),
        ("null", None),
        ("weird", -12),
    ],
)
def test_usage_can_be_spoiled_everywhere(distortion: str, figure: Any) -> None:
    answer = _answer(TEXT)
    start, *_, last, _stop = [json.loads(frame.split(b"data: ")[1]) for frame in stream(answer, 9, distortion).bytes_of]
    for holder in (json.loads(body(answer, distortion)), start["message"], last):
        assert holder["usage"]["input_tokens"] == figure


def test_usage_can_be_missing() -> None:
    assert "usage" not in json.loads(body(_answer(TEXT), "missing"))
    assert not any(b"usage" in frame for frame in stream(_answer(TEXT), 1, "missing").bytes_of)
