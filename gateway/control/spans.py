"""Spans: the time axis of charts, as people write it and in the zone they live in.

Pure. Owns the reading of `24h`, `now/d` and dates, the choice of a step that leaves at most POINTS_MAX points, and where the
steps begin: days at midnight of the zone, whatever daylight saving does to their length, all others at multiples since midnight.
Everything lies on whole buckets of the rollups, which every zone in use allows: its offset is a multiple of a quarter of an hour.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.core.refusals import Refusal

POINTS_MAX = 200
MINUTE_S, QUARTER_S, DAY_S = 60, 900, 86400
# What is kept by the minute can be asked for by the minute, if the range is short enough to be drawn so.
STEPS_S = {
    "1m": 60, "5m": 300, "15m": 900, "30m": 1800, "1h": 3600, "3h": 10800, "6h": 21600, "12h": 43200,
    "1d": DAY_S, "7d": 7 * DAY_S,
}  # fmt: skip
RANGE_S_MAX = 400 * DAY_S

_BACK = re.compile(r"(?:now-)?([0-9]{1,6})([mhdw])")
_UNITS_S = {"m": 60, "h": 3600, "d": DAY_S, "w": 7 * DAY_S}
_LAST_S = 2**33
_ZONE = re.compile(r"[A-Za-z0-9+_-]+(?:/[A-Za-z0-9+_-]+){0,2}")


class SpanError(Refusal):
    """A range of time that cannot be read. It says what is expected."""


@dataclass(frozen=True, slots=True)
class Span:
    """`edges` are the beginnings of the points in Unix seconds, and at last the end of the last one."""

    edges: tuple[int, ...]
    step: str
    zone: str
    until_s: int  # the end as it was asked for; the last edge is the end of its bucket

    @property
    def start_s(self) -> int:
        return self.edges[0]

    @property
    def end_s(self) -> int:
        return self.edges[-1]

    @property
    def level(self) -> str:
        """The rollups that the points are made of."""
        return "minutes" if STEPS_S[self.step] < QUARTER_S else "quarters"

    @property
    def before(self) -> tuple[int, int]:
        """The window of the same length before this one, in Unix seconds."""
        unit_s = MINUTE_S if self.level == "minutes" else QUARTER_S
        return (self.start_s - (self.until_s - self.start_s)) // unit_s * unit_s, self.start_s


@cache
def zone(name: str) -> ZoneInfo:
    """A time zone by its IANA name. Raises SpanError."""
    # The name becomes the name of a file: nothing but what such names consist of may get there.
    if not _ZONE.fullmatch(name) or len(name) > 64:
        raise SpanError("span.zone", "tz must be a time zone such as UTC or Europe/Berlin")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SpanError("span.zone", "tz must be a time zone such as UTC or Europe/Berlin") from None


def moment_s(text: str, now_s: int, zone_name: str = "UTC") -> int:
    """A moment in Unix seconds: `now`, `24h` or `now-24h` back, `now/d`, `now/w`, `now/M` (where the day, week or month began),
    a date or a time, in the zone unless it says its own. Raises SpanError."""
    back = _BACK.fullmatch(text)
    if back:
        return max(0, now_s - int(back[1]) * _UNITS_S[back[2]])
    if text == "now":
        return now_s
    if text in ("now/d", "now/w", "now/M"):
        today = datetime.fromtimestamp(now_s, zone(zone_name)).date()
        first = {"d": today, "w": today - timedelta(days=today.weekday()), "M": today.replace(day=1)}[text[-1]]
        return midnight_s(first, zone_name)
    try:
        # A plus sign in a query that nobody encoded arrives as a blank.
        found = datetime.fromisoformat(text.replace(" ", "+") if text.count(" ") == 1 and "T" in text else text)
        return min(max(0, int((found if found.tzinfo else found.replace(tzinfo=zone(zone_name))).timestamp())), _LAST_S)
    except SpanError:
        raise
    except (ValueError, OverflowError):
        raise SpanError(
            "span.moment", "a time must be now, a span (30m, 24h, 7d, 4w), now/d, now/w, now/M or a date (2026-11-21)"
        ) from None


def span(since: str, until: str, step: str | None, zone_name: str, now_s: int, minutes_from_s: int) -> Span:
    """The points from one moment to another; `step` is chosen when it is None. `minutes_from_s` is since when there are minutes.

    Raises SpanError.
    """
    zone(zone_name)
    until_s = min(moment_s(until, now_s, zone_name), now_s + DAY_S)
    start_s = moment_s(since, now_s, zone_name)
    if start_s >= until_s:
        raise SpanError("span.empty", "since must be before until")
    if until_s - start_s > RANGE_S_MAX:
        raise SpanError("span.too_long", "the range must be at most {count} days", count=RANGE_S_MAX // DAY_S)
    has_minutes = start_s >= minutes_from_s
    if step is None:
        fitting = (name for name, s in STEPS_S.items() if (until_s - start_s) / s <= POINTS_MAX - 1)
        step = next(name for name in fitting if has_minutes or STEPS_S[name] >= QUARTER_S)
    elif step not in STEPS_S:
        raise SpanError("field.choice", "{field} must be one of {choices}", field="step", choices=", ".join(STEPS_S))
    elif STEPS_S[step] < QUARTER_S and not has_minutes:
        raise SpanError("span.no_minutes", "step must be 15m or more: minutes are not kept for so long")
    elif (until_s - start_s) / STEPS_S[step] > 4 * POINTS_MAX:
        raise SpanError("span.too_fine", "step must be larger: that would be more than {count} points", count=4 * POINTS_MAX)
    unit_s = MINUTE_S if STEPS_S[step] < QUARTER_S else QUARTER_S
    first_s, end_s = start_s // unit_s * unit_s, -(-until_s // unit_s) * unit_s
    return Span((first_s, *_inner(first_s, end_s, STEPS_S[step], zone_name), end_s), step, zone_name, until_s)


def midnight_s(day: date, zone_name: str) -> int:
    """When a day begins in a zone; where clocks skip midnight, the first moment of it."""
    return int(datetime.combine(day, time(), zone(zone_name)).timestamp())


def _inner(first_s: int, end_s: int, step_s: int, zone_name: str) -> list[int]:
    """The edges between, in order."""
    place = zone(zone_name)
    first = datetime.fromtimestamp(first_s, place)
    edges: list[int] = []
    if step_s < DAY_S:
        # Counted from the midnight before; after a change of the clocks they stand an hour off, and go on evenly.
        edge = midnight_s(first.date(), zone_name)
        edge += (first_s - edge) // step_s * step_s + step_s
        return list(range(edge, end_s, step_s))
    day = first.date() + timedelta(days=1)
    while (edge := midnight_s(day, zone_name)) < end_s:
        if edge > first_s and (step_s == DAY_S or day.weekday() == 0):
            edges.append(edge)
        day += timedelta(days=1)
    return edges


def iso(seconds: int, zone_name: str = "UTC") -> str:
    """A moment as text, with the offset that the zone has then."""
    if zone_name == "UTC":
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return datetime.fromtimestamp(seconds, zone(zone_name)).isoformat()
