import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.control.store import NewKey, RequestRow, Store, StoreError
from gateway.core import ids


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "gateway.db") as store:
        yield store


def new_key(number: int, **changes: object) -> NewKey:
    return NewKey(f"key_{number}", bytes([number]) * 32, f"name {number}", "sk-ant-api03-abcd", "xxAA", **changes)  # type: ignore[arg-type]


def request_row(store: Store, **changes: object) -> RequestRow:
    numbers = dict.fromkeys(RequestRow._fields, 1)
    texts = dict.fromkeys(("model_asked", "model_served", "provider", "method", "path", "upstream_request_id"), "m")
    facts: dict[str, object] = {**numbers, **texts, "request_id": ids.fresh_id(), "price_list_id": store.price_list_id("v1")}
    return RequestRow(**facts | changes)  # type: ignore[arg-type]


def test_keys_are_entered_all_or_none(store: Store) -> None:
    store.insert_keys("default", [new_key(1)], 10)
    with pytest.raises(StoreError, match="UNIQUE"):
        store.insert_keys("brand new", [new_key(2), new_key(1)], 20)
    assert [record.public_id for record in store.keys(limit=9)] == ["key_1"]
    assert store.connection.execute("SELECT name FROM workspaces").fetchall() == [("default",)]


def test_a_key_keeps_all_it_was_given(store: Store) -> None:
    limits = {"plan": "pro", "rpm": 1, "itpm": 2, "otpm": 3, "budget_tokens": 4, "budget_nanodollars": 5, "concurrency": 6}
    [record] = store.insert_keys("lab", [new_key(1, expires_at_s=99, **limits)], 10)
    assert {name: getattr(record, name) for name in limits} == limits
    assert (record.workspace, record.created_at_s, record.expires_at_s, record.state) == ("lab", 10, 99, "active")
    assert store.key("key_1") == record


def test_revoking_twice_keeps_the_first_date(store: Store) -> None:
    store.insert_keys("default", [new_key(1)], 10)
    assert store.revoke_key("key_1", 20) is not None
    again = store.revoke_key("key_1", 30)
    assert again is not None
    assert (again.state, again.revoked_at_s) == ("revoked", 20)
    assert store.revoke_key("key_none", 30) is None


def test_a_request_seen_twice_is_one_row(store: Store) -> None:
    row = request_row(store)
    store.enter_requests([row, row], 7, [(0, 2)])
    store.enter_requests([row._replace(status=500)], 7, [(0, 3)])
    assert store.connection.execute("SELECT count(*), max(status) FROM requests").fetchone() == (1, 1)
    assert store.has_request(row.request_id, row.started_ns)
    assert not store.has_request(b"\0" * 16, row.started_ns)


def test_ring_sequences_belong_to_one_shared_file(store: Store) -> None:
    store.enter_requests([], 7, [(0, 5), (3, 9)])
    assert store.ring_sequences(7) == {0: 5, 3: 9}
    assert store.ring_sequences(8) == {}


def test_a_full_disk_is_an_error_that_passes(store: Store) -> None:
    """R19: the n-th write fails because the database may not grow."""
    store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    pages = store.connection.execute("PRAGMA page_count").fetchone()[0]
    store.connection.execute(f"PRAGMA max_page_count = {pages}")
    rows = [request_row(store, path="x" * 64) for _ in range(500)]
    with pytest.raises(StoreError, match="full"):
        store.enter_requests(rows, 7, [(0, 500)])
    assert store.ring_sequences(7) == {}
    assert store.connection.execute("SELECT count(*) FROM requests").fetchone() == (0,)
    store.connection.execute("PRAGMA max_page_count = 100000")
    store.enter_requests(rows, 7, [(0, 500)])
    assert store.connection.execute("SELECT count(*) FROM requests").fetchone() == (500,)


def test_a_lock_held_by_another_is_an_error_that_passes(store: Store, tmp_path: Path) -> None:
    """R19: another connection holds the write lock."""
    store.connection.execute("PRAGMA busy_timeout = 10")
    other = sqlite3.connect(tmp_path / "gateway.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked"):
        store.set_meta("colour", "blue")
    other.execute("ROLLBACK")
    other.close()
    store.set_meta("colour", "blue")
    assert store.meta("colour") == "blue"


def test_a_bug_in_mid_transaction_changes_nothing(store: Store) -> None:
    with pytest.raises(StoreError):
        store.enter_requests([("too", "short")], 7, [(0, 1)])
    assert not store.connection.in_transaction
    assert store.ring_sequences(7) == {}
