"""Headroom: how much of its rate limits a credential has left, as its upstream's answers tell.

Owns the headers' names, the forms of their values, and the estimate for a later moment. Knows no credential and no state: what is
read here is a hint for the choice; only a refusal puts a credential out.

Upstreams count in buckets that fill again evenly, so between two answers the room grows by a straight line towards the moment
they name for a full bucket. A meter is two words: limit and what remained (31 bits each), and when that was said (40 bits, in
milliseconds of the monotonic clock) with the time to a full bucket (22 bits, in tenths of a second).
"""

import re
from datetime import UTC, datetime

REQUESTS, INPUT, OUTPUT, TOKENS = 0, 1, 2, 3

LIMIT, REMAINING, RESET = 0, 1, 2
FIELDS: dict[bytes, tuple[int, int]] = {
    b"anthropic-ratelimit-requests-limit": (REQUESTS, LIMIT),
    b"anthropic-ratelimit-requests-remaining": (REQUESTS, REMAINING),
    b"anthropic-ratelimit-requests-reset": (REQUESTS, RESET),
    b"anthropic-ratelimit-input-tokens-limit": (INPUT, LIMIT),
    b"anthropic-ratelimit-input-tokens-remaining": (INPUT, REMAINING),
    b"anthropic-ratelimit-input-tokens-reset": (INPUT, RESET),
    b"anthropic-ratelimit-output-tokens-limit": (OUTPUT, LIMIT),
    b"anthropic-ratelimit-output-tokens-remaining": (OUTPUT, REMAINING),
    b"anthropic-ratelimit-output-tokens-reset": (OUTPUT, RESET),
    b"anthropic-ratelimit-tokens-limit": (TOKENS, LIMIT),
    b"anthropic-ratelimit-tokens-remaining": (TOKENS, REMAINING),
    b"anthropic-ratelimit-tokens-reset": (TOKENS, RESET),
    b"x-ratelimit-limit-requests": (REQUESTS, LIMIT),
    b"x-ratelimit-remaining-requests": (REQUESTS, REMAINING),
    b"x-ratelimit-reset-requests": (REQUESTS, RESET),
    b"x-ratelimit-limit-tokens": (TOKENS, LIMIT),
    b"x-ratelimit-remaining-tokens": (TOKENS, REMAINING),
    b"x-ratelimit-reset-tokens": (TOKENS, RESET),
    # Cerebras has the day's requests and the minute's tokens.
    b"x-ratelimit-limit-requests-day": (REQUESTS, LIMIT),
    b"x-ratelimit-remaining-requests-day": (REQUESTS, REMAINING),
    b"x-ratelimit-reset-requests-day": (REQUESTS, RESET),
    b"x-ratelimit-limit-tokens-minute": (TOKENS, LIMIT),
    b"x-ratelimit-remaining-tokens-minute": (TOKENS, REMAINING),
    b"x-ratelimit-reset-tokens-minute": (TOKENS, RESET),
}

RESET_ASSUMED_MS = 60_000  # where no reset is told: limits are per minute
_AMOUNT_MAX = (1 << 31) - 1
_TENTHS_MAX = (1 << 22) - 1
_AMOUNT = re.compile(rb"\d{1,15}")
_DURATION = re.compile(
    rb"(?:(\d{1,4})d)?(?:(\d{1,4})h)?(?:(\d{1,6})m(?!s))?(?:(\d{1,9})(?:\.(\d{1,9}))?s)?(?:(\d{1,9})(?:\.\d+)?ms)?"
)
_SECONDS = re.compile(rb"(\d{1,9})(?:\.(\d{1,9}))?")

Headers = list[tuple[bytes, bytes]]
Meter = tuple[int, int, int]  # which, and its two words


def read(pairs: Headers, now_ms: int, wall_ns: int) -> list[Meter]:
    """The meters that an answer tells; one with a limit or a remainder that cannot be read is left out.

    `now_ms` is monotonic, `wall_ns` Unix time, for resets that are dates.
    """
    told: dict[int, list[bytes]] = {}
    for name, value in pairs:
        field = FIELDS.get(name)
        if field is not None:
            told.setdefault(field[0], [b"", b"", b""])[field[1]] = value
    meters = []
    for which, (limit, remaining, reset) in told.items():
        if _AMOUNT.fullmatch(limit) and _AMOUNT.fullmatch(remaining) and int(limit):
            meters.append((which, *packed(int(limit), int(remaining), now_ms, _reset_ms(reset, wall_ns))))
    return meters


def packed(limit: int, remaining: int, now_ms: int, reset_ms: int) -> tuple[int, int]:
    """The two words of a meter."""
    limit = min(limit, _AMOUNT_MAX)
    tenths = min(max(reset_ms, 0) // 100 + 1, _TENTHS_MAX)
    return min(remaining, limit) << 31 | limit, now_ms << 22 | tenths


def limit_of(amounts: int) -> int:
    """The limit in a meter's first word; 0 when nothing was ever told."""
    return amounts & _AMOUNT_MAX


def remaining(amounts: int, told: int, now_ms: int) -> int:
    """What a meter's two words come to at a later moment."""
    limit, left = amounts & _AMOUNT_MAX, amounts >> 31
    passed_ms, reset_ms = now_ms - (told >> 22), (told & _TENTHS_MAX) * 100
    if passed_ms >= reset_ms:
        return limit
    return left + (limit - left) * max(passed_ms, 0) // reset_ms


def _reset_ms(value: bytes, wall_ns: int) -> int:
    """Until the bucket is full: a date (RFC 3339), a duration such as `6m0s`, `120ms` or `1m26.4s`, or seconds."""
    if b"T" in value:
        return _date_ms(value, wall_ns)
    seconds = _SECONDS.fullmatch(value)
    if seconds:
        return int(seconds[1]) * 1000 + _thousandths(seconds[2])
    duration = _DURATION.fullmatch(value)
    if value and duration:
        days, hours, minutes, whole, fraction, thousandths = (duration[number] or b"" for number in range(1, 7))
        total_s = ((int(days or 0) * 24 + int(hours or 0)) * 60 + int(minutes or 0)) * 60 + int(whole or 0)
        return total_s * 1000 + _thousandths(fraction) + int(thousandths or 0)
    return RESET_ASSUMED_MS


def _date_ms(value: bytes, wall_ns: int) -> int:
    try:
        moment = datetime.fromisoformat(value.decode("ascii"))
        moment_s = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return RESET_ASSUMED_MS
    return round(moment_s * 1000) - wall_ns // 1_000_000


def _thousandths(fraction: bytes | None) -> int:
    return int(((fraction or b"") + b"000")[:3])
