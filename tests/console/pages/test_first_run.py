"""The first run, on a control plane that nobody has an account of."""

import html
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.console.browser import Browser, hidden, token_of
from tests.control.served import WITH_CONSOLE, ControlPlane, short_dir

PASSWORD = "a password of the owner"


@pytest.fixture
def fresh() -> Iterator[ControlPlane]:
    with short_dir() as data_dir, ControlPlane(Path(data_dir), start=WITH_CONSOLE) as control:
        yield control


def link(control: ControlPlane) -> str:
    with control.admin as client:
        return str(client.post("/admin/v1/setup_links").json()["path"])


def make_owner(browser: Browser, path: str, **changes: str) -> int:
    page = browser.get(path).text
    fields = {"token": hidden(page, "token"), "name": "Ann", "password": PASSWORD, "again": PASSWORD} | changes
    return browser.post("/console/setup", fields, page=path).status_code


def test_from_the_link_to_the_first_key(fresh: ControlPlane) -> None:
    path = link(fresh)
    with Browser(fresh) as browser:
        assert make_owner(browser, path, again="not the same") == 400
        assert make_owner(browser, path, password="short", again="short") == 400
        for language, words in (("en", "A password has 10 to 200"), ("ru", "от 10 до 200 символов")):
            browser.get("/console/login", lang=language)
            fields = {"token": hidden(browser.get(path).text, "token"), "name": "Ann", "password": "short", "again": "short"}
            assert words in browser.post("/console/setup", fields, page=path).text
        browser.get("/console/login", lang="en")
        assert make_owner(browser, path, name="") == 400
        assert make_owner(browser, path, name="x" * 101) == 400
        assert make_owner(browser, path, name="a\u202eb") == 400
        assert make_owner(browser, path) == 303
        start = browser.get("/console/start").text
        assert "Simulator" in start
        minted = browser.post("/console/start", {"name": "me", "once": hidden(start, "once")})
        assert minted.status_code == 200
        key = html.unescape(minted.text).split('id="key"><code>')[1].split("<")[0]
        assert key.startswith("sk-ant-api03-")
        assert "http://gateway/v1" in minted.text
        # Loading that page again shows the same key and mints no other.
        again = browser.post("/console/start", {"name": "me", "once": hidden(start, "once")})
        assert key in html.unescape(again.text)
        with fresh.admin as client:
            assert len(client.get("/admin/v1/keys").json()["data"]) == 1
            [entered] = [one for one in client.get("/admin/v1/changes").json()["data"] if one["did"] == "POST /admin/v1/keys"]
        assert (entered["who_name"], entered["about"].startswith("key_")) == ("Ann", True)
        key_id = re.search(r"key_\w{22}", minted.text)
        assert key_id
        badge = browser.get("/console/start/badge", key=key_id[0]).text
        assert "Waiting for the first call" in badge
        assert "hx-get" in badge


def test_a_link_is_good_once_and_for_whoever_has_it(fresh: ControlPlane) -> None:
    first, path = link(fresh), link(fresh)
    with Browser(fresh) as one, Browser(fresh) as two:
        assert one.get(first).status_code == 403  # an earlier link is worthless
        assert one.get("/console/setup").status_code == 403
        assert one.get("/console/setup", token="x" * 5000).status_code == 403
        form = one.get(path).text
        other = two.get(path).text
        assert make_owner(one, path) == 303
        assert one.get(path).status_code == 403
        fields = {"token": hidden(other, "token"), "name": "Eve", "password": PASSWORD, "again": PASSWORD}
        refused = two.client.post("/console/setup", data=fields | {"csrf": token_of(other)})
        assert refused.status_code == 403
        assert two.get("/console/keys").status_code == 303
        assert token_of(form)
    with fresh.admin as client:
        assert client.post("/admin/v1/setup_links").json() == {"path": None}
        assert [one["name"] for one in client.get("/admin/v1/accounts").json()["data"]] == ["Ann"]


def test_a_copy_of_the_database_holds_no_token(fresh: ControlPlane, tmp_path: Path) -> None:
    token = link(fresh).partition("=")[2]
    for name in ("gateway.db", "gateway.db-wal"):
        shutil.copy(fresh.paths.data_dir / name, tmp_path / name)
        assert token.encode() not in (tmp_path / name).read_bytes()
    assert token not in fresh.err.read_text()
