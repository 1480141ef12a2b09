"""Image sizes from real headers, and tokens by the vendor's rule."""

import base64
import struct
import zlib

import pytest

from gateway.tokens.families import profile_of
from gateway.tokens.images import HEADER_CHARS, image_size, image_tokens, size_tokens

OLD, NEW = profile_of("claude-opus-4-5"), profile_of("claude-opus-5")


def png(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0)


def jpeg(width: int, height: int, ahead: bytes = b"", marker: int = 0xC0) -> bytes:
    application = b"\xff\xe0" + struct.pack(">H", 16) + b"JFIF\0" + bytes(9)
    return b"\xff\xd8" + application + ahead + bytes([0xFF, marker]) + struct.pack(">HBHHB", 17, 8, height, width, 3)


def webp(kind: bytes, payload: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", 100) + b"WEBP" + kind + struct.pack("<I", len(payload)) + payload


FILES = {
    "png": png(640, 480),
    "gif": gif(640, 480),
    "jpeg": jpeg(640, 480),
    "progressive jpeg": jpeg(640, 480, marker=0xC2),
    "jpeg behind a large profile": jpeg(640, 480, ahead=(b"\xff\xe2" + struct.pack(">H", 60_002) + bytes(60_000)) * 5),
    "jpeg with fill bytes and tables": jpeg(640, 480, ahead=b"\xff\xff\xff\xc4" + struct.pack(">H", 4) + b"\1\2"),
    "webp, lossy": webp(b"VP8 ", b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 640, 480)),
    "webp, lossless": webp(b"VP8L", b"\x2f" + struct.pack("<I", 639 | 479 << 14) + bytes(8)),
    "webp, extended": webp(b"VP8X", bytes(4) + (639).to_bytes(3, "little") + (479).to_bytes(3, "little")),
}


@pytest.mark.parametrize("name", FILES)
def test_size_is_read_from_the_header(name: str) -> None:
    assert image_size(FILES[name]) == (640, 480)


@pytest.mark.parametrize("name", FILES)
def test_any_cut_of_a_header_is_no_size_or_the_right_one(name: str) -> None:
    content = FILES[name][-200:] if "large" in name else FILES[name]
    for length in range(len(content)):
        assert image_size(content[:length]) in (None, (640, 480))


@pytest.mark.parametrize(
    "content", [b"", b"BM", png(0, 5), png(2**31, 2**31), jpeg(1, 0), b"RIFF0000WEBPVP9 " + bytes(40), bytes(99)]
)
def test_nonsense_has_no_size(content: bytes) -> None:
    assert image_size(content) is None


@pytest.mark.parametrize(
    ("width", "height", "old", "new"),
    [
        (28, 28, 1, 1),
        (1, 1, 1, 1),
        (200, 200, 64, 64),
        (1000, 1000, 1296, 1296),
        (1092, 1092, 1521, 1521),
    ],
)
def test_tokens_are_full_squares(width: int, height: int, old: int, new: int) -> None:
    assert size_tokens(width, height, OLD) == old
    assert size_tokens(width, height, NEW) == new


@pytest.mark.parametrize(
    "size", [(4000, 3000), (8000, 8000), (65_000, 10), (3, 60_000), (1568, 1568), (2576, 2576), (2000, 1999)]
)
def test_large_images_are_scaled_down_to_the_generation(size: tuple[int, int]) -> None:
    for profile in (OLD, NEW):
        assert 1 <= size_tokens(*size, profile) <= profile.image_tokens_max
    assert size_tokens(4000, 3000, OLD) > 1450
    assert size_tokens(4000, 3000, NEW) > 4500


def test_base64_text_is_enough() -> None:
    encoded = base64.b64encode(png(1000, 1000)).decode()
    assert image_tokens(encoded, OLD) == 1296
    assert image_tokens(encoded + "A" * HEADER_CHARS, OLD) == 1296


@pytest.mark.parametrize("data", ["", "!!!", "AAAA", "é" * 99, "\ud800", "=" * 9])
def test_an_unreadable_image_counts_as_the_largest(data: str) -> None:
    assert image_tokens(data, OLD) == OLD.image_tokens_max
