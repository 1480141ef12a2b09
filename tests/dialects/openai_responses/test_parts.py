"""Parts of contents into blocks."""

from base64 import b64encode
from typing import Any

import pytest

from gateway.core.faults import Fault
from gateway.dialects.conversation import Block, Document, Image, Opaque, Refusal, Source, Text
from gateway.dialects.openai_responses.parts import read_content

PNG = "iVBORw0KGgo="
PDF = b64encode(b"%PDF-1.7").decode()


def read(content: Any) -> list[Block]:
    return read_content({"content": content}, "content", "input[0]")


def source(kind: Any, data: str, media_type: str = "", field: str = "file_data") -> Source:
    return Source(kind, data, media_type, place=f"input[0].content[0].{field}")


@pytest.mark.parametrize(
    ("content", "blocks"),
    [
        ("words", [Text("words")]),
        ("", []),
        ([], []),
        (
            [{"type": "input_text", "text": "a"}, {"type": "output_text", "text": "b"}, {"type": "text", "text": ""}],
            [Text("a"), Text("b")],
        ),
        ([{"type": "refusal", "refusal": "no"}], [Refusal("no")]),
        ([{"type": "output_text", "text": "a", "annotations": [], "logprobs": []}], [Text("a")]),
        ([{"type": "output_text", "text": "a", "annotations": [1]}], [Text("a", extras={"annotations": [1]})]),
        (
            [{"type": "input_audio", "input_audio": {}}],
            [Opaque("input_audio", {"type": "input_audio", "input_audio": {}}, "input[0].content[0]")],
        ),
    ],
)
def test_words(content: Any, blocks: list[Block]) -> None:
    assert read(content) == blocks


@pytest.mark.parametrize(
    ("part", "block"),
    [
        ({"image_url": f"data:image/png;base64,{PNG}"}, Image(source("base64", PNG, "image/png", "image_url"))),
        ({"image_url": f"data:image/jpg;base64,{PNG}"}, Image(source("base64", PNG, "image/png", "image_url"))),
        ({"image_url": "data:image/tiff;base64,AAAA"}, Image(source("base64", "AAAA", "image/tiff", "image_url"))),
        (
            {"image_url": "https://a.test/b.png", "detail": "high"},
            Image(source("url", "https://a.test/b.png", field="image_url"), detail="high"),
        ),
        ({"file_id": "file_1"}, Image(source("file", "file_1", field="file_id"))),
    ],
)
def test_pictures(part: dict[str, Any], block: Block) -> None:
    assert read([{"type": "input_image", **part}]) == [block]


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            {"file_data": f"data:application/pdf;base64,{PDF}", "filename": "a.pdf"},
            Document(source("base64", PDF, "application/pdf"), "a.pdf"),
        ),
        ({"file_data": PDF}, Document(source("base64", PDF, "application/pdf"))),
        ({"file_data": f"data:text/csv;base64,{b64encode(b'a,b').decode()}"}, Document(source("text", "a,b", "text/plain"))),
        ({"file_data": f"data:application/pdf;base64,{PNG}"}, Image(source("base64", PNG, "image/png"))),
        ({"file_url": "https://a.test/b.pdf"}, Document(source("url", "https://a.test/b.pdf", field="file_url"))),
        ({"file_id": "file_1", "detail": "low"}, Document(source("file", "file_1", field="file_id"), extras={"detail": "low"})),
    ],
)
def test_files(part: dict[str, Any], block: Block) -> None:
    assert read([{"type": "input_file", **part}]) == [block]


@pytest.mark.parametrize(("ttl", "cache"), [({}, "5m"), ({"ttl": "30m"}, "1h"), ({"ttl": "12h"}, "1h")])
def test_marks_of_cached_prefixes(ttl: dict[str, str], cache: str) -> None:
    mark = {"prompt_cache_breakpoint": {"mode": "explicit", **ttl}}
    assert read([{"type": "input_text", "text": "a", **mark}]) == [Text("a", cache)]
    assert read([{"type": "input_image", "file_id": "f", **mark}])[0].cache == cache  # type: ignore[union-attr]
    assert read([{"type": "input_file", "file_id": "f", **mark}])[0].cache == cache  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("content", "param"),
    [
        (None, "input[0].content"),
        ({}, "input[0].content"),
        (["a"], "input[0].content[0]"),
        ([{}], "input[0].content[0].type"),
        ([{"type": "input_text"}], "input[0].content[0].text"),
        ([{"type": "input_text", "text": 1}], "input[0].content[0].text"),
        ([{"type": "refusal"}], "input[0].content[0].refusal"),
        ([{"type": "input_image"}], "input[0].content[0].image_url"),
        ([{"type": "input_image", "image_url": "file:///etc/passwd"}], "input[0].content[0].image_url"),
        ([{"type": "input_image", "image_url": {"url": "x"}}], "input[0].content[0].image_url"),
        ([{"type": "input_file"}], "input[0].content[0].file_data"),
        ([{"type": "input_file", "file_data": "data:text/plain;base64,_w"}], "input[0].content[0].file_data"),
        ([{"type": "input_file", "file_url": 1}], "input[0].content[0].file_url"),
    ],
)
def test_a_broken_content_is_refused_with_its_place(content: Any, param: str) -> None:
    with pytest.raises(Fault) as raised:
        read(content)
    assert raised.value.param == param
