import re

from tests.console.browser import Browser


def make(browser: Browser, name: str) -> str:
    """The path of a new workspace."""
    answer = browser.post("/console/workspaces", {"name": name, "plan": "max-5x", "billing": "open"})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def test_a_workspace_from_making_to_archiving(people: dict[str, Browser]) -> None:
    admin = people["admin"]
    path = make(admin, "life")
    assert admin.post("/console/workspaces", {"name": "life"}).status_code == 400
    assert admin.post("/console/workspaces", {"name": ""}).status_code == 400
    changed = {"name": "life two", "plan": "", "billing": "prepaid"}
    assert admin.post(path, changed).status_code == 303
    page = admin.get(path).text
    assert "life two" in page
    assert "prepaid" in page
    assert "No plan" in page
    assert admin.post(path, {"name": "default"}).status_code == 400
    assert admin.post(f"{path}/limits", {"metric": "requests", "window": "day", "amount": "9"}, page=path).status_code == 303
    assert admin.post(f"{path}/limits", {"metric": "nothing", "amount": "9"}, page=path).status_code == 400
    removal = re.search(rf"{path}/limits/\d+/remove", admin.get(path).text)
    assert removal
    assert admin.post(removal[0], page=path).status_code == 303
    assert admin.post(f"{path}/archive", page=path).status_code == 303
    page = admin.get(path).text
    assert "archived" in page
    assert "Save" not in page
    assert "life two" not in admin.get("/console/keys/new").text


def test_members(people: dict[str, Browser]) -> None:
    admin = people["admin"]
    path = make(admin, "team")
    add = f"{path}/members"
    assert admin.post(add, {"email": "ann@example.com", "name": "Ann", "role": "owner"}, page=path).status_code == 303
    assert admin.post(add, {"email": "ANN@example.com", "role": "viewer"}, page=path).status_code == 400
    assert admin.post(add, {"email": "nobody", "role": "viewer"}, page=path).status_code == 400
    assert admin.post(add, {"email": "b@example.com", "role": "king"}, page=path).status_code == 400
    page = admin.get(path).text
    [member] = sorted(set(re.findall(rf"{path}/members/user_\w{{22}}", page)))
    refused = admin.post(member, {"role": "viewer"}, page=path)
    assert (refused.status_code, "keeps one" in refused.text) == (400, True)
    assert admin.post(add, {"email": "bob@example.com", "role": "owner"}, page=path).status_code == 303
    assert admin.post(member, {"role": "viewer"}, page=path).status_code == 303
    assert admin.post(f"{member}/remove", page=path).status_code == 303
    assert "ann@example.com" not in admin.get(path).text


def test_who_only_looks_sees_no_forms(people: dict[str, Browser]) -> None:
    path = make(people["admin"], "looked at")
    page = people["member"].get(path).text
    forms = re.findall(r'<form[^>]*action="([^"]+)"', page)
    assert forms == ["/console/logout"]
