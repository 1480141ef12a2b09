"""Rows of the ledger: accounts, postings, entries. They are only ever added."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Posting:
    """One movement of value. `seal` chains it to the posting before it; `requests_digest` covers its request rows."""

    id: int
    kind: str
    at_ns: int
    workspace_id: int
    requests: int
    memo: str
    requests_digest: bytes
    seal: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """What one account gained by a posting, in nanodollars; negative is what it lost."""

    posting_id: int
    account_id: int
    account: str
    amount: int
    check_sum: int


@dataclass(frozen=True, slots=True)
class Account:
    """An account and the sum of its entries, in nanodollars."""

    id: int
    name: str
    balance: int


_SELECT = "SELECT id, kind, at_ns, workspace_id, requests, memo, requests_digest, seal FROM postings"


def account_id(connection: sqlite3.Connection, name: str) -> int:
    """The number of an account, which is opened if there is none."""
    row = connection.execute("SELECT id FROM accounts WHERE name = ?", (name,)).fetchone()
    if row is None:
        row = (connection.execute("INSERT INTO accounts (name) VALUES (?)", (name,)).lastrowid,)
    return int(row[0])


def balance(connection: sqlite3.Connection, name: str) -> int:
    """The balance of an account; 0 when it was never used."""
    row = connection.execute("SELECT balance FROM accounts WHERE name = ?", (name,)).fetchone()
    return 0 if row is None else int(row[0])


def accounts(connection: sqlite3.Connection, after: str = "", limit: int = -1) -> list[Account]:
    """Accounts by name."""
    rows = connection.execute("SELECT id, name, balance FROM accounts WHERE name > ? ORDER BY name LIMIT ?", (after, limit))
    return [Account(*row) for row in rows]


def last(connection: sqlite3.Connection) -> tuple[int, bytes]:
    """Number and seal of the latest posting; (0, nothing) before the first."""
    row = connection.execute("SELECT id, seal FROM postings ORDER BY id DESC LIMIT 1").fetchone()
    return (0, b"") if row is None else (int(row[0]), row[1])


def insert(connection: sqlite3.Connection, postings: Iterable[Posting], entries: list[tuple[int, int, int, int]]) -> None:
    """Adds postings and their entries (posting_id, account_id, amount, check_sum), and moves the balances."""
    connection.executemany(
        "INSERT INTO postings VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (one.id, one.kind, one.at_ns, one.workspace_id, one.requests, one.memo, one.requests_digest, one.seal)
            for one in postings
        ],
    )
    connection.executemany("INSERT INTO entries VALUES (?, ?, ?, ?)", entries)
    connection.executemany(
        "UPDATE accounts SET balance = balance + ? WHERE id = ?", [(amount, account) for _, account, amount, _ in entries]
    )


def find(connection: sqlite3.Connection, posting_id: int) -> Posting | None:
    row = connection.execute(f"{_SELECT} WHERE id = ?", (posting_id,)).fetchone()
    return None if row is None else Posting(*row)


def page(connection: sqlite3.Connection, before_id: int, limit: int, workspace_id: int | None = None) -> list[Posting]:
    """Postings, latest first, those before `before_id`."""
    where = "id < ?" if workspace_id is None else "id < ? AND workspace_id = ?"
    values = (before_id, limit) if workspace_id is None else (before_id, workspace_id, limit)
    return [Posting(*row) for row in connection.execute(f"{_SELECT} WHERE {where} ORDER BY id DESC LIMIT ?", values)]


def entries_of(connection: sqlite3.Connection, posting_ids: Iterable[int]) -> dict[int, list[Entry]]:
    """The entries of postings, by posting."""
    found: dict[int, list[Entry]] = {posting_id: [] for posting_id in posting_ids}
    for posting_id in found:
        rows = connection.execute(
            "SELECT posting_id, account_id, accounts.name, amount, check_sum FROM entries "
            "JOIN accounts ON accounts.id = account_id WHERE posting_id = ? ORDER BY account_id",
            (posting_id,),
        )
        found[posting_id] = [Entry(*row) for row in rows]
    return found
