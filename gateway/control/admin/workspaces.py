"""Workspaces: make, look at, change, archive."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from gateway.control import workspaces
from gateway.control.admin.endpoint import Call, Endpoint, Nothing, Page
from gateway.control.admin.front import FrontDesk
from gateway.control.credits import BillingOrder
from gateway.control.orders import Name
from gateway.control.plans import PlanOrder
from gateway.control.store import WorkspaceRecord
from gateway.control.workspaces import WorkspaceChange, WorkspaceOrder, ZoneOrder

PAGE_WORKSPACES_MAX = 1000

Billing = Literal["open", "prepaid"]
Zone = Annotated[str, Meta(min_length=1, max_length=64)]


class Workspace(Struct, frozen=True, kw_only=True):
    """A workspace. `billing` is open or prepaid; `plan` is what a key gets that asks for none. Dates are ISO 8601 in UTC;
    `time_zone` is where its people read their charts."""

    id: str
    name: str
    billing: Billing
    plan: str | None
    created_at: str
    archived_at: str | None
    time_zone: str


class WorkspacesQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which part of the list."""

    after: Annotated[int, Meta(ge=0, le=2**62)] = 0
    limit: Annotated[int, Meta(ge=1, le=PAGE_WORKSPACES_MAX)] = 100


class NewWorkspace(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A workspace to be made."""

    name: Name
    plan: Name | None = None
    billing: Billing = "open"
    time_zone: Zone = "UTC"


class Change(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What shall change; what is not there stays. A plan of null takes the plan away; keys keep theirs."""

    name: Name | UnsetType = UNSET
    plan: Name | UnsetType | None = UNSET
    billing: Billing | UnsetType = UNSET
    time_zone: Zone | UnsetType = UNSET


def list_workspaces(front: FrontDesk, call: Call[Nothing, WorkspacesQuery]) -> Page[Workspace]:
    records = front.desk.workspaces.page(call.query.after, call.query.limit, call.asker.within)
    more = str(records[-1].id) if len(records) == call.query.limit else None
    return Page([view(record) for record in records], more)


def show(front: FrontDesk, call: Call[Nothing, Nothing]) -> Workspace:
    return view(seen(front, call, call.path["id"]))


def seen(front: FrontDesk, call: Call[Any, Any], reference: str) -> WorkspaceRecord:
    """A workspace by its id or name. Raises MissingError, also when it is out of the asker's reach."""
    record = front.desk.workspaces.find(reference)
    call.asker.check_sees(record.id, workspaces.missing(reference))
    return record


def create(front: FrontDesk, call: Call[NewWorkspace, Nothing]) -> Workspace:
    order = call.body
    with front.store.transaction():
        made = front.desk.workspaces.create(WorkspaceOrder(name=order.name))
        plan = order.plan if order.plan is not None else UNSET
        return view(_changed(front, made, plan, order.billing, order.time_zone))


def change(front: FrontDesk, call: Call[Change, Nothing]) -> Workspace:
    order = call.body
    with front.store.transaction():
        record = front.desk.workspaces.find_open(call.path["id"])
        if order.name is not UNSET:
            record = front.desk.workspaces.rename(record.public_id, WorkspaceChange(name=order.name))
        return view(_changed(front, record, order.plan, order.billing, order.time_zone))


def archive(front: FrontDesk, call: Call[Nothing, Nothing]) -> Workspace:
    return view(front.desk.workspaces.archive(call.path["id"]))


def view(record: WorkspaceRecord) -> Workspace:
    return msgspec.convert(workspaces.view(record), Workspace)


def _changed(
    front: FrontDesk, record: WorkspaceRecord, plan: str | UnsetType | None, billing: Billing | UnsetType, zone: str | UnsetType
) -> WorkspaceRecord:
    if plan is not UNSET:
        record = front.desk.plans.set_default(record, PlanOrder(plan=plan))
    if billing is not UNSET and billing != record.billing:
        record = front.desk.credits.set_billing(record, BillingOrder(billing=billing))
    if zone is not UNSET and zone != record.time_zone:
        record = front.desk.workspaces.set_zone(record.public_id, ZoneOrder(time_zone=zone))
    return record


ENDPOINTS = (
    Endpoint(
        "GET",
        "/admin/v1/workspaces",
        "List workspaces in order of making",
        list_workspaces,
        Page[Workspace],
        query=WorkspacesQuery,
    ),
    Endpoint("POST", "/admin/v1/workspaces", "Make a workspace", create, Workspace, body=NewWorkspace, status=201, makes=True),
    Endpoint("GET", "/admin/v1/workspaces/{id}", "Show a workspace, by id or name", show, Workspace),
    Endpoint("POST", "/admin/v1/workspaces/{id}", "Change its name, plan, billing or time zone", change, Workspace, body=Change),
    Endpoint("POST", "/admin/v1/workspaces/{id}/archive", "Archive it: its keys are revoked for good", archive, Workspace),
)
