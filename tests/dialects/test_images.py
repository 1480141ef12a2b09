"""What a `data:` URL holds and what a picture really is."""

import base64

import pytest

from gateway.dialects.images import media_type_of, split_data_url


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("data:image/png;base64,AAAA", ("image/png", "AAAA")),
        ("DATA:IMAGE/PNG;BASE64,AAAA", ("image/png", "AAAA")),
        ("data:image/png;charset=x;base64,AAAA", ("image/png", "AAAA")),
        ("data:text/plain,a%20b", ("text/plain", base64.b64encode(b"a b").decode())),
        ("data:,hi", ("", base64.b64encode(b"hi").decode())),
        ("data:image/png", None),
        ("https://a.test/data:image/png;base64,AAAA", None),
    ],
)
def test_data_urls(url: str, parts: tuple[str, str] | None) -> None:
    assert split_data_url(url) == parts


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"%PDF-1.7", "application/pdf"),
        (b"<svg/>", "image/named"),
        (b"", "image/named"),
    ],
)
def test_the_first_bytes_tell(head: bytes, media_type: str) -> None:
    content = base64.b64encode(head + b"\0" * 30 if head else b"").decode()
    assert media_type_of(content, "image/named") == media_type


@pytest.mark.parametrize("content", ["!", "A", "привет", "====", " "])
def test_what_is_no_base64_is_as_named(content: str) -> None:
    assert media_type_of(content, "image/named") == "image/named"
