"""Every element of the look on one page, for whoever builds another one."""

from starlette.responses import Response

from gateway.console.page import Page
from gateway.console.visit import Visit
from gateway.control.permissions import Access


async def styles(visit: Visit) -> Response:
    return visit.show("styles.html")


PAGES = (Page("GET", "/console/styles", Access.OWNER, styles),)
