"""Members: the people in a workspace and what they may do there."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from gateway.control import workspaces
from gateway.control.admin.endpoint import Call, Endpoint, Nothing, Page
from gateway.control.admin.front import FrontDesk
from gateway.control.admin.workspaces import seen
from gateway.control.store import MemberRecord
from gateway.control.workspaces import MemberOrder, Role, RoleOrder

PAGE_MEMBERS_MAX = 1000


class Member(Struct, frozen=True, kw_only=True):
    """A person in a workspace."""

    id: str
    name: str
    email: str
    role: Role
    added_at: str


class MembersQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which part of the list."""

    after: Annotated[int, Meta(ge=0, le=2**62)] = 0
    limit: Annotated[int, Meta(ge=1, le=PAGE_MEMBERS_MAX)] = 100


def list_members(front: FrontDesk, call: Call[Nothing, MembersQuery]) -> Page[Member]:
    seen(front, call, call.path["id"])
    records = front.desk.workspaces.members(call.path["id"], call.query.after, call.query.limit)
    more = str(records[-1].id) if len(records) == call.query.limit else None
    return Page([view(record) for record in records], more)


def add(front: FrontDesk, call: Call[MemberOrder, Nothing]) -> Member:
    return view(front.desk.workspaces.add_member(call.path["id"], call.body))


def change(front: FrontDesk, call: Call[RoleOrder, Nothing]) -> Member:
    return view(front.desk.workspaces.change_role(call.path["id"], call.path["member"], call.body))


def remove(front: FrontDesk, call: Call[Nothing, Nothing]) -> Member:
    return view(front.desk.workspaces.remove_member(call.path["id"], call.path["member"]))


def view(record: MemberRecord) -> Member:
    return msgspec.convert(workspaces.view_member(record), Member)


_MEMBERS = "/admin/v1/workspaces/{id}/members"

ENDPOINTS = (
    Endpoint("GET", _MEMBERS, "List members in the order in which they came", list_members, Page[Member], query=MembersQuery),
    Endpoint("POST", _MEMBERS, "Add a member", add, Member, body=MemberOrder, status=201, makes=True),
    Endpoint("POST", _MEMBERS + "/{member}", "Change a member's role, by id or address", change, Member, body=RoleOrder),
    Endpoint("DELETE", _MEMBERS + "/{member}", "Remove a member, by id or address", remove, Member),
)
