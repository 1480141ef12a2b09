from zoneinfo import ZoneInfo

import pytest

from gateway.console.formats import NOTHING, Formats

EN, RU = Formats("en", ZoneInfo("UTC")), Formats("ru", ZoneInfo("Europe/Moscow"))
THIN, FIXED = "\N{NO-BREAK SPACE}", "\N{NARROW NO-BREAK SPACE}"


def plain(text: str) -> str:
    return text.replace(THIN, " ").replace(FIXED, " ")


@pytest.mark.parametrize(("nanodollars", "english", "russian"), [
    (0, "$0.00", "0,00 $"),
    (1, "$0.000000001", "0,000000001 $"),
    (1_234_000, "$0.001234", "0,001234 $"),
    (10_000_000, "$0.01", "0,01 $"),
    (1_284_300_000_000, "$1,284.30", "1 284,30 $"),
    (-2_500_000_000, "\N{MINUS SIGN}$2.50", "\N{MINUS SIGN}2,50 $"),
    (None, NOTHING, NOTHING),
])  # fmt: skip
def test_money(nanodollars: int | None, english: str, russian: str) -> None:
    assert plain(EN.money(nanodollars)) == english
    assert plain(RU.money(nanodollars)) == russian


def test_numbers() -> None:
    assert plain(RU.number(1234567)) == "1 234 567"
    assert EN.number("1234.5") == "1,234.5"
    assert EN.number("many") == "many"
    assert EN.short(48_210_034) == "48.2M"
    assert plain(RU.short(48_210_034)) == "48,2 млн"
    assert EN.short(12) == "12"
    assert plain(EN.percent(0.0123)) == "1.2%"
    assert {EN.number(None), EN.short(None), EN.percent(None), EN.milliseconds(None), EN.span(None)} == {NOTHING}


@pytest.mark.parametrize(("seconds", "text"), [
    (0, "0 s"), (59.6, "1 min"), (61, "1 min 1 s"), (4320, "1 h 12 min"), (86400, "1 d"), (86400 * 3 + 7300, "3 d 2 h"),
    (-5, "0 s"), (3601, "1 h"),
])  # fmt: skip
def test_spans(seconds: float, text: str) -> None:
    assert EN.span(seconds) == text


def test_moments_are_told_in_the_visitors_zone() -> None:
    assert EN.when("2026-11-21T09:05:00Z") == "21 Nov 2026, 09:05"
    assert RU.when("2026-11-21T22:05:00Z") == "22 нояб. 2026, 01:05"
    assert RU.clock("2026-11-21T22:05:00Z") == "01:05"
    assert RU.day("2026-11-21T22:05:00Z").startswith("22 нояб. 2026")
    assert "UTC+03:00" in RU.exactly("2026-11-21T22:05:00Z")
    assert EN.when(0) == "1 Jan 1970, 00:00"


def test_both_sides_of_a_jump_of_the_clock() -> None:
    new_york = Formats("en", ZoneInfo("America/New_York"))
    assert [new_york.clock(moment) for moment in ("2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z")] == ["01:30", "01:30"]
    assert [new_york.exactly(moment)[-9:] for moment in ("2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z")] == [
        "UTC-04:00",
        "UTC-05:00",
    ]
    assert Formats("en", ZoneInfo("Asia/Kathmandu")).clock("2026-01-01T00:00:00Z") == "05:45"


@pytest.mark.parametrize("moment", [None, "", "yesterday", "2026-13-01", 10**18, -(10**18)])
def test_what_is_no_moment_is_shown_as_nothing(moment: str | int | None) -> None:
    assert EN.when(moment) == EN.exactly(moment) == EN.day(moment) == EN.clock(moment) == NOTHING
