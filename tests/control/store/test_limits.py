from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.catalog.plans import Grant
from gateway.control.store import Connection, NewKey, Store, keys, limits

RPM, DAY = Grant("requests", "all", "minute", 5), Grant("cost", "claude-*", "day", 7)
I64_MAX = 2**63 - 1


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    with Store.open(tmp_path / "gateway.db") as store, store.transaction() as connection:
        yield connection


def test_limits_are_found_by_owner_and_stay_as_rows(connection: Connection) -> None:
    first = limits.insert(connection, 1, "workspace", 1, "own", RPM, 9)
    second = limits.insert(connection, 1, "workspace", 1, "tier", DAY, 9)
    assert (first.kind, first.amount, first.source, first.created_at_s) == (RPM.kind, 5, "own", 9)
    limits.insert(connection, 1, "plan", 1, "plan", RPM, 9)
    assert limits.of_owner(connection, "workspace", 1) == [first, second]
    limits.change(connection, first.id, 50)
    limits.remove(connection, second.id, 20)
    limits.remove(connection, second.id, 30)
    assert [one.amount for one in limits.of_owner(connection, "workspace", 1)] == [50]
    removed = limits.find(connection, second.id)
    assert removed is not None
    assert removed.removed_at_s == 20
    assert limits.find(connection, 4711) is None
    assert limits.insert(connection, 1, "workspace", 1, "tier", DAY, 9).id not in (first.id, second.id)


def test_limits_of_many_owners(connection: Connection) -> None:
    made = [limits.insert(connection, 1, "key", owner, "own", RPM, 9) for owner in (3, 5, 7)]
    found = limits.of_owners(connection, "key", [3, 4, 7])
    assert found == {3: [made[0]], 4: [], 7: [made[2]]}
    assert limits.of_owners(connection, "key", []) == {}


def test_limits_of_keys_that_nobody_can_use_count_nobody(connection: Connection) -> None:
    for number in (1, 2):
        keys.insert(connection, 1, [NewKey(f"key_{number}", bytes([number]), "n", "p", "s")], 1)
        limits.insert(connection, 1, "key", number, "own", RPM, 9)
    kept = limits.insert(connection, 1, "workspace", 1, "own", RPM, 9)
    keys.revoke(connection, "key_2", 5)
    assert [one.owner_id for one in limits.in_force(connection)] == [1, kept.owner_id]
    limits.remove(connection, kept.id, 5)
    assert [one.scope for one in limits.in_force(connection)] == ["key"]


def test_what_was_used_adds_up_and_stops_at_63_bits(connection: Connection) -> None:
    limits.add_used(connection, [(1, 100, 5), (1, 100, 6), (1, 200, 7), (2, 0, I64_MAX)])
    limits.add_used(connection, [(1, 200, -3), (2, 0, I64_MAX)])
    assert limits.used(connection, 1) == [(200, 4), (100, 11)]
    assert limits.used_of_all(connection) == {(1, 100): 11, (1, 200): 4, (2, 0): I64_MAX}
    assert [type(used) for _, used in limits.used(connection, 2)] == [int]
