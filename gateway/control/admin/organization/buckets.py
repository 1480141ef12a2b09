"""Buckets: the time axis of the reports, as Anthropic's parameters describe it.

Pure. Buckets are aligned to the epoch, so minutes, hours and days are those of UTC. `starting_at` belongs to the bucket it lies
in, buckets end by `ending_at`, and the last one under way is there when no end is given. A page is some buckets; its token names
the first bucket of the next one.
"""

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.core.faults import FaultKind
from gateway.core.refusals import Refusal

# Width -> (seconds, buckets on a page when none are asked for, most).
WIDTHS = {"1d": (86400, 7, 31), "1h": (3600, 24, 168), "1m": (60, 60, 1440)}
_TOKEN = "page_"
_LAST_S = 2**33  # far beyond any clock, and inside of what the database can count


@dataclass(frozen=True, slots=True)
class Span:
    """Some buckets: `count` of them from `first`, numbered since the epoch. `more` when others follow."""

    width_s: int
    first: int
    count: int
    more: bool

    @property
    def start_s(self) -> int:
        return self.first * self.width_s

    @property
    def end_s(self) -> int:
        return (self.first + self.count) * self.width_s

    @property
    def next_page(self) -> str | None:
        return token((self.first + self.count) * self.width_s) if self.more else None

    def bounds(self, bucket: int) -> tuple[str, str]:
        """Start and end of a bucket, RFC 3339."""
        return iso(bucket * self.width_s), iso((bucket + 1) * self.width_s)

    def cut(self, count: int) -> "Span":
        """Its first buckets, the rest for the next page."""
        return Span(self.width_s, self.first, count, True)


def span(width: str, starting_at: str, ending_at: str | None, limit: int | None, page: str | None, now_s: int) -> Span:
    """The buckets of one page. Raises Fault INVALID."""
    width_s, usual, most = WIDTHS[width]
    if limit is not None and not 1 <= limit <= most:
        wrong = Refusal("report.limit", "limit: must be 1 to {most} for buckets of {width}", most=most, width=width)
        raise wrong.fault(FaultKind.INVALID)
    first = (moment("starting_at", starting_at) if page is None else read_token(page)) // width_s
    # The bucket under way has an end in the future, which nobody can name: it is there when no end was given.
    end = now_s // width_s + 1 if ending_at is None else moment("ending_at", ending_at) // width_s
    wanted = max(0, end - first)
    count = min(wanted, limit or usual)
    return Span(width_s, first, count, wanted > count)


def moment(name: str, text: str) -> int:
    """An RFC 3339 time in whole seconds since the epoch. Raises Fault INVALID, naming the parameter."""
    try:
        # A plus sign in a query that nobody encoded arrives as a blank.
        found = datetime.fromisoformat(text.replace(" ", "+") if text.count(" ") == 1 and "T" in text else text)
        if found.tzinfo is None:
            found = found.replace(tzinfo=UTC)
        seconds = int(found.timestamp())
    except (ValueError, OverflowError):
        wrong = Refusal("report.time", "{field}: must be an RFC 3339 time such as 2026-11-21T00:00:00Z", field=name)
        raise wrong.fault(FaultKind.INVALID) from None
    return min(max(seconds, 0), _LAST_S)


def iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def token(seconds: int) -> str:
    return _TOKEN + base64.urlsafe_b64encode(iso(seconds).encode()).decode()


def read_token(text: str) -> int:
    """The inverse of `token`. Raises Fault INVALID."""
    try:
        decoded = base64.b64decode(text.removeprefix(_TOKEN), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        raise Refusal("report.page", "page: must be the next_page of an earlier answer").fault(FaultKind.INVALID) from None
    return moment("page", decoded)
