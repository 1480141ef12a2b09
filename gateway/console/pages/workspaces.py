"""Workspaces: the list, making one, and one with its plan, limits and members."""

from typing import Any

from starlette.responses import Response

from gateway.console import limit_lines
from gateway.console.page import Page
from gateway.console.pages.keys import limit_choices, limit_order, plan_choices
from gateway.console.visit import Visit
from gateway.control.permissions import Access
from gateway.control.workspaces import ROLES
from gateway.core.faults import Fault, FaultKind

PAGE_WORKSPACES = 100
PAGE_MEMBERS = 1000


async def list_workspaces(visit: Visit) -> Response:
    return await _list(visit, "")


async def create(visit: Visit) -> Response:
    try:
        made = await visit.ask("POST /admin/v1/workspaces", body=visit.form.chosen("name", "plan", "billing"))
    except Fault as fault:
        return await _list(visit, _reason(visit, fault))
    return visit.go("/console/workspaces/{id}", id=made["id"])


async def show(visit: Visit) -> Response:
    return await _one(visit, "")


async def change(visit: Visit) -> Response:
    """Changes what the form names. An empty plan takes the plan away."""
    form = visit.form
    order: dict[str, Any] = form.chosen("name", "billing", "time_zone") | {"plan": form["plan"] or None}
    return await _carried_out(visit, "POST /admin/v1/workspaces/{id}", order)


async def archive(visit: Visit) -> Response:
    return await _carried_out(visit, "POST /admin/v1/workspaces/{id}/archive", None)


async def set_limit(visit: Visit) -> Response:
    order = {"workspace": visit.request.path_params["id"]} | limit_order(visit)
    return await _carried_out(visit, "POST /admin/v1/limits", order, parts={})


async def remove_limit(visit: Visit) -> Response:
    return await _carried_out(visit, "DELETE /admin/v1/limits/{id}", None, parts={"id": visit.request.path_params["limit"]})


async def add_member(visit: Visit) -> Response:
    return await _carried_out(visit, "POST /admin/v1/workspaces/{id}/members", visit.form.chosen("email", "name", "role"))


async def change_member(visit: Visit) -> Response:
    parts = {"id": visit.request.path_params["id"], "member": visit.request.path_params["member"]}
    return await _carried_out(visit, "POST /admin/v1/workspaces/{id}/members/{member}", visit.form.chosen("role"), parts=parts)


async def remove_member(visit: Visit) -> Response:
    parts = {"id": visit.request.path_params["id"], "member": visit.request.path_params["member"]}
    return await _carried_out(visit, "DELETE /admin/v1/workspaces/{id}/members/{member}", None, parts=parts)


async def _carried_out(visit: Visit, operation: str, body: Any, parts: dict[str, str] | None = None) -> Response:
    """Does something to a workspace and goes back to it; when it is refused the page says why."""
    workspace_id = visit.request.path_params["id"]
    try:
        await visit.ask(operation, body=body, **({"id": workspace_id} if parts is None else parts))
    except Fault as fault:
        return await _one(visit, _reason(visit, fault))
    return visit.go("/console/workspaces/{id}", id=workspace_id)


def _reason(visit: Visit, fault: Fault) -> str:
    """What to say beside the form; anything but a wrong order is a page of its own."""
    if fault.kind is not FaultKind.INVALID:
        raise fault
    return visit.say(fault)


async def _list(visit: Visit, problem: str) -> Response:
    after = visit.request.query_params.get("after", "")
    page = await visit.ask("GET /admin/v1/workspaces", {"limit": PAGE_WORKSPACES, "after": after})
    return visit.show(
        "workspaces.html",
        400 if problem else 200,
        workspaces=page["data"],
        next=page["next"],
        plans=await plan_choices(visit),
        problem=problem,
        name=visit.form["name"],
    )


async def _one(visit: Visit, problem: str) -> Response:
    workspace_id = visit.request.path_params["id"]
    workspace = await visit.ask("GET /admin/v1/workspaces/{id}", id=workspace_id)
    standings = (await visit.ask("GET /admin/v1/limits", {"workspace": workspace_id}))["data"]
    members = await visit.ask("GET /admin/v1/workspaces/{id}/members", {"limit": PAGE_MEMBERS}, id=workspace_id)
    return visit.show(
        "workspace.html",
        400 if problem else 200,
        workspace=workspace,
        balance=await visit.ask("GET /admin/v1/workspaces/{id}/balance", id=workspace_id),
        members=members["data"],
        limits=limit_lines.lines(standings, "workspace", visit.text, visit.formats, visit.console.front.now_s),
        choices=limit_choices(visit),
        plans=await plan_choices(visit),
        roles=[(role, visit.text(f"role.{role}")) for role in ROLES],
        problem=problem,
    )


MENU = "/console/workspaces"
PAGES = (
    Page("GET", "/console/workspaces", Access.WITHIN, list_workspaces),
    Page("POST", "/console/workspaces", Access.ADMIN, create, MENU),
    Page("GET", "/console/workspaces/{id}", Access.WITHIN, show, MENU),
    Page("POST", "/console/workspaces/{id}", Access.ADMIN, change, MENU),
    Page("POST", "/console/workspaces/{id}/archive", Access.ADMIN, archive, MENU),
    Page("POST", "/console/workspaces/{id}/limits", Access.ADMIN, set_limit, MENU),
    Page("POST", "/console/workspaces/{id}/limits/{limit}/remove", Access.ADMIN, remove_limit, MENU),
    Page("POST", "/console/workspaces/{id}/members", Access.ADMIN, add_member, MENU),
    Page("POST", "/console/workspaces/{id}/members/{member}", Access.ADMIN, change_member, MENU),
    Page("POST", "/console/workspaces/{id}/members/{member}/remove", Access.ADMIN, remove_member, MENU),
)
