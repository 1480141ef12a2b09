"""Admin keys: mint on the admin socket, look at, revoke."""

from typing import Any, Literal

from msgspec import Struct

from gateway.control.admin.endpoint import Call, Endpoint, Nothing, Page
from gateway.control.admin.front import FrontDesk
from gateway.control.orders import Moment, Name, date
from gateway.control.permissions import Role
from gateway.control.store.admin_keys import AdminKeyRecord

RoleWord = Literal["viewer", "admin", "owner"]


class AdminKey(Struct, frozen=True, kw_only=True):
    """An admin key, without the key itself. Dates are ISO 8601 in UTC."""

    id: str
    name: str
    role: str
    shown: str
    state: Literal["active", "expired", "revoked"]
    created_at: str
    expires_at: str | None
    revoked_at: str | None


class MintedAdminKey(AdminKey, frozen=True, kw_only=True):
    """An admin key at the only moment at which it can be seen."""

    key: str


class AdminKeyOrder(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an admin key shall be. `expires_at_s` is wall-clock seconds; 0 is never."""

    name: Name
    role: RoleWord
    expires_at_s: Moment = 0


def list_admin_keys(front: FrontDesk, call: Call[Nothing, Nothing]) -> Page[AdminKey]:
    return Page([AdminKey(**facts(record, front.now_s)) for record in front.admin_keys.all()], None)


def mint(front: FrontDesk, call: Call[AdminKeyOrder, Nothing]) -> MintedAdminKey:
    order = call.body
    minted = front.admin_keys.mint(order.name, Role[order.role.upper()], order.expires_at_s)
    return MintedAdminKey(key=minted.key_text, **facts(minted.record, minted.record.created_at_s))


def revoke(front: FrontDesk, call: Call[Nothing, Nothing]) -> AdminKey:
    record = front.admin_keys.revoke(call.path["id"])
    return AdminKey(**facts(record, front.now_s))


def facts(record: AdminKeyRecord, now_s: int) -> dict[str, Any]:
    """What is shown of an admin key: never the digest."""
    expired = 0 < record.expires_at_s <= now_s
    return {
        "id": record.public_id,
        "name": record.name,
        "role": record.role,
        "shown": f"{record.shown_prefix}...{record.shown_suffix}",
        "state": "revoked" if record.revoked_at_s is not None else "expired" if expired else "active",
        "created_at": date(record.created_at_s),
        "expires_at": date(record.expires_at_s or None),
        "revoked_at": date(record.revoked_at_s),
    }


ENDPOINTS = (
    Endpoint("GET", "/admin/v1/admin_keys", "List all admin keys", list_admin_keys, Page[AdminKey]),
    Endpoint(
        "POST",
        "/admin/v1/admin_keys",
        "Mint an admin key",
        mint,
        MintedAdminKey,
        body=AdminKeyOrder,
        status=201,
        makes=True,
    ),
    Endpoint("POST", "/admin/v1/admin_keys/{id}/revoke", "Revoke an admin key at once", revoke, AdminKey),
)
