"""The catalogue: every model with what it costs, what it can, and what it has shown here."""

from starlette.responses import Response

from gateway.console import offers
from gateway.console.page import Page
from gateway.console.visit import Visit
from gateway.control.permissions import Access

ORDERS = ("newest", "price", "speed")


async def catalog(visit: Visit) -> Response:
    """All models, or those of one line, in one of three orders."""
    query = visit.request.query_params
    models = (await visit.ask_for_anybody("GET /admin/v1/models"))["data"]
    rows = [model | offers.speed(model) for model in models]
    lines = list(dict.fromkeys(model["line"] for model in rows))
    line, order = query.get("line"), query.get("order")
    line, order = (line if line in lines else None), (order if order in ORDERS else ORDERS[0])
    rows = [model for model in rows if line in (None, model["line"])]
    if order == "price":
        rows.sort(key=lambda model: float(model["prices_usd"].get("input", "inf")))
    elif order == "speed":
        rows.sort(key=lambda model: -(model["tokens_per_s"] or 0.0))
    return visit.show("catalog.html", models=rows, lines=lines, line=line, order=order, orders=ORDERS)


PAGES = (Page("GET", "/catalog", Access.PUBLIC, catalog, menu="/catalog", site=True),)
