from tests.cli.conftest import Run, row, rows


def test_credits_from_purchase_to_refund(run: Run) -> None:
    run("workspaces", "create", "w", "--billing", "prepaid")
    lot = row(run("credits", "buy", "w", "--usd", "25", "--memo", "invoice 7", "--json"))
    assert (lot["amount_usd"], lot["remaining_usd"], lot["memo"]) == ("25.00", "25.00", "invoice 7")
    run("credits", "buy", "w", "--usd", "12.50")
    balance = row(run("credits", "balance", "w", "--json"))
    assert (balance["remaining_usd"], balance["owed_usd"], balance["billing"]) == ("37.50", "0.00", "prepaid")
    [limit] = [one for one in rows(run("limits", "list", "--workspace", "w", "--json")) if one["source"] == "credits"]
    assert (limit["metric"], limit["amount"]) == ("cost", "37.50")
    refunded = row(run("credits", "refund", str(lot["id"]), "--memo", "asked for", "--json"))
    assert (refunded["remaining_usd"], refunded["refunded_usd"]) == ("0.00", "25.00")
    assert [one["remaining_usd"] for one in rows(run("credits", "list", "w", "--json"))] == ["0.00", "12.50"]
    assert run("credits", "list", "w").stdout.splitlines()[1].split()[-1] == "0.00"
    postings = rows(run("ledger", "show", "--workspace", "w", "--json"))
    assert [one["kind"] for one in postings] == ["refund", "purchase", "purchase"]
    shown = run("ledger", "show", "--last", "1").stdout.splitlines()
    assert [line.split()[-1] for line in shown[1:]] == ["25.00", "-25.00"] or [line.split()[-1] for line in shown[1:]] == [
        "-25.00",
        "25.00",
    ]
    accounts = {one["name"]: one["balance_usd"] for one in rows(run("ledger", "accounts", "--json"))}
    assert accounts["cash"] == "-12.50"
    assert run("ledger", "verify").exit_code == 0


def test_a_purchase_is_made_once(run: Run) -> None:
    run("workspaces", "create", "w")
    words = ("credits", "buy", "w", "--usd", "10", "--idempotency-key", "payment-1", "--json")
    assert row(run(*words)) == row(run(*words))
    assert row(run("credits", "balance", "w", "--json"))["remaining_usd"] == "10.00"
    other = run("credits", "buy", "w", "--usd", "11", "--idempotency-key", "payment-1")
    assert (other.exit_code, "another call" in other.stderr) == (1, True)


def test_refusals(run: Run) -> None:
    run("workspaces", "create", "w")
    for words, text in (
        (("buy", "w", "--usd", "1"), "the least that can be bought is 5.00"),
        (("buy", "nobody", "--usd", "10"), "no workspace"),
        (("refund", "lot_0000000000000000000000"), "no such lot"),
        (("balance", "nobody"), "no workspace"),
    ):
        refused = run("credits", *words)
        assert (refused.exit_code, refused.stdout) == (1, ""), words
        assert text in refused.stderr
    for wrong in (("buy", "w"), ("buy", "w", "--usd", "-5"), ("buy", "w", "--usd", "5e3"), ("list",)):
        assert run("credits", *wrong).exit_code == 2
    assert run("ledger", "receipt", "req_0000000000000000000000").exit_code == 1
    assert "nothing was posted" in run("ledger", "show").stderr
