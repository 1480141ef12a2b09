"""Credentials of every kind, for tests that knock at every door."""

from dataclasses import dataclass

import httpx
import pytest

from tests.control.served import ControlPlane

ROLES = ("viewer", "admin", "owner")


def mint_admin(client: httpx.Client, role: str, **order: object) -> dict[str, str]:
    """An admin key, minted over the admin socket."""
    answer = client.post("/admin/v1/admin_keys", json={"name": f"test {role}", "role": role, **order})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


@dataclass(frozen=True, slots=True)
class Credentials:
    """Key texts: a caller's key; admin keys by role; admin keys that are no longer in force."""

    caller: str
    by_role: dict[str, str]
    revoked: str
    expired: str

    @property
    def without_power(self) -> dict[str, dict[str, str]]:
        """Headers that open nothing, by what they are."""
        owner = self.by_role["owner"]
        worthless = {
            "caller": self.caller,
            "revoked": self.revoked,
            "expired": self.expired,
            "longer": owner + "A",
            "shorter": owner[:-1],
            "digest": "0" * 64,
            "null": "null",
            "long": "x" * 5000,
        }
        kinds: dict[str, dict[str, str]] = {"none": {}}
        kinds |= {f"{kind} as x-api-key": {"x-api-key": text} for kind, text in worthless.items()}
        kinds |= {f"{kind} as bearer": {"authorization": f"Bearer {text}"} for kind, text in worthless.items()}
        kinds["owner as basic"] = {"authorization": f"Basic {owner}"}
        kinds["owner in a cookie"] = {"cookie": f"key={owner}"}
        kinds["owner twice in one header"] = {"x-api-key": f"{owner}, {owner}"}
        return kinds


@pytest.fixture(scope="session")
def credentials(served: ControlPlane) -> Credentials:
    with served.admin as client:
        caller = client.post("/admin/v1/keys", json={"name": "caller"}).json()["data"][0]["key"]
        revoked = mint_admin(client, "owner")
        assert client.post(f"/admin/v1/admin_keys/{revoked['id']}/revoke").json()["state"] == "revoked"
        expired = mint_admin(client, "owner", expires_at_s=1)
        by_role = {role: mint_admin(client, role)["key"] for role in ROLES}
    return Credentials(caller, by_role, revoked["key"], expired["key"])
