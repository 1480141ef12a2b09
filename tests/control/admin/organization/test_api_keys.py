from typing import Any

import anthropic
import pytest
from anthropic import Anthropic

from tests.control.admin.organization.conftest import conforms
from tests.control.served import ControlPlane


def mint(served: ControlPlane, name: str, **order: Any) -> list[dict[str, Any]]:
    with served.admin as client:
        answer = client.post("/admin/v1/keys", json={"name": name, **order})
        assert answer.status_code == 201, answer.text
        return list(answer.json()["data"])


def test_a_key_as_the_sdk_sees_it(served: ControlPlane, owner: Anthropic) -> None:
    [minted] = mint(served, "for the sdk", workspace="sdk-keys")
    key = conforms(owner.organization.api_keys.retrieve(minted["id"]))
    assert (key.name, key.status, key.scope.workspace_id) == ("for the sdk", "active", minted["workspace_id"])
    assert key.partial_key_hint == minted["shown"]
    assert key.created_at.tzinfo is not None
    [listed] = list(owner.organization.api_keys.list(workspace_id=minted["workspace_id"]))
    assert conforms(listed) == key


def test_the_older_version_also_has_the_workspace_by_itself(served: ControlPlane, owner: Anthropic) -> None:
    [minted] = mint(served, "older")
    older = owner.with_options(default_headers={"anthropic-version": "2023-06-01"})
    for read, there in ((owner, False), (older, True)):
        raw: Any = read.organization.api_keys.with_raw_response.retrieve(minted["id"]).json()
        assert ("workspace_id" in raw) == there
        assert raw["scope"] == {"type": "workspace", "workspace_id": minted["workspace_id"]}
    assert raw["workspace_id"] == minted["workspace_id"]


def test_a_key_is_renamed_and_revoked(served: ControlPlane, owner: Anthropic) -> None:
    [minted] = mint(served, "before")
    changed = conforms(owner.organization.api_keys.update(minted["id"], name="after"))
    assert (changed.name, changed.status) == ("after", "active")
    for status in ("inactive", "archived"):
        assert conforms(owner.organization.api_keys.update(minted["id"], status=status)).status == "archived"
    with pytest.raises(anthropic.BadRequestError, match="stays revoked"):
        owner.organization.api_keys.update(minted["id"], status="active")
    with served.admin as client:
        assert client.get(f"/admin/v1/keys/{minted['id']}").json()["state"] == "revoked"


def test_pages_go_forward_and_backward(served: ControlPlane, owner: Anthropic) -> None:
    minted = mint(served, "paged", count=5, workspace="sdk-pages")
    ids, where = [key["id"] for key in minted], minted[0]["workspace_id"]
    page = owner.organization.api_keys.list(workspace_id=where, limit=2)
    assert ([key.id for key in page.data], page.has_more, page.first_id, page.last_id) == (ids[:2], True, ids[0], ids[1])
    assert [key.id for key in owner.organization.api_keys.list(workspace_id=where, limit=2)] == ids
    back = owner.organization.api_keys.list(workspace_id=where, limit=2, before_id=ids[4])
    assert ([key.id for key in back.data], back.has_more) == (ids[2:4], True)
    assert [key.id for key in back.get_next_page().data] == ids[:2]
    last = owner.organization.api_keys.list(workspace_id=where, after_id=ids[4])
    assert (last.data, last.has_more, last.first_id) == ([], False, None)


def test_keys_by_status(served: ControlPlane, owner: Anthropic) -> None:
    [gone] = mint(served, "over", workspace="sdk-states", expires_at_s=1)
    [active, revoked] = mint(served, "two", count=2, workspace="sdk-states")
    owner.organization.api_keys.update(revoked["id"], status="archived")
    with served.admin as client:
        rotated = client.post(f"/admin/v1/keys/{active['id']}/rotate", json={"grace_s": 0}).json()
    found = {
        status: [key.id for key in owner.organization.api_keys.list(workspace_id=gone["workspace_id"], status=status)]
        for status in ("active", "expired", "archived", "inactive")
    }
    assert found == {
        "active": [rotated["id"]],
        "expired": [gone["id"], active["id"]],
        "archived": [revoked["id"]],
        "inactive": [],
    }
    assert list(owner.organization.api_keys.list(created_by_user_id="user_1")) == []


@pytest.mark.parametrize("query", [
    {"after_id": "key_0000000000000000000000"}, {"before_id": "x"}, {"after_id": "a", "before_id": "b"},
    {"limit": 0}, {"limit": 1001}, {"status": "sleeping"},
])  # fmt: skip
def test_odd_pages_are_400(owner: Anthropic, query: dict[str, Any]) -> None:
    with pytest.raises(anthropic.BadRequestError):
        owner.organization.api_keys.list(**query)


def test_unknown_parameters_are_passed_over(owner: Anthropic) -> None:
    assert owner.organization.api_keys.list(limit=1, extra_query={"beta": "true", "tomorrow": "x"}).data


def test_what_is_not_there_is_404(owner: Anthropic) -> None:
    for ask in (
        lambda: owner.organization.api_keys.retrieve("key_0000000000000000000000"),
        lambda: owner.organization.api_keys.update("apikey_1", name="x"),
        owner.organization.invites.list,
        owner.organization.rate_limits.list,
        owner.organization.service_accounts.list,
    ):
        with pytest.raises(anthropic.NotFoundError) as caught:
            ask()
        assert caught.value.body["error"]["type"] == "not_found_error"  # type: ignore[index]
        assert caught.value.body["request_id"].startswith("req_")  # type: ignore[index]
