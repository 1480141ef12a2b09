"""The pure twin of texts.c: identifiers as text, and the headers that tell a caller of its limits."""

import struct
from datetime import UTC, datetime

Headers = list[tuple[bytes, bytes]]

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ID_BYTES = 16
HALF_CHARS = 11  # ceil(64 / log2(62))

_HALVES = struct.Struct(">QQ")
_SECOND_NS = 1_000_000_000
_LAST_SECOND = 253402300799  # of the year 9999
_FAR_NS = 9_000_000_000 * _SECOND_NS  # 285 years; beyond it no date is given
_I64_MAX = 2**63 - 1


def base62(identifier: bytes) -> str:
    """16 bytes as 22 base62 characters, 11 for each half. Raises TypeError, and ValueError for another length."""
    if not isinstance(identifier, bytes):
        raise TypeError("bytes are expected")
    if len(identifier) != ID_BYTES:
        raise ValueError("an identifier has 16 bytes")
    digits = []
    for half in reversed(_HALVES.unpack(identifier)):
        for _ in range(HALF_CHARS):
            half, digit = divmod(half, 62)
            digits.append(ALPHABET[digit])
    return "".join(reversed(digits))


def _names(word: bytes) -> tuple[bytes, ...]:
    return (
        b"anthropic-ratelimit-" + word + b"-limit",
        b"anthropic-ratelimit-" + word + b"-remaining",
        b"anthropic-ratelimit-" + word + b"-reset",
        b"x-ratelimit-limit-" + word,
        b"x-ratelimit-remaining-" + word,
        b"x-ratelimit-reset-" + word,
    )


_REQUESTS, _TOKENS = _names(b"requests"), _names(b"tokens")
_INPUT, _OUTPUT = _names(b"input-tokens"), _names(b"output-tokens")


def tell_limits(figures: tuple[int, ...], wall_ns: int) -> Headers:
    """Rate-limit headers: OpenAI's six, Anthropic's, and the plain pair; of the limits that there are.

    `figures` are limit, left and nanoseconds to the reset of requests, tokens, input and output, in this order, a limit below 0
    where there is none; what is left and the reset count from 0, and everything to 2^63 - 1. Where no limit counts input and
    output together, the one with less left speaks for tokens. Moments are counted from `wall_ns` (Unix time, not before 1970) and
    rounded up to the second; a reset more than 285 years away has none. Raises TypeError for anything but twelve figures.
    """
    if type(figures) is not tuple or len(figures) != 12:
        raise TypeError("twelve figures are expected")
    wall_ns = max(min(wall_ns, _I64_MAX), 0)
    requests, tokens, fresh, output = (_clipped(figures[place : place + 3]) for place in (0, 3, 6, 9))
    if tokens[0] < 0:
        tokens = output if fresh[0] < 0 or (output[0] >= 0 and output[1] < fresh[1]) else fresh
    pairs: Headers = []
    if requests[0] >= 0:
        _tell(pairs, _REQUESTS, requests, wall_ns, both=True)
    if tokens[0] >= 0:
        _tell(pairs, _TOKENS, tokens, wall_ns, both=True)
    if fresh[0] >= 0:
        _tell(pairs, _INPUT, fresh, wall_ns, both=False)
    if output[0] >= 0:
        _tell(pairs, _OUTPUT, output, wall_ns, both=False)
    plain = requests if requests[0] >= 0 else tokens
    if plain[0] >= 0:
        pairs.append((b"x-ratelimit-limit", b"%d" % plain[0]))
        pairs.append((b"x-ratelimit-remaining", b"%d" % plain[1]))
    return pairs


def _clipped(figures: tuple[int, ...]) -> tuple[int, int, int]:
    limit, left, reset_ns = (min(figure, _I64_MAX) for figure in figures)
    return limit, max(left, 0), max(reset_ns, 0)


def _tell(pairs: Headers, names: tuple[bytes, ...], figures: tuple[int, ...], wall_ns: int, *, both: bool) -> None:
    """One kind of limit, for clients of Anthropic or of both."""
    limit, left, reset_ns = b"%d" % figures[0], b"%d" % figures[1], figures[2]
    pairs.append((names[0], limit))
    pairs.append((names[1], left))
    if reset_ns < _FAR_NS:
        pairs.append((names[2], moment(wall_ns + reset_ns)))
    if both:
        pairs.append((names[3], limit))
        pairs.append((names[4], left))
        pairs.append((names[5], _span(reset_ns).encode("ascii")))


def moment(wall_ns: int) -> bytes:
    """RFC 3339 in UTC, to the second; the next one when it is not whole, so that nobody comes too early."""
    second = min(max(-(-wall_ns // _SECOND_NS), 0), _LAST_SECOND)
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode()


def _span(ns: int) -> str:
    """A duration as OpenAI writes it: `120ms`, `1.5s`, `6m0s`, `2h0m5s`."""
    if ns < _SECOND_NS:
        return f"{-(-ns // 1_000_000)}ms"
    seconds, rest_ns = divmod(ns, _SECOND_NS)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    tenths = rest_ns // 100_000_000
    text = f"{seconds}.{tenths}s" if tenths and not hours else f"{seconds}s"
    if hours:
        return f"{hours}h{minutes}m{text}"
    return f"{minutes}m{text}" if minutes else text
