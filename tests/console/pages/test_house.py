"""The record of changes in words, and settings that are read anew."""

import html
import re
import sqlite3
from contextlib import closing

import pytest

from gateway.console.texts import LANGUAGES, texts
from gateway.control.admin.endpoints import ENDPOINTS
from tests.console.browser import Browser
from tests.control.served import ControlPlane

# What is noted by pages themselves, as nobody asks for it over the interface.
OF_PAGES = ("change own password", "log in", "log out", "log out everywhere", "set up")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_change_has_a_text(language: str) -> None:
    noted = {endpoint.key for endpoint in ENDPOINTS if endpoint.changes} | set(OF_PAGES)
    told = list(texts(language).keys())
    assert {key.removeprefix("did.") for key in told if key.startswith("did.")} == noted


def test_what_was_done_is_said_in_the_visitors_language(people: dict[str, Browser], shown: ControlPlane) -> None:
    with shown.admin as client:
        made = client.post("/admin/v1/workspaces", json={"name": "audited"}).json()["id"]
    for language, said in (("en", "Made a workspace"), ("ru", "Новое рабочее пространство")):
        page = people["owner"].get("/console/audit", lang=language).text
        [row] = re.findall(rf"<tr>(?:(?!</tr>).)*{made}(?:(?!</tr>).)*</tr>", page)
        assert said in row
        assert "/admin/v1/" not in page


def test_what_has_no_text_is_shown_as_it_is(people: dict[str, Browser], shown: ControlPlane) -> None:
    """A row that another version of the gateway has written."""
    with closing(sqlite3.connect(shown.paths.gateway_db)) as connection, connection:
        connection.execute("INSERT INTO changes (at_s, who, who_name, did, about) VALUES (1, 'x', 'x', 'POST /admin/v9/<b>', '')")
    page = people["owner"].get("/console/audit", lang="ru").text
    assert "<code>POST /admin/v9/<b></code>" in html.unescape(page)
    assert "<b>" not in page
