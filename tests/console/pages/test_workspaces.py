import re

from tests.console.browser import NAMES, Browser


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


def test_its_time_zone(people: dict[str, Browser]) -> None:
    admin = people["admin"]
    path = make(admin, "far away")
    fields = {"name": "far away", "billing": "open", "time_zone": "Asia/Kathmandu"}
    assert admin.post(path, fields).status_code == 303
    assert admin.post(path, fields | {"time_zone": "Mars/Base"}).status_code == 400
    assert "times_in" not in admin.get(path).text
    try:
        shown = admin.get("/console/requests", workspace="far away", zone="workspace").text
        assert 'aria-current="true">Workspace</a>' in shown
        listed = admin.get("/console/requests.csv", workspace="far away").text
        assert "started_at_utc,started_at_local" in listed
        ends = admin.get(path).text
        assert "Asia/Kathmandu" in ends
        # Where a page is about no workspace, or about one that is not there, the default one's zone counts.
        assert admin.get("/console/requests", workspace="nowhere").status_code == 400
        assert admin.get("/console").status_code == 200
    finally:
        admin.client.cookies.delete("zone")


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
    assert people["member"].get(path).status_code == 404, "it is not one of the member's own"
    assert people["admin"].post(f"{path}/members", {"email": NAMES["member"], "role": "viewer"}, page=path).status_code == 303
    for role in ("viewer", "member"):
        forms = re.findall(r'<form[^>]*action="([^"]+)"', people[role].get(path).text)
        assert forms == ["/console/logout"], role
