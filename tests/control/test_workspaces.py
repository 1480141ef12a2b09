import pytest

from gateway.control import workspaces
from gateway.control.keys import Order
from gateway.control.orders import ConflictError, MissingError, OrderError
from gateway.control.workspaces import MemberOrder, RoleOrder, WorkspaceChange, WorkspaceOrder, ZoneOrder
from gateway.state.keys import KeyState
from tests.control.office import Office


def test_a_workspace_is_found_by_id_and_by_name(office: Office) -> None:
    held = office.desk().workspaces
    made = held.create(WorkspaceOrder(name="lab"))
    assert held.find("lab") == held.find(made.public_id) == held.find_or_create("lab") == made
    assert [one.name for one in held.page()] == ["default", "lab"]
    shown = workspaces.view(made)
    assert list(shown) == ["id", "name", "billing", "plan", "created_at", "archived_at", "time_zone"]
    assert (shown["id"], shown["billing"], shown["created_at"]) == (made.public_id, "open", "2026-11-18T11:06:40Z")


def test_names_are_taken_once(office: Office) -> None:
    held = office.desk().workspaces
    made = held.create(WorkspaceOrder(name="lab"))
    with pytest.raises(ConflictError, match="called 'lab' already"):
        held.create(WorkspaceOrder(name="lab"))
    with pytest.raises(ConflictError, match="called 'default' already"):
        held.rename(made.public_id, WorkspaceChange(name="default"))
    assert held.rename("lab", WorkspaceChange(name="lab")).name == "lab"
    assert held.rename("lab", WorkspaceChange(name="lab 2")).name == "lab 2"
    with pytest.raises(MissingError, match="no workspace 'lab'"):
        held.find("lab")


@pytest.mark.parametrize("name", ["a\nb", " a", "wrkspc_0000000000000000000000"])
def test_names_that_no_workspace_can_have(office: Office, name: str) -> None:
    held = office.desk().workspaces
    with pytest.raises(OrderError):
        held.create(WorkspaceOrder(name=name))
    with pytest.raises(OrderError):
        held.rename("default", WorkspaceChange(name=name))
    assert len(held.page()) == 1


def test_a_workspace_has_a_time_zone(office: Office) -> None:
    held = office.desk().workspaces
    assert held.create(WorkspaceOrder(name="lab")).time_zone == "UTC"
    assert held.set_zone("lab", ZoneOrder(time_zone="Asia/Kathmandu")) == held.find("lab")
    assert held.find("lab").time_zone == "Asia/Kathmandu"
    for zone in ("Mars/Base", "../../etc/passwd", "Europe", " UTC", "x" * 64):
        with pytest.raises(OrderError, match="time_zone must be"):
            held.set_zone("lab", ZoneOrder(time_zone=zone))


def test_an_id_that_nobody_has_makes_no_workspace(office: Office) -> None:
    with pytest.raises(MissingError):
        office.desk().workspaces.find_or_create("wrkspc_0000000000000000000000")
    with pytest.raises(MissingError, match="no such workspace"):
        office.desk().workspaces.find("\x1b[2J")


def test_archiving_revokes_all_keys_for_good(office: Office) -> None:
    desk = office.desk()
    minted = desk.keys.mint(Order(name="a", workspace="lab", count=3, rpm=5))
    [other] = desk.keys.mint(Order(name="b"))
    desk.keys.revoke(minted[0].record.public_id)
    archived = desk.workspaces.archive("lab")
    assert archived.archived_at_s == 1_795_000_000
    rows = [office.shared.keys.find(one.record.digest) for one in (*minted, other)]
    assert [row and row.state for row in rows] == [KeyState.REVOKED] * 3 + [KeyState.ACTIVE]
    assert desk.workspaces.archive("lab") == archived
    with pytest.raises(OrderError, match="is archived"):
        desk.keys.mint(Order(name="c", workspace="lab"))
    with pytest.raises(OrderError, match="is archived"):
        desk.workspaces.add_member("lab", MemberOrder(email="a@b"))
    with pytest.raises(OrderError, match="default workspace"):
        desk.workspaces.archive("default")


def test_members_and_their_roles(office: Office) -> None:
    held = office.desk().workspaces
    ann = held.add_member("default", MemberOrder(email="Ann@Example.org", name="Ann", role="owner"))
    bob = held.add_member("default", MemberOrder(email="bob@example.org"))
    assert (ann.email, bob.role) == ("ann@example.org", "member")
    assert held.members("default") == [ann, bob]
    assert held.members("default", ann.id) == [bob]
    assert held.member("default", "ANN@example.org") == held.member("default", ann.public_id) == ann
    with pytest.raises(ConflictError, match="is a member already"):
        held.add_member("default", MemberOrder(email="ANN@example.org"))
    assert held.change_role("default", bob.public_id, RoleOrder(role="admin")).role == "admin"
    assert workspaces.view_member(bob)["email"] == "bob@example.org"
    held.create(WorkspaceOrder(name="lab"))
    assert held.members("lab") == []
    with pytest.raises(MissingError):
        held.member("lab", ann.public_id)


def test_the_only_owner_stays(office: Office) -> None:
    held = office.desk().workspaces
    ann = held.add_member("default", MemberOrder(email="ann@example.org", role="owner"))
    with pytest.raises(OrderError, match="keeps one"):
        held.change_role("default", ann.public_id, RoleOrder(role="viewer"))
    with pytest.raises(OrderError, match="keeps one"):
        held.remove_member("default", ann.public_id)
    bob = held.add_member("default", MemberOrder(email="bob@example.org", role="owner"))
    held.remove_member("default", ann.public_id)
    assert held.members("default") == [bob]


def test_a_member_without_owners_around_can_go(office: Office) -> None:
    held = office.desk().workspaces
    bob = held.add_member("default", MemberOrder(email="bob@example.org"))
    held.remove_member("default", bob.email)
    assert held.members("default") == []
