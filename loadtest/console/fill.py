"""Filling: a database with as many receipts as wanted, as fast as SQLite takes them.

Owns: the keys, the receipts and their rollups. Refuses to know: what is measured.
Strategy: receipts of one day are made by SQL alone, then copied to each day after it, so that they lie in the order of time, as
books would have entered them. Rollups of the last day are made by code of the gateway, which fills them in after an upgrade, and
copied to each day before it. The receipts have no postings: they pass for those of a release without a ledger.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

from gateway.catalog.prices import PriceList
from gateway.control.books.rollups import Rollups
from gateway.control.store import Store
from gateway.control.store.requests import RequestRow
from gateway.control.store.rollups import LEVELS, SUMS, minutes_from

PIECE_ROWS = 200_000
ROW_BYTES = 260  # with indexes and rollups, measured; what may lie in the write-ahead log comes on top
BYTES_MAX = 6 * 10**9
KEYS, WORKSPACES = 50, 5
MODELS = ("claude-sonnet-4-5", "claude-haiku-4-5", "claude-opus-4-5", "gpt-5-mini")

DAY_NS = 86_400 * 10**9
Progress = Callable[[str, int, int], None]

_PIECE = """
WITH RECURSIVE place(n) AS (SELECT :first UNION ALL SELECT n + 1 FROM place WHERE n + 1 < :last),
thrown AS MATERIALIZED (SELECT n, abs(random()) AS a, abs(random()) AS b, abs(random()) AS c FROM place)
INSERT INTO requests
SELECT
    randomblob(16), :start_ns + n * :gap_ns, 500000 + b % 20000000,
    CASE WHEN a % 50 < 2 THEN NULL ELSE 100000 + c % 3000000 END,
    1 + a / 64 % :keys,
    CASE WHEN a % 50 = 0 THEN 429 WHEN a % 50 = 1 THEN 529 ELSE 200 END,
    CASE WHEN a % 50 = 0 THEN 2 WHEN a % 50 = 1 THEN 3 WHEN a % 50 = 2 THEN 4 ELSE 1 END,
    CASE WHEN a % 50 = 0 THEN 9 ELSE 0 END, a % 2, CASE WHEN a % 50 = 0 THEN 0 ELSE 1 END, a % 3, 1,
    CASE WHEN a % 50 < 2 THEN 0 ELSE b % 4000 END, CASE WHEN a % 50 < 2 THEN 0 ELSE c % 30000 END,
    CASE WHEN a % 50 < 2 THEN 0 ELSE c % 900 END, 0, CASE WHEN a % 50 < 2 THEN 0 ELSE 1 + b % 900 END,
    2000 + b % 90000, 500 + c % 9000,
    {model}, {model}, 'anthropic', 'POST', '/v1/messages', '',
    CASE WHEN a % 50 < 2 THEN 0 ELSE b % 40000000 END, :price_list, 1 + a / 64 % :keys % :workspaces,
    40000000, 9000, NULL, 0, NULL, NULL
FROM thrown
"""

_DAY = f"""
INSERT INTO requests SELECT randomblob(16), started_ns + :later_ns, {", ".join(RequestRow._fields[2:])}
FROM requests WHERE rowid <= :entered ORDER BY rowid
"""  # noqa: S608 (constants, here and below)
# A day begins within a minute, a quarter of an hour and a day of UTC: what two days share there is added up.
_ROLLUPS = {
    level: f"""
INSERT INTO rollup_{level} SELECT series_id, bucket - :earlier, {", ".join(SUMS)} FROM last_day_{level}
WHERE bucket - :earlier >= :from
ON CONFLICT DO UPDATE SET {", ".join(f"{name} = {name} + excluded.{name}" for name in SUMS)}
"""  # noqa: S608
    for level in LEVELS
}


class FillError(Exception):
    """The database cannot be filled; the message says why."""


def check_room(folder: Path, receipts: int) -> None:
    """Raises FillError when so many receipts would take more than BYTES_MAX or do not fit on the disk."""
    needed = receipts * ROW_BYTES
    if needed > BYTES_MAX:
        raise FillError(f"{receipts} receipts would take {needed / 1e9:.1f} GB, more than the {BYTES_MAX / 1e9:.0f} GB allowed")
    free = shutil.disk_usage(folder).free
    if needed * 1.3 > free:
        raise FillError(f"{receipts} receipts need {needed * 1.3 / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free in {folder}")


def fill(store: Store, prices: PriceList, receipts: int, start_ns: int, end_ns: int, progress: Progress) -> int:
    """Enters receipts of all keys, spread evenly over whole days, and their rollups; returns how many. The store has fresh keys,
    numbered from 1."""
    connection = store.connection
    days = max(1, (end_ns - start_ns) // DAY_NS)
    each = max(1, receipts // days)
    keys = connection.execute("SELECT count(*) FROM keys").fetchone()[0]
    workspaces = connection.execute("SELECT count(*) FROM workspaces").fetchone()[0]
    model = "CASE a / 4096 % 4 " + " ".join(f"WHEN {place} THEN '{name}'" for place, name in enumerate(MODELS)) + " END"
    connection.execute("PRAGMA synchronous = OFF")
    facts = {"start_ns": start_ns, "gap_ns": DAY_NS // each, "keys": keys, "workspaces": workspaces}
    facts["price_list"] = store.price_list_id(prices.version)
    for first in range(0, each, PIECE_ROWS):
        with store.transaction():
            connection.execute(_PIECE.format(model=model), facts | {"first": first, "last": min(each, first + PIECE_ROWS)})
    progress("receipts", each, each * days)
    (entered,) = connection.execute("SELECT max(rowid) FROM requests").fetchone()
    for day in range(1, days):
        with store.transaction():
            connection.execute(_DAY, {"entered": entered, "later_ns": day * DAY_NS})
        progress("receipts", (day + 1) * each, each * days)
    (last,) = connection.execute("SELECT max(rowid) FROM requests").fetchone()
    store.set_meta("requests_before_ledger", str(last))
    store.set_meta("rollups_unfilled", str(last))
    rollups, done = Rollups(store, prices), 0
    while done < each:
        done += rollups.fill(min(PIECE_ROWS, each - done))
        progress("rollups", done, each)
    store.set_meta("rollups_unfilled", "0")
    for level in LEVELS:
        connection.execute(f"CREATE TEMP TABLE last_day_{level} AS SELECT * FROM rollup_{level}")  # noqa: S608
    for day in range(1, days):
        with store.transaction():
            for level, minutes in LEVELS.items():
                kept_from = minutes_from(connection) if level == "minutes" else 0
                connection.execute(_ROLLUPS[level], {"earlier": day * 1440 // minutes, "from": kept_from})
        progress("days of rollups", day + 1, days)
    for level in LEVELS:
        connection.execute(f"DROP TABLE last_day_{level}")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute("PRAGMA synchronous = FULL")
    return each * days
