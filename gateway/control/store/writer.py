"""The writing side of gateway.db: its connection and its transactions.

Owns the one connection that writes. Not thread-safe by itself: the control plane gives it one thread, the command line has one
anyway. Every change is one `BEGIN IMMEDIATE` transaction that is durable when it ends (`synchronous=FULL`), and every failure is
a StoreError after which nothing has changed and the store can be used again.

What a change means for the shared file is done by `when_committed`: workers must never see what the database may yet refuse. When
that fails, the change has been made all the same; `lags` then says that the shared file has to be brought up to date.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from gateway.control.store import keys, requests
from gateway.control.store.keys import KeyRecord
from gateway.control.store.requests import UsageTotal
from gateway.control.store.schema import StoreError, open_for_writing


class Store:
    """gateway.db opened for writing. Whoever opens one holds the control lock for as long as it is open."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._committed: list[Callable[[], None]] = []
        self._open = False
        self._failed = False
        self.lags = False

    @classmethod
    def open(cls, path: Path) -> "Store":
        """Creates, checks and migrates as needed. Raises StoreError, see `schema.open_for_writing`."""
        return cls(open_for_writing(path), path)

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Store {self._path}>"

    @property
    def path(self) -> Path:
        return self._path

    @property
    def connection(self) -> sqlite3.Connection:
        """For checks and maintenance that have no method here."""
        return self._connection

    @property
    def in_transaction(self) -> bool:
        """Whether one of ours is open."""
        return self._open

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for statements that change nothing."""
        try:
            yield self._connection
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: {error}") from None

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, durable at the end. Inside another one it becomes a part of that: if it fails, nothing of both is kept.

        Savepoints would let a part fail alone. Nobody needs that, and their journal doubles the cost of a small transaction.
        """
        connection = self._connection
        if self._open:
            try:
                yield connection
            except BaseException:
                self._failed = True
                raise
            return
        self._committed = []
        self._failed = False
        try:
            connection.execute("BEGIN IMMEDIATE")
            self._open = True
            yield connection
            if self._failed:
                raise StoreError(f"{self._path}: a part of the transaction failed")
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: {error}") from None
        finally:
            self._open = False
            # SQLite has already rolled back by itself after some failures (a full disk among them), then there is nothing to
            # undo.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        acts, self._committed = self._committed, []
        for act in acts:
            try:
                act()
            except Exception as error:  # noqa: BLE001 (what is durable has happened: whoever ordered it must be told so)
                structlog.get_logger().error("a change is durable and not yet live", error=str(error), exc_info=error)
                self.lags = True

    def when_committed(self, act: Callable[[], None]) -> None:
        """Does `act` once the transaction that is open has become durable, never if it fails. Without one, at once."""
        if self._open:
            self._committed.append(act)
        else:
            act()

    def meta(self, name: str) -> str | None:
        """A stored fact about this installation."""
        with self.reading() as connection:
            row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else row[0]

    def set_meta(self, name: str, value: str) -> None:
        with self.transaction() as connection:
            connection.execute("INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", (name, value))

    def key(self, public_id: str) -> KeyRecord | None:
        with self.reading() as connection:
            return keys.find(connection, public_id)

    def key_of(self, digest: bytes) -> KeyRecord | None:
        """The key with this keyed hash, in force or not."""
        with self.reading() as connection:
            return keys.find_by_digest(connection, digest)

    def keys(self, after_id: int = 0, limit: int = -1) -> list[KeyRecord]:
        """Keys in order of minting, those after `after_id`; a negative limit means all."""
        with self.reading() as connection:
            return keys.page(connection, after_id, limit)

    def key_public_id(self, key_id: int) -> str | None:
        """The id that people see, of the key with this number."""
        with self.reading() as connection:
            return keys.public_id_of(connection, key_id)

    def has_request(self, request_id: bytes, started_ns: int) -> bool:
        """Whether a request is in the books."""
        with self.reading() as connection:
            return requests.has(connection, request_id, started_ns)

    def price_list_id(self, version: str) -> int:
        """The number under which rows name this version of the price list."""
        with self.transaction() as connection:
            return requests.price_list_id(connection, version)

    def ring_sequences(self, file_id: int) -> dict[int, int]:
        """Slot -> number of journal records of this shared file that have been entered."""
        with self.reading() as connection:
            return requests.ring_sequences(connection, file_id)

    def usage(self, by: str, since_ns: int, after: str | int | None, limit: int) -> list[UsageTotal]:
        """Totals of one page of groups; see `gateway.control.usage`."""
        with self.reading() as connection:
            return requests.usage(connection, by, since_ns, after, limit)
