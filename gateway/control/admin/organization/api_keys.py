"""API keys in Anthropic's shape: list, look at, rename, revoke. They are minted elsewhere, as with Anthropic."""

from typing import Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from gateway.control.admin.endpoint import Call, Endpoint, Nothing
from gateway.control.admin.front import FrontDesk
from gateway.control.admin.organization.listing import NEWEST_VERSION, Listed, ListQuery, listed, not_in_list
from gateway.control.orders import Name, OrderError, date
from gateway.control.store import KeyRecord
from gateway.control.store.listing import CursorError, key_page

Status = Literal["active", "inactive", "archived", "expired"]


class WorkspaceScope(Struct, frozen=True):
    """The workspace that a key belongs to."""

    workspace_id: str
    type: Literal["workspace"] = "workspace"


class APIKey(Struct, frozen=True, kw_only=True):
    """A key. One that was revoked is `archived`. Who made it is not recorded; it acts for nobody in particular.

    `workspace_id` is there under versions before 2026-10-21.
    """

    id: str
    type: Literal["api_key"] = "api_key"
    name: str
    created_at: str
    created_by: None = None
    expires_at: str | None
    partial_key_hint: str
    principal: None = None
    scope: WorkspaceScope
    status: Status
    workspace_id: str | UnsetType = UNSET


class KeyListQuery(ListQuery, frozen=True, kw_only=True):
    """Which keys, and which part of the list."""

    created_by_user_id: str | None = None
    status: Status | None = None
    workspace_id: str | None = None


class KeyUpdate(Struct, frozen=True, kw_only=True):
    """A new name, or the end of a key: `inactive` and `archived` both revoke it for good."""

    name: Name | None = None
    status: Literal["active", "inactive", "archived"] | None = None


async def list_keys(front: FrontDesk, call: Call[Nothing, KeyListQuery]) -> Listed[APIKey]:
    query = call.query
    if query.created_by_user_id is not None:
        return listed([], [], more=False)
    cut = query.cut
    try:
        records, more = await front.reader.ask(
            lambda connection: key_page(connection, cut, query.status, query.workspace_id, front.now_s)
        )
    except CursorError:
        raise not_in_list(query) from None
    return listed([view(one, front.now_s, call.version) for one in records], [one.public_id for one in records], more=more)


def show(front: FrontDesk, call: Call[Nothing, Nothing]) -> APIKey:
    return view(front.desk.keys.find(call.path["api_key_id"]), front.now_s, call.version)


def update(front: FrontDesk, call: Call[KeyUpdate, Nothing]) -> APIKey:
    key_id, order = call.path["api_key_id"], call.body
    with front.store.transaction():
        record = front.desk.keys.find(key_id)
        if order.name is not None:
            record = front.desk.keys.rename(key_id, order.name)
        if order.status in ("inactive", "archived"):
            record = front.desk.keys.revoke(key_id)
        elif order.status == "active" and record.state != "active":
            raise OrderError("key.stays_revoked", "status: a revoked key stays revoked")
    return view(record, front.now_s, call.version)


def view(record: KeyRecord, now_s: int, version: str) -> APIKey:
    status: Status = "archived" if record.state != "active" else "expired" if 0 < record.ends_at_s <= now_s else "active"
    shown = APIKey(
        id=record.public_id,
        name=record.name,
        created_at=str(date(record.created_at_s)),
        expires_at=date(record.ends_at_s or None),
        partial_key_hint=f"{record.shown_prefix}...{record.shown_suffix}",
        scope=WorkspaceScope(record.workspace_public_id),
        status=status,
    )
    return shown if version >= NEWEST_VERSION else msgspec.structs.replace(shown, workspace_id=record.workspace_public_id)


ENDPOINTS = (
    Endpoint("GET", "/v1/organizations/api_keys", "List keys", list_keys, Listed[APIKey], query=KeyListQuery),
    Endpoint("GET", "/v1/organizations/api_keys/{api_key_id}", "Show a key", show, APIKey),
    Endpoint("POST", "/v1/organizations/api_keys/{api_key_id}", "Rename or revoke a key", update, APIKey, body=KeyUpdate),
)
