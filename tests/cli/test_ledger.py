import sqlite3
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner

from gateway.cli import main
from gateway.control.credits import PurchaseOrder
from gateway.core import ids
from tests.cli.conftest import Run, row, rows
from tests.control.office import MODEL, Office, Worker, settlement


@pytest.fixture
def books(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str]:
    """A data directory with one request in the books, and its id."""
    office = Office(tmp_path)
    desk = office.desk()
    desk.credits.buy(desk.workspaces.find("default"), PurchaseOrder(amount_usd="10"))
    worker, one = Worker(office), settlement(workspace_id=1)
    worker.settle(one)
    office.drain().enter_all()
    worker.die()
    office.close()
    monkeypatch.setenv("GATEWAY_DATA_DIR", str(tmp_path))
    return tmp_path, ids.text_of("req", one.request_id)


def test_a_receipt(books: tuple[Path, str]) -> None:
    _, request_id = books
    receipt = orjson.loads(CliRunner().invoke(main, ["ledger", "receipt", request_id, "--json"]).stdout)
    assert (receipt["id"], receipt["model_served"], receipt["tokens"]["output"]) == (request_id, MODEL, 200)
    assert receipt["posting"]["kind"] == "usage"
    shown = CliRunner().invoke(main, ["ledger", "receipt", request_id]).stdout
    assert "output tokens" in shown
    assert receipt["rule"] in shown


def test_books_that_are_right_are_proven(run: Run) -> None:
    run("workspaces", "create", "w")
    run("credits", "buy", "w", "--usd", "10")
    proof = row(run("ledger", "verify", "--json"))
    assert (proof["proven"], proof["differences"]) == (True, [])
    assert "proven" in run("ledger", "verify").stdout
    assert [one["name"] for one in rows(run("ledger", "accounts", "--json"))]


def test_books_that_are_wrong_are_named(books: tuple[Path, str]) -> None:
    data_dir, _ = books
    connection = sqlite3.connect(data_dir / "gateway.db")
    connection.execute("UPDATE accounts SET balance = balance + 1 WHERE name = 'cash'")
    connection.commit()
    connection.close()
    done = CliRunner().invoke(main, ["ledger", "verify"])
    assert done.exit_code == 1
    assert "cash" in done.stdout
    machine = CliRunner().invoke(main, ["ledger", "verify", "--json"])
    assert machine.exit_code == 1
    assert [one["which"] for one in orjson.loads(machine.stdout)["differences"] if one["what"] == "account"] == ["cash"]
