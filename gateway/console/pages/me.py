"""A key holder's own page: limits with their reset times, own usage, rotation, and what to copy where.

Whoever knows a key sees what belongs to it, and nothing of anybody else: no name of the workspace's other keys, no way into the
console. Figures are asked for by the key's id, which the pass holds.
"""

import secrets
from typing import Any

import orjson
from starlette.responses import Response

from gateway.console import holders, limit_lines, offers
from gateway.console.clients import CLIENTS, Place, agent_prompt
from gateway.console.holders import COOKIE, KEY_CHARS_MAX, LIFE_S
from gateway.console.page import Page
from gateway.console.throttle import too_often
from gateway.console.visit import Visit
from gateway.control.admin.askers import Asker
from gateway.control.admin.clerk import Asked
from gateway.control.app import request_id_of
from gateway.control.permissions import Access, Role
from gateway.control.reach import Reach
from gateway.control.store.keys import KeyRecord
from gateway.core.faults import Fault, FaultKind

GRACES_S = (0, 3600, 86400, 604800)
DAYS = 30


async def me(visit: Visit) -> Response:
    """The page, or the form that asks for a key."""
    record = await holder(visit)
    if record is None:
        return visit.show("me_ask.html", problem="")
    return await _show(visit, record)


async def come_in(visit: Visit) -> Response:
    """Takes a key and lets its holder in for an hour. Guesses are slowed down as those of passwords are."""
    throttle, text = visit.console.throttle, visit.form.exact("key").strip()
    wait_s = throttle.wait_s(visit.visitor, "")
    if wait_s:
        answer = visit.show("me_ask.html", 429, problem=visit.say(too_often(wait_s)))
        answer.headers["retry-after"] = str(wait_s)
        return answer
    record = await _of_text(visit, text) if 0 < len(text) <= KEY_CHARS_MAX else None
    if record is None:
        throttle.fail(visit.visitor, "")
        return visit.show("me_ask.html", 401, problem=visit.text("me.wrong"))
    visit.set_cookie(COOKIE, visit.console.passes.write(record.public_id), LIFE_S)
    return visit.go("/me")


async def leave(visit: Visit) -> Response:
    visit.set_cookie(COOKIE, "", 0)
    return visit.go("/me")


async def rotate(visit: Visit) -> Response:
    """A new key in place of this one; the answer is the one moment at which it is shown."""
    record = await holder(visit)
    if record is None:
        return visit.show("me_ask.html", 401, problem="")
    grace_s = visit.form.whole("grace_s")
    if grace_s not in GRACES_S:
        raise Fault(FaultKind.INVALID, visit.text("me.grace_unknown"))
    operation = visit.console.operations["POST /admin/v1/keys/{id}/rotate"]
    own = frozenset({record.workspace_id})
    asker = Asker(record.public_id, Role.MEMBER, "key holder", person=True, reach=Reach(own, own))
    body = orjson.dumps({"grace_s": grace_s})
    asked = Asked(asker, {"id": record.public_id}, (), body, once=visit.form["once"] or secrets.token_hex(8))
    minted = orjson.loads((await visit.console.asking(operation, asked, request_id_of(visit.request))).body)
    visit.set_cookie(COOKIE, visit.console.passes.write(minted["id"]), LIFE_S)
    return visit.show("me_rotated.html", key=minted, grace_s=grace_s, blocks=_blocks(visit, minted["key"]))


async def holder(visit: Visit) -> KeyRecord | None:
    """The key whose holder this is; None for nobody, or when the key is not in force any more."""
    key_id = visit.console.passes.read(visit.request.cookies.get(COOKIE, ""))
    if key_id is None:
        return None
    front = visit.console.front
    record = await visit.in_books(lambda: front.store.key(key_id))
    return record if record is not None and holders.is_in_force(record, front.now_s) else None


async def _of_text(visit: Visit, text: str) -> KeyRecord | None:
    front = visit.console.front
    digest = front.pepper.digest(text)
    record = await visit.in_books(lambda: front.store.key_of(digest))
    return record if record is not None and holders.is_in_force(record, front.now_s) else None


async def _show(visit: Visit, record: KeyRecord) -> Response:
    key = await visit.ask_for_anybody("GET /admin/v1/keys/{id}", id=record.public_id)
    await visit.keep_to_workspace(key["workspace_id"])
    limits = (await visit.ask_for_anybody("GET /admin/v1/limits", {"key": record.public_id}))["data"]
    lines = limit_lines.lines(limits, "key", visit.text, visit.formats, visit.console.front.now_s)
    return visit.show(
        "me.html",
        key={name: key[name] for name in ("id", "name", "shown", "created_at", "expires_at", "plan")},
        limits=list(zip(limits, lines, (offers.limit_line(limit, visit) for limit in limits), strict=True)),
        usage=await usage(visit, record),
        days=DAYS,
        graces_s=GRACES_S,
        once=secrets.token_hex(8),
        blocks=_blocks(visit, offers.YOUR_KEY),
        agent=agent_prompt(_place(visit, offers.YOUR_KEY)),
    )


async def usage(visit: Visit, record: KeyRecord) -> dict[str, Any] | None:
    """Sums of the last days of this key alone; None without any."""
    if "GET /admin/v1/figures" not in visit.console.operations:
        return None
    query = {"key": record.public_id, "since": f"{DAYS}d", "top": 1}
    totals: dict[str, Any] = (await visit.ask_for_anybody("GET /admin/v1/figures", query))["totals"]
    if not totals["requests"]:
        return None
    tokens = sum(totals[name] for name in totals if name.endswith("_tokens"))
    return {
        "requests": totals["requests"],
        "error_rate": totals["errors"] / totals["requests"],
        "tokens": tokens,
        "cost_usd": totals["cost_usd"],
    }


def _blocks(visit: Visit, key: str) -> list[tuple[Any, Any]]:
    place = _place(visit, key)
    return [(client, client.blocks(place)) for client in CLIENTS]


def _place(visit: Visit, key: str) -> Place:
    return Place(visit.address.base_url, key, offers.example_model(visit.console.settings))


PAGES = (
    Page("GET", "/me", Access.PUBLIC, me, menu="/me"),
    Page("POST", "/me", Access.FORM, come_in, menu="/me"),
    Page("POST", "/me/leave", Access.FORM, leave, menu="/me"),
    Page("POST", "/me/rotate", Access.FORM, rotate, menu="/me"),
)
