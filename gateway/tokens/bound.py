"""Bounds: a quick figure for the input tokens of a request body, high enough to hold an amount for it.

Owns the method only; `estimate` gives the better figure at a thousand times the price. Knows nothing of JSON.

Method: 64 windows of 64 bytes are taken evenly from the body and their bytes told apart by class (letters, spaces, digits, other
ASCII, and the lead bytes of each script). A class has a weight in tokens a byte per tokenizer, from the texts on which the
estimator was tested, and the sum over the windows is scaled to the whole. Windows without a space or a
quote that hold nothing but base64 letters are a blob; only then is the body searched for `"data"` strings, which are taken out
and counted as images or PDFs.

It is no guarantee: a text can be made whose windows look cheaper than the rest. It costs 35 us, whatever the size of a text body,
and about 1 ms a megabyte when there are blobs.
"""

import math
import re
from dataclasses import dataclass

from gateway.tokens.families import Family
from gateway.tokens.pdfs import PAGE_BYTES, PAGE_IMAGE_TOKENS_MAX, PAGE_TEXT_TOKENS

WINDOWS = 64
WINDOW_BYTES = 64
# What is read whole instead of sampled.
WHOLE_BYTES_MAX = WINDOWS * WINDOW_BYTES

# Bodies up to here are searched for tools; larger ones get the tools' hidden prompt added unseen, where it hardly matters.
SEARCH_BYTES_MAX = 32 * 1024
TOOL_PROMPT_TOKENS_MAX = 804
FRAME_TOKENS = 16

# A shorter string is a name or a caption, not a file.
BLOB_BYTES_MIN = 128
BASE64 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
ESCAPE = re.compile(rb"\\u[0-9a-fA-F]{4}")
# An escaped character counts as a Hangul syllable, the dearest of the letters that are usually escaped.
ESCAPE_AS = b"\xea"


@dataclass(frozen=True, slots=True)
class ByteClass:
    """Bytes that weigh alike: tokens a byte for `v3`, and for the newer vocabulary."""

    name: str
    members: bytes
    v3: float
    newer: float


# Fitted so that 97 texts of 100 (prose in 90 languages, 25 kinds of code, tables, logs, random data) are not undercut; English
# prose and code come out 1.5 times too high, Hindi up to 2.7 times (it shares its lead byte with scripts that cost thrice as
# much). Letters and long characters were then raised by up to a quarter: 64 windows scatter. Bytes that continue a character
# weigh nothing: their lead byte weighs for them.
CLASSES = (
    ByteClass("lower", bytes(range(0x61, 0x7B)), 0.42, 0.58),
    ByteClass("upper", bytes(range(0x41, 0x5B)), 1.12, 1.27),
    ByteClass("space", b" \t\r\n", 0.07, 0.05),
    ByteClass("digit", b"0123456789", 1.36, 1.17),
    ByteClass("punctuation", bytes(byte for byte in range(0x21, 0x7F) if not chr(byte).isalnum()), 0.73, 0.87),
    ByteClass("accented Latin", bytes(range(0xC2, 0xCE)), 1.48, 0.88),
    ByteClass("Greek, Cyrillic", bytes(range(0xCE, 0xD5)), 0.71, 0.72),
    ByteClass("Hebrew, Arabic", bytes(range(0xD5, 0xE0)), 1.06, 1.06),
    ByteClass("Indic, Thai", b"\xe0", 2.20, 2.20),
    ByteClass("symbols", b"\xe1\xe2", 2.97, 3.03),
    ByteClass("kana, Han", bytes(range(0xE3, 0xEA)), 1.35, 1.35),
    ByteClass("Hangul", bytes(range(0xEA, 0xF0)), 1.60, 1.60),
    ByteClass("emoji", bytes(range(0xF0, 0xF8)), 4.51, 4.48),
)
IMAGE_TOKENS_MAX = {Family.V3: 1568, Family.V4_7: 4784, Family.V5: 4784, Family.O200K: 1568}


def _class_table() -> bytes:
    table = bytearray([len(CLASSES)]) * 256
    for at, byte_class in enumerate(CLASSES):
        for byte in byte_class.members:
            table[byte] = at
    return bytes(table)


CLASS_OF = _class_table()
WEIGHTS = {
    family: tuple(byte_class.v3 if family in (Family.V3, Family.O200K) else byte_class.newer for byte_class in CLASSES)
    for family in Family
}


def fast_bound(body: bytes, family: Family | str) -> int:
    """Tokens that a request body hardly exceeds, from a sample of its bytes; at least 1. Raises ValueError for no family."""
    family = Family(family)
    tools = len(body) > SEARCH_BYTES_MAX or b'"tools"' in body
    fixed = FRAME_TOKENS + (TOOL_PROMPT_TOKENS_MAX if tools else 0)
    windows = _windows(body)
    attached = 0
    if any(map(_is_blob, windows)):
        text, blobs = _apart(body)
        attached = len(blobs) * IMAGE_TOKENS_MAX[family]
        if blobs and b"application/pdf" in text:
            attached += sum(size // PAGE_BYTES + 1 for size in blobs) * (PAGE_TEXT_TOKENS + PAGE_IMAGE_TOKENS_MAX)
        body, windows = text, _windows(text)
    return fixed + attached + math.ceil(len(body) * _tokens_per_byte(b"".join(windows), family))


def _tokens_per_byte(sample: bytes, family: Family) -> float:
    if not sample:
        return 0.0
    classes = ESCAPE.sub(ESCAPE_AS, sample).translate(CLASS_OF)
    return sum(classes.count(at) * weight for at, weight in enumerate(WEIGHTS[family])) / len(sample)


def _windows(body: bytes) -> list[bytes]:
    """WINDOWS pieces from all over the body, the first and the last byte included; a small body is one piece."""
    if len(body) <= WHOLE_BYTES_MAX:
        return [body]
    last = len(body) - WINDOW_BYTES
    return [body[at : at + WINDOW_BYTES] for at in (last * step // (WINDOWS - 1) for step in range(WINDOWS))]


def _is_blob(window: bytes) -> bool:
    return b" " not in window and b'"' not in window and BASE64.issuperset(window)


def _apart(body: bytes) -> tuple[bytes, list[int]]:
    """The body without its long `"data"` strings, and their lengths."""
    text: list[bytes] = []
    blobs: list[int] = []
    kept_to = at = 0
    while (at := body.find(b'"data"', at)) >= 0:
        start = body.find(b'"', at + 6) + 1
        end = body.find(b'"', start) if start else -1
        if end < 0:
            break
        at = end
        if end - start >= BLOB_BYTES_MIN and _is_blob(body[start : start + WINDOW_BYTES]):
            text.append(body[kept_to:start])
            blobs.append(end - start)
            kept_to = end
    text.append(body[kept_to:])
    return b"".join(text), blobs
