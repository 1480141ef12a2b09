import os
import sqlite3
from pathlib import Path

import pytest

from gateway.control.store import Store, StoreError, schema


def test_a_fresh_database_is_private_and_durable(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        with Store.open(tmp_path / "gateway.db") as store:
            pragmas = {
                name: store.connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("journal_mode", "synchronous", "foreign_keys")
            }
            modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    finally:
        os.umask(previous)
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    assert modes == {"gateway.db": 0o600, "gateway.db-wal": 0o600, "gateway.db-shm": 0o600}


def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    with Store.open(tmp_path / "gateway.db") as store:
        store.set_meta("colour", "blue")
        first = list(store.connection.execute("SELECT * FROM migrations"))
    with Store.open(tmp_path / "gateway.db") as store:
        assert store.meta("colour") == "blue"
        assert list(store.connection.execute("SELECT * FROM migrations")) == first
        assert [row[0] for row in first] == sorted(schema.migrations())


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    with Store.open(tmp_path / "gateway.db") as store:
        store.connection.execute("INSERT INTO migrations VALUES (9999, 'from_the_future', 0)")
    with pytest.raises(StoreError, match=r"newer release \(migration 9999"):
        Store.open(tmp_path / "gateway.db")


@pytest.mark.parametrize("content", [b"this is no database" * 100, b"SQLite format 3\0" + b"\xff" * 8176])
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "gateway.db"
    path.write_bytes(content)
    with pytest.raises(StoreError, match="is damaged"):
        Store.open(path)
    assert path.read_bytes() == content


def test_flipped_bytes_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    with Store.open(path) as store:
        store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = bytearray(path.read_bytes())
    whole[4096 * 2 : 4096 * 4] = b"\x5a" * 8192
    path.write_bytes(whole)
    with pytest.raises(StoreError, match="is damaged"):
        Store.open(path)


def test_a_directory_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nowhere"):
        Store.open(tmp_path / "nowhere" / "gateway.db")


def test_a_migration_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = schema.migrations()
    broken = known | {max(known) + 1: ("broken", "CREATE TABLE half (a); INSERT INTO nowhere VALUES (1);")}
    monkeypatch.setattr(schema, "migrations", lambda: broken)
    with pytest.raises(StoreError, match="nowhere"):
        Store.open(tmp_path / "gateway.db")
    monkeypatch.undo()
    with Store.open(tmp_path / "gateway.db") as store:
        assert store.connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'half'").fetchone() == (0,)


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    with Store.open(tmp_path / "gateway.db"):
        connection = sqlite3.connect(schema.reading_url(tmp_path / "gateway.db"), uri=True)
        try:
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                connection.execute("DELETE FROM keys")
        finally:
            connection.close()
