from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.control.store import Connection, Store, workspaces


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    with Store.open(tmp_path / "gateway.db") as store, store.transaction() as connection:
        yield connection


def test_a_workspace_is_found_by_number_id_and_name(connection: Connection) -> None:
    made = workspaces.insert(connection, "wrkspc_a", "lab", 5)
    assert made is not None
    assert (made.billing, made.plan, made.created_at_s, made.archived_at_s) == ("open", None, 5, None)
    assert workspaces.insert(connection, "wrkspc_b", "lab", 6) is None
    found = (
        workspaces.find(connection, "wrkspc_a"),
        workspaces.named(connection, "lab"),
        workspaces.numbered(connection, made.id),
    )
    assert found == (made, made, made)
    assert workspaces.named(connection, "nobody") is None
    assert [one.name for one in workspaces.page(connection)] == ["default", "lab"]
    assert workspaces.page(connection, 1, 1) == [made]


def test_what_can_be_changed_of_a_workspace(connection: Connection) -> None:
    made = workspaces.insert(connection, "wrkspc_a", "lab", 5)
    assert made is not None
    changed = replace(made, name="lab 2", billing="prepaid", plan="pro", archived_at_s=9)
    workspaces.change(connection, changed)
    assert workspaces.numbered(connection, made.id) == changed


def test_members(connection: Connection) -> None:
    first = workspaces.insert_member(connection, "user_a", 1, "Ann", "ann@example.org", "owner", 5)
    assert first is not None
    assert workspaces.insert_member(connection, "user_b", 1, "Ann again", "ann@example.org", "viewer", 6) is None
    second = workspaces.insert_member(connection, "user_c", 1, "Bob", "bob@example.org", "viewer", 6)
    assert second is not None
    assert workspaces.members(connection, 1) == [first, second]
    assert workspaces.members(connection, 1, first.id, 1) == [second]
    workspaces.change_role(connection, second.id, "admin")
    assert workspaces.find_member(connection, "user_c") == replace(second, role="admin")
    workspaces.delete_member(connection, first.id)
    assert workspaces.find_member(connection, "user_a") is None
    assert repr(first) == "<MemberRecord user_a owner>", "no name, no address"


def test_a_workspace_is_on_a_plan_once(connection: Connection) -> None:
    first = workspaces.plan_instance(connection, 1, "pro", 5)
    assert workspaces.plan_instance(connection, 1, "pro", 6) == first
    other = workspaces.plan_instance(connection, 1, "max-5x", 6)
    assert workspaces.plan_instances(connection) == workspaces.plan_instances(connection, 1) == [first, other]
    assert workspaces.plan_instances(connection, 2) == []


def test_how_a_workspace_pays(connection: Connection) -> None:
    assert workspaces.payment(connection, 1) == (False, None)
    assert workspaces.payment(connection, 4711) == (False, None)
    connection.execute("UPDATE workspaces SET billing = 'prepaid' WHERE id = 1")
    assert workspaces.payment(connection, 1) == (True, None)
    for source in ("own", "credits"):
        connection.execute(
            "INSERT INTO limits (workspace_id, scope, owner_id, metric, class, window, amount, source, created_at_s) "
            "VALUES (1, 'workspace', 1, 'cost', 'all', 'total', 5, ?, 1)",
            (source,),
        )
    number = connection.execute("SELECT id FROM limits WHERE source = 'credits'").fetchone()[0]
    assert workspaces.payment(connection, 1) == (True, number)
    connection.execute("UPDATE limits SET removed_at_s = 1")
    assert workspaces.payment(connection, 1) == (True, None)
