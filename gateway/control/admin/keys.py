"""Keys: mint, look at, rotate, revoke."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from gateway.control import keys, workspaces
from gateway.control.admin.endpoint import Call, Endpoint, Nothing, Page
from gateway.control.admin.front import FrontDesk
from gateway.control.admin.limits import Limit
from gateway.control.allow_lists import ModelsOrder
from gateway.control.keys import Minted, Order, RotationOrder
from gateway.control.orders import OrderError
from gateway.control.permissions import Role
from gateway.control.store import KeyRecord

PAGE_KEYS_MAX = 1000

# Limits that have a name of their own: what they are of, and how their amount is shown.
USUAL = {
    "rpm": ("requests", "all", "minute"),
    "itpm": ("input_tokens", "all", "minute"),
    "otpm": ("output_tokens", "all", "minute"),
    "budget_tokens": ("total_tokens", "all", "total"),
    "budget_usd": ("cost", "all", "total"),
    "concurrency": ("concurrency", "all", None),
}


class Key(Struct, frozen=True, kw_only=True):
    """A key, without the key itself. Dates are ISO 8601 in UTC.

    `limits` are its own, without those of its plan and workspace; the usual ones stand beside them under their names, null where
    they do not apply. `models` are the classes and patterns of the models that it may use, all if there are none. `replaces` is
    the key that it was rotated from; one that was itself replaced works until `rotated_until`.
    """

    id: str
    name: str
    workspace: str
    workspace_id: str
    shown: str
    state: str
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    replaces: str | None
    rotated_until: str | None
    plan: str | None
    models: list[str]
    rpm: int | None = None
    itpm: int | None = None
    otpm: int | None = None
    budget_tokens: int | None = None
    budget_usd: str | None = None
    concurrency: int | None = None
    limits: list[Limit]


class MintedKey(Key, frozen=True, kw_only=True):
    """A key at the only moment at which it can be seen."""

    key: str


class MintedKeys(Struct, frozen=True):
    """What was minted, in order."""

    data: list[MintedKey]


class KeysQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Whose keys, and which part of the list: `workspace` is an id or a name, `search` a part of the keys' names."""

    workspace: str | None = None
    search: Annotated[str, Meta(max_length=100)] = ""
    order: Literal["oldest", "newest"] = "oldest"
    after: Annotated[int, Meta(ge=0, le=2**62)] = 0
    limit: Annotated[int, Meta(ge=1, le=PAGE_KEYS_MAX)] = 100


def list_keys(front: FrontDesk, call: Call[Nothing, KeysQuery]) -> Page[Key]:
    desk, query = front.desk, call.query
    within = call.asker.within
    if query.workspace is not None:
        workspace = desk.workspaces.find(query.workspace)
        call.asker.check_sees(workspace.id, workspaces.missing(query.workspace))
        within = frozenset({workspace.id})
    records = desk.keys.page(query.after, query.limit, within, query.search, newest_first=query.order == "newest")
    more = str(records[-1].id) if len(records) == query.limit else None
    return Page([msgspec.convert(named(one), Key) for one in desk.keys.views(records)], more)


def show(front: FrontDesk, call: Call[Nothing, Nothing]) -> Key:
    return view(front, seen(front, call))


def mint(front: FrontDesk, call: Call[Order, Nothing]) -> MintedKeys:
    if call.asker.role < Role.ADMIN:
        # A new workspace, or a plan that is not the workspace's own, gives away what nobody has granted.
        workspace = front.desk.workspaces.find(call.body.workspace)
        call.asker.check_changes(workspace.id, workspaces.missing(call.body.workspace))
        if call.body.plan not in (None, workspace.plan):
            raise OrderError("key.own_plan", "as a {role} you mint keys on the workspace's own plan", role=call.asker.role.word)
    return MintedKeys([view_minted(front, one) for one in front.desk.keys.mint(call.body)])


def rotate(front: FrontDesk, call: Call[RotationOrder, Nothing]) -> MintedKey:
    call.asker.check_changes(front.desk.keys.find(call.path["id"]).workspace_id, keys.missing(call.path["id"]))
    return view_minted(front, front.desk.keys.rotate(call.path["id"], call.body))


def allow(front: FrontDesk, call: Call[ModelsOrder, Nothing]) -> Key:
    return view(front, front.desk.keys.allow(call.path["id"], call.body))


def revoke(front: FrontDesk, call: Call[Nothing, Nothing]) -> Key:
    call.asker.check_changes(front.desk.keys.find(call.path["id"]).workspace_id, keys.missing(call.path["id"]))
    return view(front, front.desk.keys.revoke(call.path["id"]))


def seen(front: FrontDesk, call: Call[Any, Any]) -> KeyRecord:
    """The key that the path names. Raises MissingError, also when it is out of the asker's reach."""
    record = front.desk.keys.find(call.path["id"])
    call.asker.check_sees(record.workspace_id, keys.missing(call.path["id"]))
    return record


def view(front: FrontDesk, record: KeyRecord) -> Key:
    return msgspec.convert(named(front.desk.keys.view(record)), Key)


def view_minted(front: FrontDesk, minted: Minted) -> MintedKey:
    return msgspec.convert(named(front.desk.keys.view_minted(minted)), MintedKey)


def named(shown: dict[str, Any]) -> dict[str, Any]:
    """A key as shown, with its usual limits under their names."""
    amounts = {(limit["metric"], limit["class"], limit["window"]): limit["amount"] for limit in shown["limits"]}
    usual = {name: amounts.get(kind) for name, kind in USUAL.items()}
    return shown | {name: text if text is None or name == "budget_usd" else int(text) for name, text in usual.items()}


ENDPOINTS = (
    Endpoint("GET", "/admin/v1/keys", "List keys in order of minting", list_keys, Page[Key], query=KeysQuery),
    Endpoint("POST", "/admin/v1/keys", "Mint up to 500 keys, all or none", mint, MintedKeys, body=Order, status=201, makes=True),
    Endpoint("GET", "/admin/v1/keys/{id}", "Show a key", show, Key),
    Endpoint(
        "POST",
        "/admin/v1/keys/{id}/rotate",
        "Mint a key in place of another, which works on for a time of grace",
        rotate,
        MintedKey,
        body=RotationOrder,
        status=201,
        makes=True,
    ),
    Endpoint(
        "POST",
        "/admin/v1/keys/{id}/models",
        "Say which models a key may use: classes and patterns of names",
        allow,
        Key,
        body=ModelsOrder,
    ),
    Endpoint("POST", "/admin/v1/keys/{id}/revoke", "Revoke a key in every worker at once", revoke, Key),
)
