"""The landing page: what this gateway is, a first call to copy, what it works with, models, plans, questions, privacy."""

from typing import Any

from starlette.responses import Response

from gateway.console import manual, offers
from gateway.console.clients import CLIENTS, Place, agent_prompt
from gateway.console.page import Page
from gateway.console.visit import Visit
from gateway.control.permissions import Access

QUICK = ("curl", "python", "typescript", "claude-code", "codex")
MODELS_SHOWN = 8
QUESTIONS_SHOWN = 5


async def landing(visit: Visit) -> Response:
    """The page."""
    models = (await visit.ask_for_anybody("GET /admin/v1/models"))["data"]
    plans = (await visit.ask_for_anybody("GET /admin/v1/plans"))["data"]
    place = Place(visit.address.base_url, offers.YOUR_KEY, offers.example_model(visit.console.settings))
    return visit.show(
        "landing.html",
        quick=[(client, client.blocks(place)) for client in CLIENTS if client.name in QUICK],
        agent=agent_prompt(place),
        clients=[client for client in CLIENTS if client.name not in ("curl", "python", "typescript", "openai")],
        models=offers.by_line(models)[:MODELS_SHOWN],
        count=len(models),
        plans=[offers.plan(one, visit) for one in plans],
        questions=questions(visit),
        simulated=visit.console.settings.simulated,
    )


def questions(visit: Visit) -> list[tuple[str, Any]]:
    """The first questions of the manual with their answers."""
    chapter = manual.find(visit.language, "faq")
    assert chapter is not None
    return manual.sections(chapter, offers.words(visit), offers.leads(visit))[:QUESTIONS_SHOWN]


PAGES = (Page("GET", "/", Access.PUBLIC, landing, site=True),)
