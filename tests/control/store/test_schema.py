import os
import sqlite3
from pathlib import Path

import pytest

from gateway.control.store import Store, StoreError, limits, schema
from gateway.core import ids


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


def test_keys_from_before_limits_keep_theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database of the first release, with a key that has everything and one that has nothing."""
    known = schema.migrations()
    monkeypatch.setattr(schema, "migrations", lambda: {1: known[1]})
    with Store.open(tmp_path / "gateway.db") as store:
        store.connection.execute("INSERT INTO workspaces (id, name, created_at_s) VALUES (2, 'lab', 7)")
        columns = (
            "public_id, digest, name, workspace_id, shown_prefix, shown_suffix, state, created_at_s, expires_at_s, "
            "plan, rpm, itpm, otpm, budget_tokens, budget_nanodollars, concurrency"
        )
        for values in (
            ("key_a", b"a", "a", 2, "p", "s", "active", 5, 9, "pro", 1, 2, 3, 4, 5, 6),
            ("key_b", b"b", "b", 1, "p", "s", "active", 5, 0, *[None] * 7),
        ):
            store.connection.execute(f"INSERT INTO keys ({columns}) VALUES ({','.join('?' * len(values))})", values)
        store.connection.execute("INSERT INTO price_lists (version) VALUES ('v')")
        store.connection.execute(f"INSERT INTO requests VALUES (x'00', 1, 1, 1, 1, {','.join('1' * 22)})")
    monkeypatch.undo()
    with Store.open(tmp_path / "gateway.db") as store:
        first, second = store.keys()
        assert (first.workspace, first.plan, first.expires_at_s, first.limits_key_id) == ("lab", "pro", 9, first.id)
        assert (second.plan, second.plan_instance_id) == (None, None)
        assert first.workspace_public_id != second.workspace_public_id
        assert ids.bytes_of("wrkspc", first.workspace_public_id)
        kinds = {limit.kind: limit.amount for limit in limits.of_owner(store.connection, "key", first.id)}
        assert kinds == {
            ("requests", "all", "minute"): 1,
            ("input_tokens", "all", "minute"): 2,
            ("output_tokens", "all", "minute"): 3,
            ("total_tokens", "all", "total"): 4,
            ("cost", "all", "total"): 5,
            ("concurrency", "all", "total"): 6,
        }
        assert limits.of_owner(store.connection, "key", second.id) == []
        assert store.connection.execute("SELECT workspace_id, posting_id FROM requests").fetchall() == [(2, None)]
        assert store.meta("requests_before_ledger") == "1"
        assert store.connection.execute("PRAGMA foreign_key_check").fetchall() == []


@pytest.mark.parametrize("statement", [
    "UPDATE entries SET amount = 0", "DELETE FROM entries", "UPDATE postings SET memo = 'x'", "DELETE FROM postings",
])  # fmt: skip
def test_the_ledger_can_only_be_added_to(tmp_path: Path, statement: str) -> None:
    with Store.open(tmp_path / "gateway.db") as store:
        store.connection.execute("INSERT INTO postings VALUES (1, 'usage', 1, 1, 0, '', x'', x'')")
        store.connection.execute("INSERT INTO accounts VALUES (1, 'usage', 0)")
        store.connection.execute("INSERT INTO entries VALUES (1, 1, 5, 0)")
        with pytest.raises(sqlite3.IntegrityError, match="never"):
            store.connection.execute(statement)


@pytest.mark.parametrize(("table", "is_refused"), [("keys", True), ("limits", True), ("requests", False), ("rollup_days", False)])
def test_of_a_large_file_the_tables_that_do_not_grow_are_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str, is_refused: bool
) -> None:
    path = tmp_path / "gateway.db"
    with Store.open(path) as store:
        assert {
            row[0] for row in store.connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        } >= schema.GROWING
        (page,) = store.connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
        store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = bytearray(path.read_bytes())
    whole[4096 * (page - 1) : 4096 * page] = b"\x5a" * 4096
    path.write_bytes(whole)
    with pytest.raises(StoreError, match="is damaged"):
        Store.open(path)
    monkeypatch.setattr(schema, "CHECKED_WHOLE_BYTES_MAX", 0)
    if is_refused:
        with pytest.raises(StoreError, match="is damaged"):
            Store.open(path)
    else:
        with Store.open(path) as store, pytest.raises(StoreError, match="malformed"), store.reading() as connection:
            connection.execute(f"SELECT * FROM {table}").fetchall()
