from tests.cli.conftest import Run, row, rows


def test_plans_are_those_of_the_file(run: Run) -> None:
    run("workspaces", "create", "w")
    assert [one["name"] for one in rows(run("plans", "list", "--json"))] == ["pro", "max-5x", "max-20x"]
    shown = row(run("plans", "show", "Max 20x", "--json"))
    assert (shown["keys"], shown["mass_mint"]) == (20, True)
    table = run("plans", "show", "pro").stdout
    assert "225" in table
    assert "mass mint     no" in table
    missing = run("plans", "show", "gold")
    assert (missing.exit_code, "pro, max-5x, max-20x" in missing.stderr) == (1, True)
