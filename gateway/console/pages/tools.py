"""Calculator and playground: two pages whose work is done by their scripts and by public interfaces."""

from typing import Any

from starlette.responses import Response

from gateway.console import count, offers
from gateway.console.page import Page
from gateway.console.pages.keys import open_workspaces
from gateway.console.visit import Visit
from gateway.control.permissions import Access
from gateway.control.workspaces import DEFAULT

KEY_NAME = "playground"
KEY_LIFE_S = 3600


async def calculator(visit: Visit) -> Response:
    """A form; the script asks `POST /api/tokens/count` and fills in the tables."""
    return visit.show("calculator.html", chars_max=count.TEXT_CHARS_MAX)


async def playground(visit: Visit) -> Response:
    """A form; the script calls the very interface that every client calls."""
    models = (await visit.ask_for_anybody("GET /admin/v1/models"))["data"]
    prices = {model["id"]: model["prices_usd"] for model in models}
    return visit.show(
        "playground.html",
        models=models,
        model=offers.example_model(visit.console.settings),
        prices=prices,
        may_mint=visit.may("member"),
    )


async def mint(visit: Visit) -> Response:
    """A key that lives for an hour, for somebody who is logged in. It is metered as any other."""
    order: dict[str, Any] = {"name": KEY_NAME, "expires_at_s": visit.console.front.now_s + KEY_LIFE_S}
    workspaces = [name for name, _ in await open_workspaces(visit)]
    if workspaces and DEFAULT not in workspaces:
        order["workspace"] = workspaces[0]
    minted = await visit.ask("POST /admin/v1/keys", body=order)
    return visit.show("playground_key.html", key=minted["data"][0])


PAGES = (
    Page("GET", "/calculator", Access.PUBLIC, calculator, menu="/calculator", site=True),
    Page("GET", "/playground", Access.PUBLIC, playground, menu="/playground", site=True),
    Page("POST", "/playground/key", Access.MEMBER, mint, menu="/playground"),
)
