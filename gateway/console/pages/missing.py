"""What is answered below the console's path where there is no page."""

from starlette.responses import Response

from gateway.console.page import Page
from gateway.console.visit import Visit
from gateway.control.permissions import Access
from gateway.core.faults import Fault, FaultKind


async def missing(visit: Visit) -> Response:
    raise Fault(FaultKind.MISSING, visit.text("refused.no_page"))


PAGES = (Page("GET", "/console/{rest:path}", Access.PUBLIC, missing),)
