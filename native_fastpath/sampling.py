"""The pure twin of the weigher: what a sample of a body weighs, each byte by a table.

It knows no tokens: the table says what a byte counts. A `\\uXXXX` escape counts as one byte, `ESCAPE_AS`.
"""

import re

ESCAPE_AS = 0xEA  # the lead byte of a Hangul syllable
WEIGHTS_BYTES = 512  # 256 numbers of two bytes, little-endian

_ESCAPE = re.compile(rb"\\u[0-9a-fA-F]{4}")
_BASE64 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")


def weigh(body: bytes, weights: bytes, windows: int, window_bytes: int) -> tuple[int, int, bool]:
    """The weight of `windows` pieces of `window_bytes` from all over the body, first and last byte included; how many bytes they
    have; and whether one of them holds nothing but base64 letters. A body of up to windows x window_bytes is one piece.

    Raises TypeError, and ValueError for a table of another size, fewer than two windows or empty ones.
    """
    if not isinstance(body, bytes) or not isinstance(weights, bytes):
        raise TypeError("bytes are expected")
    if len(weights) != WEIGHTS_BYTES or not 2 <= windows <= 1 << 20 or not 1 <= window_bytes <= 1 << 20:
        raise ValueError("a table has 512 bytes, and there are two windows or more of a byte or more")
    pieces = [body]
    if len(body) > windows * window_bytes:
        last = len(body) - window_bytes
        starts = (last * step // (windows - 1) for step in range(windows))
        pieces = [body[start : start + window_bytes] for start in starts]
    total = 0
    escape = bytes((ESCAPE_AS,))
    for piece in pieces:
        for byte in _ESCAPE.sub(escape, piece):
            total += weights[2 * byte] | weights[2 * byte + 1] << 8
    return total, sum(map(len, pieces)), any(piece and _BASE64.issuperset(piece) for piece in pieces)
