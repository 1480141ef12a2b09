"""Below a path, over TLS, behind a proxy; and through the workers that relay."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.console.browser import PASSWORD, Browser, add_account, token_of
from tests.control.office import wait_for
from tests.control.served import WITH_CONSOLE, ControlPlane, short_dir
from tests.serving import Gateway, serving

PUBLIC = "https://example.com/gw"


@pytest.fixture(scope="module")
def below() -> Iterator[ControlPlane]:
    options = (f"public_url={PUBLIC}/",)
    with short_dir() as data_dir, ControlPlane(Path(data_dir), start=WITH_CONSOLE, options=options) as control:
        add_account(control, "ann", "owner")
        yield control


def test_every_link_begins_with_the_path(below: ControlPlane) -> None:
    with Browser(below) as browser:
        page = browser.get("/console/login")
        fields = {"csrf": token_of(page.text), "name": "ann", "password": PASSWORD}
        cookies = {"cookie": page.headers["set-cookie"].partition(";")[0], "origin": "https://example.com"}
        answer = browser.client.post("/console/login", data=fields | {"next": "/console/plans"}, headers=cookies)
        assert (answer.status_code, answer.headers["location"]) == (303, "/gw/console/plans")
        session = {"cookie": answer.headers["set-cookie"].partition(";")[0]}
        assert session["cookie"].startswith("__Host-sluice=")
        for path in ("/console/keys", "/console/start", "/console/workspaces", "/console/styles"):
            text = browser.client.get(path, headers=session).text
            links = re.findall(r'(?:href|src|action|hx-get)="([^"]*)"', text)
            assert links
            assert [link for link in links if not link.startswith(("/gw/", "#"))] == []
        # The proxy takes the path off, so a file is asked for without it.
        css = re.findall(r'href="/gw(/static/[^"]+\.css)"', text)
        assert browser.get(css[0]).status_code == 200
        assert browser.get("/console/keys").headers["location"] == "/gw/console/login?next=%2Fconsole%2Fkeys"


def test_another_origin_than_the_public_one_is_foreign(below: ControlPlane) -> None:
    with Browser(below) as browser:
        page = browser.get("/console/login")
        fields = {"csrf": token_of(page.text), "name": "ann", "password": PASSWORD}
        cookie = page.headers["set-cookie"].partition(";")[0]
        answer = browser.client.post("/console/login", data=fields, headers={"cookie": cookie, "origin": "https://gateway"})
        assert answer.status_code == 403


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    with serving(workers=1) as running:
        yield running


def test_the_printed_link_leads_through_a_worker_to_the_console(gateway: Gateway) -> None:
    link = wait_for(lambda: re.search(r"http://127\.0\.0\.1:\d+/console/setup\?token=\S+", gateway.log.read_text()))
    with httpx.Client(base_url=gateway.url, timeout=30) as client:
        page = client.get(link[0])
        assert page.status_code == 200
        token = re.search(r'name="token" value="([^"]+)"', page.text)
        assert token
        fields = {"csrf": token_of(page.text), "token": token[1], "name": "Ann", "password": PASSWORD, "again": PASSWORD}
        answer = client.post("/console/setup", data=fields, headers={"origin": gateway.url})
        assert (answer.status_code, answer.headers["location"]) == (303, "/console/start")
        assert client.get("/console/start").status_code == 200
        # The first call turns the badge.
        start = client.get("/console/start").text
        once = re.search(r'name="once" value="([^"]+)"', start)
        assert once
        minted = client.post("/console/start", data={"csrf": token_of(start), "once": once[1], "name": "me"})
        key = re.search(r'id="key"><code>([^<]+)', minted.text)
        badge = re.search(r'hx-get="([^"]+)"', minted.text)
        assert key
        assert badge
        body = {"model": "claude-sonnet-5", "max_tokens": 20, "messages": [{"role": "user", "content": "hi"}]}
        headers = {"x-api-key": key[1], "anthropic-version": "2023-06-01"}
        assert client.post("/v1/messages", json=body, headers=headers).status_code == 200
        path = badge[1]
        part = wait_for(lambda: (found := client.get(path).text) and "It works" in found and found)
        assert "hx-get" not in part
    assert "?token" not in gateway.log.read_text().replace(link[0], "")


def test_a_client_cannot_say_where_it_is(gateway: Gateway) -> None:
    """Attempts to log in are counted by the address that the worker has seen."""
    with httpx.Client(base_url=gateway.url, timeout=30) as client:
        page = client.get("/console/login")
        fields = {"csrf": token_of(page.text), "name": "nobody", "password": "guess"}
        statuses = {
            client.post("/console/login", data=fields, headers={"x-sluice-peer": f"10.0.0.{n}", "x-forwarded-for": f"10.0.1.{n}"})
            .status_code
            for n in range(12)
        }  # fmt: skip
        assert statuses == {401, 429}
