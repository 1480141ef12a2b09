"""What is the same for every page: who comes in, the policy, links, languages, weights."""

import re

import pytest

from gateway.console.assets import assets
from gateway.console.page import Page
from gateway.console.pages.table import PAGES
from gateway.control.permissions import Access, Role
from tests.console.browser import CSP, ROLES, Browser, offences, token_of

LOOKED_AT = [page for page in PAGES if page.method == "GET"]
SENT = [page for page in PAGES if page.method != "GET"]
PAGE_BYTES_MAX = 80_000


def path_of(page: Page) -> str:
    """The page of something that does not exist."""
    return re.sub(r"\{[\w:]+\}", "none", page.path)


@pytest.mark.parametrize("page", LOOKED_AT, ids=lambda page: page.key)
def test_every_page_carries_the_policy(people: dict[str, Browser], stranger: Browser, page: Page) -> None:
    for browser in (people["owner"], people["viewer"], stranger):
        answer = browser.get(path_of(page))
        assert answer.headers["content-security-policy"] == CSP
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cache-control"]
        assert answer.status_code != 500, answer.text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.key)
def test_every_page_asks_who_it_is(people: dict[str, Browser], stranger: Browser, page: Page) -> None:
    """R11: every page x every role."""
    least = page.access.least_role
    if least is None:
        assert page.access is (Access.PUBLIC if page.method == "GET" else Access.FORM)
        return
    answer = stranger.client.request(page.method, path_of(page))
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/console/login")
    for role in ROLES:
        if not page.access.admits(Role[role.upper()]):
            assert people[role].client.request(page.method, path_of(page)).status_code == 403, role
        elif page.method == "GET":
            assert people[role].get(path_of(page)).status_code not in (303, 403, 405, 500), role


@pytest.mark.parametrize("page", SENT, ids=lambda page: page.key)
def test_every_form_needs_its_token(people: dict[str, Browser], page: Page) -> None:
    owner = people["owner"].client
    token = token_of(people["owner"].get("/console/start").text)
    for fields, headers in (
        ({}, {}),
        ({"csrf": ""}, {}),
        ({"csrf": "0" * 40}, {}),
        ({"csrf": token}, {"origin": "http://evil.example"}),
        ({"csrf": token}, {"origin": "null"}),
        ({"csrf": token}, {"sec-fetch-site": "cross-site"}),
        ({"csrf": token}, {"referer": "http://evil.example/gateway"}),
    ):
        answer = owner.request(page.method, path_of(page), data=fields, headers=headers)
        assert answer.status_code == 403, (fields.keys(), headers)
    as_json = owner.request(page.method, path_of(page), json={"csrf": token})
    assert as_json.status_code == 403


@pytest.mark.parametrize("page", LOOKED_AT, ids=lambda page: page.key)
def test_a_page_is_light_and_needs_nothing_from_elsewhere(people: dict[str, Browser], page: Page) -> None:
    text = people["owner"].get(path_of(page)).text
    links = re.findall(r'(?:src|href)="([^"]+)"', text)
    files = {link.split("/", 3)[3] for link in links if link.startswith("/static/")}
    for name in list(files):
        if name.endswith(".js"):
            files |= set(re.findall(r'from "\./([\w./-]+)"', assets().text(name)))
    assert sum(assets().bytes_sent(name) for name in files if name.endswith((".js", ".css"))) <= PAGE_BYTES_MAX
    assert offences(text) == []


def test_offences_are_seen() -> None:
    for text in ("<script>1</script>", "<style>", "<p style='a'>", "<p onclick=x>", "<a href='//e'>", "<img src=https://e/>",
                 "<a href=' javascript:x'>", "<i hx-on:click=x>", "<i hx-vals='js:x'>"):  # fmt: skip
        assert offences(text), text
    assert offences('<a href="/x">onclick=1 <!-- &lt;script&gt;</a><input value="javascript:">') == []


@pytest.mark.parametrize("page", LOOKED_AT, ids=lambda page: page.key)
@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_page_speaks_both_languages(people: dict[str, Browser], page: Page, language: str) -> None:
    answer = people["owner"].get(path_of(page), lang=language)
    if answer.headers.get("content-type", "").startswith("text/html"):
        assert f'<html lang="{language}"' in answer.text or "<html" not in answer.text
