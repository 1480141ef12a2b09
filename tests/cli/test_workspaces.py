from tests.cli.conftest import Run, row, rows


def test_a_workspace_from_making_to_archiving(run: Run) -> None:
    made = row(run("workspaces", "create", "Blue Team", "--plan", "Max 5x", "--json"))
    assert (made["name"], made["plan"], made["billing"], made["archived_at"]) == ("Blue Team", "max-5x", "open", None)
    assert (
        row(run("workspaces", "show", "Blue Team", "--json")) == row(run("workspaces", "show", str(made["id"]), "--json")) == made
    )
    changed = row(run("workspaces", "set", "Blue Team", "--name", "Red Team", "--billing", "prepaid", "--json"))
    assert (changed["name"], changed["plan"], changed["billing"]) == ("Red Team", "max-5x", "prepaid")
    assert row(run("workspaces", "set", "Red Team", "--plan", "", "--json"))["plan"] is None
    assert row(run("workspaces", "set", "Red Team", "--time-zone", "Asia/Kolkata", "--json"))["time_zone"] == "Asia/Kolkata"
    assert "time_zone must be" in run("workspaces", "set", "Red Team", "--time-zone", "Mars").stderr
    key = row(run("keys", "mint", "--name", "a", "--workspace", "Red Team", "--json"))
    assert run("workspaces", "archive", "Red Team").stdout == f"archived {made['id']} (Red Team)\n"
    assert row(run("keys", "show", str(key["id"]), "--json"))["state"] == "revoked"
    assert [one["name"] for one in rows(run("workspaces", "list", "--json"))] == ["default", "Red Team"]
    listed = run("workspaces", "list").stdout.splitlines()
    assert listed[0].split() == ["name", "id", "billing", "plan", "time", "zone", "created", "at", "archived", "at"]
    assert listed[1].split()[0] == "default"


def test_people_come_and_go(run: Run) -> None:
    run("workspaces", "create", "w")
    added = row(run("workspaces", "add-member", "w", "Ann@example.test", "--name", "Ann", "--role", "owner", "--json"))
    assert (added["email"], added["name"], added["role"]) == ("ann@example.test", "Ann", "owner")
    run("workspaces", "add-member", "w", "bob@example.test")
    assert row(run("workspaces", "set-role", "w", "bob@example.test", "viewer", "--json"))["role"] == "viewer"
    assert [one["email"] for one in rows(run("workspaces", "members", "w", "--json"))] == ["ann@example.test", "bob@example.test"]
    assert run("workspaces", "remove-member", "w", "bob@example.test").stdout == "removed bob@example.test\n"
    last = run("workspaces", "remove-member", "w", str(added["id"]))
    assert (last.exit_code, "keeps one" in last.stderr) == (1, True)


def test_refusals(run: Run) -> None:
    run("workspaces", "create", "w")
    for words, text in (
        (("create", "w"), "already"),
        (("create", "x", "--plan", "none"), "no plan"),
        (("show", "nobody"), "no workspace"),
        (("show", "a/b"), "not an id"),
        (("archive", "default"), "cannot be archived"),
        (("add-member", "w", "not-an-address"), "email"),
        (("set-role", "w", "nobody@example.test", "admin"), "no such member"),
    ):
        refused = run("workspaces", *words)
        assert (refused.exit_code, refused.stdout) == (1, ""), words
        assert text in refused.stderr
    for wrong in (("set", "w"), ("create",), ("create", "x", "--billing", "free"), ("set-role", "w", "a@b", "king")):
        assert run("workspaces", *wrong).exit_code == 2
    # What failed half-way left nothing behind.
    assert [one["name"] for one in rows(run("workspaces", "list", "--json"))] == ["default", "w"]
