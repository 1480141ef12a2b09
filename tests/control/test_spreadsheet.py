"""Nothing that anybody chose a name for becomes a formula."""

import csv
import io

import pytest

from gateway.control.spreadsheet import cell, lines

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =cmd|' /C calc'!A0", "|x", "%0A", "\uff1d1+1", "\uff20a"]


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_get_an_apostrophe(text: str) -> None:
    assert cell(text) == f"'{text}"
    [[read]] = csv.reader(io.StringIO(lines([[text]]).decode(), newline=""))
    assert read == f"'{text}"


@pytest.mark.parametrize("value", ["", "plain", "a=b", "claude-sonnet-4-5", 5, -5, 1.5, None, True, "2026-11-21T00:00:00+03:00"])
def test_other_cells_stay(value: object) -> None:
    assert cell(value) == value


def test_lines_are_read_back_as_they_were() -> None:
    rows = [["a,b", 'say "x"', "two\nlines", "\u202eevil", "\ud800", None, -3]]
    [read] = csv.reader(io.StringIO(lines(rows).decode(), newline=""))
    assert read == ["a,b", 'say "x"', "two\nlines", "\u202eevil", "?", "", "-3"]
