"""Plans: what `plans.toml` offers. They are changed there."""

from starlette.responses import Response

from gateway.console import limit_lines
from gateway.console.page import Page
from gateway.console.visit import Visit
from gateway.control.permissions import Access


async def list_plans(visit: Visit) -> Response:
    plans = (await visit.ask("GET /admin/v1/plans"))["data"]
    shown = []
    for plan in plans:
        limits = [
            (limit_lines.name_of(one, visit.text), limit_lines.amount_of(one["metric"], one["amount"], visit.formats))
            for one in plan["limits"]
        ]
        shown.append((plan, limits))
    return visit.show("plans.html", plans=shown)


PAGES = (Page("GET", "/console/plans", Access.WITHIN, list_plans),)
