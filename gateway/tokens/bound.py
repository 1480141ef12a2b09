"""Bounds: a quick figure for the input tokens of a request body, high enough to hold an amount for it.

Owns the method only; `estimate` gives the better figure at a thousand times the price. Knows nothing of JSON.

Method: 64 windows of 64 bytes are taken evenly from the body and their bytes told apart by class (letters, spaces, digits, other
ASCII, and the lead bytes of each script). A class has a weight in tokens a byte per tokenizer, from the texts on which the
estimator was tested, and the sum over the windows is scaled to the whole. Windows that hold nothing but base64 letters are a
blob; only then is the body searched for `"data"` strings and data URLs, which are taken out and counted as images or PDFs.

It is no guarantee: a text can be made whose windows look cheaper than the rest. It costs about 6 us (300 without the C
extension), whatever the size of a text body, and about 1 ms a megabyte when there are blobs.
"""

import re
import struct
from dataclasses import dataclass
from typing import Final

from gateway.tokens.families import Family
from gateway.tokens.pdfs import PAGE_BYTES, PAGE_IMAGE_TOKENS_MAX, PAGE_TEXT_TOKENS
from native_fastpath import weigh

# Bodies up to their product are read whole.
WINDOWS: Final = 64
WINDOW_BYTES: Final = 64

# Bodies up to here are searched for tools; larger ones get the tools' hidden prompt added unseen, where it hardly matters.
SEARCH_BYTES_MAX: Final = 32 * 1024
TOOL_PROMPT_TOKENS_MAX: Final = 804
FRAME_TOKENS: Final = 16

# A shorter string is a name or a caption, not a file.
BLOB_BYTES_MIN: Final = 128
# Where the text of one begins: a `"data"` string, or a data URL in any other.
_DATA: Final = re.compile(rb'"data"[^"]{0,64}"|;base64,')
BASE64: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")


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
# weigh nothing: their lead byte weighs for them. An escaped character counts as a Hangul syllable, the dearest of the letters
# that are usually escaped (`native_fastpath.weigh`).
CLASSES: Final = (
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
IMAGE_TOKENS_MAX: Final = {Family.V3: 1568, Family.V4_7: 4784, Family.V5: 4784, Family.O200K: 1568}


def _table(family: Family) -> bytes:
    """The weight of every byte in thousandths of a token, as `weigh` takes it."""
    table = [0] * 256
    for byte_class in CLASSES:
        weight = byte_class.v3 if family in (Family.V3, Family.O200K) else byte_class.newer
        for byte in byte_class.members:
            table[byte] = round(weight * 1000)
    return struct.pack("<256H", *table)


TABLES: Final = {family: _table(family) for family in Family}


def fast_bound(body: bytes, family: Family) -> int:
    """Tokens that a request body hardly exceeds, from a sample of its bytes; at least 1."""
    table = TABLES[family]
    fixed = FRAME_TOKENS + (TOOL_PROMPT_TOKENS_MAX if len(body) > SEARCH_BYTES_MAX or body.find(b'"tools"') >= 0 else 0)
    weight, sampled, blob = weigh(body, table, WINDOWS, WINDOW_BYTES)
    attached = 0
    if blob:
        text, blobs = _apart(body)
        attached = len(blobs) * IMAGE_TOKENS_MAX[family]
        if blobs and b"application/pdf" in text:
            attached += sum(size // PAGE_BYTES + 1 for size in blobs) * (PAGE_TEXT_TOKENS + PAGE_IMAGE_TOKENS_MAX)
        body = text
        weight, sampled, _ = weigh(body, table, WINDOWS, WINDOW_BYTES)
    return fixed + attached + -(-len(body) * weight // (max(sampled, 1) * 1000))


def _apart(body: bytes) -> tuple[bytes, list[int]]:
    """The body without its long `"data"` strings and data URLs, and their lengths."""
    text: list[bytes] = []
    blobs: list[int] = []
    kept_to = 0
    for mark in _DATA.finditer(body):
        start = mark.end()
        # Looked at before its end is sought, or a body full of beginnings would be searched to its end for each.
        if mark.start() < kept_to or not BASE64.issuperset(body[start : start + WINDOW_BYTES].partition(b'"')[0]):
            continue
        end = body.find(b'"', start)
        if end < 0:
            break
        if end - start >= BLOB_BYTES_MIN:
            text.append(body[kept_to:start])
            blobs.append(end - start)
            kept_to = end
    text.append(body[kept_to:])
    return b"".join(text), blobs
