"""Examining gateway.db without changing it, for `gateway doctor`. Works while a gateway serves."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from gateway.control.store.schema import BUSY_TIMEOUT_MS, StoreError, migrations, reading_url


@dataclass(frozen=True, slots=True)
class Condition:
    """What was found. `verdict` is `ok` or SQLite's first complaint; migrations are counted by number."""

    verdict: str
    migration: int
    migration_known: int


def examine(path: Path) -> Condition:
    """Reads the whole file. Raises StoreError when it cannot be read as a database of ours."""
    try:
        with closing(sqlite3.connect(reading_url(path), uri=True, timeout=BUSY_TIMEOUT_MS / 1000)) as connection:
            verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            latest = connection.execute("SELECT coalesce(max(number), 0) FROM migrations").fetchone()[0]
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {error}") from None
    return Condition(str(verdict), int(latest), max(migrations()))
