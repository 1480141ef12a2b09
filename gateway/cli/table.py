"""Tables for people at a terminal."""

from collections.abc import Sequence

import click


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
    if isinstance(value, int):
        return f"{value:,}"
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in str(value))
