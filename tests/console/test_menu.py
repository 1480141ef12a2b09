from gateway.console.menu import MENU, SITE, shown
from gateway.console.pages.table import PAGES
from gateway.console.texts import texts
from gateway.control.permissions import Role

PLACES = [place for places in MENU.values() for place in places]


def test_only_pages_that_are_there_are_linked() -> None:
    assert shown([], Role.OWNER) == []
    [(group, places)] = shown(["/console/keys", "/elsewhere"], Role.VIEWER)
    assert (group, [place.name for place in places]) == ("manage", ["keys"])


def test_a_place_for_owners_is_shown_to_owners() -> None:
    assert shown(["/console/accounts"], Role.ADMIN) == []
    assert shown(["/console/accounts"], Role.OWNER)


def test_members_are_shown_what_is_for_them() -> None:
    paths = {page.path for page in PAGES}
    seen = {place.name for _, places in shown(paths, Role.MEMBER) for place in places}
    assert {"overview", "requests", "keys", "workspaces"} <= seen
    assert not seen & {"pool", "credits", "settings", "accounts", "audit"}


def test_a_place_is_shown_to_whom_its_page_is_for() -> None:
    by_path = {page.path: page.access for page in PAGES if page.method == "GET"}
    for place in PLACES:
        if place.path.startswith("/console"):
            assert place.access is by_path[place.path], place.name


def test_every_place_has_a_word_and_stands_once() -> None:
    assert all(f"menu.{place.name}" in texts("en") for place in PLACES)
    assert len({place.path for place in PLACES}) == len({place.name for place in PLACES}) == len(PLACES)


def test_every_page_lights_an_entry_that_is_there() -> None:
    places = {place.path for place in PLACES} | {path for _, path in SITE}
    assert {page.menu for page in PAGES if page.menu} <= places


def test_the_public_site_has_a_word_for_each_of_its_places() -> None:
    assert all(f"public.menu.{name}" in texts("en") for name, _ in SITE)
    assert {path for _, path in SITE} <= {page.path for page in PAGES}
