"""Keys: the list, minting one or many, one key with its models and limits, replacing and revoking it.

Minted keys are shown in the answer to the form that minted them, and stored nowhere. The form carries a word of its own, so
sending it again - by loading the page anew, or for a file - is answered with the very same keys, as long as the word is fresh.
"""

import secrets
from typing import Any

from starlette.responses import Response

from gateway.catalog.measures import CLASSES, METRICS, WINDOWS
from gateway.console import downloads, limit_lines
from gateway.console.clients import CLIENTS, Place, agent_prompt
from gateway.console.page import Page
from gateway.console.visit import Visit
from gateway.control.keys import MINT_COUNT_MAX
from gateway.control.permissions import Access
from gateway.core.faults import Fault, FaultKind

MODEL = "claude-sonnet-5"
FRESH_S = 3600
DAY_S = 86400
PAGE_KEYS = 100
AMOUNTS = ("rpm", "itpm", "otpm", "budget_tokens", "concurrency")
COLUMNS = ("name", "id", "key", "workspace", "plan", "created_at", "expires_at")
GRACES_S = {"0": 0, "1h": 3600, "24h": DAY_S, "7d": 7 * DAY_S}
STATES = {"active": "ok", "expired": "idle", "revoked": "bad"}
# What a form for minting is filled in with, kept when it was refused.
MINT_FIELDS = ("name", "count", "workspace", "plan", "budget_usd", "expires_days", "models", *AMOUNTS)


def fresh_word(visit: Visit) -> str:
    """A word for a form that mints."""
    return f"{visit.console.front.now_s}-{secrets.token_urlsafe(16)}"


def minted_at_s(visit: Visit) -> int:
    """When the form that was sent was made, in wall seconds. Raises Fault for one that is too old: what it minted would not be
    remembered for ever, and sending it once more would mint again."""
    made_s = visit.form["once"].partition("-")[0]
    if not (made_s.isascii() and made_s.isdigit()) or not 0 <= visit.console.front.now_s - int(made_s) <= FRESH_S:
        raise Fault(FaultKind.INVALID, visit.text("keys.stale"))
    return int(made_s)


async def list_keys(visit: Visit) -> Response:
    query = visit.request.query_params
    workspace, search = query.get("workspace", ""), query.get("search", "").strip()
    asked = {"order": "newest", "limit": PAGE_KEYS, "workspace": workspace, "search": search, "after": query.get("after", "")}
    page = await visit.ask("GET /admin/v1/keys", asked)
    return visit.show(
        "keys.html",
        keys=page["data"],
        next=page["next"],
        search=search,
        workspace=workspace,
        workspaces=await open_workspaces(visit),
        states=STATES,
    )


async def ask_order(visit: Visit) -> Response:
    return await _order(visit, {"workspace": visit.request.query_params.get("workspace", "default"), "count": "1"}, "")


async def mint(visit: Visit) -> Response:
    """Mints what the form says and shows it, or gives it as a file."""
    form = visit.form
    try:
        made_s = minted_at_s(visit)
        order: dict[str, Any] = form.chosen("name", "workspace", "plan", "budget_usd")
        order |= {name: value for name in ("count", *AMOUNTS) if (value := form.whole(name)) is not None}
        if form["models"]:
            order["models"] = model_names(form["models"])
        days = form.whole("expires_days")
        if days:
            order["expires_at_s"] = made_s + days * DAY_S  # from the form's time on: the same order whenever it is sent
        minted = await visit.ask("POST /admin/v1/keys", body=order, once=form["once"])
    except Fault as fault:
        if fault.kind not in (FaultKind.INVALID, FaultKind.MISSING):
            raise
        return await _order(visit, {name: form[name] for name in MINT_FIELDS}, visit.say(fault))
    fields = {name: form[name] for name in (*MINT_FIELDS, "once") if name in form}
    return _minted(visit, minted["data"], visit.url("/console/keys"), fields)


async def show(visit: Visit) -> Response:
    return await _key(visit, "")


async def rotate(visit: Visit) -> Response:
    minted_at_s(visit)
    grace_s = GRACES_S.get(visit.form["grace"], DAY_S)
    key_id = visit.request.path_params["id"]
    operation = "POST /admin/v1/keys/{id}/rotate"
    key = await visit.ask(operation, body={"grace_s": grace_s}, once=visit.form["once"], id=key_id)
    fields = {"once": visit.form["once"], "grace": visit.form["grace"]}
    return _minted(visit, [key], visit.url("/console/keys/{id}/rotate", id=key_id), fields)


async def revoke(visit: Visit) -> Response:
    key_id = visit.request.path_params["id"]
    await visit.ask("POST /admin/v1/keys/{id}/revoke", id=key_id)
    return visit.go("/console/keys/{id}", id=key_id)


async def allow(visit: Visit) -> Response:
    key_id = visit.request.path_params["id"]
    try:
        await visit.ask("POST /admin/v1/keys/{id}/models", body={"models": model_names(visit.form["models"])}, id=key_id)
    except Fault as fault:
        if fault.kind is not FaultKind.INVALID:
            raise
        return await _key(visit, visit.say(fault))
    return visit.go("/console/keys/{id}", id=key_id)


async def set_limit(visit: Visit) -> Response:
    key_id = visit.request.path_params["id"]
    try:
        await visit.ask("POST /admin/v1/limits", body={"key": key_id} | limit_order(visit))
    except Fault as fault:
        if fault.kind is not FaultKind.INVALID:
            raise
        return await _key(visit, visit.say(fault))
    return visit.go("/console/keys/{id}", id=key_id)


async def remove_limit(visit: Visit) -> Response:
    parts = visit.request.path_params
    await visit.ask("DELETE /admin/v1/limits/{id}", id=parts["limit"])
    return visit.go("/console/keys/{id}", id=parts["id"])


def model_names(written: str) -> list[str]:
    """Classes and patterns with commas between them."""
    return [part.strip() for part in written.split(",") if part.strip()]


def limit_order(visit: Visit) -> dict[str, Any]:
    """A limit as its form was filled in."""
    order: dict[str, Any] = visit.form.chosen("metric", "amount", "window", "class")
    if order.get("metric") == "concurrency":
        order.pop("window", None)
    return order


def limit_choices(visit: Visit) -> dict[str, list[tuple[str, str]]]:
    """What can be chosen in a form for a limit."""
    text = visit.text
    return {
        "metrics": [(metric, text(f"metric.{metric}")) for metric in METRICS],
        "windows": [(window, text(f"window.{window}")) for window in WINDOWS],
        "classes": [(one, text("limits.all_models") if one == "all" else one) for one in CLASSES],
    }


async def open_workspaces(visit: Visit) -> list[tuple[str, str]]:
    """(name, name) of the workspaces that take keys."""
    page = await visit.ask("GET /admin/v1/workspaces", {"limit": 1000})
    return [(one["name"], one["name"]) for one in page["data"] if one["archived_at"] is None]


async def plan_choices(visit: Visit) -> list[tuple[str, str]]:
    """(name, what it is called) of all plans."""
    return [(plan["name"], plan["display_name"]) for plan in (await visit.ask("GET /admin/v1/plans"))["data"]]


async def _order(visit: Visit, filled: dict[str, str], problem: str) -> Response:
    return visit.show(
        "keys_new.html",
        400 if problem else 200,
        filled=dict.fromkeys(MINT_FIELDS, "") | filled,
        problem=problem,
        once=fresh_word(visit),
        workspaces=await open_workspaces(visit),
        plans=await plan_choices(visit),
        count_max=MINT_COUNT_MAX,
    )


def _minted(visit: Visit, keys: list[dict[str, Any]], action: str, fields: dict[str, str]) -> Response:
    kind = visit.form["file"]
    if kind in downloads.KINDS:
        return downloads.download(kind, "keys", keys, COLUMNS)
    place = Place(visit.address.base_url, keys[0]["key"], MODEL)
    shown = [(client, client.blocks(place)) for client in CLIENTS] if len(keys) == 1 else []
    return visit.show(
        "keys_minted.html",
        keys=keys,
        action=action,
        fields=fields,
        clients=shown,
        agent=agent_prompt(place),
        files=list(downloads.KINDS),
        now_s=visit.console.front.now_s,
    )


async def _key(visit: Visit, problem: str) -> Response:
    key_id = visit.request.path_params["id"]
    key = await visit.ask("GET /admin/v1/keys/{id}", id=key_id)
    standings = (await visit.ask("GET /admin/v1/limits", {"key": key_id}))["data"]
    now_s = visit.console.front.now_s
    return visit.show(
        "key.html",
        400 if problem else 200,
        key=key,
        limits=limit_lines.lines(standings, "key", visit.text, visit.formats, now_s),
        choices=limit_choices(visit),
        problem=problem,
        once=fresh_word(visit),
        graces=list(GRACES_S),
        states=STATES,
    )


MENU = "/console/keys"
PAGES = (
    Page("GET", "/console/keys", Access.WITHIN, list_keys),
    Page("POST", "/console/keys", Access.MEMBER, mint),
    Page("GET", "/console/keys/new", Access.MEMBER, ask_order, MENU),
    Page("GET", "/console/keys/{id}", Access.WITHIN, show, MENU),
    Page("POST", "/console/keys/{id}/rotate", Access.MEMBER, rotate, MENU),
    Page("POST", "/console/keys/{id}/revoke", Access.MEMBER, revoke, MENU),
    Page("POST", "/console/keys/{id}/models", Access.ADMIN, allow, MENU),
    Page("POST", "/console/keys/{id}/limits", Access.ADMIN, set_limit, MENU),
    Page("POST", "/console/keys/{id}/limits/{limit}/remove", Access.ADMIN, remove_limit, MENU),
)
