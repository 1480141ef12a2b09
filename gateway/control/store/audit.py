"""Walks over the whole books for whoever verifies them: in order, row by row, without holding them in memory.

Texts are read whatever bytes they consist of, because a walk that stops at the first damaged row names no damage.
"""

import sqlite3
from collections.abc import Iterator
from typing import Any

from gateway.control.store import rollups
from gateway.control.store.credits import SELECT as SELECT_LOTS
from gateway.control.store.credits import Lot


def tolerate(connection: sqlite3.Connection) -> None:
    """Lets texts be read that are not UTF-8 any more."""
    connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")


def requests_before_ledger(connection: sqlite3.Connection) -> int:
    """The last row of `requests` from before there was a ledger; such rows have no posting."""
    row = connection.execute("SELECT value FROM meta WHERE name = 'requests_before_ledger'").fetchone()
    return 0 if row is None else int(row[0])


def requests(connection: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """(rowid, then the columns of RequestRow) of every request, in the order in which they were entered."""
    return connection.execute("SELECT rowid, * FROM requests ORDER BY rowid")


def postings(connection: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """The columns of Posting, in order."""
    return connection.execute(
        "SELECT id, kind, at_ns, workspace_id, requests, memo, requests_digest, seal FROM postings ORDER BY id"
    )


def entries(connection: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """(posting_id, account_id, account or None, amount, check_sum) of every entry, by posting and then by account's number."""
    return connection.execute(
        "SELECT posting_id, account_id, (SELECT name FROM accounts WHERE id = account_id), amount, check_sum "
        "FROM entries ORDER BY posting_id, account_id"
    )


def lots(connection: sqlite3.Connection) -> Iterator[Lot]:
    return (Lot(*row) for row in connection.execute(f"{SELECT_LOTS} ORDER BY id"))


def used(connection: sqlite3.Connection) -> Iterator[tuple[int, int, int]]:
    """(limit_id, window_start_s, used) of every limit and window."""
    return connection.execute("SELECT limit_id, window_start_s, used FROM limit_used ORDER BY limit_id, window_start_s")


def credit_limits(connection: sqlite3.Connection) -> Iterator[tuple[int, int, int]]:
    """(limit_id, workspace_id, amount) of every limit in force that stands for credits."""
    return connection.execute(
        "SELECT id, workspace_id, amount FROM limits WHERE source = 'credits' AND removed_at_s IS NULL ORDER BY id"
    )


_LINE = (
    f"sum({' + '.join(rollups.ENDINGS)}), sum({' + '.join(rollups.ENDINGS[2:])}), sum({' + '.join(rollups.TOKENS)}), "
    "sum(cost_nanodollars)"
)
_FOUND = f"""
(SELECT series_id, bucket, {", ".join(rollups.SUMS)} FROM rollup_{{level}}
UNION ALL
SELECT parent_id, bucket / {{minutes}}, {", ".join(rollups.SUMS)} FROM rollup_fresh JOIN rollup_parents USING (series_id))
JOIN rollup_series ON id = series_id
"""  # noqa: S608 (names of the store, here and below)


def days_by_key(connection: sqlite3.Connection, first: int) -> Iterator[tuple[Any, ...]]:
    """(day since 1970, key_id, workspace_id, requests, errors, tokens, cost) as the rollups have them, from a day on."""
    return connection.execute(
        f"SELECT bucket, key_id, workspace_id, {_LINE} FROM {_FOUND.format(level='days', minutes=1440)} "  # noqa: S608
        "WHERE cube = ? AND bucket >= ? GROUP BY bucket, key_id, workspace_id",
        (rollups.BY_KEY, first),
    )


def figures(connection: sqlite3.Connection, level: str, width: int, first: int) -> Iterator[tuple[Any, ...]]:
    """(cube, number of `width` buckets of a level, requests, errors, tokens, cost) of the rollups, from a bucket on."""
    return connection.execute(
        f"SELECT cube, bucket / {width}, {_LINE} FROM {_FOUND.format(level=level, minutes=rollups.LEVELS[level])} "  # noqa: S608
        "WHERE bucket >= ? GROUP BY 1, 2",
        (first,),
    )
