"""Anthropic's content blocks: read, written, and what is told of those that are wrong."""

from typing import Any

import pytest

from gateway.core.faults import Fault
from gateway.dialects.anthropic import blocks
from gateway.dialects.conversation import Image, Opaque, Source, Text, ToolResult

Json = dict[str, Any]
PICTURE = {"type": "base64", "media_type": "image/png", "data": "AAAA"}


@pytest.mark.parametrize(
    "block",
    [
        {"type": "text", "text": "a"},
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        {"type": "image", "source": PICTURE},
        {"type": "image", "source": {"type": "url", "url": "https://a.test"}},
        {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a"}, "title": "b", "context": "c"},
        {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "a"}]}},
        {"type": "thinking", "thinking": "a", "signature": "b"},
        {"type": "redacted_thinking", "data": "a"},
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"n": 1}},
        {"type": "tool_result", "tool_use_id": "toolu_1"},
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "a", "is_error": True},
        {
            "type": "tool_result",
            "tool_use_id": "toolu_1",
            "content": [{"type": "text", "text": "a"}, {"type": "image", "source": PICTURE}],
        },
    ],
)
def test_what_has_a_common_name_comes_back(block: Json) -> None:
    assert blocks.write(blocks.read_one(block, "x")) == block


def test_what_has_none_is_kept_aside() -> None:
    read = blocks.read(
        [{"type": "text", "text": "a", "citations": [{}], "tone": 1}, {"type": "new", "a": 1}], "messages.0.content"
    )
    assert read == [
        Text("a", extras={"citations": [{}], "tone": 1}),
        Opaque("new", {"type": "new", "a": 1}, "messages.0.content.1"),
    ]
    odd = blocks.read_one({"type": "image", "source": {"type": "hologram"}}, "x")
    assert isinstance(odd, Opaque)


def test_places() -> None:
    content = [{"type": "tool_result", "tool_use_id": "a", "content": [{"type": "image", "source": PICTURE}]}]
    (result,) = blocks.read(content, "messages.3.content")
    assert isinstance(result, ToolResult)
    place = "messages.3.content.0.tool_result.content.0.image.source"
    assert result.blocks == [Image(Source("base64", "AAAA", "image/png", place=place))]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (7, "x: Input should be a valid list"),
        ([7], "x.0: Input should be a valid dictionary"),
        ([{}], "x.0.type: Field required"),
        ([{"type": "text"}], "x.0.text.text: Field required"),
        ([{"type": "image"}], "x.0.image.source: Field required"),
        ([{"type": "image", "source": {"type": "url"}}], "x.0.image.source.url.url: Field required"),
        (
            [{"type": "document", "source": {"type": "content", "content": 7}}],
            "x.0.document.source.content.content: Input should be a valid list",
        ),
        ([{"type": "thinking", "thinking": "a"}], "x.0.thinking.signature: Field required"),
        ([{"type": "tool_use", "id": "a", "name": "f", "input": "{}"}], "x.0.tool_use.input: Input should be a valid dictionary"),
        ([{"type": "tool_result"}], "x.0.tool_result.tool_use_id: Field required"),
        ([{"type": "tool_result", "tool_use_id": "a", "content": 7}], "x.0.tool_result.content: Input should be a valid list"),
    ],
)
def test_what_is_wrong_is_told_with_its_path(content: object, text: str) -> None:
    with pytest.raises(Fault) as caught:
        blocks.read(content, "x")
    assert caught.value.text == text
