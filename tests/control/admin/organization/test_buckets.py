import pytest

from gateway.control.admin.organization.buckets import Span, moment, read_token, span, token
from gateway.core.faults import Fault

DAY = 86400
NOON = 20_000 * DAY + DAY // 2  # 2024-10-04T12:00:00Z


def test_days_are_those_of_utc() -> None:
    asked = span("1d", "2024-10-01T13:00:00Z", "2024-10-04T00:00:00Z", None, None, NOON)
    assert asked == Span(DAY, 19_997, 3, False)
    assert asked.bounds(19_997) == ("2024-10-01T00:00:00Z", "2024-10-02T00:00:00Z")
    assert (asked.start_s, asked.end_s, asked.next_page) == (19_997 * DAY, 20_000 * DAY, None)


def test_the_bucket_under_way_is_there_when_no_end_was_given() -> None:
    assert span("1d", "2024-10-04T00:00:00Z", None, None, None, NOON) == Span(DAY, 20_000, 1, False)
    assert span("1h", "2024-10-04T11:59:59Z", None, None, None, NOON).count == 2
    assert span("1d", "2024-10-04T00:00:00Z", "2024-10-04T23:59:59Z", None, None, NOON).count == 0
    assert span("1d", "2024-10-05T00:00:00Z", None, None, None, NOON).count == 0
    assert span("1d", "2024-10-05T00:00:00Z", "2024-10-01T00:00:00Z", None, None, NOON).count == 0


def test_pages_follow_one_another() -> None:
    pages, page = [], None
    while True:
        asked = span("1d", "2024-09-25T00:00:00Z", None, 4, page, NOON)
        pages.append((asked.first, asked.count))
        page = asked.next_page
        if page is None:
            break
    assert pages == [(19_991, 4), (19_995, 4), (19_999, 2)]
    assert read_token(token(19_995 * DAY)) == 19_995 * DAY
    assert token(1747180800) == "page_MjAyNS0wNS0xNFQwMDowMDowMFo="  # as Anthropic writes it


@pytest.mark.parametrize(("width", "usual", "most"), [("1d", 7, 31), ("1h", 24, 168), ("1m", 60, 1440)])
def test_limits_go_by_the_width(width: str, usual: int, most: int) -> None:
    assert span(width, "2020-01-01T00:00:00Z", None, None, None, NOON).count == usual
    assert span(width, "2020-01-01T00:00:00Z", None, most, None, NOON).count == most
    for wrong in (0, -1, most + 1):
        with pytest.raises(Fault, match="limit"):
            span(width, "2020-01-01T00:00:00Z", None, wrong, None, NOON)


@pytest.mark.parametrize(("text", "seconds"), [
    ("2024-10-04T12:00:00Z", NOON), ("2024-10-04T14:00:00+02:00", NOON), ("2024-10-04T14:00:00 02:00", NOON),
    ("2024-10-04 12:00:00", NOON), ("2024-10-04", NOON - DAY // 2), ("2024-10-04T12:00:00.999999Z", NOON),
    ("1960-01-01T00:00:00Z", 0), ("9999-12-31T23:59:59Z", 2**33),
])  # fmt: skip
def test_moments(text: str, seconds: int) -> None:
    assert moment("starting_at", text) == seconds


@pytest.mark.parametrize("text", ["", "now", "1728043200", "2024-13-01", "2024-10-04T25:00:00Z", "2024-10-04T12:00:00Z; DROP"])
def test_other_moments_are_refused(text: str) -> None:
    with pytest.raises(Fault, match="starting_at: must be an RFC 3339 time"):
        moment("starting_at", text)


@pytest.mark.parametrize("text", ["", "page_", "page_x", "page_" + "A" * 5000, "page_w7w=", "\u00fc"])
def test_other_tokens_are_refused(text: str) -> None:
    with pytest.raises(Fault, match="page"):
        read_token(text)
