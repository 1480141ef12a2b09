"""Coming in and going out: log in, log out, log out everywhere."""

import asyncio

from starlette.responses import Response

from gateway.console.page import Page
from gateway.console.throttle import too_often
from gateway.console.visit import Visit
from gateway.control import passwords
from gateway.control.permissions import Access
from gateway.core.faults import Fault, FaultKind

NAME_CHARS_MAX = 100


async def ask_in(visit: Visit) -> Response:
    """The form. Somebody who is logged in already goes on."""
    wanted = visit.request.query_params.get("next", "")
    if visit.session is not None:
        return visit.go_to(wanted)
    return visit.show("login.html", wanted=wanted, name="", problem="")


async def log_in(visit: Visit) -> Response:
    """Opens a session. A wrong name and a wrong password are told alike, and take as long."""
    front, throttle = visit.console.front, visit.console.throttle
    name, wanted = visit.form["name"][:NAME_CHARS_MAX], visit.form["next"]
    wait_s = throttle.wait_s(visit.visitor, name)
    if wait_s:
        problem = visit.say(too_often(wait_s))
        answer = visit.show("login.html", 429, wanted=wanted, name=name, problem=problem)
        answer.headers["retry-after"] = str(wait_s)
        return answer
    account = front.accounts.named(name)
    async with visit.console.hashing:
        stored = None if account is None else account.password
        right = await asyncio.to_thread(passwords.is_right, stored, visit.form.exact("password"))
    if account is None or not right:
        throttle.fail(visit.visitor, name)
        return visit.show("login.html", 401, wanted=wanted, name=name, problem=visit.text("login.wrong"))
    throttle.forget(visit.visitor, name)
    current = front.accounts.numbered(account.id)

    def open_session() -> str:
        if current is None or current.password != account.password:
            raise Fault(FaultKind.FORBIDDEN, visit.text("login.wrong"))  # changed while the password was looked at
        with front.store.transaction():
            front.changes.note(account.public_id, account.name, "log in", "")
            return front.sessions.open(account)

    visit.begin_session(await visit.in_books(open_session))
    return visit.go_to(wanted)


async def log_out(visit: Visit) -> Response:
    """Ends this session, or with the field `everywhere` all of this account."""
    front, session = visit.console.front, visit.session
    everywhere = "everywhere" in visit.form
    if session is not None:
        account = session.account

        def close() -> None:
            with front.store.transaction():
                if everywhere:
                    front.sessions.close_all(account)
                else:
                    front.sessions.close(session)
                front.changes.note(account.public_id, account.name, "log out everywhere" if everywhere else "log out", "")

        await visit.in_books(close)
    visit.end_session()
    return visit.go("/console/login")


PAGES = (
    Page("GET", "/console/login", Access.PUBLIC, ask_in),
    Page("POST", "/console/login", Access.FORM, log_in),
    Page("POST", "/console/logout", Access.FORM, log_out),
)
