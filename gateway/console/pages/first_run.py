"""The first run: an owner's account by the set-up link, the first key, a client's configuration, the first call.

The key is shown in the answer to the form that minted it. The form carries a word of its own (an Idempotency-Key), so loading
that page again shows the same key instead of minting another.
"""

import asyncio
import secrets
from typing import Any

from starlette.responses import Response

from gateway.console.clients import CLIENTS, Place, agent_prompt
from gateway.console.page import Page
from gateway.console.visit import Visit
from gateway.control import passwords
from gateway.control.permissions import Access
from gateway.core.faults import Fault, FaultKind
from gateway.core.refusals import Refusal

MODEL = "claude-sonnet-5"
TRIED_SINCE = "24h"


async def ask_owner(visit: Visit) -> Response:
    """The form for the first account, for whoever has the link."""
    token = visit.request.query_params.get("token", "")
    if not await visit.in_books(lambda: visit.console.front.accounts.opens_setup(token)):
        return visit.show("setup_over.html", 403)
    return visit.show("setup.html", token=token, name="", problem="", chars_min=passwords.CHARS_MIN)


async def make_owner(visit: Visit) -> Response:
    """Makes the account and logs it in."""
    front, form = visit.console.front, visit.form
    token, name, password = form["token"], form["name"], form.exact("password")
    if not await visit.in_books(lambda: front.accounts.opens_setup(token)):
        return visit.show("setup_over.html", 403)
    try:
        if not name or len(name) > 100:
            raise Refusal("setup.name", "a name has 1 to {most} characters", most=100)
        if password != form.exact("again"):
            raise Refusal("password.not_the_same", "the two passwords are not the same")
        async with visit.console.hashing:
            stored = await asyncio.to_thread(passwords.hashed, password, name)

        def make() -> str:
            with front.store.transaction():
                account = front.accounts.set_up(token, name, stored)
                front.changes.note(account.public_id, account.name, "set up", account.public_id)
                return front.sessions.open(account)

        visit.begin_session(await visit.in_books(make))
    except Refusal as refused:
        return visit.show("setup.html", 400, token=token, name=name, problem=visit.say(refused), chars_min=passwords.CHARS_MIN)
    return visit.go("/console/start")


async def start(visit: Visit) -> Response:
    """What answers calls, and the form for the first key."""
    return await _start(visit, "")


async def mint_first(visit: Visit) -> Response:
    """Mints the key and shows it with what each client needs."""
    order = {"name": visit.form["name"] or visit.text("start.key_name")} | visit.form.chosen("plan")
    try:
        minted = await visit.ask("POST /admin/v1/keys", body=order, once=visit.form["once"])
    except Fault as fault:
        if fault.kind is not FaultKind.INVALID:
            raise
        return await _start(visit, visit.say(fault))
    key = minted["data"][0]
    place = Place(visit.address.base_url, key["key"], MODEL)
    shown = [(client, client.blocks(place)) for client in CLIENTS]
    now_s = visit.console.front.now_s
    return visit.show("start_key.html", key=key, clients=shown, agent=agent_prompt(place), now_s=now_s)


async def badge(visit: Visit) -> Response:
    """A part of a page: whether a key has been used since the page was opened (`since`, wall seconds), or what went wrong."""
    key_id, since = visit.request.query_params.get("key", ""), visit.request.query_params.get("since", "")
    since_s = int(since) if since.isascii() and since.isdigit() and len(since) < 12 else visit.console.front.now_s
    used = (await visit.ask("GET /admin/v1/figures", {"key": key_id, "since": TRIED_SINCE}))["totals"]
    cause = stranger = None
    if used["requests"] == used["errors"]:
        if used["errors"]:
            cause = await _latest(visit, key_id)
        refusal = visit.console.front.strangers.latest(since_s * 10**9)
        if refusal is not None and not used["errors"]:
            stranger = {"started_s": refusal.started_ns // 10**9, "status": refusal.status, "word": FaultKind(refusal.fault).word}
    return visit.show("parts/first_call.html", key_id=key_id, since_s=since_s, used=used, cause=cause, stranger=stranger)


async def _latest(visit: Visit, key_id: str) -> Any:
    """The latest request with a key."""
    page = await visit.ask("GET /admin/v1/requests", {"key": key_id, "since": TRIED_SINCE, "limit": 1})
    return page["data"][0] if page["data"] else None


async def _start(visit: Visit, problem: str) -> Response:
    pool, status = await visit.ask("GET /admin/v1/pool"), await visit.ask("GET /admin/v1/status")
    plans = await visit.ask("GET /admin/v1/plans")
    return visit.show(
        "start.html",
        400 if problem else 200,
        providers=pool["providers"],
        simulated=status["simulated"],
        plan_choices=[(plan["name"], plan["display_name"]) for plan in plans["data"]],
        once=secrets.token_urlsafe(16),
        problem=problem,
    )


PAGES = (
    Page("GET", "/console/setup", Access.PUBLIC, ask_owner),
    Page("POST", "/console/setup", Access.FORM, make_owner),
    Page("GET", "/console/start", Access.ADMIN, start, menu="/console/keys"),
    Page("POST", "/console/start", Access.ADMIN, mint_first, menu="/console/keys"),
    Page("GET", "/console/start/badge", Access.WITHIN, badge),
)
