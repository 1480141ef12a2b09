from tests.cli.conftest import Run, row, rows


def test_limits_of_a_key(run: Run) -> None:
    key = str(row(run("keys", "mint", "--name", "a", "--rpm", "5", "--json"))["id"])
    made = row(
        run("limits", "set", "--key", key, "--metric", "cost", "--window", "day", "--class", "opus", "--amount", "2.5", "--json")
    )
    assert (made["metric"], made["class"], made["window"], made["amount"], made["remaining"]) == (
        "cost",
        "opus",
        "day",
        "2.50",
        "2.50",
    )
    again = row(
        run("limits", "set", "--key", key, "--metric", "cost", "--window", "day", "--class", "opus", "--amount", "0", "--json")
    )
    assert (again["id"], again["amount"]) == (made["id"], "0.00")
    run("limits", "set", "--workspace", "default", "--metric", "concurrency", "--amount", "3")
    found = rows(run("keys", "limits", key, "--json"))
    assert [(one["scope"], one["metric"], one["amount"]) for one in found] == [
        ("key", "requests", "5"),
        ("key", "cost", "0.00"),
        ("workspace", "concurrency", "3"),
    ]
    assert rows(run("limits", "list", "--key", key, "--json")) == found
    assert [one["metric"] for one in rows(run("limits", "list", "--workspace", "default", "--json"))] == ["concurrency"]
    table = run("limits", "list", "--key", key).stdout.splitlines()
    assert table[0].split() == [
        "id",
        "scope",
        "metric",
        "class",
        "window",
        "source",
        "ends",
        "amount",
        "used",
        "held",
        "remaining",
    ]
    removed = row(run("limits", "remove", str(made["id"]), "--json"))
    assert removed["id"] == made["id"]
    assert [one["metric"] for one in rows(run("limits", "list", "--key", key, "--json"))] == ["requests", "concurrency"]


def test_refusals(run: Run) -> None:
    key = str(row(run("keys", "mint", "--name", "a", "--plan", "pro", "--json"))["id"])
    [plans, *_] = rows(run("limits", "list", "--key", key, "--json"))
    for words, text in (
        (("set", "--key", key, "--metric", "cost", "--amount", "1"), "needs a window"),
        (("set", "--key", key, "--metric", "cost", "--window", "day", "--amount", "-1"), "not negative"),
        (("set", "--key", key, "--metric", "requests", "--window", "day", "--amount", "1.5"), "that fine"),
        (("set", "--key", key, "--metric", "cost", "--window", "day", "--class", "oops", "--amount", "1"), "unknown model class"),
        (("set", "--key", "key_0", "--metric", "cost", "--window", "day", "--amount", "1"), "not a key id"),
        (("list", "--workspace", "nobody"), "no workspace"),
        (("remove", "9999"), "no limit 9999"),
        (("remove", "x"), "whole numbers"),
        (("remove", str(plans["id"])), "cannot be removed by itself"),
    ):
        refused = run("limits", *words)
        assert (refused.exit_code, refused.stdout) == (1, ""), words
        assert text in refused.stderr
    for wrong in (
        ("list",),
        ("list", "--key", key, "--workspace", "default"),
        ("set", "--key", key, "--metric", "colour", "--amount", "1"),
        ("set", "--key", key, "--metric", "cost", "--window", "year", "--amount", "1"),
        ("set", "--key", key, "--metric", "cost", "--window", "day"),
    ):
        assert run("limits", *wrong).exit_code == 2
    assert "no limits" in run("limits", "list", "--workspace", "default").stderr
