"""The reading side of gateway.db for the control plane's event loop: long queries that must not hold up the books.

A reader's connection cannot write and never checkpoints, so it is outside the one-writer rule. Each query opens its own
connection: they are rare (a person or a script asked), and a connection kept open would pin the write-ahead log after a failed
query.
"""

import sqlite3
from pathlib import Path

import aiosqlite

from gateway.control.store import tables
from gateway.control.store.schema import BUSY_TIMEOUT_MS, StoreError, reading_url
from gateway.control.store.tables import KeyRecord, UsageTotal


class Reader:
    """Answers questions about a database that a Store has opened before. Raises StoreError when it cannot."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __repr__(self) -> str:
        return f"<Reader {self._path}>"

    async def keys(self, after_id: int, limit: int) -> list[KeyRecord]:
        """Keys in order of minting, at most `limit` of those after `after_id`."""
        return [KeyRecord(*row) for row in await self._rows(tables.SELECT_KEYS, (after_id, limit))]

    async def usage(self, by: str, since_ns: int, after: str | int | None, limit: int) -> list[UsageTotal]:
        """Totals of one page of groups; see `gateway.control.usage`."""
        start = tables.USAGE_START[by] if after is None else after
        return [UsageTotal(*row) for row in await self._rows(tables.SELECT_USAGE[by], (since_ns, start, limit))]

    async def _rows(self, sql: str, values: tuple[object, ...]) -> list[sqlite3.Row]:
        try:
            async with aiosqlite.connect(reading_url(self._path), uri=True, timeout=BUSY_TIMEOUT_MS / 1000) as connection:
                return list(await connection.execute_fetchall(sql, values))
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: {error}") from None
