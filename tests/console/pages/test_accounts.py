import re

from tests.console.browser import PASSWORD, Browser
from tests.control.served import ControlPlane


def test_an_account_from_adding_to_removing(people: dict[str, Browser], shown: ControlPlane) -> None:
    owner = people["owner"]
    fields = {"name": "new <b>", "password": PASSWORD, "role": "viewer"}
    assert owner.post("/console/accounts", fields).status_code == 303
    owner.get("/console", lang="ru")
    weak = owner.post("/console/accounts", fields | {"password": "aaaaaaaaaaaa"})
    assert (weak.status_code, "Этот пароль слишком легко угадать." in weak.text) == (400, True)
    owner.get("/console", lang="en")
    for wrong in ({"name": "NEW <B>"}, {"name": ""}, {"name": "other", "password": "short"}, {"name": "other", "role": "king"}):
        refused = owner.post("/console/accounts", fields | wrong)
        assert (refused.status_code, PASSWORD in refused.text) == (400, False), wrong
    page = owner.get("/console/accounts").text
    assert "new &lt;b&gt;" in page
    row = page[page.index("new &lt;b&gt;") :]
    path = re.search(r"/console/accounts/account_\w{22}", row)
    assert path
    with Browser(shown) as browser:
        assert browser.log_in("new <b>").status_code == 303
        assert browser.get("/console/accounts").status_code == 403
        assert owner.post(f"{path[0]}/role", {"role": "owner"}, page="/console/accounts").status_code == 303
        assert browser.get("/console/accounts").status_code == 200  # at once
        change = {"password": "another horse battery"}
        assert owner.post(f"{path[0]}/password", change, page="/console/accounts").status_code == 303
        assert browser.get("/console/keys").status_code == 303
        assert browser.log_in("new <b>", "another horse battery").status_code == 303
        assert owner.post(f"{path[0]}/remove", page="/console/accounts").status_code == 303
        assert browser.get("/console/keys").status_code == 303


def test_changes_are_noted_with_who_made_them(people: dict[str, Browser], shown: ControlPlane) -> None:
    people["admin"].post("/console/workspaces", {"name": "noted"})
    refused = people["admin"].post("/console/workspaces", {"name": "noted"})
    assert refused.status_code == 400
    with shown.admin as client:
        rows = client.get("/admin/v1/changes").json()["data"]
    made = [row for row in rows if row["did"] == "POST /admin/v1/workspaces" and row["who_name"] == "admin"]
    assert made[0]["who"].startswith("account_")
    assert made[0]["about"].startswith("wrkspc_")
    assert len({row["about"] for row in made}) == len(made)
    assert [row["id"] for row in rows] == sorted((row["id"] for row in rows), reverse=True)
    assert {"log in", "POST /admin/v1/accounts"} <= {row["did"] for row in client_rows(shown)}
    assert not any(PASSWORD in str(row) for row in rows)


def client_rows(control: ControlPlane) -> list[dict[str, object]]:
    with control.admin as client:
        return list(client.get("/admin/v1/changes", params={"limit": 1000}).json()["data"])
