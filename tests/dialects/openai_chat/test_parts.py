"""Pictures and documents between the two dialects."""

import base64

import pytest

from gateway.core.faults import Fault
from tests.dialects.openai_chat.carrying import Json, to_anthropic, to_chat

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 12).decode()
JPEG = base64.b64encode(b"\xff\xd8\xff\xe0" + b"\0" * 16).decode()
PDF = base64.b64encode(b"%PDF-1.7\n").decode()


def picture(url: str, **more: object) -> Json:
    return {"type": "image_url", "image_url": {"url": url, **more}}


def file(data: str, **more: object) -> Json:
    return {"type": "file", "file": {"file_data": data, **more}}


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            picture(f"data:image/png;base64,{PNG}"),
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        ),
        (
            picture(f"data:image/png;base64,{JPEG}"),
            {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": JPEG}},
        ),
        (
            picture(f"data:image/jpg;base64,{JPEG}"),
            {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": JPEG}},
        ),
        (
            picture("https://a.test/b.png", detail="auto"),
            {"type": "image", "source": {"type": "url", "url": "https://a.test/b.png"}},
        ),
        (
            file(f"data:application/pdf;base64,{PDF}", filename="a.pdf"),
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}, "title": "a.pdf"},
        ),
        (file(PDF), {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}}),
        (
            file("data:text/plain;base64,aGk="),
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hi"}},
        ),
        (
            file(f"data:image/png;base64,{PNG}"),
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        ),
        (
            {"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}},
            {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        ),
        (
            {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
            {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
        ),
    ],
)
def test_parts_for_anthropic(part: Json, block: Json) -> None:
    body, dropped = to_anthropic({"role": "user", "content": [part]})
    assert body["messages"][0]["content"] == [block]
    assert dropped == ()


@pytest.mark.parametrize(
    ("part", "place"),
    [
        (picture("data:image/svg+xml;base64,PHN2Zy8+"), "messages[0].content[1].image_url.url"),
        (picture("file:///etc/passwd"), "messages[0].content[1].image_url.url"),
        (picture("data:image/png"), "messages[0].content[1].image_url.url"),
        ({"type": "image_url"}, "messages[0].content[1].image_url"),
        ({"type": "file", "file": {"file_id": "file-1"}}, "messages[0].content[1].file.file_id"),
        ({"type": "file", "file": {}}, "messages[0].content[1].file.file_data"),
        (file("data:application/zip;base64,UEs="), "messages[0].content[1].file.file_data"),
        (file("data:text/plain;base64,/w=="), "messages[0].content[1].file.file_data"),
        ({"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}, "messages[0].content[1]"),
    ],
)
def test_parts_that_are_refused(part: Json, place: str) -> None:
    with pytest.raises(Fault) as caught:
        to_anthropic({"role": "user", "content": [{"type": "text", "text": "a"}, part]})
    assert caught.value.param == place


def test_the_detail_of_a_picture_is_dropped() -> None:
    _, dropped = to_anthropic({"role": "user", "content": [picture("https://a.test/b.png", detail="low")]})
    assert dropped == ("messages.content.image_url.detail",)


@pytest.mark.parametrize(
    ("block", "content"),
    [
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
            [picture(f"data:image/png;base64,{PNG}")],
        ),
        ({"type": "image", "source": {"type": "url", "url": "https://a.test/b.png"}}, [picture("https://a.test/b.png")]),
        (
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}, "title": "a.pdf"},
            [file(f"data:application/pdf;base64,{PDF}", filename="a.pdf")],
        ),
        (
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "hi"},
                "title": "a",
                "context": "b",
            },
            "a\n\nb\n\nhi",
        ),
        ({"type": "document", "source": {"type": "content", "content": "hi"}}, "hi"),
    ],
)
def test_blocks_for_chat(block: Json, content: object) -> None:
    body, dropped = to_chat({"role": "user", "content": [block]})
    written = body["messages"][0]["content"]
    if isinstance(content, list):
        content = [{**one, **({"file": {"filename": "document.pdf", **one["file"]}} if "file" in one else {})} for one in content]
    assert written == content
    assert dropped == ()


@pytest.mark.parametrize(
    ("block", "profile", "words"),
    [
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
            {"images": False},
            "could not process image",
        ),
        ({"type": "image", "source": {"type": "url", "url": "https://a.test"}}, {"image_urls": False}, "must be sent as base64"),
        ({"type": "image", "source": {"type": "file", "file_id": "f"}}, {}, "must be sent as base64"),
        (
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}},
            {"documents": False},
            "does not support PDF input",
        ),
        ({"type": "document", "source": {"type": "url", "url": "https://a.test"}}, {}, "must be sent as base64"),
    ],
)
def test_blocks_that_chat_upstreams_refuse(block: Json, profile: Json, words: str) -> None:
    with pytest.raises(Fault, match=words) as caught:
        to_chat({"role": "user", "content": [block]}, profile=profile)
    assert caught.value.text.startswith(f"messages.0.content.0.{block['type']}.source: ")
