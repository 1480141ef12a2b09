"""Waits: how long an upstream asks to be left alone, whatever form it writes that in.

Owns `retry-after-ms` and `retry-after`. Knows nothing of states. What odd values come to:

    absent, unreadable, not a number          NOT_GIVEN
    zero, negative, a date that is past       0: the least wait there is, see `standing`
    huge, of any number of digits             as said, up to LARGEST_MS; `standing` sets its own bound

A date is counted from the answer's own `date`, so that neither our clock nor a jump of it matters; without one, from our clock.
"""

import re
from datetime import UTC
from email.utils import parsedate_to_datetime

NOT_GIVEN = -1
LARGEST_MS = 10**12
_NUMBER = re.compile(rb"\s*(-?)(\d{1,18})(\d*)(?:\.(\d{1,9})\d*)?\s*")

Headers = list[tuple[bytes, bytes]]


def of_headers(pairs: Headers, wall_ns: int) -> int:
    """Milliseconds to wait, or NOT_GIVEN. `pairs` have names in lower case; of doubles the first counts."""
    found: dict[bytes, bytes] = {}
    for name, value in pairs:
        if name in (b"retry-after-ms", b"retry-after", b"date"):
            found.setdefault(name, value)
    exact_ms = _milliseconds(found.get(b"retry-after-ms", b""), 1)
    if exact_ms >= 0:
        return exact_ms
    given = found.get(b"retry-after", b"")
    wait_ms = _milliseconds(given, 1000)
    return wait_ms if wait_ms >= 0 else _until(given, found.get(b"date", b""), wall_ns)


def _milliseconds(value: bytes, unit_ms: int) -> int:
    """A number of units, rounded up; 0 for a negative one, NOT_GIVEN for anything else."""
    number = _NUMBER.fullmatch(value)
    if number is None:
        return NOT_GIVEN
    sign, whole, beyond, fraction = number[1], number[2], number[3], number[4] or b""
    if sign:
        return 0
    if beyond:
        return LARGEST_MS
    rest = int((fraction + b"000000000")[:9]) * unit_ms
    return min(int(whole) * unit_ms - (-rest // 1_000_000_000), LARGEST_MS)


def _until(value: bytes, date: bytes, wall_ns: int) -> int:
    moment_s = _moment_s(value)
    if moment_s is None:
        return NOT_GIVEN
    sent_s = _moment_s(date)
    since_ms = -(-wall_ns // 1_000_000) if sent_s is None else sent_s * 1000
    return min(max(0, moment_s * 1000 - since_ms), LARGEST_MS)


def _moment_s(value: bytes) -> int | None:
    """An HTTP date in Unix seconds."""
    try:
        moment = parsedate_to_datetime(value.decode("ascii"))
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
