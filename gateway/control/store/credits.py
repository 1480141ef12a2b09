"""Rows of lots: prepaid credits bought at one time. Amounts in nanodollars."""

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lot:
    """Credits bought at one time: amount = remaining + refunded + expired + used.

    `ended_at_s` is when it was refunded or expired; what is used of it, or went to cover what was owed, is the rest.
    """

    id: int
    public_id: str
    workspace_id: int
    amount: int
    remaining: int
    refunded: int
    expired: int
    bought_at_s: int
    expires_at_s: int
    ended_at_s: int | None
    memo: str

    @property
    def account(self) -> str:
        """Its account in the ledger."""
        return f"lot/{self.id}"

    @property
    def used(self) -> int:
        return self.amount - self.remaining - self.refunded - self.expired


SELECT = """
SELECT id, public_id, workspace_id, amount, remaining, refunded, expired, bought_at_s, expires_at_s, ended_at_s, memo FROM lots
"""


def insert(
    connection: sqlite3.Connection,
    public_id: str,
    workspace_id: int,
    amount: int,
    remaining: int,
    bought_at_s: int,
    expires_at_s: int,
    memo: str,
) -> Lot:
    connection.execute(
        "INSERT INTO lots (public_id, workspace_id, amount, remaining, bought_at_s, expires_at_s, memo) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (public_id, workspace_id, amount, remaining, bought_at_s, expires_at_s, memo),
    )
    row = connection.execute(f"{SELECT} WHERE public_id = ?", (public_id,)).fetchone()
    return Lot(*row)


def find(connection: sqlite3.Connection, public_id: str) -> Lot | None:
    row = connection.execute(f"{SELECT} WHERE public_id = ?", (public_id,)).fetchone()
    return None if row is None else Lot(*row)


def page(connection: sqlite3.Connection, workspace_id: int, after_id: int = 0, limit: int = -1) -> list[Lot]:
    """Lots of a workspace in order of purchase; a negative limit means all."""
    rows = connection.execute(f"{SELECT} WHERE workspace_id = ? AND id > ? ORDER BY id LIMIT ?", (workspace_id, after_id, limit))
    return [Lot(*row) for row in rows]


def to_draw(connection: sqlite3.Connection, workspace_id: int) -> list[tuple[int, int]]:
    """(id, remaining) of the lots that still hold something, in the order in which they are used up: oldest first."""
    return list(
        connection.execute(
            "SELECT id, remaining FROM lots WHERE workspace_id = ? AND remaining > 0 ORDER BY bought_at_s, id", (workspace_id,)
        )
    )


def past(connection: sqlite3.Connection, now_s: int) -> list[Lot]:
    """Lots that still hold something and whose time is over."""
    return [Lot(*row) for row in connection.execute(f"{SELECT} WHERE remaining > 0 AND expires_at_s <= ? ORDER BY id", (now_s,))]


def draw(connection: sqlite3.Connection, takes: list[tuple[int, int]]) -> None:
    """Takes (lot id, amount) from what remains."""
    connection.executemany("UPDATE lots SET remaining = remaining - ?2 WHERE id = ?1", takes)


def refund(connection: sqlite3.Connection, lot_id: int, amount: int, now_s: int) -> None:
    connection.execute(
        "UPDATE lots SET remaining = remaining - ?2, refunded = refunded + ?2, ended_at_s = ?3 WHERE id = ?1",
        (lot_id, amount, now_s),
    )


def expire(connection: sqlite3.Connection, lot_id: int, now_s: int) -> None:
    """What remains is lost."""
    connection.execute(
        "UPDATE lots SET expired = expired + remaining, remaining = 0, ended_at_s = ?2 WHERE id = ?1", (lot_id, now_s)
    )


def credited(connection: sqlite3.Connection, workspace_id: int) -> int:
    """All that was ever credited, less what was refunded or expired."""
    row = connection.execute(
        "SELECT coalesce(sum(amount - refunded - expired), 0) FROM lots WHERE workspace_id = ?", (workspace_id,)
    ).fetchone()
    return int(row[0])


def remaining(connection: sqlite3.Connection, workspace_id: int) -> int:
    """What all lots of a workspace still hold."""
    row = connection.execute("SELECT coalesce(sum(remaining), 0) FROM lots WHERE workspace_id = ?", (workspace_id,)).fetchone()
    return int(row[0])


def paid(connection: sqlite3.Connection, workspace_id: int) -> int:
    """What was paid for credits, less what was given back."""
    row = connection.execute(
        "SELECT coalesce(sum(amount - refunded), 0) FROM lots WHERE workspace_id = ?", (workspace_id,)
    ).fetchone()
    return int(row[0])
