"""Filling: a database with as many receipts as wanted, as fast as SQLite takes them.

Owns: the keys, the receipts and their rollups. Refuses to know: what is measured.
Strategy: receipts are made by SQL alone, in pieces, in the order of time, as the books would have entered them over the days
before now; rollups are made of them by the gateway's own code, the same that fills them in after an upgrade. The receipts have
no postings: they pass for those of a release without a ledger.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

from gateway.catalog.prices import PriceList
from gateway.control.books.rollups import Rollups
from gateway.control.store import Store

PIECE_ROWS = 200_000
ROW_BYTES = 480  # with indexes and rollups, measured; what may lie in the write-ahead log comes on top
BYTES_MAX = 6 * 10**9
KEYS, WORKSPACES = 50, 5
MODELS = ("claude-sonnet-4-5", "claude-haiku-4-5", "claude-opus-4-5", "gpt-5-mini")

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
    40000000, 9000, NULL, 0, NULL
FROM thrown
"""


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


def fill(store: Store, prices: PriceList, receipts: int, start_ns: int, end_ns: int, progress: Progress) -> None:
    """Enters receipts of all keys, spread evenly over the time, and their rollups. The store has fresh keys, numbered from 1."""
    connection = store.connection
    price_list = store.price_list_id(prices.version)
    keys = connection.execute("SELECT count(*) FROM keys").fetchone()[0]
    workspaces = connection.execute("SELECT count(*) FROM workspaces").fetchone()[0]
    model = "CASE a / 4096 % 4 " + " ".join(f"WHEN {place} THEN '{name}'" for place, name in enumerate(MODELS)) + " END"
    connection.execute("PRAGMA synchronous = OFF")
    facts = {"start_ns": start_ns, "gap_ns": (end_ns - start_ns) // receipts, "keys": keys, "workspaces": workspaces}
    for first in range(0, receipts, PIECE_ROWS):
        last = min(receipts, first + PIECE_ROWS)
        with store.transaction():
            connection.execute(_PIECE.format(model=model), facts | {"first": first, "last": last, "price_list": price_list})
        progress("receipts", last, receipts)
    (entered,) = connection.execute("SELECT max(rowid) FROM requests").fetchone()
    store.set_meta("requests_before_ledger", str(entered))
    store.set_meta("rollups_unfilled", str(entered))
    rollups, done = Rollups(store, prices), 0
    while count := rollups.fill(PIECE_ROWS):
        done += count
        progress("rollups", done, receipts)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute("PRAGMA synchronous = FULL")
