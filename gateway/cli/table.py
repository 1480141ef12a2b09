"""What commands print: tables for people at a terminal, JSON for programs."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click
import orjson

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


def print_rows(
    rows: Iterable[Mapping[str, Any]], columns: Sequence[str], as_json: bool, *, numbers: Sequence[str] = (), empty: str = ""
) -> None:
    """Prints rows: all of each as JSON, or some columns as a table, `numbers` to the right. `empty` is said of an empty table."""
    if as_json:
        for row in rows:
            click.echo(orjson.dumps(row))
        return
    cells = [[row[column] for column in (*columns, *numbers)] for row in rows]
    if cells or not empty:
        print_table([column.replace("_", " ") for column in (*columns, *numbers)], cells, left=len(columns))
    else:
        click.echo(empty, err=True)


def print_one(row: Mapping[str, Any], as_json: bool) -> None:
    """Prints one thing: as JSON, or line by line with the names of its parts. Lists and inner parts are left to JSON."""
    if as_json:
        click.echo(orjson.dumps(row))
        return
    plain = {name: value for name, value in row.items() if not isinstance(value, list | dict)}
    width = max(len(name) for name in plain)
    for name, value in plain.items():
        click.echo(f"{name.replace('_', ' ').ljust(width)}  {_cell(value)}".rstrip())


def print_table(headings: Sequence[str], rows: Sequence[Sequence[object]], left: int | None = None) -> None:
    """Prints aligned columns; the first `left` (all, if None) to the left, the others to the right, numbers with separators.

    Characters that a terminal would obey instead of showing are replaced: names in the books come from clients.
    """
    left = len(headings) if left is None else left
    cells = [list(headings), *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(headings))]
    for line in cells:
        aligned = [
            text.ljust(width) if at < left else text.rjust(width)
            for at, (text, width) in enumerate(zip(line, widths, strict=True))
        ]
        click.echo("  ".join(aligned).rstrip())


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in str(value))
