"""Downloads: rows as a file that is safe to open.

A cell that a spreadsheet would take for a formula gets an apostrophe in front: names are chosen by anybody. Nothing is kept: a
download is made anew for each request.
"""

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
from starlette.responses import Response

_FORMULA = re.compile(r"[=+\-@\t\r\n]")
_NOT_IN_NAMES = re.compile(r"[^A-Z0-9]+")
BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"  # tells Excel that the file is UTF-8

Rows = Sequence[Mapping[str, Any]]


def cell(value: object) -> str:
    """A value as a cell that is only ever text."""
    text = "" if value is None else str(value)
    return f"'{text}" if _FORMULA.match(text) else text


def as_csv(rows: Rows, columns: Sequence[str]) -> str:
    """RFC 4180 with a line of headings."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(columns)
    writer.writerows([cell(row[column]) for column in columns] for row in rows)
    return BOM + file.getvalue()


def as_json(rows: Rows, columns: Sequence[str]) -> str:
    return orjson.dumps([{column: row[column] for column in columns} for row in rows], option=orjson.OPT_INDENT_2).decode() + "\n"


def as_env(rows: Rows, columns: Sequence[str]) -> str:
    """Keys as variables named after them; two of one name are told apart by a number."""
    lines: dict[str, str] = {}
    for row in rows:
        word = _NOT_IN_NAMES.sub("_", str(row["name"]).upper()).strip("_") or "KEY"
        name, number = f"SLUICE_{word}", 2
        while name in lines:
            name, number = f"SLUICE_{word}_{number}", number + 1
        lines[name] = str(row["key"])
    return "".join(f"{name}={value}\n" for name, value in lines.items())


KINDS: dict[str, tuple[Callable[[Rows, Sequence[str]], str], str]] = {
    "csv": (as_csv, "text/csv; charset=utf-8"),
    "json": (as_json, "application/json"),
    "env": (as_env, "text/plain; charset=utf-8"),
}


def download(kind: str, name: str, rows: Rows, columns: Sequence[str]) -> Response:
    """A file of one of KINDS. `name` is ours, without an ending."""
    write, media_type = KINDS[kind]
    headers = {"content-disposition": f'attachment; filename="{name}.{kind}"', "cache-control": "no-store"}
    return Response(write(rows, columns), media_type=media_type, headers=headers)
