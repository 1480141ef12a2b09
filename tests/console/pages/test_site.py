"""The public site: every page in both languages, hostile queries, white label, and a site that is closed."""

import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.console import console
from gateway.console.manual import PAGES as CHAPTERS
from gateway.console.menu import SITE
from gateway.console.texts import LANGUAGES
from tests.console.browser import CSP, Browser
from tests.control.served import WITH_CONSOLE, ControlPlane, short_dir

PATHS = ["/", *(path for _, path in SITE), *(f"/docs/en/{name}" for name in CHAPTERS)]


@pytest.fixture(scope="module")
def branded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Somebody's own site, which is for those who are logged in."""
    folder = tmp_path_factory.mktemp("config")
    (folder / "site.toml").write_text(
        'name = "Acme <AI>"\noperator = "Acme"\ncontact = "mailto:ai@acme.example"\nlogo = "acme.svg"\npublic = false\n'
        '[[link]]\ntitle = "Terms & more"\naddress = "https://acme.example/terms"\n'
    )
    (folder / "acme.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    with short_dir() as data_dir, ControlPlane(Path(data_dir), start=WITH_CONSOLE, GATEWAY_CONFIG=str(folder)) as control:
        yield control


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("path", PATHS)
def test_every_page_is_there_in_both_languages(stranger: Browser, path: str, language: str) -> None:
    answer = stranger.get(path.replace("/docs/en/", f"/docs/{language}/"), lang=language)
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"] == CSP
    assert f'<html lang="{language}"' in answer.text
    cyrillic = len(re.findall("[а-яё]", answer.text, re.IGNORECASE))  # noqa: RUF001 (Russian letters are meant)
    assert cyrillic > 200 if language == "ru" else cyrillic < 20
    assert "not affiliated" in answer.text or "никак не связан" in answer.text


@pytest.mark.parametrize("path", PATHS)
def test_every_page_tells_where_it_is_in_each_language(stranger: Browser, path: str) -> None:
    """Programs follow the links of the head: each leads at once to the same page in the language that it names."""
    head = stranger.get(path, lang="en").text.partition("</head>")[0]
    twins = dict(re.findall(r'<link rel="alternate" hreflang="(\w+)" href="([^"]+)">', head))
    assert tuple(twins) == LANGUAGES
    for language, address in twins.items():
        answer = stranger.client.get(html.unescape(address))
        assert answer.status_code == 200, address
        assert f'<html lang="{language}"' in answer.text, address
        for other in LANGUAGES:  # and from there to all of them again
            assert f'hreflang="{other}" href="{twins[other]}"' in answer.text, address


def test_the_landing_page_shows_what_there_is(stranger: Browser) -> None:
    page = stranger.get("/").text
    for word in ("claude-sonnet-5-5", "Max 20x", "opus: 2,250", "http://gateway/v1/messages", "YOUR_KEY"):
        assert word in page


@pytest.mark.parametrize(
    "path",
    ["/docs/de/quick-start", "/docs/en/nothing", "/docs/en/..%2f..%2fsecret", "/docs/en/quick-start.html", "/docs/en/.md"],
)
def test_pages_that_are_not_there(stranger: Browser, path: str) -> None:
    assert stranger.get(path).status_code == 404


def test_choosing_a_language_leads_to_its_address(stranger: Browser) -> None:
    answer = stranger.get("/docs/ru/errors", lang="en")
    assert (answer.status_code, answer.headers["location"]) == (303, "/docs/en/errors")
    assert "lang=en" in answer.headers["set-cookie"]
    assert stranger.get("/docs/ru/errors", lang="xx").status_code == 200


def test_the_manual_for_programs(stranger: Browser) -> None:
    text = stranger.get("/docs/ru/errors.md")
    assert text.headers["content-type"].startswith("text/markdown")
    assert text.text.startswith("# Ошибки\n")
    assert "http://gateway/docs/ru/streaming.md" in text.text
    index = stranger.get("/llms.txt").text
    for name in CHAPTERS:
        assert f"http://gateway/docs/en/{name}.md" in index
    assert "{{" not in index + text.text


@pytest.mark.parametrize(
    "query", [{"line": "<script>"}, {"order": "'; DROP"}, {"line": "opus", "order": "price"}, {"x": "\u202e"}]
)
def test_filters_by_hand(stranger: Browser, query: dict[str, str]) -> None:
    answer = stranger.get("/catalog", **query)
    assert answer.status_code == 200
    assert "<script>" not in answer.text.replace("<script type", "")
    assert "<tbody><tr>" in answer.text


def test_a_key_for_an_hour_is_for_those_who_may_mint(people: dict[str, Browser], stranger: Browser) -> None:
    assert stranger.post("/playground/key", page="/me").headers["location"].startswith("/console/login")
    assert people["viewer"].post("/playground/key", page="/me").status_code == 403
    assert "/playground/key" not in people["viewer"].get("/playground").text
    minted = people["member"].post("/playground/key", page="/playground")
    assert re.search(r'id="key"><code>sk-ant-api03-', minted.text)


def test_a_flood_of_visitors_ends_before_the_work(shown: ControlPlane) -> None:
    at_once = console.VISITS[1]
    with Browser(shown) as browser:
        browser.client.headers["x-sluice-peer"] = "198.51.100.252"
        statuses = [browser.get("/llms.txt").status_code for _ in range(at_once + 30)]
        assert statuses[:at_once] == [200] * at_once
        assert 429 in statuses[at_once:]
        refused = browser.get("/docs")
        assert refused.status_code in (200, 429)
        assert browser.get("/me").status_code == 200


def test_a_site_can_be_closed(branded: ControlPlane) -> None:
    with Browser(branded) as browser:
        for path in PATHS:
            if path != "/me":
                assert browser.get(path).status_code == 303, path
        assert browser.get("/me").status_code == 200
        assert browser.get("/logo").headers["content-type"] == "image/svg+xml"


def test_a_site_has_its_own_name(branded: ControlPlane) -> None:
    with Browser(branded) as browser:
        page = browser.get("/me").text
        assert "Acme &lt;AI&gt;" in page
        assert 'href="https://acme.example/terms"' in page
        assert "Terms &amp; more" in page
        assert "Sluice" not in re.sub(r"sluice[-\w]*", "", page)
