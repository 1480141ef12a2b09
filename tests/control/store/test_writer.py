import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from gateway.control.store import NewKey, RequestRow, Store, StoreError, keys, requests
from gateway.core import ids


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "gateway.db") as store:
        yield store


def new_key(number: int) -> NewKey:
    return NewKey(f"key_{number}", bytes([number]) * 32, f"name {number}", "sk-ant-api03-abcd", "xxAA")


def request_row(store: Store, **changes: object) -> RequestRow:
    numbers = dict.fromkeys(RequestRow._fields, 1)
    texts = dict.fromkeys(("model_asked", "model_served", "provider", "method", "path", "upstream_request_id"), "m")
    facts: dict[str, object] = {**numbers, **texts, "request_id": ids.fresh_id(), "price_list_id": store.price_list_id("v1")}
    return RequestRow(**facts | changes)  # type: ignore[arg-type]


def add_keys(store: Store, *new: NewKey) -> None:
    with store.transaction() as connection:
        keys.insert(connection, 1, new, 10)


def enter(store: Store, rows: Sequence[tuple[object, ...]], file_id: int, sequences: list[tuple[int, int]]) -> int:
    with store.transaction() as connection:
        new = requests.insert(connection, rows)
        requests.set_ring_sequences(connection, file_id, sequences)
    return new


def ids_of(store: Store) -> list[str]:
    return [record.public_id for record in store.keys(limit=9)]


def fail_after(store: Store, act: Callable[[], None]) -> None:
    """A transaction that does something and then breaks."""

    def attempt() -> None:
        with store.transaction():
            act()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        attempt()


def test_keys_are_entered_all_or_none(store: Store) -> None:
    add_keys(store, new_key(1))
    with pytest.raises(StoreError, match="UNIQUE"):
        add_keys(store, new_key(2), new_key(1))
    assert ids_of(store) == ["key_1"]


def test_an_inner_transaction_that_fails_takes_the_outer_one_with_it(store: Store) -> None:
    def attempt() -> None:
        with store.transaction():
            add_keys(store, new_key(1))
            fail_after(store, lambda: add_keys(store, new_key(2)))
            add_keys(store, new_key(3))

    with pytest.raises(StoreError, match="a part of the transaction failed"):
        attempt()
    assert ids_of(store) == []
    add_keys(store, new_key(4))
    assert ids_of(store) == ["key_4"]


def test_an_inner_transaction_is_kept_only_with_the_outer_one(store: Store) -> None:
    fail_after(store, lambda: add_keys(store, new_key(1)))
    assert store.keys() == []
    add_keys(store, new_key(1))
    assert len(store.keys()) == 1


def test_what_follows_a_commit_never_precedes_it(store: Store) -> None:
    done: list[str] = []
    with store.transaction():
        with store.transaction():
            store.when_committed(lambda: done.append("inner"))
        store.when_committed(lambda: done.append("outer"))
        assert done == []
    assert done == ["inner", "outer"]
    store.when_committed(lambda: done.append("at once"))
    assert done[-1] == "at once"
    fail_after(store, lambda: store.when_committed(lambda: done.append("never")))
    with store.transaction():
        pass
    assert "never" not in done


def test_a_request_seen_twice_is_one_row(store: Store) -> None:
    row = request_row(store)
    assert enter(store, [row, row], 7, [(0, 2)]) == 1
    assert enter(store, [row._replace(status=500)], 7, [(0, 3)]) == 0
    assert enter(store, [], 7, []) == 0
    assert store.connection.execute("SELECT count(*), max(status) FROM requests").fetchone() == (1, 1)
    assert store.has_request(row.request_id, row.started_ns)
    assert not store.has_request(b"\0" * 16, row.started_ns)


def test_ring_sequences_belong_to_one_shared_file(store: Store) -> None:
    enter(store, [], 7, [(0, 5), (3, 9)])
    assert store.ring_sequences(7) == {0: 5, 3: 9}
    assert store.ring_sequences(8) == {}


def test_a_full_disk_is_an_error_that_passes(store: Store) -> None:
    """R19: the n-th write fails because the database may not grow."""
    store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    pages = store.connection.execute("PRAGMA page_count").fetchone()[0]
    store.connection.execute(f"PRAGMA max_page_count = {pages}")
    rows = [request_row(store, path="x" * 64) for _ in range(500)]
    with pytest.raises(StoreError, match="full"):
        enter(store, rows, 7, [(0, 500)])
    assert store.ring_sequences(7) == {}
    assert store.connection.execute("SELECT count(*) FROM requests").fetchone() == (0,)
    store.connection.execute("PRAGMA max_page_count = 100000")
    enter(store, rows, 7, [(0, 500)])
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
        enter(store, [("too", "short")], 7, [(0, 1)])
    assert not store.connection.in_transaction
    assert store.ring_sequences(7) == {}
