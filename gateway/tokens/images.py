"""Images: how many tokens a picture is worth, from its first bytes.

Owns the reading of PNG, JPEG, GIF and WebP headers and the vendor's rule for size. Decodes no pixels: a header that lies costs
a wrong estimate and nothing else.
"""

import base64
import binascii
import math
import struct

from gateway.tokens.families import Profile

# A visual token is a square of this many pixels; width and height are padded to full squares (the vendor's vision page; its
# older revisions say width * height / 750, which is the same to a few per cent).
PATCH_PX = 28
EDGE_PX_MAX = 65_535

# A JPEG's size may stand behind colour profiles and a thumbnail. Half a megabyte of base64 covers all but freaks.
HEADER_CHARS = 512 * 1024

# Frame markers that carry the size: SOF0 to SOF15 without DHT (C4), JPG (C8) and DAC (CC).
JPEG_SIZE_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
JPEG_LONE_MARKERS = frozenset(range(0xD0, 0xD9)) | {0x01, 0xFF}


def image_tokens(data: str, profile: Profile) -> int:
    """Tokens of a base64 image; the most that an image of this generation costs when its size cannot be read."""
    size = image_size(leading_bytes(data))
    return size_tokens(*size, profile) if size else profile.image_tokens_max


def size_tokens(width_px: int, height_px: int, profile: Profile) -> int:
    """Tokens of an image of this size, after it is scaled down to what the generation takes."""
    scale = min(1.0, profile.image_edge_px / max(width_px, height_px))
    tokens = _patches(width_px * scale) * _patches(height_px * scale)
    # Rounding up to full squares keeps an area bound from being enough, so the last steps are taken by trial.
    if tokens > profile.image_tokens_max:
        scale = min(scale, math.sqrt(profile.image_tokens_max * PATCH_PX**2 / (width_px * height_px)))
        tokens = _patches(width_px * scale) * _patches(height_px * scale)
        while tokens > profile.image_tokens_max:
            scale *= 0.99
            tokens = _patches(width_px * scale) * _patches(height_px * scale)
    return tokens


def _patches(length_px: float) -> int:
    return max(math.ceil(length_px / PATCH_PX), 1)


def leading_bytes(data: str) -> bytes:
    """The first bytes of a base64 text; empty when it is none."""
    head = data[:HEADER_CHARS].strip()
    try:
        return base64.b64decode(head[: len(head) // 4 * 4])
    except (binascii.Error, ValueError):
        return b""


def image_size(head: bytes) -> tuple[int, int] | None:
    """Width and height in pixels from the first bytes of a file, or None when they do not tell."""
    for signature, read in READERS:
        if head.startswith(signature):
            try:
                width, height = read(head)
            except (struct.error, IndexError):
                return None
            return (width, height) if 0 < width <= EDGE_PX_MAX and 0 < height <= EDGE_PX_MAX else None
    return None


def _png(head: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from(">II", head, 16)
    return width, height


def _gif(head: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from("<HH", head, 6)
    return width, height


def _jpeg(head: bytes) -> tuple[int, int]:
    at = 2
    while head[at] == 0xFF:
        marker = head[at + 1]
        if marker in JPEG_LONE_MARKERS:
            # A fill byte is one FF, which may itself begin the marker.
            at += 1 if marker == 0xFF else 2
            continue
        if marker in JPEG_SIZE_MARKERS:
            height, width = struct.unpack_from(">HH", head, at + 5)
            return width, height
        (length,) = struct.unpack_from(">H", head, at + 2)
        at += 2 + length
    return 0, 0


def _webp(head: bytes) -> tuple[int, int]:
    kind = head[12:16]
    # Slices of a cut header would pass for zeroes.
    if len(head) < 30:
        return 0, 0
    if kind == b"VP8X":
        return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", head, 21)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", head, 26)
        return width & 0x3FFF, height & 0x3FFF
    return 0, 0


READERS = (
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"\xff\xd8", _jpeg),
    (b"GIF8", _gif),
    (b"RIFF", _webp),
)
