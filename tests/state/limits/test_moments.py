"""Bounds of days and months."""

from datetime import UTC, datetime

import pytest

from gateway.state.limits import Calendar


def seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("now", "day", "day_end", "month", "month_end"),
    [
        ("2027-01-15T12:00:00", "2027-01-15", "2027-01-16", "2027-01-01", "2027-02-01"),
        ("2028-02-29T23:59:59", "2028-02-29", "2028-03-01", "2028-02-01", "2028-03-01"),
        ("2028-03-01T00:00:00", "2028-03-01", "2028-03-02", "2028-03-01", "2028-04-01"),
        ("2027-12-31T23:59:59", "2027-12-31", "2028-01-01", "2027-12-01", "2028-01-01"),
        ("1970-01-01T00:00:00", "1970-01-01", "1970-01-02", "1970-01-01", "1970-02-01"),
    ],
)
def test_days_and_months_in_utc(now: str, day: str, day_end: str, month: str, month_end: str) -> None:
    expected = tuple(map(seconds, (now, day, day_end, month, month_end)))
    for former in (0, seconds(now), seconds("2027-06-30")):
        calendar = Calendar()
        calendar.moment(former * 10**9, 0)
        assert calendar.moment(seconds(now) * 10**9 + 999_999_999, 77) == (*expected, 77)


def test_clocks_beyond_their_range_are_cut() -> None:
    calendar = Calendar()
    assert calendar.moment(-5, 1) == (0, 0, 86_400, 0, 31 * 86_400, 1)
    last = 2**32 - 1
    wall_s, day, day_end, month, month_end, _ = calendar.moment(2**80, 1)
    assert (wall_s, day_end, month_end) == (last, last, last)
    assert (day, month) == (seconds("2106-02-07"), seconds("2106-02-01"))
