"""Coming in and going out, by people and by those who are none."""

import re
from pathlib import Path

import pytest

from gateway.console.throttle import VISITOR
from tests.console.browser import PASSWORD, Browser, add_account, token_of
from tests.control.served import WITH_CONSOLE, ControlPlane, short_dir


def test_a_session_begins_and_ends(shown: ControlPlane, stranger: Browser) -> None:
    add_account(shown, "comes and goes", "viewer")
    assert stranger.get("/console/keys").headers["location"] == "/console/login?next=%2Fconsole%2Fkeys"
    answer = stranger.log_in("Comes and GOES")
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"]
    assert re.fullmatch(r"sluice=[\w-]{43}; HttpOnly; Path=/; SameSite=lax", cookie)
    assert stranger.get("/console/keys").status_code == 200
    assert stranger.post("/console/logout", page="/console/keys").headers["location"] == "/console/login"
    assert stranger.get("/console/keys").status_code == 303


def test_the_cookie_of_a_session_that_was_closed_opens_nothing(shown: ControlPlane, stranger: Browser) -> None:
    add_account(shown, "left", "viewer")
    stranger.log_in("left")
    old = stranger.client.cookies["sluice"]
    stranger.post("/console/logout", page="/console/keys")
    stranger.client.cookies.set("sluice", old)
    assert stranger.get("/console/keys").status_code == 303
    stranger.client.cookies.clear()
    for worthless in (b"", b"x", b"A" * 43, b"x" * 5000, b"\xe9"):
        assert stranger.client.get("/console/keys", headers={b"cookie": b"sluice=" + worthless}).status_code == 303


def test_logging_out_everywhere_ends_all_of_them_and_nobody_elses(shown: ControlPlane, people: dict[str, Browser]) -> None:
    add_account(shown, "everywhere", "viewer")
    with Browser(shown) as one, Browser(shown) as two:
        one.log_in("everywhere")
        two.log_in("everywhere")
        two.post("/console/logout", {"everywhere": "1"}, page="/console/keys")
        assert one.get("/console/keys").status_code == 303
    assert people["viewer"].get("/console/keys").status_code == 200


def test_over_tls_the_cookie_is_bound_to_this_place(shown: ControlPlane) -> None:
    add_account(shown, "tls", "viewer")
    with Browser(shown) as browser:
        browser.client.headers["x-forwarded-proto"] = "https"
        page = browser.get("/console/login")
        visitor = page.headers["set-cookie"]
        assert visitor.startswith("__Host-sluice-visitor=")
        assert "Secure" in visitor
        cookie = visitor.partition(";")[0]
        fields = {"csrf": token_of(page.text), "name": "tls", "password": PASSWORD}
        headers = {"cookie": cookie, "origin": "https://gateway"}
        answer = browser.client.post("/console/login", data=fields, headers=headers)
        assert re.match(r"__Host-sluice=[\w-]{43};.*; Secure", answer.headers["set-cookie"])


def test_a_wrong_name_and_a_wrong_password_are_told_alike(shown: ControlPlane, stranger: Browser) -> None:
    wrong = [stranger.log_in("viewer", "wrong password"), stranger.log_in("nobody", "wrong password"), stranger.log_in("", "")]
    texts = {re.sub(r'value="[^"]*"', "", answer.text) for answer in wrong}
    assert {answer.status_code for answer in wrong} == {401}
    assert len(texts) == 1
    assert "set-cookie" not in wrong[0].headers
    # Somebody at a new address is not slowed down by those.
    stranger.client.headers["x-sluice-peer"] = "192.0.2.77"
    long = stranger.log_in("viewer", "x" * 5000)
    assert long.status_code == 401


@pytest.mark.parametrize("wanted", [
    "//evil.example/", "https://evil.example/", "/\\evil.example", "/console/keys\r\nx: y", "javascript:alert(1)", "/nothing", "",
    "/console/../../etc", "/static/x/y",
])  # fmt: skip
def test_nobody_is_sent_elsewhere(people: dict[str, Browser], wanted: str) -> None:
    answer = people["viewer"].get("/console/login", next=wanted)
    assert answer.headers["location"] in ("/console/keys", "/console")


def test_one_goes_on_to_where_one_wanted_to_go(people: dict[str, Browser]) -> None:
    assert people["viewer"].get("/console/login", next="/console/keys?search=a").headers["location"] == "/console/keys?search=a"


def test_guessing_is_slowed_down(shown: ControlPlane) -> None:
    with Browser(shown) as browser:
        browser.client.headers["x-sluice-peer"] = "192.0.2.99"
        page = browser.get("/console/login")
        fields = {"csrf": token_of(page.text), "name": "viewer", "password": "guess"}
        for _ in range(VISITOR.free):
            assert browser.client.post("/console/login", data=fields).status_code == 401
        refused = browser.client.post("/console/login", data=fields | {"password": PASSWORD})
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1


def test_forms_of_others_are_refused(shown: ControlPlane, stranger: Browser) -> None:
    """Log-in too: nobody shall be logged in as somebody else by a page of a third."""
    page = stranger.get("/console/login")
    fields = {"csrf": token_of(page.text), "name": "viewer", "password": PASSWORD}
    with Browser(shown) as other:
        assert other.client.post("/console/login", data=fields).status_code == 403
        other.get("/console/login")
        assert other.client.post("/console/login", data=fields).status_code == 403
    assert stranger.client.post("/console/login", data=fields, headers={"origin": "http://evil.example"}).status_code == 403
    assert stranger.client.post("/console/login", data=fields | {"csrf": "é"}).status_code == 403
    assert stranger.client.post("/console/login", content=b"csrf=%ff%fe", headers={
        "content-type": "application/x-www-form-urlencoded"
    }).status_code == 400  # fmt: skip
    assert stranger.client.post("/console/login", content=b"a=b&" * 20_000, headers={
        "content-type": "application/x-www-form-urlencoded"
    }).status_code == 413  # fmt: skip


def test_sessions_and_accounts_outlive_a_restart_while_a_page_is_open() -> None:
    with short_dir() as data_dir, Browser(_after_restart(Path(data_dir))) as browser:
        control = ControlPlane(Path(data_dir), start=WITH_CONSOLE)
        with control:
            browser.client.cookies.set("sluice", (Path(data_dir) / "cookie").read_text())
            assert browser.get("/console/keys").status_code == 200
            (Path(data_dir) / "cookie").unlink()


def _after_restart(data_dir: Path) -> ControlPlane:
    """A control plane that was killed after somebody logged in; the cookie lies beside it."""
    with ControlPlane(data_dir, start=WITH_CONSOLE) as control, Browser(control) as browser:
        add_account(control, "stays", "viewer")
        assert browser.log_in("stays").status_code == 303
        (data_dir / "cookie").write_text(browser.client.cookies["sluice"])
        control.process.kill()
    return control


def test_an_own_password_is_changed_and_other_sessions_end(shown: ControlPlane) -> None:
    add_account(shown, "changes", "member")
    with Browser(shown) as one, Browser(shown) as two:
        one.log_in("changes")
        two.log_in("changes")
        new = "another horse battery"
        for fields in (
            {"old": "wrong", "password": new, "again": new},
            {"old": PASSWORD, "password": new, "again": "not the same"},
            {"old": PASSWORD, "password": "short", "again": "short"},
        ):
            assert one.post("/console/password", fields).status_code == 400
        assert one.post("/console/password", {"old": PASSWORD, "password": new, "again": new}).status_code == 303
        assert one.get("/console/keys").status_code == 200
        assert two.get("/console/keys").status_code == 303
        assert two.log_in("changes").status_code == 401
        assert two.log_in("changes", new).status_code == 303


def test_no_password_is_kept_or_logged(shown: ControlPlane, people: dict[str, Browser]) -> None:
    for name in ("gateway.db", "gateway.db-wal", "out.log", "err.log"):
        path = shown.paths.data_dir / name
        assert not path.exists() or PASSWORD.encode() not in path.read_bytes(), name
    cookie = people["owner"].client.cookies["sluice"]
    assert cookie.encode() not in (shown.paths.gateway_db).read_bytes() + shown.err.read_bytes()
