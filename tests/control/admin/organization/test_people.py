import anthropic
import pytest
from anthropic import Anthropic

from tests.control.admin.organization.conftest import conforms


def test_a_member_from_adding_to_removing(owner: Anthropic) -> None:
    members = owner.organization.workspaces.members
    here = owner.organization.workspaces.create(name="people here").id
    added = conforms(members.add(here, user_id="Ann@example.test", workspace_role="workspace_developer"))
    assert (added.workspace_id, added.workspace_role) == (here, "workspace_developer")
    assert conforms(members.retrieve(added.user_id, workspace_id=here)) == added
    changed = conforms(members.update(added.user_id, workspace_id=here, workspace_role="workspace_admin"))
    assert changed.workspace_role == "workspace_admin"
    assert [conforms(one) for one in members.list(here)] == [changed]
    user = conforms(owner.organization.users.retrieve(added.user_id))
    assert (user.email, user.role) == ("ann@example.test", "admin")
    assert conforms(members.remove(added.user_id, workspace_id=here)).user_id == added.user_id
    assert list(members.list(here)) == []
    with pytest.raises(anthropic.NotFoundError):
        owner.organization.users.retrieve(added.user_id)


def test_a_person_in_two_workspaces_is_one_user(owner: Anthropic) -> None:
    members = owner.organization.workspaces.members
    first, second = (owner.organization.workspaces.create(name=f"people {number}").id for number in (1, 2))
    one = members.add(first, user_id="bob@example.test", workspace_role="workspace_user")
    same = members.add(second, user_id=one.user_id, workspace_role="workspace_developer")
    assert same.user_id == one.user_id
    [user] = owner.organization.users.list(email="BOB@example.test")
    assert (conforms(user).id, user.role) == (one.user_id, "developer")
    assert [member.user_id for member in members.list(second)] == [one.user_id]
    assert members.retrieve(one.user_id, workspace_id=second).workspace_role == "workspace_developer"
    with pytest.raises(anthropic.BadRequestError, match="already"):
        members.add(second, user_id="bob@example.test", workspace_role="workspace_user")


def test_members_are_paged_by_the_ids_of_persons(owner: Anthropic) -> None:
    members = owner.organization.workspaces.members
    other, here = (owner.organization.workspaces.create(name=f"many people {number}").id for number in (1, 2))
    names = [f"p{number}@example.test" for number in range(5)]
    for name in reversed(names):
        members.add(other, user_id=name, workspace_role="workspace_user")
    added = [members.add(here, user_id=name, workspace_role="workspace_user").user_id for name in names]
    assert [one.user_id for one in members.list(here, limit=2)] == added
    back = members.list(here, limit=2, before_id=added[3])
    assert ([one.user_id for one in back.data], back.has_more) == (added[1:3], True)
    assert {user.email for user in owner.organization.users.list(limit=2)} >= set(names)


def test_odd_members_are_refused(owner: Anthropic) -> None:
    members = owner.organization.workspaces.members
    here = owner.organization.workspaces.create(name="odd people").id
    for wrong in ("@", "a@b@c", "a b@c"):
        with pytest.raises(anthropic.BadRequestError):
            members.add(here, user_id=wrong, workspace_role="workspace_user")
    with pytest.raises(anthropic.NotFoundError, match="no such user"):
        members.add(here, user_id="user_0000000000000000000000", workspace_role="workspace_user")
    with pytest.raises(anthropic.BadRequestError, match="workspace_billing"):
        members.add(here, user_id="a@b.test", workspace_role="workspace_billing")  # type: ignore[arg-type]
    with pytest.raises(anthropic.NotFoundError):
        members.list("wrkspc_0000000000000000000000")
    for missing in ("user_1", "nobody@example.test"):
        with pytest.raises(anthropic.NotFoundError):
            members.remove(missing, workspace_id=here)
