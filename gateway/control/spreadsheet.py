"""Spreadsheets: rows as CSV that no program takes for formulas. Pure.

A cell that begins with a character that starts a formula somewhere gets an apostrophe in front, whoever chose its text: keys and
models have names that anybody may have thought up. Numbers are ours and stay numbers, negative ones too.
"""

import csv
import io
from collections.abc import Iterable, Sequence

BOM = "\ufeff".encode()  # Excel takes a file for UTF-8 only with this in front
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def cell(value: object) -> object:
    """A value as it may stand in a cell."""
    return f"'{value}" if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA) else value


def lines(rows: Iterable[Sequence[object]]) -> bytes:
    """Rows as lines of CSV in UTF-8 (RFC 4180)."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([["" if value is None else cell(value) for value in row] for row in rows])
    return text.getvalue().encode("utf-8", "replace")
