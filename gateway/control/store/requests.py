"""Rows of requests, totals over them, and how far each journal ring was entered."""

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from typing import Final, NamedTuple

from gateway.core.ids import MILLISECOND_NS, moment_ns

ENTERED_ROWS_MAX: Final = 5_000


class RequestRow(NamedTuple):
    """One request as entered in the books, in the order of the columns of `requests`.

    `charges` holds the limits it was counted against, packed as in the journal: {u32 limit, u32 window start, i64 amount}; None
    when there are none. `check_sum` covers all columns but itself and `posting_id`, see `gateway.control.books.entry`.
    `choice` is what was compared to choose who answers, as `gateway.upstream.pool.choice` writes it; None when there was no
    choice, and for requests from before it was kept.
    """

    request_id: bytes
    started_ns: int
    duration_us: int
    ttft_us: int | None
    key_id: int
    status: int
    outcome: int
    fault: int
    flags: int
    attempts: int
    credential: int
    surface: int
    input_tokens: int
    cache_read_tokens: int
    cache_write_5m_tokens: int
    cache_write_1h_tokens: int
    output_tokens: int
    request_bytes: int
    response_bytes: int
    model_asked: str
    model_served: str
    provider: str
    method: str
    path: str
    upstream_request_id: str
    cost_nanodollars: int
    price_list_id: int
    workspace_id: int
    held_nanodollars: int
    held_tokens: int
    charges: bytes | None
    check_sum: int
    posting_id: int | None
    choice: bytes | None


class UsageTotal(NamedTuple):
    """Sums over the requests of one group. `after` is its place in the order, for the next page; `name` only keys and workspaces
    have."""

    after: str | int
    label: str
    name: str | None
    requests: int
    errors: int
    input_tokens: int
    cache_read_tokens: int
    cache_write_5m_tokens: int
    cache_write_1h_tokens: int
    output_tokens: int
    cost_nanodollars: int


# By an id alone: the rows of one millisecond, from the index; and those from before ids told the time, of which a new database
# has none.
SELECT_TIMED = "SELECT * FROM requests INDEXED BY requests_by_time WHERE started_ns >= ? AND started_ns < ? AND request_id = ?"
SELECT_RANDOM = """
SELECT * FROM requests WHERE rowid <= (SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'requests_with_random_ids')
    AND request_id = ?
"""

_LATEST_NS = 2**63 - 1 - MILLISECOND_NS  # whoever asks may have made up the id
_INSERT = f"INSERT OR IGNORE INTO requests VALUES ({','.join('?' * len(RequestRow._fields))})"  # noqa: S608 (constants of this module, here and below)

_SUMS = """
       count(*), sum(outcome NOT IN (1, 4, 7) OR status >= 400), sum(input_tokens), sum(cache_read_tokens),
       sum(cache_write_5m_tokens), sum(cache_write_1h_tokens), sum(output_tokens), sum(cost_nanodollars)
"""

USAGE_START: dict[str, str | int] = {"key": -1, "workspace": -1, "model": "", "day": ""}  # what sorts before every group

# Each query pages by the group's own value, so rows that arrive between two pages move no boundary.
SELECT_USAGE = {
    "key": f"""
SELECT key_id, coalesce((SELECT public_id FROM keys WHERE keys.id = key_id), 'key ' || key_id),
       coalesce((SELECT name FROM keys WHERE keys.id = key_id), ''), {_SUMS}
FROM requests WHERE started_ns >= ? AND key_id > ? GROUP BY key_id ORDER BY key_id LIMIT ?
""",  # noqa: S608
    "workspace": f"""
SELECT workspace_id,
       coalesce((SELECT public_id FROM workspaces WHERE workspaces.id = workspace_id), 'workspace ' || workspace_id),
       coalesce((SELECT name FROM workspaces WHERE workspaces.id = workspace_id), ''), {_SUMS}
FROM requests WHERE started_ns >= ? AND workspace_id > ? GROUP BY workspace_id ORDER BY workspace_id LIMIT ?
""",  # noqa: S608
    "model": f"""
SELECT coalesce(nullif(model_served, ''), nullif(model_asked, ''), '(none)') AS model,
       coalesce(nullif(model_served, ''), nullif(model_asked, ''), '(none)'), NULL, {_SUMS}
FROM requests WHERE started_ns >= ? AND model > ? GROUP BY model ORDER BY model LIMIT ?
""",  # noqa: S608
    "day": f"""
SELECT date(started_ns / 1000000000, 'unixepoch') AS day, date(started_ns / 1000000000, 'unixepoch'), NULL, {_SUMS}
FROM requests WHERE started_ns >= ? AND day > ? GROUP BY day ORDER BY day LIMIT ?
""",  # noqa: S608
}


def insert(connection: sqlite3.Connection, rows: Sequence[tuple[object, ...]]) -> int:
    """Enters rows in the shape of RequestRow and returns how many are new.

    A request (by its id and start) that has a row already keeps it: a record seen twice is one row.
    """
    return connection.executemany(_INSERT, rows).rowcount if rows else 0


def has(connection: sqlite3.Connection, request_id: bytes, started_ns: int) -> bool:
    """Whether a request is in the books."""
    wanted = (started_ns, request_id)
    found = connection.execute("SELECT 1 FROM requests WHERE (started_ns, request_id) = (?, ?)", wanted).fetchone()
    return found is not None


def find(connection: sqlite3.Connection, request_id: bytes, started_ns: int | None = None) -> RequestRow | None:
    """A request by its id and start, or by its id alone, which tells the millisecond of the start."""
    if started_ns is not None:
        wanted = (started_ns, request_id)
        row = connection.execute("SELECT * FROM requests WHERE (started_ns, request_id) = (?, ?)", wanted).fetchone()
        return None if row is None else RequestRow(*row)
    began_ns = min(moment_ns(request_id), _LATEST_NS)
    row = connection.execute(SELECT_TIMED, (began_ns, began_ns + MILLISECOND_NS, request_id)).fetchone()
    if row is None:
        row = connection.execute(SELECT_RANDOM, (request_id,)).fetchone()
    return None if row is None else RequestRow(*row)


def entered_since(
    connection: sqlite3.Connection, cursor: int, limit: int, within: Collection[int] | None = None
) -> tuple[list[RequestRow], int]:
    """The latest requests that were entered behind a cursor, the last one first, and the cursor behind them; of all workspaces,
    or `within` those of these numbers, of which the last ENTERED_ROWS_MAX requests of all are looked at.

    In order of entry, because a request is entered at its end: by its start it would be missed.
    """
    only, first = "", cursor
    if within is not None:
        only = f" AND workspace_id IN ({', '.join('?' * len(within))})"
        (last,) = connection.execute("SELECT coalesce(max(rowid), 0) FROM requests").fetchone()
        first = max(cursor, last - ENTERED_ROWS_MAX)
    statement = f"SELECT rowid, * FROM requests WHERE rowid > ?{only} ORDER BY rowid DESC LIMIT ?"  # noqa: S608
    rows = connection.execute(statement, (first, *(within or ()), limit)).fetchall()
    return [RequestRow(*row[1:]) for row in rows], rows[0][0] if rows else cursor


def price_list_id(connection: sqlite3.Connection, version: str) -> int:
    """The number under which rows name this version of the price list."""
    connection.execute("INSERT OR IGNORE INTO price_lists (version) VALUES (?)", (version,))
    row = connection.execute("SELECT id FROM price_lists WHERE version = ?", (version,)).fetchone()
    return int(row[0])


def price_list(connection: sqlite3.Connection, number: int) -> str | None:
    """The version that rows name by this number."""
    row = connection.execute("SELECT version FROM price_lists WHERE id = ?", (number,)).fetchone()
    return None if row is None else row[0]


def ring_sequences(connection: sqlite3.Connection, file_id: int) -> dict[int, int]:
    """Slot -> number of journal records of this shared file that have been entered."""
    return dict(connection.execute("SELECT slot, sequence FROM rings WHERE file_id = ?", (file_id,)))


def set_ring_sequences(connection: sqlite3.Connection, file_id: int, sequences: Iterable[tuple[int, int]]) -> None:
    """Notes how far each (slot, sequence) has been entered."""
    connection.executemany(
        "INSERT OR REPLACE INTO rings (slot, file_id, sequence) VALUES (?, ?, ?)",
        [(slot, file_id, sequence) for slot, sequence in sequences],
    )


def usage(connection: sqlite3.Connection, by: str, since_ns: int, after: str | int | None, limit: int) -> list[UsageTotal]:
    """Totals of one page of groups; see `gateway.control.usage`."""
    start = USAGE_START[by] if after is None else after
    return [UsageTotal(*row) for row in connection.execute(SELECT_USAGE[by], (since_ns, start, limit))]
