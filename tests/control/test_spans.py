"""The time axis of charts: what people write, and days at the edges of daylight saving."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from gateway.control.spans import POINTS_MAX, RANGE_S_MAX, STEPS_S, SpanError, iso, midnight_s, moment_s, span

ZONES = ["UTC", "Asia/Kolkata", "Asia/Kathmandu", "America/Los_Angeles", "Europe/Moscow", "Australia/Lord_Howe", "Africa/Cairo"]
NOW = 1_795_000_000  # 2026-11-18T11:06:40Z
DAY = 86400


@pytest.mark.parametrize(("text", "found"), [
    ("now", NOW), ("24h", NOW - DAY), ("now-24h", NOW - DAY), ("30m", NOW - 1800), ("2w", NOW - 14 * DAY),
    ("now/d", 1_794_960_000), ("now/M", 1_793_491_200), ("now/w", 1_794_787_200),
    ("2026-11-18", 1_794_960_000), ("2026-11-18T01:00:00+01:00", 1_794_960_000), ("2026-11-18T01:00:00 01:00", 1_794_960_000),
    ("1969-01-01", 0), ("99999w", 0),
])  # fmt: skip
def test_moments(text: str, found: int) -> None:
    assert moment_s(text, NOW) == found


def test_a_date_is_a_day_of_the_zone() -> None:
    assert moment_s("2026-11-18", NOW, "Asia/Kathmandu") == 1_794_960_000 - 5 * 3600 - 2700
    assert moment_s("now/d", NOW, "Asia/Kathmandu") == 1_794_960_000 - 5 * 3600 - 2700
    assert moment_s("2026-11-18T00:00:00Z", NOW, "Asia/Kathmandu") == 1_794_960_000


@pytest.mark.parametrize(
    "text", ["", "yesterday", "24", "h", "-24h", "24h ", "now-", "now/y", "\u0665h", "2026-13-01", "9" * 99 + "h"]
)
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(SpanError):
        moment_s(text, NOW)


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../../etc/passwd", "/etc/localtime", "UTC\0", "a" * 99, "Europe", "."])
def test_what_is_no_zone(name: str) -> None:
    with pytest.raises(SpanError):
        span("24h", "now", None, name, NOW, 0)


@pytest.mark.parametrize(("since", "until", "step"), [
    ("now", "24h", None), ("now", "now", None), ("2w", "now", "1m"), ("24h", "now", "2h"), ("9999w", "now", None),
])  # fmt: skip
def test_what_is_no_span(since: str, until: str, step: str | None) -> None:
    with pytest.raises(SpanError):
        span(since, until, step, "UTC", NOW, NOW - 2 * DAY)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("since", ["15m", "1h", "5h", "24h", "7d", "30d", "now/M", "57w", "now/d"])
def test_points_are_few_and_cover_the_span_without_gaps(zone: str, since: str) -> None:
    found = span(since, "now", None, zone, NOW, NOW - 2 * DAY)
    assert 1 <= len(found.edges) - 1 <= POINTS_MAX + 1
    assert sorted(set(found.edges)) == list(found.edges)
    assert found.start_s <= moment_s(since, NOW, zone) < found.start_s + 900
    assert found.end_s - 900 < NOW <= found.end_s
    assert all(edge % (60 if found.level == "minutes" else 900) == 0 for edge in found.edges)
    assert found.before[1] == found.start_s


def test_minutes_are_asked_for_only_where_they_are_kept() -> None:
    assert span("1h", "now", None, "UTC", NOW, NOW - 2 * DAY).step == "1m"
    assert span("1h", "now", None, "UTC", NOW, NOW - 1800).step == "15m"
    with pytest.raises(SpanError):
        span("1h", "now", "5m", "UTC", NOW, NOW - 1800)


@pytest.mark.parametrize("zone", ZONES)
def test_days_begin_at_midnight_all_year_round(zone: str) -> None:
    start, end = date(2026, 1, 1), date(2026, 12, 31)
    found = span("2026-01-01", "2026-12-31", "1d", zone, midnight_s(end, zone), 0)
    starts = [datetime.fromtimestamp(edge, ZoneInfo(zone)) for edge in found.edges]
    assert [moment.date().toordinal() for moment in starts] == list(range(start.toordinal(), end.toordinal() + 1))
    # Where clocks skip midnight the day begins later.
    assert sum((moment.hour, moment.minute) != (0, 0) for moment in starts) <= 1


def test_days_are_as_long_as_they_are() -> None:
    found = span("2026-03-07", "2026-03-10", "1d", "America/Los_Angeles", 1_773_200_000, 0)
    assert [b - a for a, b in zip(found.edges, found.edges[1:], strict=False)] == [DAY, DAY - 3600, DAY]
    found = span("2026-10-31", "2026-11-03", "1d", "America/Los_Angeles", 1_793_800_000, 0)
    assert [b - a for a, b in zip(found.edges, found.edges[1:], strict=False)] == [DAY, DAY + 3600, DAY]


def test_weeks_begin_on_monday() -> None:
    found = span("2026-11-04", "2026-11-18", "7d", "Europe/Moscow", NOW, 0)
    assert [iso(edge, "Europe/Moscow") for edge in found.edges] == [
        "2026-11-04T00:00:00+03:00", "2026-11-09T00:00:00+03:00", "2026-11-16T00:00:00+03:00", "2026-11-18T00:00:00+03:00"
    ]  # fmt: skip


def test_steps_are_counted_from_midnight() -> None:
    found = span("24h", "now", "6h", "Asia/Kolkata", NOW, 0)
    assert [iso(edge, "Asia/Kolkata")[11:16] for edge in found.edges[1:-1]] == ["18:00", "00:00", "06:00", "12:00"]


def test_the_longest_range_has_a_step() -> None:
    assert len(span(f"{RANGE_S_MAX // DAY}d", "now", None, "UTC", NOW, NOW).edges) <= POINTS_MAX
    assert all(STEPS_S[one] < STEPS_S[two] for one, two in zip(list(STEPS_S), list(STEPS_S)[1:], strict=False))
