"""The console from the set-up link on: first run, first call, keys by the hundred, hostile names, revoking, under a prefix."""

import os
import random
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from gateway.cli.door import open_door
from gateway.cli.sample import call_once, furnish
from gateway.console.menu import MENU
from gateway.console.pages.table import PAGES
from gateway.settings import Paths
from gateway.supervisor.child import lock_of
from loadtest.processes import free_port
from tests.browser.chromium import Tab
from tests.browser.conftest import serious
from tests.serving import Gateway, serving

PASSWORD = "correct horse battery"
NAMES = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "<svg/onload=alert(1)>",
    "javascript:alert(1)",
    "{{ 7 * 7 }}",
    "=HYPERLINK(1)",
    "\u05e9\u05dc\u05d5\u05dd (right to left)",
    "' onmouseover='alert(1)",
    "</title><script>alert(1)</script>",
    "&lt;b&gt;",
]
MANY = 200
CALLS = 24
VIEWS = [("en", "light", 1280), ("en", "dark", 1280), ("ru", "dark", 1280), ("ru", "light", 360)]
INNER = ("/console/start", "/console/keys/new", "/console/password", "key", "workspace", "why")
PLACES = [place.path for places in MENU.values() for place in places if place.path in {page.path for page in PAGES}]


def set_up(tab: Tab, gateway: Gateway, url: str) -> None:
    """Makes the first account by the link of the command line."""
    path = gateway.cli("accounts", "link").strip()
    tab.open(f"{url}{path}")
    tab.fill("#f-name", "olga")
    tab.fill("#f-password", PASSWORD)
    tab.fill("#f-again", PASSWORD)
    tab.click("main form button", leaves=True)


def log_in(tab: Tab, gateway: Gateway) -> None:
    tab.open(f"{gateway.url}/console/login?lang=en")
    tab.fill("#f-name", "olga")
    tab.fill("#f-password", PASSWORD)
    tab.click("main form button", leaves=True)


@pytest.fixture(scope="module")
def house(chrome: object) -> Iterator[Gateway]:
    """A gateway of its own, since it is set up once."""
    with serving({}, workers=1) as gateway:
        yield gateway


def test_the_first_run_ends_with_a_call(tab: Tab, house: Gateway) -> None:
    set_up(tab, house, house.url)
    assert serious(tab) == []
    tab.shot("start")
    tab.click("main form button.main", leaves=True)
    key = tab.text("#key code")
    assert key.startswith("sk-ant-api03-")
    tab.shot("start-key")
    assert serious(tab) == []
    assert "ok" not in str(tab.run("document.querySelector('#first-call .badge').className"))
    body = {"model": "claude-sonnet-5", "max_tokens": 20, "messages": [{"role": "user", "content": "Hello"}]}
    headers = {"x-api-key": key, "anthropic-version": "2023-06-01"}
    calls = ((401, "/v1/messages", "sk-ant-api03-of-somebody-else"), (404, "/v2/messages", key))
    for status, path, credential in calls:
        assert httpx.post(house.url + path, json=body, headers=headers | {"x-api-key": credential}).status_code == status
        tab.wait_for(f"document.querySelector('#first-call').innerText.includes('{status}: a call came')")
    assert httpx.post(f"{house.url}/v1/messages", json=body | {"max_tokens": -1}, headers=headers).status_code == 400
    tab.wait_for("document.querySelector('#first-call').innerText.includes('400: ')")
    tab.shot("start-key-failed")
    assert serious(tab) == []
    assert httpx.post(f"{house.url}/v1/messages", json=body, headers=headers, timeout=30).status_code == 200
    tab.wait_for("document.querySelector('#first-call .badge').classList.contains('ok')")
    tab.click("#client-agent summary")
    assert "SLUICE_KEY" in tab.text("#client-agent")


def test_keys_are_minted_by_the_hundred_and_revoked(tab: Tab, house: Gateway) -> None:
    log_in(tab, house)
    tab.open(f"{house.url}/console/keys/new")
    tab.fill("#f-name", "team")
    tab.fill("#f-count", "120")
    tab.shot("keys-new")
    assert serious(tab) == []
    tab.click("main form button.main", leaves=True)
    assert tab.run("document.querySelectorAll('main tbody tr').length") == 120
    tab.open(f"{house.url}/console/keys?search=team-007")
    tab.shot("keys")
    assert serious(tab) == []
    tab.click("main tbody a", leaves=True)
    tab.shot("key")
    assert serious(tab) == []
    tab.run("[...document.querySelectorAll('.confirm')].at(-1).querySelector('summary').click()")
    tab.run("[...document.querySelectorAll('.confirm')].at(-1).querySelector('button').id = 'last-button'")
    tab.click("#last-button", leaves=True)
    assert tab.run("document.querySelectorAll('.head .badge.ok').length") == 0


def test_hostile_names_do_nothing(tab: Tab, house: Gateway) -> None:
    with house.admin() as client:
        for number in range(MANY):
            name = f"{NAMES[number % len(NAMES)]} {number}"
            order = {"name": name, "workspace": name if number < len(NAMES) else "default"}
            assert client.post("keys", json=order).status_code == 201
    log_in(tab, house)
    for path in ("/console/keys", "/console/workspaces", *PLACES):
        tab.open(f"{house.url}{path}")
        assert tab.run("document.querySelectorAll('main img[src=\"x\"]').length") == 0
    tab.open(f"{house.url}/console/keys")
    tab.shot("keys-hostile")


@pytest.fixture(scope="module")
def used(house: Gateway) -> Gateway:
    """The same gateway with something in its books."""
    with open_door(house.data_dir) as door:
        keys = furnish(door)
    with ThreadPoolExecutor(8) as callers:  # an answer takes its time, as a model's does
        list(callers.map(lambda number: call_once(house.port, keys, random.Random(number)), range(CALLS)))
    return house


def place_of(gateway: Gateway, path: str) -> str:
    """The address of a place, or of one thing in it."""
    with gateway.admin() as client:
        if path == "why":
            row = client.get("requests", params={"limit": 1}).json()["data"][0]
            return f"/console/requests/{row['id']}?at={row['started_ns']}&"
        if path in ("key", "workspace"):
            rows = client.get(f"{path}s", params={"limit": 1000}).json()["data"]
            return f"/console/{path}s/{next(row['id'] for row in rows if row['name'] in ('notebook', 'Research'))}?"
    return f"{path}?"


@pytest.mark.parametrize(("language", "theme", "width_px"), VIEWS)
@pytest.mark.parametrize("path", [*PLACES, *INNER])
def test_every_place_is_whole(tab: Tab, used: Gateway, path: str, language: str, theme: str, width_px: int) -> None:
    log_in(tab, used)
    tab.size(width_px)
    tab.scheme(theme)
    tab.open(f"{used.url}{place_of(used, path)}lang={language}")
    assert tab.overflow_px() == 0
    tab.shot(f"place{path.replace('/', '-')}-{language}-{theme}-{width_px}")
    assert serious(tab) == []


def test_a_page_lives_through_a_restart_of_what_answers_it(tab: Tab, used: Gateway) -> None:
    log_in(tab, used)
    tab.open(f"{used.url}/console?since=1h")
    assert len(tab.run("[...document.querySelectorAll('.tile svg.spark')].map(one => one.getAttribute('aria-label'))")) == 4
    before = tab.text("#live .tile dd")
    control = int(lock_of(Paths(used.data_dir), "control").read_text())
    os.kill(control, signal.SIGKILL)
    [key] = used.mint()
    body = {"model": "claude-sonnet-5", "max_tokens": 20, "messages": [{"role": "user", "content": "Hello"}]}
    headers = {"x-api-key": key, "anthropic-version": "2023-06-01"}
    assert httpx.post(f"{used.url}/v1/messages", json=body, headers=headers, timeout=30).status_code == 200
    tab.wait_for(f"document.querySelector('#live .tile dd').innerText !== {before!r}")
    # The browser itself notes what could not be fetched meanwhile.
    tab.faults = [fault for fault in tab.faults if "Failed to load resource" not in fault]


def test_a_request_says_why(tab: Tab, house: Gateway) -> None:
    log_in(tab, house)
    tab.open(f"{house.url}/console/requests")
    tab.click('main tbody a[href*="req_"]', leaves=True)
    assert "req_" in tab.text("main")
    tab.shot("why")
    assert serious(tab) == []


def test_everything_works_under_a_prefix(tab: Tab) -> None:
    port = free_port()
    config = f'public_url = "http://127.0.0.1:{port}/gw"\n'
    with serving({}, workers=1, config=config) as gateway, prefixed(port, gateway.port):
        url = f"http://127.0.0.1:{port}/gw"
        set_up(tab, gateway, url)
        assert tab.run("location.pathname").startswith("/gw/console")
        tab.click("main form button.main", leaves=True)
        key = tab.text("#key code")
        assert f"{url}/v1/messages" in tab.text()
        for path in ("/", "/docs/en/quick-start", "/catalog", "/service", "/console/keys"):
            tab.open(url + path)
            strays = '[...document.querySelectorAll(\'a[href^="/"], form[action^="/"], [src^="/"]\')]'
            attribute = "one.getAttribute('href') ?? one.getAttribute('action') ?? one.getAttribute('src')"
            assert tab.run(f"{strays}.map(one => {attribute}).filter(link => !link.startsWith('/gw/'))") == [], path
        tab.open(f"{url}/playground")
        tab.fill("#key", key)
        tab.click("#send")
        tab.wait_for("!document.getElementById('send').disabled && document.getElementById('usage').innerText.includes('/')")
        tab.open(f"{url}/calculator")
        tab.wait_for("document.querySelectorAll('#models tr').length > 20")


@contextmanager
def prefixed(port: int, target: int) -> Iterator[None]:
    """A proxy that takes /gw off, as an operator's own would."""
    client = httpx.Client(base_url=f"http://127.0.0.1:{target}", timeout=30)

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            if not self.path.startswith("/gw/"):
                self.send_error(404)
                return
            headers = [(name, value) for name, value in self.headers.items() if name.lower() not in ("host", "connection")]
            found = client.request(self.command, self.path.removeprefix("/gw"), content=body, headers=headers)
            self.send_response(found.status_code)
            for name, value in found.headers.multi_items():
                if name not in ("content-length", "content-encoding", "transfer-encoding", "connection"):
                    self.send_header(name, value)
            self.send_header("content-length", str(len(found.content)))
            self.end_headers()
            self.wfile.write(found.content)

        do_GET = do_POST = do_HEAD = answer

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        client.close()
