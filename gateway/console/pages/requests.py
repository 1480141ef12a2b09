"""Requests: the list with its filters in the address, its download, and one request explained."""

from typing import Any

from starlette.responses import Response, StreamingResponse

from gateway.console.page import Page
from gateway.console.visit import Visit
from gateway.control.admin.clerk import Asked
from gateway.control.permissions import Access
from gateway.core.faults import Fault, FaultKind
from gateway.core.outcome import Outcome
from gateway.state.record import Surface

FILTERS = (
    "since",
    "until",
    "key",
    "workspace",
    "model",
    "provider",
    "status",
    "outcome",
    "surface",
    "errors",
    "min_duration_ms",
    "min_ttft_ms",
)
STATUSES = ("2xx", "4xx", "429", "5xx")


async def list_requests(visit: Visit) -> Response:
    """A refused filter is said above the list, which then is empty: the address can be corrected by hand or in the form."""
    given = filters(visit)
    asked = given | {"tz": visit.zone.key, "after": visit.request.query_params.get("after", "")}
    problem = ""
    page: dict[str, Any] = {"data": [], "next": None}
    try:
        page = await visit.ask("GET /admin/v1/requests", asked)
    except Fault as fault:
        if fault.kind not in (FaultKind.INVALID, FaultKind.MISSING):
            raise
        problem = visit.say(fault)
    return visit.show(
        "requests.html",
        400 if problem else 200,
        rows=page["data"],
        next=page["next"],
        given=given,
        problem=problem,
        statuses=STATUSES,
        outcomes=[outcome.word for outcome in Outcome],
        surfaces=[surface.name.lower() for surface in Surface],
    )


async def download(visit: Visit) -> Response:
    assert visit.asker is not None
    asked = filters(visit) | {"tz": visit.zone.key, "bom": "true"}
    operation = visit.console.operations["GET /admin/v1/requests.csv"]
    pieces = await visit.console.asking.begin(operation, Asked(visit.asker, {}, list(asked.items())))
    headers = {"content-disposition": 'attachment; filename="requests.csv"'}
    return StreamingResponse(pieces, media_type="text/csv", headers=headers)


async def why(visit: Visit) -> Response:
    """`at` is when it started, as the list links it: so it is found at once."""
    at = visit.request.query_params.get("at", "")
    found = await visit.ask("GET /admin/v1/requests/{id}/why", {"started_ns": at}, id=visit.request.path_params["id"])
    return visit.show("why.html", why=found, total=sum(line["nanodollars"] for line in found["price"]["lines"]))


def filters(visit: Visit) -> dict[str, Any]:
    """What was filled in of the filters."""
    query = visit.request.query_params
    return {name: query[name].strip() for name in FILTERS if query.get(name, "").strip()}


PAGES = (
    Page("GET", "/console/requests", Access.WITHIN, list_requests),
    Page("GET", "/console/requests.csv", Access.WITHIN, download, "/console/requests"),
    Page("GET", "/console/requests/{id}", Access.WITHIN, why, "/console/requests"),
)
