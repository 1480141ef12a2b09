"""A page: one address that browsers are shown, as data.

Everything that is true of it stands in one row: path, who may see it, and the function that answers. Routes, permissions,
navigation and links are made of these rows, so a link to a page that is not there cannot be written.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.responses import Response

from gateway.control.permissions import Access

if TYPE_CHECKING:
    from gateway.console.visit import Visit


@dataclass(frozen=True, slots=True)
class Page:
    """One page. `act` may raise Fault, which is shown as a page. `menu` is the path of the navigation's entry that is lit."""

    method: str
    path: str
    access: Access
    act: Callable[["Visit"], Awaitable[Response]]
    menu: str = ""
    site: bool = False  # of the public site, which an operator may keep to those who are logged in

    @property
    def key(self) -> str:
        return f"{self.method} {self.path}"
