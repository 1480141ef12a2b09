"""The database of the console's bench is one that the gateway itself proves."""

import time

import pytest

from gateway.control.books.verify import Verifier
from gateway.control.keys import Order
from gateway.control.store import Reader
from loadtest.console import fill
from tests.control.office import PEPPER, Office


@pytest.mark.parametrize("days", [1, 4])
def test_a_filled_database_is_sound(office: Office, monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    monkeypatch.setattr(fill, "PIECE_ROWS", 700)
    desk, told = office.desk(), []
    for number in range(7):
        desk.keys.mint(Order(name=f"key {number}", workspace=f"space {number % 2}"))
    now_ns = time.time_ns()
    start_ns = now_ns - days * 86_400 * 10**9
    assert fill.fill(office.store, office.prices, 2000, start_ns, now_ns, lambda *facts: told.append(facts)) == 2000
    assert ("receipts", 2000, 2000) in told
    assert ("rollups", 2000 // days, 2000 // days) in told
    report = Verifier(Reader(office.paths.gateway_db), PEPPER, desk.limits, lambda: None).books()
    assert report.differences == []
    assert report.figures > 50
    rows = office.rows()
    assert len(rows) == len({row["request_id"] for row in rows}) == 2000
    assert [row["started_ns"] for row in rows] == sorted(row["started_ns"] for row in rows)
    assert start_ns <= rows[0]["started_ns"] <= rows[-1]["started_ns"] < now_ns
    assert len({row["key_id"] for row in rows}) == 7
    assert {row["status"] for row in rows} == {200, 429, 529}


def test_too_many_receipts_are_refused(office: Office) -> None:
    with pytest.raises(fill.FillError, match="more than"):
        fill.check_room(office.paths.data_dir, 10**9)
