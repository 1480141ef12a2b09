"""The pool and the models: how every upstream key stands, what may be done about it, and where each model goes."""

from starlette.responses import Response

from gateway.console.page import Page
from gateway.console.visit import Visit
from gateway.control.permissions import Access
from gateway.control.pool import OTHER_MODELS
from gateway.core.faults import Fault, FaultKind

ACTS = ("test", "drain", "resume")


async def pool(visit: Visit) -> Response:
    return await _pool(visit, None)


async def act(visit: Visit) -> Response:
    """Tests, drains or resumes a key. What a test found is shown above the table."""
    parts = visit.request.path_params
    if parts["act"] not in ACTS:
        raise Fault(FaultKind.MISSING, visit.text("refused.no_page"))
    operation = f"POST /admin/v1/pool/{{provider}}/{{number}}/{parts['act']}"
    answer = await visit.ask(operation, provider=parts["provider"], number=parts["number"])
    if parts["act"] == "test":
        return await _pool(visit, answer)
    return visit.go("/console/pool")


async def models(visit: Visit) -> Response:
    found = await visit.ask("GET /admin/v1/models")
    return visit.show("models.html", models=found["data"], aliases=found["aliases"])


async def _pool(visit: Visit, tested: object) -> Response:
    found = await visit.ask("GET /admin/v1/pool")
    for one in found["data"]:
        for at in one["models"]:
            at["model"] = visit.text("pool.other_models") if at["model"] == OTHER_MODELS else at["model"]
    return visit.show("pool.html", providers=found["providers"], credentials=found["data"], tested=tested)


PAGES = (
    Page("GET", "/console/pool", Access.VIEWER, pool),
    Page("POST", "/console/pool/{provider}/{number}/{act}", Access.ADMIN, act, "/console/pool"),
    Page("GET", "/console/models", Access.WITHIN, models),
)
