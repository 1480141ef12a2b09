"""Status: whether everything works now, and how each component did on each of the last ninety days.

Owns the judgement: what counts as up. Days are those of UTC and come from the rollups, so they are of real calls; a day without
any has no data, which is not the same as good. What callers did wrong is nobody's failure.
"""

from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.responses import Response

from gateway.console.page import Page
from gateway.console.visit import Visit
from gateway.control.permissions import Access

DAYS = 90
DAY_S = 86400
FINE, GOOD = 0.995, 0.95  # of the calls whose end was ours or an upstream's to decide
FIGURES = "GET /admin/v1/figures"
REMEMBERED_S = 60  # ninety days of every provider are read from the rollups, for anybody who asks
UP, SHAKY, DOWN, NO_DATA = "up", "shaky", "down", "no_data"


async def service(visit: Visit) -> Response:
    """The page."""
    return visit.show("service.html", **await _facts(visit))


async def as_json(visit: Visit) -> Response:
    """The same for programs: `{"status", "at", "components": [{"name", "state", "days": [...]}]}`."""
    facts = await _facts(visit)
    document = {
        "status": facts["state"],
        "at": facts["at"],
        "components": [
            {"name": one["name"], "state": one["state"], "success": one["success"], "days": one["days"]}
            for one in facts["components"]
        ],
    }
    headers = {"access-control-allow-origin": "*"}
    return Response(orjson.dumps(document), media_type="application/json", headers=headers)


async def _facts(visit: Visit) -> dict[str, Any]:
    status = await visit.ask_for_anybody("GET /admin/v1/status")
    now_s = visit.console.front.now_s
    by_provider = await _days(visit, [one["provider"] for one in status["pool"]], now_s)
    components = [component("api", UP if status["workers"] and not status["draining"] else DOWN, by_provider.get("", {}), now_s)]
    components.append(component("books", DOWN if status["books"]["failing"] else UP, None, now_s))
    for provider in status["pool"]:
        up, keys = provider["keys_up"], provider["keys"]
        state = DOWN if not provider["up"] or (keys and not up) else SHAKY if up < keys else UP
        components.append(component(provider["provider"], state, by_provider.get(provider["provider"], {}), now_s))
    states = [one["state"] for one in components]
    return {
        "components": components,
        "state": DOWN if states[0] == DOWN else SHAKY if set(states) & {DOWN, SHAKY} else UP,
        "at": now_s,
        "uptime_s": status["uptime_s"],
        "simulated": status["simulated"],
        "days_shown": DAYS,
    }


async def _days(visit: Visit, providers: list[str], now_s: int) -> dict[str, dict[int, tuple[int, int]]]:
    """Provider, or empty for all -> day since 1970 -> (calls that went well, calls that did not); looked up once a minute."""
    memory = visit.console.memory
    remembered = memory.get("service")
    if remembered is not None and remembered[0] == now_s // REMEMBERED_S:
        found: dict[str, dict[int, tuple[int, int]]] = remembered[1]
        return found
    found = {name: await _days_of(visit, name, now_s) for name in ["", *providers]}
    memory["service"] = (now_s // REMEMBERED_S, found)
    return found


async def _days_of(visit: Visit, provider: str, now_s: int) -> dict[int, tuple[int, int]]:
    if FIGURES not in visit.console.operations:
        return {}
    since = datetime.fromtimestamp((now_s // DAY_S - DAYS + 1) * DAY_S, UTC).date().isoformat()
    query = {"since": since, "step": "1d", "tz": "UTC", "provider": provider, "top": 1}
    points = (await visit.ask_for_anybody(FIGURES, query))["points"]
    rows = zip(points["start_s"], points["succeeded"], points["server_error"], points["broken"], strict=True)
    return {start_s // DAY_S: (succeeded, failed + broken) for start_s, succeeded, failed, broken in rows}


def component(name: str, state: str, days: dict[int, tuple[int, int]] | None, now_s: int) -> dict[str, Any]:
    """One line of the page. `days` is None for what is not measured by calls."""
    today = now_s // DAY_S
    shown = [] if days is None else [day_of(day, *days.get(day, (0, 0))) for day in range(today - DAYS + 1, today + 1)]
    calls = sum(day["calls"] for day in shown)
    succeeded = sum(day["calls"] * day["success"] for day in shown if day["calls"])
    return {"name": name, "state": state, "days": shown, "success": round(succeeded / calls, 5) if calls else None}


def day_of(day: int, succeeded: int, failed: int) -> dict[str, Any]:
    """A day, with its start in wall seconds."""
    calls = succeeded + failed
    success = succeeded / calls if calls else None
    state = NO_DATA if success is None else UP if success >= FINE else SHAKY if success >= GOOD else DOWN
    return {"at": day * DAY_S, "calls": calls, "success": success, "state": state}


PAGES = (
    Page("GET", "/service", Access.PUBLIC, service, menu="/service", site=True),
    Page("GET", "/status.json", Access.PUBLIC, as_json, site=True),
)
