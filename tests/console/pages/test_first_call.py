"""The badge that waits for a key's first call, before a whole gateway: it says what went wrong until one is answered."""

import html
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from gateway.settings import Paths
from tests.console.browser import Browser, hidden
from tests.serving import Gateway, serving

WAIT_S = 10.0


@pytest.fixture(scope="module")
def house() -> Iterator[Gateway]:
    with serving({}, workers=1) as gateway:
        with gateway.admin() as client:
            made = {"name": "owner", "password": "correct horse battery", "role": "owner"}
            assert client.post("accounts", json=made).status_code == 200
        yield gateway


@contextmanager
def first_key(house: Gateway) -> Iterator[tuple[Browser, str, str]]:
    """Somebody who has just minted a key: their browser, the key, and the address of its badge."""
    control: Any = SimpleNamespace(paths=Paths(house.data_dir))
    with Browser(control) as browser:
        browser.log_in("owner")
        once = hidden(browser.get("/console/start").text, "once")
        page = html.unescape(browser.post("/console/start", {"name": "me", "once": once}).text)
        key = page.split('id="key"><code>')[1].split("<")[0]
        badge = re.search(r'hx-get="(/console/start/badge[^"]+)"', page)
        assert badge
        yield browser, key, badge[1]


def call(house: Gateway, key: str, path: str = "/v1/messages", **changes: object) -> int:
    body = {"model": "claude-sonnet-5", "max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}]} | changes
    headers = {"x-api-key": key, "anthropic-version": "2023-06-01"}
    return httpx.post(house.url + path, json=body, headers=headers, timeout=30).status_code


def until(browser: Browser, badge: str, words: str) -> str:
    """The badge's text once it says this."""
    ends_s = time.monotonic() + WAIT_S
    while words not in (text := html.unescape(browser.client.get(badge).text)):
        assert time.monotonic() < ends_s, text
        time.sleep(0.02)
    return text


def test_it_says_what_it_saw_and_turns_at_success(house: Gateway) -> None:
    with first_key(house) as (browser, key, badge):
        assert "Waiting for the first call" in browser.client.get(badge).text
        assert call(house, key[:-1] + ("A" if key[-1] != "A" else "B")) == 401
        assert "401: a call came without a key, or with one that is not known here" in until(browser, badge, "401")
        assert call(house, key, "/v2/messages") == 404
        assert "404: a call came to a path that is not here" in until(browser, badge, "404")
        assert call(house, key, max_tokens=-1) == 400
        text = until(browser, badge, "400: the request's shape is wrong")
        assert "/console/requests/req_" in text
        assert "hx-get" in text
        why = re.search(r'href="(/console/requests/req_[^"]+)"', text)
        assert why
        assert browser.client.get(why[1]).status_code == 200
        assert call(house, key) == 200
        assert "hx-get" not in until(browser, badge, "It works")


def test_a_failure_of_the_upstream_is_told_too(house: Gateway) -> None:
    with first_key(house) as (browser, key, badge):
        messages = [{"role": "user", "content": "[[simulate status=404]] Hi"}]
        assert call(house, key, messages=messages) == 404
        until(browser, badge, "404: ")


def test_what_came_before_the_page_is_nobodys(house: Gateway) -> None:
    with first_key(house) as (browser, _, badge):
        later = re.sub(r"since=\d+", f"since={int(time.time()) + 60}", badge)
        call(house, "sk-ant-api03-nobody")
        until(browser, badge, "401")
        assert "Waiting for the first call" in browser.client.get(later).text
        for odd in ("since=x", "since=-1", "since=" + "9" * 40, ""):
            assert browser.client.get(re.sub(r"since=\d+", odd, badge)).status_code == 200


def test_a_russian_reader_is_told_in_russian(house: Gateway) -> None:
    with first_key(house) as (browser, _, badge):
        call(house, "sk-ant-api03-nobody")
        until(browser, badge, "401")
        assert "пришёл вызов без ключа" in browser.client.get(f"{badge}&lang=ru").text
