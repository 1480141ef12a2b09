"""Workspaces in Anthropic's shape."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from gateway.control.admin.endpoint import Call, Endpoint, Nothing
from gateway.control.admin.front import FrontDesk
from gateway.control.admin.organization.listing import Listed, ListQuery, listed, not_in_list
from gateway.control.orders import Name, OrderError, date
from gateway.control.store import WorkspaceRecord
from gateway.control.store.listing import CursorError, workspace_page
from gateway.control.workspaces import WorkspaceChange, WorkspaceOrder

DISPLAY_COLOR = "#6C5BB9"


class DataResidency(Struct, frozen=True):
    """Where data lies and inference runs: not told apart here, so these are Anthropic's own defaults."""

    allowed_inference_geos: Literal["unrestricted"] = "unrestricted"
    default_inference_geo: Literal["global"] = "global"
    workspace_geo: Literal["us"] = "us"


class OrganizationWorkspace(Struct, frozen=True, kw_only=True):
    """A workspace. Colours, tags, geography and encryption keys are not kept here and always the same."""

    id: str
    type: Literal["workspace"] = "workspace"
    name: str
    archived_at: str | None
    compartment_id: str
    created_at: str
    data_residency: DataResidency = DataResidency()
    display_color: str = DISPLAY_COLOR
    external_key_id: None = None
    tags: dict[str, str] = field(default_factory=dict)
    user_profile_id: None = None


class WorkspaceListQuery(ListQuery, frozen=True, kw_only=True):
    """Which workspaces, and which part of the list."""

    ids: Annotated[list[str], Meta(max_length=100)] = field(default_factory=list, name="ids[]")
    include_archived: bool = False
    include_default: bool = False


class NewOrganizationWorkspace(Struct, frozen=True, kw_only=True):
    """A workspace to be made. What cannot be kept is refused, but for the colour."""

    name: Name
    data_residency: dict[str, Any] | None = None
    display_color: str | None = None
    external_key_id: str | None = None
    tags: dict[str, str] | None = None
    user_profile_id: str | None = None


class WorkspaceUpdate(Struct, frozen=True, kw_only=True):
    """What shall change. What cannot be kept is refused, but for the colour."""

    name: Name | None = None
    data_residency: dict[str, Any] | None = None
    display_color: str | None = None
    external_key_id: str | None = None
    tags: dict[str, str | None] | None = None
    user_profile_id: str | None = None


async def list_workspaces(front: FrontDesk, call: Call[Nothing, WorkspaceListQuery]) -> Listed[OrganizationWorkspace]:
    query = call.query
    cut = query.cut
    try:
        records, more = await front.reader.ask(
            lambda connection: workspace_page(
                connection, cut, query.ids, archived=query.include_archived, default=query.include_default
            )
        )
    except CursorError:
        raise not_in_list(query) from None
    return listed([view(one) for one in records], [one.public_id for one in records], more=more)


def show(front: FrontDesk, call: Call[Nothing, Nothing]) -> OrganizationWorkspace:
    return view(front.desk.workspaces.find(call.path["workspace_id"]))


def create(front: FrontDesk, call: Call[NewOrganizationWorkspace, Nothing]) -> OrganizationWorkspace:
    check_keepable(call.body)
    return view(front.desk.workspaces.create(WorkspaceOrder(name=call.body.name)))


def update(front: FrontDesk, call: Call[WorkspaceUpdate, Nothing]) -> OrganizationWorkspace:
    check_keepable(call.body)
    if call.body.name is None:
        return show(front, Call(call.asker, call.path, Nothing(), Nothing()))
    return view(front.desk.workspaces.rename(call.path["workspace_id"], WorkspaceChange(name=call.body.name)))


def archive(front: FrontDesk, call: Call[Nothing, Nothing]) -> OrganizationWorkspace:
    return view(front.desk.workspaces.archive(call.path["workspace_id"]))


def check_keepable(order: NewOrganizationWorkspace | WorkspaceUpdate) -> None:
    """Raises OrderError for what would be lost in silence."""
    for name in ("data_residency", "external_key_id", "tags", "user_profile_id"):
        if getattr(order, name):
            raise OrderError("field.not_kept", "{field}: is not kept by this gateway", field=name)


def view(record: WorkspaceRecord) -> OrganizationWorkspace:
    return OrganizationWorkspace(
        id=record.public_id,
        name=record.name,
        archived_at=date(record.archived_at_s),
        compartment_id=record.public_id,
        created_at=str(date(record.created_at_s)),
    )


_ONE = "/v1/organizations/workspaces/{workspace_id}"

ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/organizations/workspaces",
        "List workspaces",
        list_workspaces,
        Listed[OrganizationWorkspace],
        query=WorkspaceListQuery,
    ),
    Endpoint(
        "POST",
        "/v1/organizations/workspaces",
        "Make a workspace",
        create,
        OrganizationWorkspace,
        body=NewOrganizationWorkspace,
        makes=True,
    ),
    Endpoint("GET", _ONE, "Show a workspace", show, OrganizationWorkspace),
    Endpoint("POST", _ONE, "Rename a workspace", update, OrganizationWorkspace, body=WorkspaceUpdate),
    Endpoint("POST", _ONE + "/archive", "Archive a workspace: its keys are revoked for good", archive, OrganizationWorkspace),
)
