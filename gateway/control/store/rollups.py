"""Rows of rollups: their series, what the drain appends, folding, forgetting, and sums over them.

A series of cube FULL is what the drain adds to; folding adds its sums to one series of every other cube as well, so that a chart
over all keys reads one row a bucket however many keys there are. Between two folds what is new stands in `rollup_fresh`, and
every sum here takes both.
"""

import sqlite3
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

import orjson

TTFT_CLASSES: Final = 29
ENDINGS: Final = ("succeeded", "client_gone", "limited", "client_error", "server_error", "broken")
TOKENS: Final = ("input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "output_tokens")
MONEY: Final = ("cost_nanodollars", "cache_saved_nanodollars", "cache_paid_nanodollars")
HISTOGRAM: Final = tuple(f"ttft_{place}" for place in range(TTFT_CLASSES))
SUMS: Final = (*ENDINGS, *TOKENS, *MONEY, "stream_us", "stream_tokens", *HISTOGRAM)

ALL, BY_KEY, BY_WORKSPACE, BY_MODEL, FULL = range(5)
DIMENSIONS: Final = ("key_id", "workspace_id", "model", "provider")
_NOBODY: Final = (0, 0, "", "")
# Which of the dimensions a cube tells apart; the first that has all that are asked for is the smallest.
CUBES: Final = {
    ALL: frozenset[str](),
    BY_WORKSPACE: frozenset(("workspace_id",)),
    BY_KEY: frozenset(("key_id", "workspace_id")),
    BY_MODEL: frozenset(("model", "provider")),
    FULL: frozenset(DIMENSIONS),
}

# Table -> minutes in one of its buckets.
LEVELS: Final = {"minutes": 1, "quarters": 15, "days": 1440}

Series = tuple[int, int, str, str]  # in the order of DIMENSIONS

_COLUMNS = ", ".join(SUMS)
_ADDED = ", ".join(f"sum({name}) AS {name}" for name in SUMS)
_INSERT_FRESH = f"INSERT INTO rollup_fresh VALUES (?, ?, {', '.join('?' * len(SUMS))})"  # noqa: S608 (names of this module, here and below)
_FOLD = {
    level: f"""
INSERT INTO rollup_{level} (series_id, bucket, {_COLUMNS})
SELECT parent_id, place, {_ADDED}
FROM (SELECT series_id, bucket / {minutes} AS place, {_ADDED} FROM rollup_fresh WHERE bucket >= ? GROUP BY series_id, place)
JOIN rollup_parents USING (series_id) GROUP BY parent_id, place
ON CONFLICT (series_id, bucket) DO UPDATE SET {", ".join(f"{name} = {name} + excluded.{name}" for name in SUMS)}
"""  # noqa: S608
    for level, minutes in LEVELS.items()
}
_MINUTES_FROM, _DAYS_FROM, _UNFILLED = "rollups_minutes_from", "rollups_days_from", "rollups_unfilled"


def series_id(connection: sqlite3.Connection, series: Series) -> int:
    """The number of a series of all dimensions, made together with those that it is added to."""
    found = _find(connection, FULL, series)
    if found is not None:
        return found
    parents = [_made(connection, cube, _restricted(series, kept)) for cube, kept in CUBES.items()]
    made = _find(connection, FULL, series)
    assert made is not None
    connection.executemany("INSERT INTO rollup_parents VALUES (?, ?)", [(made, parent) for parent in parents])
    return made


def models(connection: sqlite3.Connection) -> set[str]:
    """Every model that has a series."""
    return {row[0] for row in connection.execute("SELECT DISTINCT model FROM rollup_series WHERE cube = ?", (BY_MODEL,))}


def series(connection: sqlite3.Connection, numbers: Iterable[int]) -> dict[int, Series]:
    """The series with these numbers, in the order of DIMENSIONS."""
    wanted = set(numbers)
    statement = "SELECT json_group_array(json_array(id, key_id, workspace_id, model, provider)) FROM rollup_series WHERE cube = ?"
    rows = orjson.loads(connection.execute(statement, (FULL,)).fetchone()[0])
    return {
        number: (key_id, workspace_id, model, provider)
        for number, key_id, workspace_id, model, provider in rows
        if number in wanted
    }


def append(connection: sqlite3.Connection, rows: Iterable[Sequence[int]]) -> None:
    """Adds rows of series, minute since 1970 and SUMS."""
    connection.executemany(_INSERT_FRESH, rows)


def fold(connection: sqlite3.Connection) -> int:
    """Moves what is new into the tables of every level. Returns how many rows that were. Done again, it does nothing."""
    count: int = connection.execute("SELECT count(*) FROM rollup_fresh").fetchone()[0]
    if count:
        for level, statement in _FOLD.items():
            connection.execute(statement, (minutes_from(connection) if level == "minutes" else -(2**62),))
        connection.execute("DELETE FROM rollup_fresh")
    return count


def forget(connection: sqlite3.Connection, minutes_before: int, days_before: int) -> None:
    """Deletes minutes before one and quarters and days before a day, all counted since 1970. Those later are complete."""
    # By series, because that is the order of the tables; all of them at once would be walks over everything.
    each = "series_id IN (SELECT id FROM rollup_series)"
    if minutes_before > minutes_from(connection):
        connection.execute(f"DELETE FROM rollup_minutes WHERE {each} AND bucket < ?", (minutes_before,))  # noqa: S608
        _note(connection, _MINUTES_FROM, minutes_before)
    if days_before > days_from(connection):
        connection.execute(f"DELETE FROM rollup_quarters WHERE {each} AND bucket < ?", (days_before * 96,))  # noqa: S608
        connection.execute(f"DELETE FROM rollup_days WHERE {each} AND bucket < ?", (days_before,))  # noqa: S608
        _note(connection, _DAYS_FROM, days_before)


def minutes_from(connection: sqlite3.Connection) -> int:
    """The first minute since 1970 that is kept by the minute; a whole quarter of an hour."""
    return _noted(connection, _MINUTES_FROM)


def days_from(connection: sqlite3.Connection) -> int:
    """The first day since 1970 that is kept."""
    return _noted(connection, _DAYS_FROM)


def unfilled(connection: sqlite3.Connection) -> int:
    """Requests up to this row are not in the rollups; 0 when all are."""
    return _noted(connection, _UNFILLED)


def next_unfilled(connection: sqlite3.Connection, limit: int) -> list[tuple[Any, ...]]:
    """Rows of requests that are not in the rollups, the latest first; their columns after their number."""
    statement = "SELECT rowid, * FROM requests WHERE rowid <= ? ORDER BY rowid DESC LIMIT ?"
    return connection.execute(statement, (unfilled(connection), limit)).fetchall()


def note_filled(connection: sqlite3.Connection, down_to: int) -> None:
    """Requests from this row on are in the rollups."""
    _note(connection, _UNFILLED, down_to - 1)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which requests to sum up: `only` those with these values of DIMENSIONS; by one of these, by none, or by `series`.

    `within` are the numbers of the only workspaces that may be looked into, None for all."""

    only: Mapping[str, int | str] = field(default_factory=dict)
    by: str | None = None
    within: Collection[int] | None = None

    @property
    def cube(self) -> int:
        """The smallest one that tells apart what is asked for."""
        if self.by == "series":
            return FULL
        wanted = set(self.only) | ({self.by} if self.by else set()) | (set() if self.within is None else {"workspace_id"})
        return next(cube for cube, kept in CUBES.items() if wanted <= kept)

    @property
    def series(self) -> tuple[str, list[int | str]]:
        """A query of (id, what is grouped by), and its values."""
        what = "id" if self.by == "series" else self.by or "0"
        wheres = ["cube = ?", *(f"{name} = ?" for name in self.only)]
        if self.within is not None:
            wheres.append(f"workspace_id IN ({', '.join('?' * len(self.within))})")
        return (
            f"SELECT id, {what} AS what FROM rollup_series WHERE {' AND '.join(wheres)}",  # noqa: S608
            [self.cube, *self.only.values(), *(self.within or ())],
        )


def sums(
    connection: sqlite3.Connection,
    choice: Choice,
    level: str,
    edges: Sequence[int],
    columns: Sequence[str] = SUMS,
    groups: Sequence[int | str] | None = None,
) -> list[tuple[Any, ...]]:
    """(what is grouped by, place, sums of `columns`) between each two neighbours of `edges`, which `place` counts from 0.

    Edges are minutes since 1970 and whole buckets of the level; `groups` are the only ones, if they are given.
    """
    chosen, values = choice.series
    if groups is not None:
        chosen += f" AND {choice.by} IN ({', '.join('?' * len(groups))})"
        values = [*values, *groups]
    asked = (connection, chosen, values, edges, columns)
    found = _kept(*asked, level)
    for what, place, line in _fresh(*asked):
        so_far = found.get((what, place))
        found[what, place] = line if so_far is None else [one + other for one, other in zip(so_far, line, strict=True)]
    nobody = choice.by is None
    return [(None if nobody else what, place, *line) for (what, place), line in found.items()]


def _kept(
    connection: sqlite3.Connection, chosen: str, values: list[int | str], edges: Sequence[int], columns: Sequence[str], level: str
) -> dict[tuple[Any, int], list[int]]:
    """The part of `sums` that was folded: (what is grouped by, place) -> sums."""
    minutes = LEVELS[level]
    added = ", ".join(f"sum({name})" for name in columns)
    places = ", ".join(f"({place}, {first // minutes}, {last // minutes})" for place, (first, last) in enumerate(pairwise(edges)))
    # A range of the primary key for each series and point, added up as it is read. Joined and grouped, all those rows would be
    # sorted first, which takes twice the time; a subquery gives one value, so the sums are one. All of it is one row in the end:
    # at each row a thread gives the interpreter away, and waits for it again where others are busy.
    statement = f"""
WITH chosen AS MATERIALIZED ({chosen}),
points(place, first, last) AS MATERIALIZED (VALUES {places})
SELECT json_group_array(json_array(what, place, (
    SELECT json_array({added}) FROM chosen CROSS JOIN rollup_{level} AS kept
    ON kept.series_id = chosen.id AND bucket >= first AND bucket < last WHERE chosen.what = grouped.what
))) FROM (SELECT DISTINCT what FROM chosen) AS grouped CROSS JOIN points
"""  # noqa: S608 (names and numbers of ours; every value is a parameter)
    rows = orjson.loads(connection.execute(statement, values).fetchone()[0])
    return {(what, place): line for what, place, line in rows if line[0] is not None}


def _fresh(
    connection: sqlite3.Connection, chosen: str, values: list[int | str], edges: Sequence[int], columns: Sequence[str]
) -> Iterator[tuple[Any, int, list[int]]]:
    """The part that was not: (what is grouped by, place, sums), several times the same."""
    added = ", ".join(f"sum({name})" for name in columns)
    statement = f"""
WITH chosen AS MATERIALIZED ({chosen})
SELECT what, bucket, {added} FROM rollup_fresh CROSS JOIN rollup_parents USING (series_id)
CROSS JOIN chosen ON chosen.id = parent_id WHERE bucket >= ? AND bucket < ? GROUP BY 1, 2
"""  # noqa: S608
    for what, minute, *line in connection.execute(statement, [*values, edges[0], edges[-1]]):
        yield what, bisect_right(edges, minute) - 1, line


def _restricted(series: Series, kept: frozenset[str]) -> Series:
    return tuple(  # type: ignore[return-value] # as long as DIMENSIONS
        value if name in kept else nobody for name, value, nobody in zip(DIMENSIONS, series, _NOBODY, strict=True)
    )


def _find(connection: sqlite3.Connection, cube: int, series: Series) -> int | None:
    row = connection.execute(
        "SELECT id FROM rollup_series WHERE (cube, key_id, workspace_id, model, provider) = (?, ?, ?, ?, ?)", (cube, *series)
    ).fetchone()
    return None if row is None else int(row[0])


def _made(connection: sqlite3.Connection, cube: int, series: Series) -> int:
    found = _find(connection, cube, series)
    if found is not None:
        return found
    statement = "INSERT INTO rollup_series (cube, key_id, workspace_id, model, provider) VALUES (?, ?, ?, ?, ?)"
    made = connection.execute(statement, (cube, *series)).lastrowid
    assert made is not None
    return made


def _noted(connection: sqlite3.Connection, name: str) -> int:
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return 0 if row is None else int(row[0])


def _note(connection: sqlite3.Connection, name: str, value: int) -> None:
    connection.execute("INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", (name, str(value)))
