"""Charts: what the rollups say about a span, added up as charts and tables need it.

Functions of a connection that change nothing and never read a request. Totals over long ranges are taken from days, with quarters
of an hour at both ends, so that they cost the same for a day and for a year; points are taken from the level of the span.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from gateway.control.books.rollup import TTFT, percentile_us
from gateway.control.spans import Span
from gateway.control.store import Connection
from gateway.control.store import rollups as rows
from gateway.control.store.rollups import SUMS, Choice

Sums = list[int]  # in the order of the columns that were asked for
_DAY_MINUTES = 1440


def totals(connection: Connection, choice: Choice, start_s: int, end_s: int, columns: Sequence[str] = SUMS) -> dict[Any, Sums]:
    """What is grouped by -> sums over [start_s, end_s). Ends that no level has are rounded down to quarters of an hour."""
    found: dict[Any, Sums] = {}
    for level, first, last in _parts(connection, start_s // 60, end_s // 60):
        for what, _, *sums in rows.sums(connection, choice, level, (first, last), columns):
            so_far = found.get(what)
            found[what] = sums if so_far is None else [one + other for one, other in zip(so_far, sums, strict=True)]
    return found


def points(
    connection: Connection, choice: Choice, span: Span, columns: Sequence[str] = SUMS, groups: Sequence[int | str] | None = None
) -> dict[Any, list[Sums]]:
    """What is grouped by -> sums of `columns` at every point of the span; only those of `groups`, if they are given."""
    edges = [edge // 60 for edge in span.edges]
    found: defaultdict[Any, list[Sums]] = defaultdict(lambda: [[0] * len(columns) for _ in edges[1:]])
    for what, place, *sums in rows.sums(connection, choice, span.level, edges, columns, groups):
        found[what][place] = sums
    return dict(found)


def _parts(connection: Connection, start: int, end: int) -> list[tuple[str, int, int]]:
    """The levels and ranges, in minutes, that together are [start, end)."""
    if (start % 15 or end % 15 or end - start <= 240) and start >= rows.minutes_from(connection):
        return [("minutes", start, end)]
    start, end = start // 15 * 15, end // 15 * 15
    first_day, last_day = -(-start // _DAY_MINUTES) * _DAY_MINUTES, end // _DAY_MINUTES * _DAY_MINUTES
    if first_day >= last_day:
        return [("quarters", start, end)]
    parts = [("quarters", start, first_day), ("days", first_day, last_day), ("quarters", last_day, end)]
    return [part for part in parts if part[1] < part[2]]


def ttft_ms(sums: Sequence[int], share: float) -> int | None:
    """A percentile of the times to the first token, from sums in the order of SUMS."""
    found = percentile_us(list(sums[TTFT:]), share)
    return None if found is None else round(found / 1000)
