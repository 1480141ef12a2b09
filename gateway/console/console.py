"""The console: all pages put together as routes, and what is the same for each of them.

Owns the order of things: who is it, may they, was the form one of ours, then the page; and what every answer carries: the policy
that lets nothing but our own files in, and no copy kept anywhere. A Fault becomes a page that says so; anything else is a bug.
"""

import asyncio
import traceback
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import structlog
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from gateway.console import count
from gateway.console.allowance import Allowance
from gateway.console.assets import assets
from gateway.console.count import Calculator
from gateway.console.forms import Tokens
from gateway.console.holders import Passes
from gateway.console.logo import Logo
from gateway.console.page import Page
from gateway.console.pages.table import PAGES
from gateway.console.throttle import Throttle
from gateway.console.visit import Visit
from gateway.control.admin.asking import Asking
from gateway.control.admin.endpoint import Endpoint
from gateway.control.admin.endpoints import ENDPOINTS
from gateway.control.admin.front import FrontDesk
from gateway.control.permissions import Access
from gateway.core.faults import Fault, FaultKind
from gateway.settings import Settings

# Of the public site, by who is not logged in: a minute for one address, at once, and a minute for all. A page takes 3 to 15 ms of
# the process that keeps the books, so a flood of visitors must end before it slows those down.
VISITS = (600, 300, 2400)
HASHES_AT_ONCE = 2  # of passwords, 64 MiB each
TEMPLATES = Path(__file__).parent / "templates"
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    # Not `no-referrer`: browsers then send `Origin: null` with our own forms.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class Console:
    """Everything that browsers are shown. `pages` is the table of them."""

    def __init__(self, settings: Settings, front: FrontDesk, asking: Asking, pages: tuple[Page, ...] = PAGES) -> None:
        self.settings = settings
        self.front = front
        self.asking = asking
        self.assets = assets()
        self.brand = settings.site.name
        self.memory: dict[str, Any] = {}  # what pages have looked up a moment ago
        self.logo = Logo.read(settings)
        self.tokens = Tokens(front.pepper)
        self.passes = Passes(front.pepper, front.clock)
        clock = front.clock
        self.visits = Allowance(*VISITS, clock.monotonic_ns)
        self.calculator = Calculator(settings.catalogue, settings.prices, clock.wall_ns, clock.monotonic_ns, settings.proxies)
        self.throttle = Throttle(front.clock)
        self.hashing = asyncio.Semaphore(HASHES_AT_ONCE)
        self.operations: dict[str, Endpoint[Any, Any]] = {endpoint.key: endpoint for endpoint in ENDPOINTS}
        self._pages = pages
        self.paths = frozenset(page.path for page in pages)

    def __repr__(self) -> str:
        return f"<Console {len(self._pages)} pages>"

    @cached_property
    def templates(self) -> Environment:
        # Everything is escaped, whatever a template's name ends in.
        return Environment(
            loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )

    @property
    def permissions(self) -> Mapping[str, Access]:
        own = {"GET /static/{digest}/{name:path}": Access.PUBLIC, "GET /logo": Access.PUBLIC, f"POST {count.PATH}": Access.PUBLIC}
        return {page.key: page.access for page in self._pages} | own

    def routes(self) -> list[Route]:
        static = Route("/static/{digest}/{name:path}", self._asset)
        return [
            static,
            Route("/logo", self._logo),
            *self.calculator.routes(),
            *(Route(page.path, self._answering(page), methods=[page.method]) for page in self._pages),
        ]

    async def _logo(self, request: Request) -> Response:
        return self.logo.answer()

    async def _asset(self, request: Request) -> Response:
        return self.assets.answer(request)

    def _answering(self, page: Page) -> Any:
        async def answer(request: Request) -> Response:
            return await self._answer(page, request)

        return answer

    async def _answer(self, page: Page, request: Request) -> Response:
        visit = Visit(self, page, request)
        try:
            response = await self._page(visit)
        except Fault as fault:
            response = refusal(visit, fault)
        except Exception as error:  # noqa: BLE001 (the last resort: a bug becomes a page, and the log says where it is)
            place = traceback.extract_tb(error.__traceback__)[-1]
            facts = {"page": page.key, "error": type(error).__name__, "place": f"{Path(place.filename).name}:{place.lineno}"}
            structlog.get_logger().error("page failed", **facts)
            response = refusal(visit, Fault(FaultKind.BROKEN, visit.text("refused.bug")))
        visit.put_cookies(response)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("cache-control", "no-store")
        return response

    async def _page(self, visit: Visit) -> Response:
        page = visit.page
        if page.site and visit.asker is None:
            if not self.settings.site.public:
                return to_login(visit)
            wait_s = self.visits.take(visit.visitor)
            if wait_s:
                raise Fault(FaultKind.LIMITED, visit.text("public.too_often"), retry_after_s=wait_s)
        if page.access not in (Access.PUBLIC, Access.FORM):
            if visit.asker is None:
                return to_login(visit)
            visit.asker.check(page.access)
        if page.method != "GET":
            await visit.read_form()
        if visit.asker is not None:
            await visit.keep_to_workspace(workspace_of(visit))
        return await page.act(visit)


def workspace_of(visit: Visit) -> str:
    """The workspace that a page is about, by its id or name; empty for one that is about none or all."""
    if visit.page.path.startswith("/console/workspaces/{id}"):
        return str(visit.request.path_params["id"])
    return visit.request.query_params.get("workspace", "")


def to_login(visit: Visit) -> Response:
    """Sends somebody who is not logged in to where that is done, and back to where they wanted to go."""
    wanted = visit.here().removeprefix(visit.address.prefix) if visit.page.method == "GET" else None
    place = visit.url("/console/login", next=wanted)
    if visit.wants_part():
        return Response(status_code=401, headers={"hx-redirect": place})
    return RedirectResponse(place, 303)


def refusal(visit: Visit, fault: Fault) -> Response:
    """A page that says what is not possible."""
    response = visit.show("refusal.html", fault.status, fault=fault)
    if fault.retry_after_s is not None:
        response.headers["retry-after"] = str(fault.retry_after_s)
    return response
