"""The navigation: all places of the console in the order in which they are shown. One that has no page is not linked."""

from collections.abc import Collection
from typing import NamedTuple

from gateway.control.permissions import Access, Role


class Place(NamedTuple):
    """An entry: its word in the texts (`menu.NAME`), its path, and whom it is for: as the page itself."""

    name: str
    path: str
    access: Access = Access.WITHIN


# Group (`menu.group.NAME`) -> places.
MENU: dict[str, tuple[Place, ...]] = {
    "watch": (
        Place("overview", "/console"),
        Place("requests", "/console/requests"),
        Place("pool", "/console/pool", Access.VIEWER),
        Place("models", "/console/models"),
    ),
    "manage": (
        Place("keys", "/console/keys"),
        Place("workspaces", "/console/workspaces"),
        Place("plans", "/console/plans"),
        Place("credits", "/console/credits", Access.VIEWER),
    ),
    "tools": (
        Place("calculator", "/calculator"),
        Place("playground", "/playground"),
        Place("me", "/me"),
        Place("status", "/service"),
        Place("docs", "/docs"),
    ),
    "house": (
        Place("settings", "/console/settings", Access.VIEWER),
        Place("accounts", "/console/accounts", Access.OWNER),
        Place("audit", "/console/audit", Access.VIEWER),
    ),
}

# The navigation of the public site: word in the texts (`public.menu.NAME`), path.
SITE = (
    ("docs", "/docs"),
    ("catalog", "/catalog"),
    ("calculator", "/calculator"),
    ("playground", "/playground"),
    ("status", "/service"),
    ("me", "/me"),
)


def shown(paths: Collection[str], role: Role) -> list[tuple[str, list[Place]]]:
    """The groups and places that somebody of this role sees, of those that have a page."""
    found = [(group, [one for one in places if one.path in paths and one.access.admits(role)]) for group, places in MENU.items()]
    return [(group, places) for group, places in found if places]
