"""Workspaces: make, look at, change, archive."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from gateway.control import workspaces
from gateway.control.admin.endpoint import Call, Endpoint, Nothing, Page
from gateway.control.admin.front import FrontDesk
from gateway.control.credits import BillingOrder
from gateway.control.orders import Name
from gateway.control.plans import PlanOrder
from gateway.control.store import WorkspaceRecord
from gateway.control.workspaces import WorkspaceChange, WorkspaceOrder

PAGE_WORKSPACES_MAX = 1000

Billing = Literal["open", "prepaid"]


class Workspace(Struct, frozen=True, kw_only=True):
    """A workspace. `billing` is open or prepaid; `plan` is what a key gets that asks for none. Dates are ISO 8601 in UTC."""

    id: str
    name: str
    billing: Billing
    plan: str | None
    created_at: str
    archived_at: str | None


class WorkspacesQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which part of the list."""

    after: Annotated[int, Meta(ge=0, le=2**62)] = 0
    limit: Annotated[int, Meta(ge=1, le=PAGE_WORKSPACES_MAX)] = 100


class NewWorkspace(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A workspace to be made."""

    name: Name
    plan: Name | None = None
    billing: Billing = "open"


class Change(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What shall change; what is not there stays. A plan of null takes the plan away; keys keep theirs."""

    name: Name | UnsetType = UNSET
    plan: Name | UnsetType | None = UNSET
    billing: Billing | UnsetType = UNSET


def list_workspaces(front: FrontDesk, call: Call[Nothing, WorkspacesQuery]) -> Page[Workspace]:
    records = front.desk.workspaces.page(call.query.after, call.query.limit)
    more = str(records[-1].id) if len(records) == call.query.limit else None
    return Page([view(record) for record in records], more)


def show(front: FrontDesk, call: Call[Nothing, Nothing]) -> Workspace:
    return view(front.desk.workspaces.find(call.path["id"]))


def create(front: FrontDesk, call: Call[NewWorkspace, Nothing]) -> Workspace:
    order = call.body
    with front.store.transaction():
        made = front.desk.workspaces.create(WorkspaceOrder(name=order.name))
        return view(_changed(front, made, order.plan if order.plan is not None else UNSET, order.billing))


def change(front: FrontDesk, call: Call[Change, Nothing]) -> Workspace:
    order = call.body
    with front.store.transaction():
        record = front.desk.workspaces.find_open(call.path["id"])
        if order.name is not UNSET:
            record = front.desk.workspaces.rename(record.public_id, WorkspaceChange(name=order.name))
        return view(_changed(front, record, order.plan, order.billing))


def archive(front: FrontDesk, call: Call[Nothing, Nothing]) -> Workspace:
    return view(front.desk.workspaces.archive(call.path["id"]))


def view(record: WorkspaceRecord) -> Workspace:
    return msgspec.convert(workspaces.view(record), Workspace)


def _changed(
    front: FrontDesk, record: WorkspaceRecord, plan: str | UnsetType | None, billing: Billing | UnsetType
) -> WorkspaceRecord:
    if plan is not UNSET:
        record = front.desk.plans.set_default(record, PlanOrder(plan=plan))
    if billing is not UNSET and billing != record.billing:
        record = front.desk.credits.set_billing(record, BillingOrder(billing=billing))
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
    Endpoint("POST", "/admin/v1/workspaces/{id}", "Change its name, plan or billing", change, Workspace, body=Change),
    Endpoint("POST", "/admin/v1/workspaces/{id}/archive", "Archive it: its keys are revoked for good", archive, Workspace),
)
