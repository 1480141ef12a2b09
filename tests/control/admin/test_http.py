"""Who comes in: every operation, over both sockets, with every kind of credential."""

import re
from typing import Any

import httpx
import pytest

from gateway.control.admin.endpoint import Endpoint
from gateway.control.admin.endpoints import ENDPOINTS
from gateway.control.permissions import PERMISSIONS, RELAYED, TRUSTED, Access, Role
from tests.control.admin.conftest import ROLES, Credentials, mint_admin
from tests.control.served import ControlPlane

RELAYED_ONLY = {"GET /status", "GET /metrics"}


def ask(client: httpx.Client, endpoint: Endpoint[Any, Any], headers: dict[str, str]) -> httpx.Response:
    """The operation on something that does not exist, with nothing in the body: whoever may, is told so."""
    path = re.sub(r"\{\w+\}", "none_0000000000000000000000", endpoint.path)
    return client.request(endpoint.method, path, headers=headers)


def test_every_operation_has_its_entry_and_every_entry_its_operation() -> None:
    """R11: a new operation without an entry fails here, and does not start."""
    others = RELAYED_ONLY | {key for key, access in PERMISSIONS.items() if access is Access.WORKER}
    assert {endpoint.key for endpoint in ENDPOINTS} | others == PERMISSIONS.keys()
    assert len({endpoint.key for endpoint in ENDPOINTS}) == len(ENDPOINTS)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.key)
def test_over_the_network_only_admin_keys_come_in(
    served: ControlPlane, credentials: Credentials, endpoint: Endpoint[Any, Any]
) -> None:
    """R11: every operation x every kind of credential."""
    access = PERMISSIONS[endpoint.key]
    with served.public as client:
        for kind, headers in credentials.without_power.items():
            answer = ask(client, endpoint, headers)
            if access not in RELAYED:
                assert answer.status_code in (404, 405), kind
                continue
            assert answer.status_code == 401, kind
            assert answer.json()["error"]["type"] == "authentication_error"
            assert answer.json()["error"]["code"] in ("key.none_given", "key.unknown", "key.unknown_bearer"), kind
            assert not any(key in answer.text for key in credentials.by_role.values())
        for role, least in zip(ROLES, (Access.VIEWER, Access.ADMIN, Access.OWNER), strict=True):
            may = access in RELAYED and access.least_role is not None and access.least_role <= Role[least.name]
            for headers in (
                {"x-api-key": credentials.by_role[role]},
                {"authorization": f"Bearer {credentials.by_role[role]}"},
                {"authorization": f"bearer {credentials.by_role[role]}", "x-api-key": "sk-ant-api03-stale"},
            ):
                answer = ask(client, endpoint, headers)
                if access not in RELAYED:
                    assert answer.status_code in (404, 405)
                elif may:
                    assert answer.status_code not in (401, 403, 405, 500), role
                    assert answer.status_code < 400 or re.fullmatch(r"[a-z_]+\.[a-z_]+", answer.json()["error"]["code"])
                else:
                    assert (answer.status_code, answer.json()["error"]["type"]) == (403, "permission_error"), role


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.key)
def test_the_admin_socket_asks_nobody(served: ControlPlane, credentials: Credentials, endpoint: Endpoint[Any, Any]) -> None:
    assert PERMISSIONS[endpoint.key] in TRUSTED
    with served.admin as client:
        for headers in ({}, {"x-api-key": credentials.caller}, {"x-api-key": credentials.revoked}):
            assert ask(client, endpoint, headers).status_code not in (401, 403, 405, 500)


def test_an_admin_key_is_revoked_at_once(served: ControlPlane) -> None:
    with served.admin as socket, served.public as network:
        minted = mint_admin(socket, "viewer")
        headers = {"x-api-key": minted["key"]}
        assert network.get("/admin/v1/keys", headers=headers).status_code == 200
        assert socket.post(f"/admin/v1/admin_keys/{minted['id']}/revoke").status_code == 200
        assert network.get("/admin/v1/keys", headers=headers).status_code == 401


def test_admin_keys_are_shown_once(served: ControlPlane) -> None:
    with served.admin as client:
        minted = mint_admin(client, "admin")
        assert re.fullmatch(r"sk-ant-admin01-[\w-]{93}AA", minted["key"])
        listed = client.get("/admin/v1/admin_keys").text
    assert minted["id"] in listed
    assert minted["key"] not in listed
    for file in served.paths.data_dir.rglob("*"):
        if file.is_file():
            assert minted["key"].encode() not in file.read_bytes(), file


def test_a_form_of_somebodys_page_is_refused(served: ControlPlane) -> None:
    """R11: cross-site posts. There is no cookie to ride on either."""
    with served.admin as client:
        for kind in (
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "text/plain",
            "Text/Plain;charset=utf-8",
        ):
            answer = client.post("/admin/v1/keys", content=b'{"name": "a"}', headers={"content-type": kind})
            assert answer.status_code == 415, kind
        preflight = client.options("/admin/v1/keys", headers={"origin": "http://evil.test"})
        assert preflight.status_code == 405
        assert not [name for name in preflight.headers if name.startswith("access-control")]


def test_changes_are_logged_with_who_and_what(served: ControlPlane, credentials: Credentials) -> None:
    with served.public as client:
        headers = {"x-api-key": credentials.by_role["admin"]}
        key = client.post("/admin/v1/keys", json={"name": "canary-name-55"}, headers=headers).json()["data"][0]
        client.post(f"/admin/v1/keys/{key['id']}/revoke", headers=headers)
    lines = [line for line in served.events() if line["event"] == "admin change"][-2:]
    assert [line["did"] for line in lines] == ["POST /admin/v1/keys", "POST /admin/v1/keys/{id}/revoke"]
    assert all(line["by"].startswith("adminkey_") for line in lines)
    assert "canary-name-55" not in served.err.read_text()
    assert key["key"] not in served.err.read_text()
