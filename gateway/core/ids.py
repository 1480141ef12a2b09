"""Identifiers: 16 bytes inside, base62 text with a prefix outside.

Random ones cannot collide in practice and tell nothing about volume or time. A request's begins with its millisecond, which its
caller knows anyway: so a receipt is found by its id among rows that are kept in order of time. Base62 is what the wire uses
(`req_011CSHoEeqs5C35K2UUqR7Fy` style), always the same length because clients put it in columns.
"""

import os
import struct
from typing import Final

from native_fastpath import base62

ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ID_BYTES: Final = 16
ID_CHARS: Final = 22  # 11 for each half of 64 bits: ceil(64 / log2(62))
MILLISECOND_NS: Final = 1_000_000
_TIME_BYTES: Final = 6  # milliseconds until the year 10889
_TIME_MAX: Final = 2**48 - 1

_HALVES: Final = struct.Struct(">QQ")
_VALUES: Final = {char: value for value, char in enumerate(ALPHABET)}


# Random bytes are taken from the system for this many ids at once: one call for each would cost 0.4 us a request.
_BATCH_IDS: Final = 256
_batch: Final[list[bytes]] = []


def fresh_id() -> bytes:
    """16 new random bytes."""
    try:
        return _batch.pop()
    except IndexError:
        random = os.urandom(_BATCH_IDS * ID_BYTES)
        _batch.extend(random[at : at + ID_BYTES] for at in range(0, len(random), ID_BYTES))
        return _batch.pop()


def timed_id(wall_ns: int) -> bytes:
    """The millisecond of a moment in 6 bytes, and 10 new random ones: 80 bits to tell apart what began in the same one."""
    return (wall_ns // MILLISECOND_NS & _TIME_MAX).to_bytes(_TIME_BYTES, "big") + fresh_id()[_TIME_BYTES:]


def moment_ns(identifier: bytes) -> int:
    """When the millisecond began that a `timed_id` was made from."""
    return int.from_bytes(identifier[:_TIME_BYTES], "big") * MILLISECOND_NS


def text_of(prefix: str, identifier: bytes) -> str:
    """`prefix` + `_` + 22 base62 characters, 11 for each half."""
    return f"{prefix}_{base62(identifier)}"


def bytes_of(prefix: str, text: str) -> bytes:
    """The inverse of `text_of`. Raises ValueError for anything `text_of` does not write."""
    head, _, digits = text.rpartition("_")
    if head != prefix or len(digits) != ID_CHARS or not _VALUES.keys() >= set(digits):
        raise ValueError(f"not a {prefix} id")
    try:
        return _HALVES.pack(_half_value(digits[:11]), _half_value(digits[11:]))
    except struct.error:
        raise ValueError(f"not a {prefix} id") from None


def _half_value(digits: str) -> int:
    value = 0
    for digit in digits:
        value = value * 62 + _VALUES[digit]
    return value


# A forked child must not hand out its parent's ids again.
os.register_at_fork(after_in_child=_batch.clear)
