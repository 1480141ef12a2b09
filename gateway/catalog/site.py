"""Site: what an operator says about himself on the pages that everybody can see.

Owns the reading of `site.toml`. Knows nothing of pages. Whatever is empty is left out of them.
"""

import re
from dataclasses import dataclass

from gateway.catalog.document import Document

_ADDRESS = re.compile(r"(?:https?://|mailto:)[^\s<>\"']+")
_LOGO = re.compile(r"[\w.-]+\.(?:svg|png)", re.ASCII)
NAME_CHARS_MAX = 40
LINKS_MAX = 12


@dataclass(frozen=True, slots=True)
class Link:
    """A line at the foot of every page."""

    title: str
    address: str


@dataclass(frozen=True, slots=True)
class Site:
    """`name` stands in the head of every page. `operator` is who runs it, `contact` a web or mail address, `logo` the name of a
    file beside site.toml, `model` the one that examples ask for; all but the name may be empty. `public` is whether those without
    an account see any page at all."""

    name: str
    operator: str
    contact: str
    logo: str
    model: str
    public: bool
    links: tuple[Link, ...]


def read(document: Document) -> Site:
    """The site in a `site.toml`. Complaints are left in `document.problems`."""
    root = document.root
    site = Site(
        name=root.text("name", "Sluice"),
        operator=root.text("operator", ""),
        contact=root.text("contact", ""),
        logo=root.text("logo", ""),
        model=root.text("model", ""),
        public=root.yes_or_no("public", True),
        links=tuple(_links(document)),
    )
    if not 0 < len(site.name) <= NAME_CHARS_MAX:
        root.report(f"`name` must have 1 to {NAME_CHARS_MAX} characters", "name")
    if site.contact and not _ADDRESS.fullmatch(site.contact):
        root.report("`contact` must begin with https://, http:// or mailto:", "contact")
    if site.logo and not _LOGO.fullmatch(site.logo):
        root.report("`logo` must be the name of an .svg or .png file beside this one", "logo")
    return site


def _links(document: Document) -> list[Link]:
    links: list[Link] = []
    for row in document.root.tables("link"):
        link = Link(row.text("title"), row.text("address"))
        row.close()
        # Anything else, such as `javascript:`, would be run by whoever clicks it.
        if link.address and not _ADDRESS.fullmatch(link.address):
            row.report("`address` must begin with https://, http:// or mailto:", "address")
        if len(links) == LINKS_MAX:
            row.report(f"there may be at most {LINKS_MAX} links")
        links.append(link)
    return links
