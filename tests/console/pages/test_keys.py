import csv
import html
import io
import json
import re

import pytest

from tests.console.browser import Browser, hidden, offences
from tests.console.hostile import NAMES
from tests.control.served import ControlPlane


def mint(browser: Browser, **fields: str) -> tuple[dict[str, str], str]:
    """What was sent, and the page that shows the keys."""
    once = hidden(browser.get("/console/keys/new").text, "once")
    sent = {"once": once, "name": "k", "count": "1", "workspace": "default"} | fields
    answer = browser.post("/console/keys", sent, page="/console/keys/new")
    assert answer.status_code == 200, answer.text
    return sent, answer.text


def keys_in(page: str) -> list[str]:
    return sorted(set(re.findall(r"sk-ant-api03-[\w-]{95}", html.unescape(page))))


def test_a_key_from_mint_to_revoke(people: dict[str, Browser]) -> None:
    owner = people["owner"]
    _, page = mint(owner, name="lives", rpm="60", budget_usd="12.50", expires_days="30")
    [key] = keys_in(page)
    listed = owner.get("/console/keys", search="LIVES").text
    assert key not in listed
    assert key[-4:] in listed
    path = re.search(r"/console/keys/key_\w{22}", listed)
    assert path
    shown = owner.get(path[0]).text
    assert "requests a minute" in shown
    assert "$12.50" in shown
    assert key not in shown
    set_one = owner.post(f"{path[0]}/limits", {"metric": "cost", "window": "day", "amount": "5"}, page=path[0])
    assert set_one.status_code == 303
    wrong = owner.post(f"{path[0]}/limits", {"metric": "cost", "window": "day", "amount": "much"}, page=path[0])
    assert (wrong.status_code, "dollars a day" in wrong.text) == (400, True)
    removal = re.search(rf"{path[0]}/limits/\d+/remove", wrong.text)
    assert removal
    assert owner.post(removal[0], page=path[0]).status_code == 303
    rotated = owner.post(f"{path[0]}/rotate", {"once": hidden(owner.get(path[0]).text, "once"), "grace": "1h"}, page=path[0])
    assert [rotated.status_code, len(keys_in(rotated.text))] == [200, 1]
    assert keys_in(rotated.text) != [key]
    assert "has been replaced and works until" in owner.get(path[0]).text
    assert owner.post(f"{path[0]}/revoke", page=path[0]).status_code == 303
    assert "revoked" in owner.get(path[0]).text


def test_the_models_of_a_key(people: dict[str, Browser]) -> None:
    admin = people["admin"]
    mint(admin, name="narrow", models="opus, gpt-4*,")
    path = re.search(r"/console/keys/key_\w{22}", admin.get("/console/keys", search="narrow").text)
    assert path
    assert "<code>opus, gpt-4*</code>" in admin.get(path[0]).text
    assert admin.post(f"{path[0]}/models", {"models": "haiku"}, page=path[0]).status_code == 303
    assert "<code>haiku</code>" in admin.get(path[0]).text
    wrong = admin.post(f"{path[0]}/models", {"models": "<b>"}, page=path[0])
    assert wrong.status_code == 303  # a pattern, if an odd one
    assert "<code>&lt;b&gt;</code>" in admin.get(path[0]).text
    wrong = admin.post(f"{path[0]}/models", {"models": "opos"}, page=path[0])
    assert (wrong.status_code, "There is no model class" in wrong.text) == (400, True)
    assert admin.post(f"{path[0]}/models", {"models": ""}, page=path[0]).status_code == 303
    assert "<code>haiku</code>" not in admin.get(path[0]).text


def test_five_hundred_at_once_and_their_files(people: dict[str, Browser], shown: ControlPlane) -> None:
    sent, page = mint(people["member"], name="=many", count="500")
    minted = keys_in(page)
    assert len(minted) == 500
    before = count(shown)
    files = {
        kind: people["member"].post("/console/keys", sent | {"file": kind}, page="/console/keys/new")
        for kind in ("csv", "json", "env")
    }
    assert count(shown) == before
    assert {answer.headers["cache-control"] for answer in files.values()} == {"no-store"}
    assert files["csv"].headers["content-disposition"] == 'attachment; filename="keys.csv"'
    rows = list(csv.DictReader(io.StringIO(files["csv"].text.removeprefix("\ufeff"))))
    assert sorted(row["key"] for row in rows) == minted
    assert rows[0]["name"] == "'=many-001"
    assert sorted(row["key"] for row in json.loads(files["json"].text)) == minted
    assert files["env"].text.startswith("SLUICE_MANY_001=sk-ant-api03-")
    assert len(files["env"].text.splitlines()) == 500


def count(control: ControlPlane) -> int:
    with control.admin as client:
        return len(client.get("/admin/v1/keys", params={"limit": 1000}).json()["data"])


def test_an_old_form_mints_nothing(people: dict[str, Browser], shown: ControlPlane) -> None:
    before = count(shown)
    for once in ("", "x", "1000000000-x", "99999999999-x", "-1-x", "\u0661-x"):
        sent = {"once": once, "name": "k", "count": "3", "workspace": "default"}
        answer = people["owner"].post("/console/keys", sent, page="/console/keys/new")
        assert (answer.status_code, keys_in(answer.text)) == (400, []), once
    assert count(shown) == before


@pytest.mark.parametrize("fields", [
    {"count": "0"}, {"count": "501"}, {"count": "1e3"}, {"count": "-1"}, {"name": ""}, {"name": "x" * 101}, {"name": "a\u202eb"},
    {"rpm": "much"}, {"rpm": "0"}, {"rpm": "9" * 30}, {"budget_usd": "-1"}, {"budget_usd": "1,5"}, {"plan": "nothing"},
    {"expires_days": "x"},
])  # fmt: skip
def test_a_wrong_form_is_shown_again_as_it_was(people: dict[str, Browser], fields: dict[str, str]) -> None:
    once = hidden(people["owner"].get("/console/keys/new").text, "once")
    sent = {"once": once, "name": "keeps", "count": "1", "workspace": "default", "otpm": "777"} | fields
    answer = people["owner"].post("/console/keys", sent, page="/console/keys/new")
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert 'value="777"' in answer.text


def test_a_member_mints_only_where_somebody_made_room(people: dict[str, Browser]) -> None:
    member = people["member"]
    once = hidden(member.get("/console/keys/new").text, "once")
    for fields in ({"workspace": "of my own"}, {"plan": "max-20x"}):
        sent = {"once": once, "name": "k", "count": "1", "workspace": "default"} | fields
        answer = member.post("/console/keys", sent, page="/console/keys/new")
        assert (answer.status_code, keys_in(answer.text)) == (400, []), fields
    mint(member)


def test_hostile_names_are_only_ever_text(people: dict[str, Browser], shown: ControlPlane) -> None:
    with shown.admin as client:
        for name in NAMES:
            made = client.post("/admin/v1/workspaces", json={"name": name[:90] + " w"}).json()
            assert client.post("/admin/v1/keys", json={"name": name, "workspace": made["id"]}).status_code == 201, name
        keys = {key["name"]: key for key in client.get("/admin/v1/keys", params={"limit": 1000}).json()["data"]}
    viewer = people["viewer"]
    pages = [viewer.get("/console/keys").text, viewer.get("/console/workspaces").text]
    for name in NAMES:
        pages.append(viewer.get(f"/console/keys/{keys[name]['id']}").text)
        pages.append(viewer.get(f"/console/workspaces/{keys[name]['workspace_id']}").text)
        pages.append(viewer.get("/console/keys", search=name).text)
        assert name in html.unescape(pages[-3])
    for page in pages:
        assert offences(page) == []
        assert not re.search(r"<(?:svg/|img src=x|b>)", page)
        assert "49" not in re.findall(r"<title>(.*?)</title>", page)
    assert "Hebrew" not in pages[0]
    # What stands in a list is kept apart from its neighbours, whichever way it runs.
    assert f"<bdi>{NAMES[-1]}</bdi>" in pages[0]


@pytest.mark.parametrize("query", [
    {"after": "x"}, {"after": "-1"}, {"after": "9" * 40}, {"workspace": "nothing"}, {"search": "x" * 500}, {"unknown": "1"},
    {"after": "1", "order": "x"}, {"search": "\u0000"}, {"lang": "xx", "theme": "<", "zone": "Mars/Base"},
])  # fmt: skip
def test_a_query_by_hand_breaks_nothing(people: dict[str, Browser], query: dict[str, str]) -> None:
    answer = people["viewer"].get("/console/keys", **query)
    assert answer.status_code in (200, 400, 404)
    assert answer.headers["content-type"].startswith("text/html")


def test_a_key_that_is_not_there(people: dict[str, Browser]) -> None:
    for key in ("none", "key_0000000000000000000000", "..%2f..", "%00", "x" * 3000):
        assert people["owner"].get(f"/console/keys/{key}").status_code == 404


def test_the_list_goes_on_page_by_page(people: dict[str, Browser], shown: ControlPlane) -> None:
    with shown.admin as client:
        client.post("/admin/v1/keys", json={"name": "paged", "count": 150})
    seen: list[str] = []
    path: str | None = "/console/keys?search=paged"
    while path:
        page = people["viewer"].client.get(path).text
        seen += re.findall(r"paged-\d{3}", page)
        found = re.search(r'rel="next" href="([^"]+)"', page)
        path = html.unescape(found[1]) if found else None
    assert seen == [f"paged-{number:03d}" for number in range(150, 0, -1)]
