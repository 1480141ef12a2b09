"""Accounts: who may log in, for owners; and everybody's own password."""

import asyncio

from starlette.responses import Response

from gateway.console.page import Page
from gateway.console.throttle import too_often
from gateway.console.visit import Visit
from gateway.control import passwords
from gateway.control.permissions import Access, Role
from gateway.core.faults import Fault, FaultKind
from gateway.core.refusals import Refusal


async def list_accounts(visit: Visit) -> Response:
    return await _list(visit, "")


async def add(visit: Visit) -> Response:
    form = visit.form
    order = form.chosen("name", "role") | {"password": form.exact("password")}
    return await _carried_out(visit, "POST /admin/v1/accounts", order, {})


async def change_role(visit: Visit) -> Response:
    return await _carried_out(visit, "POST /admin/v1/accounts/{id}", visit.form.chosen("role"))


async def set_password(visit: Visit) -> Response:
    order = {"password": visit.form.exact("password")}
    return await _carried_out(visit, "POST /admin/v1/accounts/{id}/password", order)


async def remove(visit: Visit) -> Response:
    return await _carried_out(visit, "DELETE /admin/v1/accounts/{id}", None)


async def ask_own(visit: Visit) -> Response:
    return visit.show("password.html", problem="", chars_min=passwords.CHARS_MIN)


async def change_own(visit: Visit) -> Response:
    """Another password for whoever is logged in; other sessions end, this one begins anew."""
    front, form, session = visit.console.front, visit.form, visit.session
    assert session is not None  # the page asks for a role
    account = session.account
    wait_s = visit.console.throttle.wait_s(visit.visitor, account.name)
    try:
        if wait_s:
            raise too_often(wait_s)
        async with visit.console.hashing:
            right = await asyncio.to_thread(passwords.is_right, account.password, form.exact("old"))
        if not right:
            visit.console.throttle.fail(visit.visitor, account.name)
            raise Refusal("password.wrong", "the present password is another one")
        if form.exact("password") != form.exact("again"):
            raise Refusal("password.not_the_same", "the two passwords are not the same")
        async with visit.console.hashing:
            stored = await asyncio.to_thread(passwords.hashed, form.exact("password"), account.name)
    except Refusal as refused:
        return visit.show("password.html", 400, problem=visit.say(refused), chars_min=passwords.CHARS_MIN)

    def change() -> str:
        with front.store.transaction():
            changed = front.accounts.change_password(account.public_id, stored)
            front.sessions.close_all(changed)
            front.changes.note(account.public_id, account.name, "change own password", account.public_id)
            return front.sessions.open(changed)

    visit.begin_session(await visit.in_books(change))
    return visit.go_to("")


async def _carried_out(visit: Visit, operation: str, body: object, parts: dict[str, str] | None = None) -> Response:
    try:
        await visit.ask(operation, body=body, **({"id": visit.request.path_params["id"]} if parts is None else parts))
    except Fault as fault:
        if fault.kind is not FaultKind.INVALID:
            raise
        return await _list(visit, visit.say(fault))
    if visit.session is not None and visit.console.front.accounts.numbered(visit.session.account.id) is None:
        return visit.go("/console/login")
    return visit.go("/console/accounts")


async def _list(visit: Visit, problem: str) -> Response:
    accounts = (await visit.ask("GET /admin/v1/accounts"))["data"]
    roles = [(role.word, visit.text(f"role.{role.word}")) for role in Role]
    status = 400 if problem else 200
    return visit.show("accounts.html", status, accounts=accounts, roles=roles, problem=problem, chars_min=passwords.CHARS_MIN)


MENU = "/console/accounts"
PAGES = (
    Page("GET", "/console/accounts", Access.OWNER, list_accounts),
    Page("POST", "/console/accounts", Access.OWNER, add, MENU),
    Page("POST", "/console/accounts/{id}/role", Access.OWNER, change_role, MENU),
    Page("POST", "/console/accounts/{id}/password", Access.OWNER, set_password, MENU),
    Page("POST", "/console/accounts/{id}/remove", Access.OWNER, remove, MENU),
    Page("GET", "/console/password", Access.WITHIN, ask_own),
    Page("POST", "/console/password", Access.WITHIN, change_own),
)
