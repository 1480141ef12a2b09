"""A key holder's page: in with a key, what it shows, a new key, and what it does not show."""

import json
import re

import pytest

from tests.console.browser import Browser, hidden
from tests.control.served import ControlPlane


def mint(shown: ControlPlane, **order: object) -> dict[str, str]:
    with shown.admin as client:
        made: dict[str, str] = client.post("/admin/v1/keys", json={"name": "holder"} | order).json()["data"][0]
        return made


def come_in(browser: Browser, key: str) -> None:
    assert browser.post("/me", {"key": key}).status_code == 303


def test_a_holder_sees_limits_and_nothing_of_others(shown: ControlPlane, stranger: Browser) -> None:
    other = mint(shown, name="somebody-else", workspace="harbour")
    key = mint(shown, name='<b>"mine"</b>', workspace="harbour", rpm=60, budget_usd="2.50")
    come_in(stranger, key["key"])
    page = stranger.get("/me").text
    assert "&lt;b&gt;&#34;mine&#34;" in page
    assert "Requests a minute: 60" in page
    assert "$2.50" in page
    assert key["key"] not in page
    for hidden_from_holders in (other["id"], "somebody-else", "/console", "harbour"):
        assert hidden_from_holders not in page
    cookie = stranger.client.cookies["sluice-me"]
    assert key["key"] not in cookie
    stranger.post("/me/leave", page="/me")
    assert "Requests a minute" not in stranger.get("/me").text


def test_times_are_told_in_the_zone_that_the_holder_chooses(shown: ControlPlane, stranger: Browser) -> None:
    key = mint(shown, workspace="port", rpm=60)
    with shown.admin as client:
        assert client.post("/admin/v1/workspaces/port", json={"time_zone": "Asia/Kolkata"}).status_code == 200
    come_in(stranger, key["key"])
    stranger.client.cookies.set("browser_zone", "America/Los_Angeles")
    for choice, zone in (
        ("browser", "America/Los_Angeles"),
        ("utc", "UTC"),
        ("workspace", "Asia/Kolkata"),
        ("x", "America/Los_Angeles"),
    ):
        assert f"Times in {zone}." in stranger.get("/me", zone=choice).text, choice


@pytest.mark.parametrize("key", ["", "x", "sk-ant-api03-" + "a" * 95, "sk-ant-\u202eapi", "k" * 5000])
def test_what_is_no_key_opens_nothing(shown: ControlPlane, key: str) -> None:
    with Browser(shown) as browser:
        browser.client.headers["x-sluice-peer"] = f"198.51.100.{len(key) % 250}"
        answer = browser.post("/me", {"key": key})
        assert answer.status_code == 401
        assert "not a key that is in force" in answer.text
        assert not key or key not in answer.text or key == "x"


def test_guesses_are_slowed_down(shown: ControlPlane) -> None:
    with Browser(shown) as browser:
        browser.client.headers["x-sluice-peer"] = "198.51.100.251"
        statuses = [browser.post("/me", {"key": f"guess-{number}"}).status_code for number in range(13)]
        assert statuses[0] == 401
        assert statuses[-1] == 429


def test_a_revoked_key_ends_the_visit(shown: ControlPlane, stranger: Browser) -> None:
    key = mint(shown)
    come_in(stranger, key["key"])
    assert "holder" in stranger.get("/me").text
    with shown.admin as client:
        client.post(f"/admin/v1/keys/{key['id']}/revoke", json={})
    assert "holder" not in stranger.get("/me").text
    assert stranger.post("/me", {"key": key["key"]}).status_code == 401


def test_a_key_is_exchanged_once(shown: ControlPlane, stranger: Browser) -> None:
    key = mint(shown, rpm=7)
    come_in(stranger, key["key"])
    once = hidden(stranger.get("/me").text, "once")
    answers = [stranger.post("/me/rotate", {"grace_s": "3600", "once": once}, page="/me") for _ in range(1)]
    found = re.search(r'id="key"><code>(sk-ant-api03-[\w-]+)<', answers[0].text)
    assert found
    assert found[1] != key["key"]
    with Browser(shown) as again:
        come_in(again, found[1])
        assert "Requests a minute: 7" in again.get("/me").text
    assert "Requests a minute: 7" in stranger.get("/me").text  # with the new key's pass
    with shown.admin as client:
        last = client.get("/admin/v1/changes").json()["data"][0]
    assert "rotate" in json.dumps(last)
    assert found[1] not in json.dumps(last)


@pytest.mark.parametrize("grace", ["", "-1", "5", "99999999999", "abc"])
def test_another_time_of_grace_is_refused(shown: ControlPlane, stranger: Browser, grace: str) -> None:
    come_in(stranger, mint(shown)["key"])
    assert stranger.post("/me/rotate", {"grace_s": grace}, page="/me").status_code == 400


def test_nobody_rotates_without_a_pass(stranger: Browser) -> None:
    assert stranger.post("/me/rotate", {"grace_s": "0"}, page="/me").status_code == 401
