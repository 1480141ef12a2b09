from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.control.store import KeyRecord, NewKey, Store, keys, workspaces


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "gateway.db") as store:
        yield store


def enter(
    store: Store, number: int, expires_at_s: int = 0, instance: int | None = None, replaces: KeyRecord | None = None
) -> KeyRecord:
    new = NewKey(f"key_{number}", bytes([number]) * 32, f"name {number}", "sk-", "AA", expires_at_s, instance, replaces)
    with store.transaction() as connection:
        [record] = keys.insert(connection, 1, [new], 10)
    return record


def test_a_key_keeps_all_it_was_given(store: Store) -> None:
    with store.transaction() as connection:
        instance = workspaces.plan_instance(connection, 1, "pro", 5)
    record = enter(store, 1, expires_at_s=99, instance=instance.id)
    assert (record.workspace, record.plan, record.created_at_s, record.expires_at_s) == ("default", "pro", 10, 99)
    assert (record.state, record.limits_key_id, record.ends_at_s) == ("active", record.id, 99)
    assert store.key("key_1") == record
    assert store.key_public_id(record.id) == "key_1"
    assert store.key_public_id(4711) is None


def test_revoking_twice_keeps_the_first_date(store: Store) -> None:
    enter(store, 1)
    with store.transaction() as connection:
        assert keys.revoke(connection, "key_1", 20) is not None
        again = keys.revoke(connection, "key_1", 30)
        assert again is not None
        assert (again.state, again.revoked_at_s) == ("revoked", 20)
        assert keys.revoke(connection, "key_none", 30) is None


def test_a_line_of_rotations_shares_the_limits_of_its_first_key(store: Store) -> None:
    first = enter(store, 1)
    second = enter(store, 2, replaces=first)
    third = enter(store, 3, replaces=second)
    assert (second.limits_key_id, third.limits_key_id) == (first.id, first.id)
    assert (second.replaces_public_id, third.replaces_public_id) == ("key_1", "key_2")
    with store.transaction() as connection:
        keys.end_rotated(connection, first.id, 77)
    ended = store.key("key_1")
    assert ended is not None
    assert (ended.rotated_until_s, ended.ends_at_s) == (77, 77)


def test_keys_that_count_for_a_plan(store: Store) -> None:
    with store.transaction() as connection:
        instance = workspaces.plan_instance(connection, 1, "pro", 5).id
    enter(store, 1, instance=instance)
    enter(store, 2, instance=instance, expires_at_s=50)
    enter(store, 3)
    enter(store, 4, instance=instance)
    enter(store, 5, instance=instance)
    with store.transaction() as connection:
        keys.revoke(connection, "key_4", 20)
        keys.end_rotated(connection, 5, 1000)
        assert [keys.count_on_plan(connection, instance, now_s) for now_s in (49, 50)] == [2, 1]


def test_pages_of_one_workspace(store: Store) -> None:
    for number in range(1, 5):
        enter(store, number)
    with store.reading() as connection:
        assert [key.id for key in keys.page(connection, 1, 2)] == [2, 3]
        assert [key.id for key in keys.page(connection, 0, -1, [1])] == [1, 2, 3, 4]
        assert keys.page(connection, 0, -1, [2]) == keys.page(connection, 0, -1, []) == []
