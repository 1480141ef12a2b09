"""Opening gateway.db: the connection's settings, the integrity check and the migrations.

Migrations are the numbered files in `sql/`, each applied in one transaction together with its line in `migrations`. A database
that a newer release has written is refused rather than guessed at. There is one writing connection on a machine at any time:
whoever opens for writing holds the control lock (SQLite before 3.51.3 can corrupt a write-ahead log that two connections write
and checkpoint at the same moment).
"""

import os
import sqlite3
from importlib import resources
from pathlib import Path

# A file up to this size is checked as a whole at every start: 0.2 s. Ten million receipts are 2 GB, and reading them takes longer
# than a start may. Of a larger file the tables that grow with each call are left to `gateway doctor` and `gateway ledger verify`;
# a page of theirs that is damaged is refused by SQLite when it is read.
CHECKED_WHOLE_BYTES_MAX = 64 * 1024 * 1024
GROWING = frozenset({"requests", "postings", "entries", "rollup_minutes", "rollup_quarters", "rollup_days"})

BUSY_TIMEOUT_MS = 1000  # a backup tool or a shell may hold the lock for a moment; longer than this is a fault worth reporting


class StoreError(Exception):
    """The database cannot be used or refused an operation. The text is for the operator and holds no stored values."""


def open_for_writing(path: Path) -> sqlite3.Connection:
    """The writing connection: created if needed, checked, migrated. Call from one thread at a time, holding the control lock.

    Raises StoreError when the file is damaged, is not a database, or was written by a newer release.
    """
    connection: sqlite3.Connection | None = None
    try:
        # Made before SQLite makes it, so that it and the files beside it are never readable by others.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=BUSY_TIMEOUT_MS / 1000)
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        _check(connection, path)
        if connection.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
            raise StoreError(f"{path}: write-ahead logging is not possible on this file system")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(
            "PRAGMA journal_size_limit = 67108864"
        )  # a log grown by a long reader is cut back after its checkpoint
        migrate(connection, path)
    except (sqlite3.Error, OSError) as error:
        if connection is not None:
            connection.close()
        raise StoreError(f"{path}: {error}") from None
    except StoreError:
        if connection is not None:
            connection.close()
        raise
    return connection


def reading_url(path: Path) -> str:
    """The address with which a connection that cannot write is opened."""
    return f"{path.absolute().as_uri()}?mode=ro"


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Applies every migration that this database has not seen. Raises StoreError if it has seen one that we do not know."""
    connection.execute(
        "CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at_s INTEGER NOT NULL)"
    )
    applied = {row[0] for row in connection.execute("SELECT number FROM migrations")}
    known = migrations()
    unknown = applied - known.keys()
    if unknown:
        raise StoreError(
            f"{path} was written by a newer release (migration {max(unknown)}; this one knows {max(known)}): "
            "run that release, or restore a backup made before the upgrade"
        )
    for number in sorted(known.keys() - applied):
        name, sql = known[number]
        record = f"INSERT INTO migrations VALUES ({number}, '{name}', unixepoch());"  # noqa: S608 (a file name of our own package)
        try:
            connection.executescript(f"BEGIN IMMEDIATE;\n{sql}\n{record}\nCOMMIT;")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def migrations() -> dict[int, tuple[str, str]]:
    """Number -> (name, SQL) of every migration in this package."""
    found = {}
    for entry in resources.files("gateway.control.store").joinpath("sql").iterdir():
        number, _, rest = entry.name.partition("_")
        if rest.endswith(".sql"):
            found[int(number)] = (entry.name.removesuffix(".sql"), entry.read_text(encoding="utf-8"))
    return found


def _check(connection: sqlite3.Connection, path: Path) -> None:
    try:
        verdict = _verdict(connection, whole=path.stat().st_size <= CHECKED_WHOLE_BYTES_MAX)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        verdict = str(error)
    if verdict != "ok":
        raise StoreError(f"{path} is damaged ({verdict}): move it away and restore a backup; nothing was changed")


def _verdict(connection: sqlite3.Connection, *, whole: bool) -> str:
    """`ok` or SQLite's first complaint, about the whole file or about the tables that do not grow with calls."""
    if whole:
        return str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")} - GROWING
    quoted = (name.replace('"', '""') for name in sorted(tables))
    verdicts = (str(connection.execute(f'PRAGMA quick_check("{name}")').fetchone()[0]) for name in quoted)
    return next((one for one in verdicts if one != "ok"), "ok")
