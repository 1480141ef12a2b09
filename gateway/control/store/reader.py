"""The reading side of gateway.db for the control plane's event loop: long queries that must not hold up the books.

A reader's connection cannot write and never checkpoints, so it is outside the one-writer rule. Each query opens its own
connection: they are rare (a person or a script asked), and a connection kept open would pin the write-ahead log after a failed
query.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from gateway.control.store import keys, requests
from gateway.control.store.keys import KeyRecord
from gateway.control.store.requests import UsageTotal
from gateway.control.store.schema import BUSY_TIMEOUT_MS, StoreError, reading_url

T = TypeVar("T")

WALKS_AT_ONCE = 2


class Reader:
    """Answers questions about a database that a Store has opened before. Raises StoreError when it cannot."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._walks = asyncio.Semaphore(WALKS_AT_ONCE)

    def __repr__(self) -> str:
        return f"<Reader {self._path}>"

    async def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """What `question`, a reading function of this package, answers about one moment's state of the database."""
        return await asyncio.to_thread(self.ask_now, question)

    async def walk(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """The same for a question that looks at every request there is: only some at a time, so that pages find a thread."""
        async with self._walks:
            return await self.ask(question)

    def ask_now(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """The same in the thread that calls."""
        try:
            with closing(
                sqlite3.connect(reading_url(self._path), uri=True, isolation_level=None, timeout=BUSY_TIMEOUT_MS / 1000)
            ) as connection:
                connection.execute("BEGIN")  # all statements of one question see the same moment
                return question(connection)
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: {error}") from None

    async def keys(self, after_id: int, limit: int) -> list[KeyRecord]:
        """Keys in order of minting, at most `limit` of those after `after_id`."""
        return await self.ask(lambda connection: keys.page(connection, after_id, limit))

    async def usage(self, by: str, since_ns: int, after: str | int | None, limit: int) -> list[UsageTotal]:
        """Totals of one page of groups; see `gateway.control.usage`."""
        return await self.walk(lambda connection: requests.usage(connection, by, since_ns, after, limit))
