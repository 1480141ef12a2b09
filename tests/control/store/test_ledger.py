import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.control.store import Connection, Posting, Store, ledger


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    with Store.open(tmp_path / "gateway.db") as store, store.transaction() as connection:
        yield connection


def posting(number: int, workspace_id: int = 1) -> Posting:
    return Posting(number, "usage", 1000 + number, workspace_id, 3, "memo", b"digest", bytes([number]))


def test_accounts_are_opened_by_name_and_hold_the_sum_of_their_entries(connection: Connection) -> None:
    usage, owed = (ledger.account_id(connection, name) for name in ("usage", "owed/1"))
    assert ledger.account_id(connection, "usage") == usage != owed
    assert ledger.last(connection) == (0, b"")
    ledger.insert(connection, [posting(1), posting(2)], [(1, usage, 5, 0), (1, owed, -5, 0), (2, usage, 7, 0), (2, owed, -7, 9)])
    assert ledger.last(connection) == (2, b"\x02")
    assert (ledger.balance(connection, "usage"), ledger.balance(connection, "owed/1")) == (12, -12)
    assert ledger.balance(connection, "cash") == 0
    assert [(one.name, one.balance) for one in ledger.accounts(connection)] == [("owed/1", -12), ("usage", 12)]
    assert [one.name for one in ledger.accounts(connection, "owed/1", 5)] == ["usage"]


def test_postings_are_read_latest_first(connection: Connection) -> None:
    account = ledger.account_id(connection, "usage")
    ledger.insert(connection, [posting(1), posting(2, 7), posting(3)], [(3, account, 1, 4)])
    assert [one.id for one in ledger.page(connection, 2**62, 2)] == [3, 2]
    assert [one.id for one in ledger.page(connection, 3, 9, 1)] == [1]
    assert ledger.find(connection, 2) == posting(2, 7)
    assert ledger.find(connection, 4) is None
    entries = ledger.entries_of(connection, [2, 3])
    assert entries[2] == []
    assert [(one.account, one.amount, one.check_sum) for one in entries[3]] == [("usage", 1, 4)]


def test_an_entry_needs_its_posting_and_its_account(connection: Connection) -> None:
    account = ledger.account_id(connection, "usage")
    for entry in ((1, account, 5, 0), (2, 99, 5, 0)):
        with pytest.raises(sqlite3.IntegrityError):
            ledger.insert(connection, [] if entry[0] == 1 else [posting(2)], [entry])
