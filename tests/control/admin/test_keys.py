import re
from typing import Any

import orjson
import pytest

from gateway.state.keys import KeyState
from gateway.state.pepper import load_pepper
from gateway.state.shared import SharedFile
from tests.control.served import ControlPlane


def state_of(shared: SharedFile, digest: bytes) -> KeyState | None:
    row = shared.keys.find(digest)
    return None if row is None else row.state


def test_a_key_from_mint_to_revoke(served: ControlPlane) -> None:
    with served.admin as client:
        response = client.post("/admin/v1/keys", json={"name": "me", "count": 2, "rpm": 7, "budget_usd": "3"})
        assert response.status_code == 201
        first, second = response.json()["data"]
        assert re.fullmatch(r"sk-ant-api03-[\w-]{93}AA", first["key"])
        assert (first["name"], second["name"], first["rpm"], first["budget_usd"]) == ("me-001", "me-002", 7, "3.00")
        shared = SharedFile.open(served.paths.shared_map)
        digest = load_pepper(served.paths.pepper).digest(first["key"])
        assert state_of(shared, digest) is KeyState.ACTIVE
        revoked = client.post(f"/admin/v1/keys/{first['id']}/revoke")
        assert (revoked.status_code, revoked.json()["state"]) == (200, "revoked")
        assert state_of(shared, digest) is KeyState.REVOKED
        shared.close()
        listed = client.get("/admin/v1/keys").json()["data"]
        states = {key["id"]: key["state"] for key in listed}
        assert (states[first["id"]], states[second["id"]]) == ("revoked", "active")
        assert first["key"] not in orjson.dumps(listed).decode()


def test_keys_are_listed_in_pages(served: ControlPlane) -> None:
    with served.admin as client:
        client.post("/admin/v1/keys", json={"name": "paged", "count": 5})
        whole = client.get("/admin/v1/keys").json()["data"]
        paged = []
        page: dict[str, Any] = {"next": 0}
        while page["next"] is not None:
            page = client.get("/admin/v1/keys", params={"after": page["next"], "limit": 2}).json()
            paged += page["data"]
    assert paged == whole
    assert len(whole) >= 5


@pytest.mark.parametrize("body", [
    b"", b"null", b"[" * 60_000, b'{"name": NaN}', b'{"name": "\xff"}', b'{"name": "\\ud800"}',
    b'{"name": "a", "rpm": ' + b"9" * 5000 + b"}",
    b'{"name": "a", "name": "b", "x": 1}', b'{"name": "a", "is_admin": true}', b'{"name": {"$gt": ""}}',
])  # fmt: skip
def test_hostile_bodies_are_400(served: ControlPlane, body: bytes) -> None:
    """R9: never a 5xx."""
    with served.admin as client:
        before = len(client.get("/admin/v1/keys").json()["data"])
        response = client.post("/admin/v1/keys", content=body)
        assert response.status_code == 400
        assert response.json()["error"]["type"] == "invalid_request_error"
        assert len(client.get("/admin/v1/keys").json()["data"]) == before


def test_a_body_without_end_is_413(served: ControlPlane) -> None:
    with served.admin as client:
        assert client.post("/admin/v1/keys", content=b" " * 70_000).status_code == 413


def test_ids_that_are_none_are_404(served: ControlPlane) -> None:
    with served.admin as client:
        for wrong in ("key_0000000000000000000000", "sk-ant-api03-canary", "%00"):
            response = client.post(f"/admin/v1/keys/{wrong}/revoke")
            assert response.status_code == 404
            assert "canary" not in response.text


def test_keys_are_found_by_a_part_of_their_name_and_listed_the_other_way_round(served: ControlPlane) -> None:
    with served.admin as client:
        client.post("/admin/v1/keys", json={"name": "Sought %", "count": 3})

        def names(**query: str | int) -> list[str]:
            return [key["name"] for key in client.get("/admin/v1/keys", params=query).json()["data"]]

        assert names(search="OUGHT %") == ["Sought %-001", "Sought %-002", "Sought %-003"]
        assert names(search="_ought") == []
        assert names(search="sought", order="newest") == ["Sought %-003", "Sought %-002", "Sought %-001"]
        page = client.get("/admin/v1/keys", params={"search": "sought", "order": "newest", "limit": 2}).json()
        assert names(search="sought", order="newest", after=page["next"]) == ["Sought %-001"]
        assert names(order="newest", limit=1) == ["Sought %-003"]
        assert client.get("/admin/v1/keys", params={"order": "sideways"}).status_code == 400
        assert client.get("/admin/v1/keys", params={"search": "x" * 101}).status_code == 400
