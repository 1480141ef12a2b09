import anthropic
import pytest
from anthropic import Anthropic

from tests.control.admin.organization.conftest import conforms
from tests.control.served import ControlPlane


def test_a_workspace_from_making_to_archiving(served: ControlPlane, owner: Anthropic) -> None:
    made = conforms(owner.organization.workspaces.create(name="made by the sdk", display_color="#123456"))
    assert conforms(owner.organization.workspaces.retrieve(made.id)) == made
    assert conforms(owner.organization.workspaces.update(made.id, name="renamed")).name == "renamed"
    with served.admin as client:
        [key] = client.post("/admin/v1/keys", json={"name": "a", "workspace": made.id}).json()["data"]
    archived = conforms(owner.organization.workspaces.archive(made.id))
    assert archived.archived_at is not None
    assert owner.organization.api_keys.retrieve(key["id"]).status == "archived"


def test_lists_leave_out_what_was_not_asked_for(owner: Anthropic) -> None:
    first, second = (owner.organization.workspaces.create(name=f"listed {number}") for number in range(2))
    owner.organization.workspaces.archive(first.id)

    def names(**query: object) -> set[str]:
        return {one.name for one in owner.organization.workspaces.list(limit=3, **query)}  # type: ignore[arg-type]

    assert "default" not in names()
    assert "default" in names(include_default=True)
    assert {first.name, second.name} & names() == {second.name}
    assert {first.name, second.name} <= names(include_archived=True)
    assert names(ids=[first.id, second.id]) == {second.name}
    assert names(ids=[first.id], include_archived=True) == {first.name}


def test_what_would_be_lost_is_refused(owner: Anthropic) -> None:
    with pytest.raises(anthropic.BadRequestError, match="tags: is not kept"):
        owner.organization.workspaces.create(name="tagged", tags={"team": "blue"})
    made = owner.organization.workspaces.create(name="plain", tags={})
    with pytest.raises(anthropic.BadRequestError, match="external_key_id"):
        owner.organization.workspaces.update(made.id, external_key_id="ek_1")
    with pytest.raises(anthropic.BadRequestError, match="already"):
        owner.organization.workspaces.create(name="plain")


def test_the_organization_is_this_installation(owner: Anthropic) -> None:
    me = conforms(owner.organization.retrieve())
    assert me.type == "organization"
    assert owner.organization.retrieve().id == me.id
