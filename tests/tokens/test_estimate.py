"""Whole requests: known totals, every kind of block, any shape at all."""

import base64
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.tokens.estimate import count_request, count_text
from gateway.tokens.tally import BLOCKS
from tests.tokens.test_images import png

OLD, NEW = "claude-sonnet-4-20250514", "claude-opus-5"
SENTENCE = "The harbour master closed the gates at six and walked home along the quay."
IMAGE = base64.b64encode(png(1000, 1000)).decode()
WEATHER = {
    "name": "get_weather",
    "description": "Get the current weather in a given location",
    "input_schema": {
        "type": "object",
        "properties": {"location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"}},
        "required": ["location"],
    },
}


def user(content: object) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content}]}


def assistant(*blocks: object) -> dict[str, Any]:
    return {"messages": [*user("go")["messages"], {"role": "assistant", "content": list(blocks)}]}


def added(block: dict[str, Any], model: str = NEW) -> int:
    """What one block adds to a message."""
    return count_request(user([block]), model) - count_request(user([]), model)


def test_the_totals_that_the_vendor_publishes() -> None:
    # The examples of the token counting page: 14 tokens, and 403 with one tool.
    basic = {"system": "You are a scientist", **user("Hello, Claude")}
    assert count_request(basic, OLD) == pytest.approx(14, abs=1)
    weather = {"tools": [WEATHER], **user("What's the weather like in San Francisco?")}
    assert count_request(weather, OLD) == pytest.approx(403, abs=8)


def test_the_frame_differs_by_generation() -> None:
    counts = [count_request(user(""), model) for model in (OLD, "claude-opus-4-7", NEW)]
    assert counts == [7, 11, 6]


def test_parts_add_up() -> None:
    words = count_text(SENTENCE, "v5")
    one = count_request(user(SENTENCE), NEW)
    assert one == 6 + words
    assert count_request(user([{"type": "text", "text": SENTENCE}] * 2), NEW) == pytest.approx(one + words, abs=1)
    assert count_request({"system": [{"type": "text", "text": SENTENCE}], **user(SENTENCE)}, NEW) == pytest.approx(
        one + words, abs=1
    )
    three = {"messages": [{"role": role, "content": SENTENCE} for role in ("user", "assistant", "user")]}
    assert count_request(three, NEW) == pytest.approx(one + 2 * (words + 4), abs=1)


def test_cache_marks_and_unknown_settings_cost_nothing() -> None:
    marked = user([{"type": "text", "text": SENTENCE, "cache_control": {"type": "ephemeral"}}])
    assert count_request({**marked, "max_tokens": 5, "stream": True, "unheard_of": [1, 2]}, NEW) == count_request(
        user(SENTENCE), NEW
    )


def test_tools_bring_their_hidden_prompt_once() -> None:
    plain = count_request(user("hi"), NEW)
    one = count_request({"tools": [WEATHER], **user("hi")}, NEW)
    two = count_request({"tools": [WEATHER, WEATHER], **user("hi")}, NEW)
    assert one - plain == pytest.approx(354 + two - one, abs=1)
    assert 60 < two - one < 120
    forced = count_request({"tools": [WEATHER], "tool_choice": {"type": "any"}, **user("hi")}, NEW)
    assert forced - one == 474 - 354
    assert count_request({"tools": [], "tool_choice": {"type": "none"}, **user("hi")}, NEW) == plain


def test_the_vendors_own_tools_cost_more_than_they_show() -> None:
    plain = count_request(user("hi"), OLD)
    bash = count_request({"tools": [{"type": "bash_20250124", "name": "bash"}], **user("hi")}, OLD)
    assert bash - plain > 313 + 245


def test_images_count_by_size_wherever_they_stand() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": IMAGE}}
    assert added(image) == 1296
    result = {"type": "tool_result", "tool_use_id": "", "content": [image]}
    assert added(result) == pytest.approx(1296 + 12, abs=1)
    page = {"type": "document", "source": {"type": "content", "content": [image, {"type": "text", "text": SENTENCE}]}}
    assert added(page) == pytest.approx(1296 + count_text(SENTENCE, "v5"), abs=1)
    assert added({"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}) == 4784


def test_documents_count_by_kind() -> None:
    words = count_text(SENTENCE, "v5")
    text = {"type": "document", "title": SENTENCE, "source": {"type": "text", "media_type": "text/plain", "data": SENTENCE}}
    assert added(text) == pytest.approx(2 * words, abs=1)
    pdf = base64.b64encode(b"%PDF-1.7\n<</Type/Pages/Count 3>>").decode()
    assert added({"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": pdf}}) == 3 * 3_068
    assert added({"type": "document", "source": {"type": "file", "file_id": "file_1"}}) == 4_000


def test_thinking_counts_once_and_only_where_it_stays() -> None:
    words = count_text(SENTENCE, "v5")
    shown = {"type": "thinking", "thinking": SENTENCE, "signature": "A" * 6000}
    hidden = {"type": "thinking", "thinking": "", "signature": "A" * 600}
    base = count_request(assistant(), NEW)
    assert count_request(assistant(shown), NEW) - base == pytest.approx(words, abs=1)
    assert count_request(assistant(hidden), NEW) - base == 100
    assert count_request(assistant({"type": "redacted_thinking", "data": "A" * 600}), NEW) - base == 100
    later = assistant(shown)
    later["messages"].append({"role": "user", "content": "next"})
    without = assistant()
    without["messages"].append({"role": "user", "content": "next"})
    assert count_request(later, OLD) == count_request(without, OLD)
    assert count_request(later, NEW) > count_request(without, NEW)
    # A tool result goes on with the same turn: its thinking stays for every generation.
    loop = assistant(shown, {"type": "tool_use", "id": "t", "name": "n", "input": {}})
    loop["messages"].append({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "ok"}]})
    assert count_request(loop, OLD) > count_request(without, OLD) + 10


def test_encrypted_results_count_as_what_they_hide() -> None:
    found = {"type": "web_search_result", "url": "https://example.org", "title": "A", "encrypted_content": "Q" * 6000}
    assert 1000 < added({"type": "web_search_tool_result", "tool_use_id": "s", "content": [found]}) < 1100


def test_unknown_blocks_count_as_their_json() -> None:
    block = {"type": "hologram", "beams": [SENTENCE, 12, None, {"deep": True}]}
    assert added(block) == pytest.approx(count_text(json.dumps(block), "v5"), abs=1)


def nested(depth: int) -> Any:
    value: Any = "core"
    for _ in range(depth):
        value = [value]
    return value


def nested_results(depth: int) -> Any:
    value: Any = SENTENCE
    for _ in range(depth):
        value = [{"type": "tool_result", "tool_use_id": "x", "content": value}]
    return value


@pytest.mark.parametrize(
    "content",
    [
        nested(100_000),
        nested_results(50_000),
        {"type": "tool_use", "input": nested(100_000)},
        [{"type": "tool_use", "input": {"n": 10**6000}}],
        [{"type": "x", "n": float("nan"), "m": float("inf"), "big": -(10**6000), "deep": nested(100_000)}],
        ["\ud800", {"type": "text", "text": "\udfff"}, {"type": "y", "\ud800": 1}],
        [{"type": ["list"]}, {"type": {}}, {"type": None}, {}, [], None, True, 1.5],
    ],
)
def test_hostile_content_is_counted(content: object) -> None:
    assert count_request(user(content), NEW) >= 1


@pytest.mark.parametrize(
    "body", [None, [], "text", 7, {}, {"messages": None}, {"messages": {}}, {"messages": [None, 1, "x", []]}]
)
def test_bodies_of_any_shape_are_counted(body: object) -> None:
    assert count_request(body, "") >= 1


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
KEYS = st.sampled_from(
    ["type", "text", "content", "source", "data", "input", "thinking", "signature", "name", "title", "url", "role"]
)
KINDS = st.sampled_from(sorted(BLOCKS))
JSON = st.recursive(LEAVES | KINDS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner | KINDS, max_size=6))
TOP = st.sampled_from(["system", "messages", "tools", "tool_choice", "output_config", "output_format", "thinking"])


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(TOP, JSON), st.sampled_from([OLD, NEW, "gpt-5", "?"]))
def test_no_shape_raises(body: dict[str, Any], model: str) -> None:
    assert count_request(body, model) >= 1
