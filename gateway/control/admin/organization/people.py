"""People in Anthropic's shape: users, and the members of workspaces.

There are no users here beside the members of workspaces: a user is everybody with the same address, whose id is that of the first
membership. So a user can be looked at, and becomes one by being added to a workspace: `user_id` may be an address there.
"""

from typing import Literal

import msgspec
from msgspec import Struct

from gateway.control.admin.endpoint import Call, Endpoint, Nothing
from gateway.control.admin.front import FrontDesk
from gateway.control.admin.organization.listing import Listed, ListQuery, listed, not_in_list
from gateway.control.orders import MissingError, OrderError, date
from gateway.control.store.listing import CursorError, User, find_user, members_of, user_ids, user_page
from gateway.control.store.workspaces import MemberRecord
from gateway.control.workspaces import MemberOrder, Role, RoleOrder

WorkspaceRole = Literal[
    "workspace_admin", "workspace_billing", "workspace_developer", "workspace_restricted_developer", "workspace_user"
]
# Anthropic's role in a workspace -> ours, and back.
ROLES: dict[WorkspaceRole, Role] = {
    "workspace_admin": "admin",
    "workspace_billing": "admin",
    "workspace_developer": "member",
    "workspace_restricted_developer": "member",
    "workspace_user": "viewer",
}
SHOWN_ROLES: dict[str, WorkspaceRole] = {
    "owner": "workspace_admin",
    "admin": "workspace_admin",
    "member": "workspace_developer",
    "viewer": "workspace_user",
}


class OrganizationUser(Struct, frozen=True, kw_only=True):
    """A person, with the highest of the roles in any workspace."""

    id: str
    type: Literal["user"] = "user"
    added_at: str
    email: str
    name: str
    role: Literal["admin", "developer", "user"]


class WorkspaceMember(Struct, frozen=True, kw_only=True):
    """A person in a workspace."""

    type: Literal["workspace_member"] = "workspace_member"
    user_id: str
    workspace_id: str
    workspace_role: WorkspaceRole


class RemovedMember(Struct, frozen=True, kw_only=True):
    """Who is a member no more."""

    type: Literal["workspace_member_deleted"] = "workspace_member_deleted"
    user_id: str
    workspace_id: str


class UserListQuery(ListQuery, frozen=True, kw_only=True):
    """Which persons, and which part of the list."""

    email: str | None = None


class NewMember(Struct, frozen=True, kw_only=True):
    """Who shall be a member: the id of a user, or an address that is new here."""

    user_id: str
    workspace_role: WorkspaceRole


class MemberUpdate(Struct, frozen=True, kw_only=True):
    """Another role."""

    workspace_role: WorkspaceRole


async def list_users(front: FrontDesk, call: Call[Nothing, UserListQuery]) -> Listed[OrganizationUser]:
    query = call.query
    cut, email = query.cut, None if query.email is None else query.email.lower()
    try:
        users, more = await front.reader.ask(lambda connection: user_page(connection, cut, email))
    except CursorError:
        raise not_in_list(query) from None
    return listed([view_user(user) for user in users], [user.public_id for user in users], more=more)


def show_user(front: FrontDesk, call: Call[Nothing, Nothing]) -> OrganizationUser:
    return view_user(_user(front, call.path["user_id"]))


async def list_members(front: FrontDesk, call: Call[Nothing, ListQuery]) -> Listed[WorkspaceMember]:
    cut, workspace_id = call.query.cut, call.path["workspace_id"]
    try:
        found = await front.reader.ask(lambda connection: members_of(connection, cut, workspace_id))
    except CursorError:
        raise not_in_list(call.query) from None
    if found is None:
        raise MissingError("workspace.missing", "no such workspace")
    members, more = found
    shown = [view_member(member, user_id, workspace_id) for member, user_id in members]
    return listed(shown, [user_id for _, user_id in members], more=more)


def show_member(front: FrontDesk, call: Call[Nothing, Nothing]) -> WorkspaceMember:
    workspace_id, user = call.path["workspace_id"], _user(front, call.path["user_id"])
    return view_member(front.desk.workspaces.member(workspace_id, user.email), user.public_id, workspace_id)


def add_member(front: FrontDesk, call: Call[NewMember, Nothing]) -> WorkspaceMember:
    workspace_id, asked = call.path["workspace_id"], call.body
    if asked.workspace_role == "workspace_billing":
        raise OrderError("member.no_billing", "workspace_role: workspace_billing cannot be given to a new member")
    facts = {"email": asked.user_id, "role": ROLES[asked.workspace_role]}
    with front.store.transaction() as connection:
        if "@" not in asked.user_id:
            user = _user(front, asked.user_id)
            facts |= {"email": user.email, "name": user.name}
        try:
            order = msgspec.convert(facts, MemberOrder)
        except msgspec.ValidationError:
            raise OrderError("member.not_a_user", "user_id: is neither the id of a user nor an address") from None
        member = front.desk.workspaces.add_member(workspace_id, order)
        return view_member(member, user_ids(connection, [member.email])[member.email], workspace_id)


def update_member(front: FrontDesk, call: Call[MemberUpdate, Nothing]) -> WorkspaceMember:
    workspace_id, user = call.path["workspace_id"], _user(front, call.path["user_id"])
    member = front.desk.workspaces.member(workspace_id, user.email)
    # An owner is shown as an administrator, and is not made less by being told so.
    if SHOWN_ROLES[member.role] != call.body.workspace_role:
        role = RoleOrder(role=ROLES[call.body.workspace_role])
        member = front.desk.workspaces.change_role(workspace_id, user.email, role)
    return view_member(member, user.public_id, workspace_id)


def remove_member(front: FrontDesk, call: Call[Nothing, Nothing]) -> RemovedMember:
    workspace_id, user = call.path["workspace_id"], _user(front, call.path["user_id"])
    front.desk.workspaces.remove_member(workspace_id, user.email)
    return RemovedMember(user_id=user.public_id, workspace_id=workspace_id)


def view_user(user: User) -> OrganizationUser:
    return OrganizationUser(
        id=user.public_id,
        added_at=str(date(user.added_at_s)),
        email=user.email,
        name=user.name,
        role="admin" if user.roles & {"owner", "admin"} else "developer" if "member" in user.roles else "user",
    )


def view_member(member: MemberRecord, user_id: str, workspace_id: str) -> WorkspaceMember:
    return WorkspaceMember(user_id=user_id, workspace_id=workspace_id, workspace_role=SHOWN_ROLES[member.role])


def _user(front: FrontDesk, user_id: str) -> User:
    with front.store.reading() as connection:
        user = find_user(connection, user_id)
    if user is None:
        raise MissingError("member.user_missing", "no such user")
    return user


_MEMBERS = "/v1/organizations/workspaces/{workspace_id}/members"
_ONE = _MEMBERS + "/{user_id}"

ENDPOINTS = (
    Endpoint("GET", "/v1/organizations/users", "List users", list_users, Listed[OrganizationUser], query=UserListQuery),
    Endpoint("GET", "/v1/organizations/users/{user_id}", "Show a user", show_user, OrganizationUser),
    Endpoint("GET", _MEMBERS, "List the members of a workspace", list_members, Listed[WorkspaceMember], query=ListQuery),
    Endpoint("POST", _MEMBERS, "Add a member", add_member, WorkspaceMember, body=NewMember, makes=True),
    Endpoint("GET", _ONE, "Show a member", show_member, WorkspaceMember),
    Endpoint("POST", _ONE, "Change a member's role", update_member, WorkspaceMember, body=MemberUpdate),
    Endpoint("DELETE", _ONE, "Remove a member", remove_member, RemovedMember),
)
