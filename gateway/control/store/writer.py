"""The writing side of gateway.db: keys, workspaces, and the books.

Owns the one connection that writes. Not thread-safe by itself: the control plane gives it one thread, the command line has one
anyway. Every change is one `BEGIN IMMEDIATE` transaction that is durable when the method returns (`synchronous=FULL`), and every
failure is a StoreError after which nothing has changed and the store can be used again.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gateway.control.store import tables
from gateway.control.store.schema import StoreError, open_for_writing
from gateway.control.store.tables import KeyRecord, NewKey, UsageTotal


class Store:
    """gateway.db opened for writing. Whoever opens one holds the control lock for as long as it is open."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

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
    def connection(self) -> sqlite3.Connection:
        """For checks and maintenance that have no method here."""
        return self._connection

    def meta(self, name: str) -> str | None:
        """A stored fact about this installation."""
        with self._reading():
            row = self._connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else row[0]

    def set_meta(self, name: str, value: str) -> None:
        with self._transaction() as connection:
            connection.execute("INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", (name, value))

    def insert_keys(self, workspace: str, keys: Sequence[NewKey], now_s: int) -> list[KeyRecord]:
        """Enters all keys or none. A workspace that does not exist yet is made in the same transaction."""
        with self._transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO workspaces (name, created_at_s) VALUES (?, ?)", (workspace, now_s))
            workspace_id: int = connection.execute("SELECT id FROM workspaces WHERE name = ?", (workspace,)).fetchone()[0]
            for key in keys:
                connection.execute(tables.INSERT_KEY, key_values(key, workspace_id, now_s))
            records = [connection.execute(tables.SELECT_KEY, (key.public_id,)).fetchone() for key in keys]
        return [KeyRecord(*record) for record in records]

    def key(self, public_id: str) -> KeyRecord | None:
        with self._reading():
            row = self._connection.execute(tables.SELECT_KEY, (public_id,)).fetchone()
        return None if row is None else KeyRecord(*row)

    def keys(self, after_id: int = 0, limit: int = -1) -> list[KeyRecord]:
        """Keys in order of minting, those after `after_id`; a negative limit means all."""
        with self._reading():
            return [KeyRecord(*row) for row in self._connection.execute(tables.SELECT_KEYS, (after_id, limit))]

    def revoke_key(self, public_id: str, now_s: int) -> KeyRecord | None:
        """Marks a key as revoked; one that is revoked already keeps its first date. None when there is no such key."""
        with self._transaction() as connection:
            connection.execute(
                "UPDATE keys SET state = 'revoked', revoked_at_s = coalesce(revoked_at_s, ?) WHERE public_id = ?",
                (now_s, public_id),
            )
        return self.key(public_id)

    def key_public_id(self, key_id: int) -> str | None:
        """The id that people see, of the key with this number."""
        with self._reading():
            row = self._connection.execute("SELECT public_id FROM keys WHERE id = ?", (key_id,)).fetchone()
        return None if row is None else row[0]

    def has_request(self, request_id: bytes, started_ns: int) -> bool:
        """Whether a request is in the books."""
        wanted = (started_ns, request_id)
        with self._reading():
            found = self._connection.execute("SELECT 1 FROM requests WHERE (started_ns, request_id) = (?, ?)", wanted).fetchone()
        return found is not None

    def price_list_id(self, version: str) -> int:
        """The number under which rows name this version of the price list."""
        with self._transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO price_lists (version) VALUES (?)", (version,))
            row = connection.execute("SELECT id FROM price_lists WHERE version = ?", (version,)).fetchone()
        return int(row[0])

    def ring_sequences(self, file_id: int) -> dict[int, int]:
        """Slot -> number of journal records of this shared file that have been entered."""
        with self._reading():
            return dict(self._connection.execute("SELECT slot, sequence FROM rings WHERE file_id = ?", (file_id,)))

    def enter_requests(self, rows: Sequence[tuple[object, ...]], file_id: int, sequences: Iterable[tuple[int, int]]) -> None:
        """Enters request rows (shape of `RequestRow`) and how far each (slot, sequence) has been read, in one transaction.

        A request (by its id and start) that has a row already keeps it: a record seen twice is one row.
        """
        with self._transaction() as connection:
            connection.executemany(tables.INSERT_REQUEST, rows)
            connection.executemany(
                "INSERT OR REPLACE INTO rings (slot, file_id, sequence) VALUES (?, ?, ?)",
                [(slot, file_id, sequence) for slot, sequence in sequences],
            )

    def usage(self, by: str, since_ns: int, after: str | int | None, limit: int) -> list[UsageTotal]:
        """Totals of one page of groups; see `gateway.control.usage`."""
        start = tables.USAGE_START[by] if after is None else after
        with self._reading():
            return [UsageTotal(*row) for row in self._connection.execute(tables.SELECT_USAGE[by], (since_ns, start, limit))]

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: {error}") from None

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: {error}") from None
        finally:
            # SQLite has already rolled back by itself after some failures (a full disk among them), then there is nothing to
            # undo.
            if connection.in_transaction:
                connection.execute("ROLLBACK")


def key_values(key: NewKey, workspace_id: int, now_s: int) -> tuple[object, ...]:
    """The values of INSERT_KEY, in its order."""
    return (
        key.public_id,
        key.digest,
        key.name,
        workspace_id,
        key.shown_prefix,
        key.shown_suffix,
        now_s,
        key.expires_at_s,
        key.plan,
        key.rpm,
        key.itpm,
        key.otpm,
        key.budget_tokens,
        key.budget_nanodollars,
        key.concurrency,
    )
