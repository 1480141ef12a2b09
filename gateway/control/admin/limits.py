"""Limits: of a key or a workspace, set, looked at with what is used of them, removed."""

from typing import Any, Literal

import msgspec
from msgspec import Struct, field

from gateway.control import keys, limits, workspaces
from gateway.control.admin.endpoint import Call, Endpoint, Nothing
from gateway.control.admin.front import FrontDesk
from gateway.control.limits import LimitOrder
from gateway.control.orders import Name, OrderError
from gateway.control.store import LimitRecord


class Limit(Struct, frozen=True, kw_only=True):
    """A limit. Amounts are written in the metric's own way: dollars for cost, messages with a fraction, else whole numbers.

    `window` is null for concurrency; `source` says why it is there, and only an `own` one can be removed.
    """

    id: int
    scope: Literal["workspace", "plan", "key"]
    metric: str
    model_class: str = field(name="class")
    window: str | None
    amount: str
    source: Literal["own", "plan", "tier", "credits"]


class Standing(Limit, frozen=True, kw_only=True):
    """A limit as it stands now. Where no window is under way its dates are null."""

    used: str
    held: str
    remaining: str
    window_start: str | None
    window_end: str | None


class Limits(Struct, frozen=True):
    """Every limit that a request is counted against, from the key's to the workspace's."""

    data: list[Standing]


class LimitsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Whose: the id of a key, or the id or name of a workspace. One of the two."""

    key: str | None = None
    workspace: str | None = None


class LimitSetting(LimitOrder, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A limit and whose it shall be: the id of a key, or the id or name of a workspace. One of the two.

    Setting a limit of the same metric, class and window again changes its amount. An amount of 0 lets nothing pass.
    """

    key: Name | None = None
    workspace: Name | None = None


def list_limits(front: FrontDesk, call: Call[Nothing, LimitsQuery]) -> Limits:
    desk = front.desk
    key, workspace = call.query.key, call.query.workspace
    check_owner(key, workspace)
    if key is not None:
        holder = desk.keys.find(key)
        call.asker.check_sees(holder.workspace_id, keys.missing(key))
        found = desk.limits.chain_of_key(holder)
    else:
        owner = desk.workspaces.find(str(workspace))
        call.asker.check_sees(owner.id, workspaces.missing(str(workspace)))
        found = desk.limits.of_workspace(owner)
    return Limits([standing(front, limit) for limit in found])


def set_limit(front: FrontDesk, call: Call[LimitSetting, Nothing]) -> Standing:
    desk, order = front.desk, call.body
    check_owner(order.key, order.workspace)
    if order.key is not None:
        limit = desk.limits.set_for_key(desk.keys.find(order.key), order)
    else:
        limit = desk.limits.set_for_workspace(desk.workspaces.find(str(order.workspace)), order)
    return standing(front, limit)


def remove(front: FrontDesk, call: Call[Nothing, Nothing]) -> Limit:
    return view(front.desk.limits.remove(number(call.path["id"])))


def check_owner(key: str | None, workspace: str | None) -> None:
    if (key is None) == (workspace is None):
        raise OrderError("limit.owner", "name either a key or a workspace")


def number(text: str) -> int:
    """The id of a limit, as it stands in a path."""
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise OrderError("limit.not_an_id", "not the id of a limit: they are whole numbers")
    return int(text)


def standing(front: FrontDesk, limit: LimitRecord) -> Standing:
    return msgspec.convert(limits.view(limit, front.desk.limits.standing(limit)), Standing)


def view(limit: LimitRecord | dict[str, Any]) -> Limit:
    return msgspec.convert(limit if isinstance(limit, dict) else limits.view(limit), Limit)


ENDPOINTS = (
    Endpoint("GET", "/admin/v1/limits", "List the limits of a key or a workspace", list_limits, Limits, query=LimitsQuery),
    Endpoint(
        "POST", "/admin/v1/limits", "Set a limit of a key or a workspace", set_limit, Standing, body=LimitSetting, makes=True
    ),
    Endpoint("DELETE", "/admin/v1/limits/{id}", "Remove a limit", remove, Limit),
)
