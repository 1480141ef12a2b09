import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.control.store import Connection, Store, credits


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    with Store.open(tmp_path / "gateway.db") as store, store.transaction() as connection:
        yield connection


def test_lots_are_drawn_oldest_first(connection: Connection) -> None:
    for number, bought_at_s in ((1, 30), (2, 10), (3, 20)):
        credits.insert(connection, f"lot_{number}", 1, 100, 100, bought_at_s, bought_at_s + 1000, "")
    assert credits.to_draw(connection, 1) == [(2, 100), (3, 100), (1, 100)]
    credits.draw(connection, [(2, 100), (3, 40)])
    assert credits.to_draw(connection, 1) == [(3, 60), (1, 100)]
    credits.refund(connection, 3, 10, 77)
    credits.expire(connection, 1, 88)
    lots = {lot.id: lot for lot in credits.page(connection, 1)}
    assert (lots[3].remaining, lots[3].refunded, lots[3].used, lots[3].ended_at_s) == (50, 10, 40, 77)
    assert (lots[1].remaining, lots[1].expired, lots[1].used, lots[1].ended_at_s) == (0, 100, 0, 88)
    assert (lots[2].used, lots[2].account) == (100, "lot/2")
    assert (credits.credited(connection, 1), credits.remaining(connection, 1), credits.paid(connection, 1)) == (190, 50, 290)
    assert [lot.id for lot in credits.past(connection, 1019)] == []
    assert [lot.id for lot in credits.past(connection, 1020)] == [3]
    assert [lot.id for lot in credits.page(connection, 1, 1, 1)] == [2]
    assert credits.find(connection, "lot_none") is None


def test_a_lot_never_holds_less_than_nothing(connection: Connection) -> None:
    lot = credits.insert(connection, "lot_1", 1, 100, 100, 1, 1000, "")
    for takes in ([(lot.id, 101)], [(lot.id, -1)]):
        with pytest.raises(sqlite3.IntegrityError):
            credits.draw(connection, takes)
