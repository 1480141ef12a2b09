"""The overview: what goes on, as tiles and charts; and the part of it that changes from second to second.

The page is whole without a script: charts have their figures in tables, from which `charts.js` draws them. `live.js` asks for the
part again every few seconds, or has it sent by events.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import orjson
from starlette.responses import Response, StreamingResponse

from gateway.console.page import Page
from gateway.console.sparks import Spark, spark
from gateway.console.visit import Visit
from gateway.control.admin.clerk import Asked
from gateway.control.admin.figures import ERRORS
from gateway.control.admin.http import EVENTS
from gateway.control.admin.live import SPANS
from gateway.control.permissions import Access
from gateway.control.store.rollups import ENDINGS, TOKENS
from gateway.core.faults import FaultKind
from gateway.core.refusals import Refusal

USUAL = "24h"
ROWS_SHOWN = 6
CURVES_S = 30
CURVES_MAX = 100
_CURVES = "curves of "
GROUPED = ("key", "model", "workspace", "provider")


async def overview(visit: Visit) -> Response:
    since, by = chosen_span(visit), visit.request.query_params.get("by", "key")
    if by not in GROUPED:
        wrong = Refusal("field.choice", "{field} must be one of {choices}", field="by", choices=", ".join(GROUPED))
        raise wrong.fault(FaultKind.INVALID)
    asked = {"since": since, "tz": visit.zone.key, "by": by}
    figures, live = await asyncio.gather(visit.ask("GET /admin/v1/figures", asked), ask_live(visit, since))
    starts = [visit.formats.when(start_s) for start_s in figures["points"]["start_s"]]
    facts = {"figures": figures, "starts": starts, "since": since, "by": by, "grouped": GROUPED, "spans": SPANS}
    facts |= {"sparks": remember(visit, since, figures)} | part(live)
    # A table of hundreds of cells is written beside the event loop, which answers everybody else meanwhile.
    return await asyncio.to_thread(lambda: visit.show("overview.html", **facts))


async def now(visit: Visit) -> Response:
    """The part that changes, with a tag."""
    since = chosen_span(visit)
    html = visit.console.templates.get_template("parts/live.html").render(
        **visit.words(), since=since, sparks=await ask_curves(visit, since), **part(await ask_live(visit, since))
    )
    tag = f'"{hashlib.blake2b(html.encode(), digest_size=12).hexdigest()}"'
    headers = {"etag": tag, "cache-control": "private, no-cache"}
    if tag in visit.request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(html, media_type="text/html", headers=headers)


async def events(visit: Visit) -> Response:
    """The same part, sent whenever it has changed: all of it each time, so where an earlier stream ended does not matter."""
    assert visit.asker is not None
    if EVENTS not in visit.request.headers.get("accept", ""):
        wrong = Refusal("body.accept", "accept: must name {type}, which this answers with", type=EVENTS)
        raise wrong.fault(FaultKind.INVALID)
    since = chosen_span(visit)
    operation = visit.console.operations["GET /admin/v1/live/events"]
    asked = Asked(visit.asker, {}, [("since", since), ("tz", visit.zone.key)])
    pieces = await visit.console.asking.begin(operation, asked)
    template, words = visit.console.templates.get_template("parts/live.html"), visit.words()

    async def written() -> AsyncIterator[bytes]:
        latest: list[dict[str, Any]] = []
        try:
            async for piece in pieces:
                live = told(piece)
                if live is None:
                    yield piece
                    continue
                sparks = await ask_curves(visit, since)
                # An event has what is new; the part shows that before what it has shown.
                live["requests"] = latest = (live["requests"] + latest)[:ROWS_SHOWN]
                lines = template.render(**words, since=since, sparks=sparks, **part(live)).splitlines()
                yield "".join(["event: live\n", f"id: {live['cursor']}\n", *(f"data: {line}\n" for line in lines), "\n"]).encode()
        finally:
            await pieces.aclose()  # type: ignore[attr-defined] # an asynchronous generator

    return StreamingResponse(written(), media_type=EVENTS, headers={"x-accel-buffering": "no"})


def told(piece: bytes) -> Any:
    """What an event of the operation tells; None for one that says nothing."""
    data = next((line[6:] for line in piece.splitlines() if line.startswith(b"data: ")), None)
    return None if data is None else orjson.loads(data)


def chosen_span(visit: Visit) -> str:
    """The span that was chosen. Raises Fault."""
    since = visit.request.query_params.get("since", USUAL)
    if since not in SPANS:
        wrong = Refusal("field.choice", "{field} must be one of {choices}", field="since", choices=", ".join(SPANS))
        raise wrong.fault(FaultKind.INVALID)
    return since


async def ask_live(visit: Visit, since: str) -> Any:
    return await visit.ask("GET /admin/v1/live", {"since": since, "tz": visit.zone.key})


async def ask_curves(visit: Visit, since: str) -> dict[str, Spark | None]:
    """The curves of the tiles. Looked up anew after CURVES_S only: their points are longer than that."""
    known = visit.console.memory.get(_place(visit, since))
    if known is None or visit.console.front.clock.monotonic_ns() - known[0] > CURVES_S * 10**9:
        figures = await visit.ask("GET /admin/v1/figures", {"since": since, "tz": visit.zone.key})
        return remember(visit, since, figures)
    curves_: dict[str, Spark | None] = known[1]
    return curves_


def remember(visit: Visit, since: str, figures: dict[str, Any]) -> dict[str, Spark | None]:
    """Keeps the curves of these figures for whoever has asked for them."""
    memory, found = visit.console.memory, curves(figures)
    kept = [place for place in memory if place.startswith(_CURVES)]
    if len(kept) >= CURVES_MAX:
        del memory[kept[0]]  # the oldest: a table is in the order in which its keys came
    memory[_place(visit, since)] = (visit.console.front.clock.monotonic_ns(), found)
    return found


def _place(visit: Visit, since: str) -> str:
    assert visit.asker is not None
    return f"{_CURVES}{visit.asker.name} {since} {visit.zone.key}"


def curves(figures: dict[str, Any]) -> dict[str, Spark | None]:
    """The curves of the first four tiles. The last point is of a time that has not ended yet."""
    points = figures["points"]

    def added(names: tuple[str, ...]) -> list[int]:
        return [sum(values) for values in zip(*(points[name] for name in names), strict=True)]

    requests, errors = added(ENDINGS), added(ERRORS)
    return {
        "requests": spark(requests),
        "errors": spark([wrong / all_ if all_ else None for wrong, all_ in zip(errors, requests, strict=True)]),
        "tokens": spark(added(TOKENS)),
        "cost": spark(points["cost_nanodollars"]),
    }


def part(live: dict[str, Any]) -> dict[str, Any]:
    """What the template of the part needs."""
    totals, before = live["totals"], live["before"]
    tokens, tokens_before = tokens_of(totals), tokens_of(before)
    shares = [line["errors"] / line["requests"] if line["requests"] else None for line in (totals, before)]
    return {
        "live": live,
        "tokens": tokens,
        "error_rate": shares[0],
        "changes": {
            "requests": change(totals["requests"], before["requests"]),
            "errors": None if None in shares else shares[0] - shares[1],  # type: ignore[operator] # none of them is None here
            "tokens": change(tokens, tokens_before),
            "cost": change(totals["cost_nanodollars"], before["cost_nanodollars"]),
        },
        "latest": live["requests"][:ROWS_SHOWN],
    }


def change(now_: int, before: int) -> float | None:
    """By which share something has grown; None from nothing."""
    return (now_ - before) / before if before else None


def tokens_of(line: dict[str, Any]) -> int:
    return sum(int(line[f"{name}_tokens"]) for name in ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output"))


PAGES = (
    Page("GET", "/console", Access.WITHIN, overview),
    Page("GET", "/console/live", Access.WITHIN, now),
    Page("GET", "/console/live/events", Access.WITHIN, events),
)
