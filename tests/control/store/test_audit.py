from pathlib import Path

from gateway.control.store import Store, audit
from tests.control.office import Office, Worker, settlement


def test_walks_go_in_the_order_of_entering(office: Office, worker: Worker) -> None:
    desk = office.desk()
    drain = office.drain(desk)
    for _ in range(3):
        worker.settle(settlement(), settlement(workspace_id=9))
        drain.enter_all()
    connection = office.store.connection
    rows = list(audit.requests(connection))
    assert [row[0] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [row[-2] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [row[0] for row in audit.postings(connection)] == [1, 2, 3, 4, 5, 6]
    assert [(row[0], row[2]) for row in audit.entries(connection)][:4] == [
        (1, "open/1"),
        (1, "usage"),
        (2, "usage"),
        (2, "open/9"),
    ]
    assert [*audit.lots(connection), *audit.used(connection), *audit.credit_limits(connection)] == []


def test_rows_from_before_the_ledger_are_known(tmp_path: Path) -> None:
    with Store.open(tmp_path / "gateway.db") as store:
        assert audit.requests_before_ledger(store.connection) == 0
        store.set_meta("requests_before_ledger", "7")
        assert audit.requests_before_ledger(store.connection) == 7


def test_texts_are_read_whatever_they_are_made_of(tmp_path: Path) -> None:
    with Store.open(tmp_path / "gateway.db") as store:
        store.connection.execute("INSERT INTO meta VALUES ('x', CAST(x'ff41' AS TEXT))")
        audit.tolerate(store.connection)
        assert store.meta("x") == "\udcffA"
