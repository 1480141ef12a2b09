"""The public pages in both languages, both themes and on a narrow screen: whole, quiet and open to everybody."""

import pytest

from gateway.console.menu import SITE
from tests.browser.chromium import Tab
from tests.browser.conftest import serious
from tests.serving import Gateway

PATHS = ["/", *(path for _, path in SITE), "/docs/{language}/clients", "/console/login"]
VIEWS = [("en", "light", 1280), ("ru", "dark", 1280), ("ru", "light", 360), ("en", "dark", 360)]


def name_of(path: str) -> str:
    return path.strip("/").replace("/", "-").replace("{language}", "") or "landing"


@pytest.mark.parametrize(("language", "theme", "width_px"), VIEWS)
@pytest.mark.parametrize("path", PATHS)
def test_a_page_is_whole(tab: Tab, gateway: Gateway, path: str, language: str, theme: str, width_px: int) -> None:
    tab.size(width_px)
    tab.scheme(theme)
    tab.open(f"{gateway.url}{path.format(language=language)}?lang={language}")
    assert tab.run("document.documentElement.lang") == language
    assert tab.overflow_px() == 0
    tab.shot(f"{name_of(path)}-{language}-{theme}-{width_px}")
    assert serious(tab) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_theme_is_chosen_and_remembered(tab: Tab, gateway: Gateway, theme: str) -> None:
    tab.scheme("dark" if theme == "light" else "light")
    tab.open(gateway.url)
    before = tab.run("getComputedStyle(document.body).backgroundColor")
    tab.click(f'[data-theme-choice="{theme}"]')
    chosen = tab.run("getComputedStyle(document.body).backgroundColor")
    assert chosen != before
    tab.open(f"{gateway.url}/docs")
    assert tab.run("getComputedStyle(document.body).backgroundColor") == chosen


def test_the_calculator_counts_while_somebody_types(tab: Tab, gateway: Gateway) -> None:
    tab.open(f"{gateway.url}/calculator?lang=en")
    tab.wait_for("document.querySelectorAll('#models tr').length > 20")
    tab.fill("#text", "The harbour master closed the gates at six. " * 50)
    tab.wait_for("document.getElementById('characters').innerText === '2,200'")
    tokens = tab.run("Number(document.querySelector('[data-family=\"v5\"] td').innerText.replace(',', ''))")
    assert 500 < tokens < 1200
    dear = tab.text("#models tr:first-child td:nth-of-type(4)")
    tab.fill("#cached", "100")
    tab.wait_for(f"document.querySelector('#models tr:first-child td:nth-of-type(4)').innerText !== {dear!r}")
    tab.shot("calculator-filled")
    assert serious(tab) == []


def test_the_playground_streams_and_shows_what_came(tab: Tab, gateway: Gateway) -> None:
    tab.open(f"{gateway.url}/playground?lang=en")
    tab.fill("#key", gateway.mint()[0])
    tab.fill("#prompt", 'Say it with <img src=x onerror="alert(1)"> [[simulate text_tokens=40 tokens_per_s=100]]')
    tab.click("#send")
    tab.wait_for("!document.getElementById('send').disabled && document.getElementById('usage').innerText.includes('/')")
    assert "event: message_start" in tab.run("document.getElementById('raw').textContent")
    assert "$0." in tab.text("#cost")
    assert tab.run("document.querySelectorAll('#talk img').length") == 0
    copied = tab.run("document.querySelector('#as-curl code').textContent")
    assert copied.startswith(f"curl -N {gateway.url}/v1/messages")
    assert "sk-ant" not in copied
    tab.shot("playground-answered")
    assert serious(tab) == []


def test_the_playground_says_why_a_call_failed(tab: Tab, gateway: Gateway) -> None:
    tab.open(f"{gateway.url}/playground?lang=en")
    tab.fill("#key", "sk-ant-api03-wrong")
    tab.click("#send")
    tab.wait_for("!document.getElementById('problem').hidden")
    assert "invalid x-api-key" in tab.text("#problem")
    tab.open(f"{gateway.url}/playground?lang=ru")
    tab.fill("#key", "sk-ant-api03-wrong")
    tab.click("#send")
    tab.wait_for("!document.getElementById('problem').hidden")
    assert tab.text("#problem") == "Вызов не удался или оборвался. (401: invalid x-api-key)"
    # The browser itself notes that an answer had the status 401.
    tab.faults = [fault for fault in tab.faults if "401" not in fault]


def test_a_stream_can_be_stopped(tab: Tab, gateway: Gateway) -> None:
    tab.open(f"{gateway.url}/playground?lang=en")
    tab.fill("#key", gateway.mint()[0])
    tab.fill("#prompt", "[[simulate text_tokens=5000 tokens_per_s=20]]")
    tab.click("#send")
    tab.wait_for("document.querySelectorAll('#talk p')[1]?.innerText.length > 20")
    tab.click("#stop")
    tab.wait_for("!document.getElementById('send').disabled")
    assert "Stopped" in tab.text("#problem")


@pytest.mark.parametrize("width_px", [1280, 360])
def test_a_holder_looks_at_limits_and_takes_a_new_key(tab: Tab, gateway: Gateway, width_px: int) -> None:
    key = gateway.mint(1, "--rpm", "60", "--budget-usd", "5")[0]
    tab.size(width_px)
    tab.open(f"{gateway.url}/me?lang=en")
    tab.fill("#f-key", key)
    tab.click("main form button", leaves=True)
    assert "Requests a minute: 60" in tab.text()
    assert tab.run("[...document.links].filter(link => link.pathname.startsWith('/console')).length") == 0
    assert serious(tab) == []
    assert tab.overflow_px() == 0
    tab.shot(f"me-holder-{width_px}")
    tab.click(".confirm summary")
    tab.click(".confirm button", leaves=True)
    assert "sk-ant-api03-" in tab.text("#key")
    assert tab.text("#key") != key
