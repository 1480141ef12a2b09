"""Credits and the ledger: balances, lots, postings, and the proof that all of it fits together."""

import secrets
from typing import Any

from starlette.responses import Response

from gateway.console.page import Page
from gateway.console.refusals import differs
from gateway.console.visit import Visit
from gateway.control.permissions import Access
from gateway.core.faults import Fault, FaultKind

DIFFERENCES_SHOWN = 50


async def credits(visit: Visit) -> Response:
    return await _credits(visit)


async def buy(visit: Visit) -> Response:
    """Credits a workspace; the word in the form makes sure that a form sent twice is one purchase."""
    workspace = visit.form["workspace"]
    order = {"workspace": workspace, "amount_usd": visit.form["amount"], "memo": visit.form["memo"]}
    try:
        await visit.ask("POST /admin/v1/credits", body=order, once=visit.form["once"])
    except Fault as fault:
        if fault.kind is not FaultKind.INVALID:
            raise
        return await _credits(visit, problem=visit.say(fault), workspace=workspace)
    return visit.go("/console/credits", workspace=workspace)


async def refund(visit: Visit) -> Response:
    await visit.ask("POST /admin/v1/credits/{id}/refund", body={}, once=visit.form["once"], id=visit.request.path_params["id"])
    return visit.go("/console/credits", workspace=visit.form["workspace"] or None)


async def prove(visit: Visit) -> Response:
    """Proves the books. It reads all of them, so it is asked for and not part of looking at the page."""
    proof = await visit.ask("POST /admin/v1/ledger/verify", body={})
    return await _credits(visit, proof=proof)


async def _credits(visit: Visit, *, problem: str = "", workspace: str = "", proof: Any = None) -> Response:
    query = visit.request.query_params
    chosen = workspace or query.get("workspace", "")
    workspaces = (await visit.ask("GET /admin/v1/workspaces", {"limit": 500}))["data"]
    balance, lots = None, []
    if chosen:
        balance = await visit.ask("GET /admin/v1/workspaces/{id}/balance", id=chosen)
        lots = (await visit.ask("GET /admin/v1/credits", {"workspace": chosen, "limit": 200}))["data"]
    postings = await visit.ask("GET /admin/v1/ledger", {"workspace": chosen, "after": query.get("after", ""), "limit": 30})
    return visit.show(
        "credits.html",
        400 if problem else 200,
        workspaces=workspaces,
        names={one["id"]: one["name"] for one in workspaces},
        chosen=chosen,
        balance=balance,
        lots=lots,
        postings=postings,
        problem=problem,
        once=secrets.token_urlsafe(16),
        proof=proof,
        differences=[differs(one, visit.text, visit.formats) for one in (proof or {}).get("differences", [])[:DIFFERENCES_SHOWN]],
    )


PAGES = (
    Page("GET", "/console/credits", Access.VIEWER, credits),
    Page("POST", "/console/credits", Access.OWNER, buy),
    Page("POST", "/console/credits/proof", Access.ADMIN, prove, "/console/credits"),
    Page("POST", "/console/credits/{id}/refund", Access.OWNER, refund, "/console/credits"),
)
