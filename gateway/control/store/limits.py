"""Rows of limits, and what was used of them."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.catalog.plans import Grant


@dataclass(frozen=True, slots=True)
class LimitRecord:
    """One limit, in the words of `gateway.catalog.measures`. `owner_id` is the number of a workspace, plan instance or key."""

    id: int
    workspace_id: int
    scope: str
    owner_id: int
    metric: str
    model_class: str
    window: str
    amount: int
    source: str
    created_at_s: int
    removed_at_s: int | None

    @property
    def kind(self) -> tuple[str, str, str]:
        """What is limited, without how much."""
        return (self.metric, self.model_class, self.window)


_SELECT = (
    "SELECT id, workspace_id, scope, owner_id, metric, class, window, amount, source, created_at_s, removed_at_s FROM limits"
)

_COUNTS_SOMEBODY = "(scope <> 'key' OR EXISTS (SELECT 1 FROM keys WHERE limits_key_id = owner_id AND state = 'active'))"


def insert(
    connection: sqlite3.Connection, workspace_id: int, scope: str, owner_id: int, source: str, grant: Grant, now_s: int
) -> LimitRecord:
    cursor = connection.execute(
        "INSERT INTO limits (workspace_id, scope, owner_id, metric, class, window, amount, source, created_at_s) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (workspace_id, scope, owner_id, grant.metric, grant.model_class, grant.window, grant.amount, source, now_s),
    )
    assert cursor.lastrowid is not None
    row = connection.execute(f"{_SELECT} WHERE id = ?", (cursor.lastrowid,)).fetchone()
    return LimitRecord(*row)


def find(connection: sqlite3.Connection, limit_id: int) -> LimitRecord | None:
    """A limit, also one that was removed."""
    row = connection.execute(f"{_SELECT} WHERE id = ?", (limit_id,)).fetchone()
    return None if row is None else LimitRecord(*row)


def change(connection: sqlite3.Connection, limit_id: int, amount: int) -> None:
    connection.execute("UPDATE limits SET amount = ? WHERE id = ?", (amount, limit_id))


def remove(connection: sqlite3.Connection, limit_id: int, now_s: int) -> None:
    """Marks a limit as removed; its row stays, because requests name it."""
    connection.execute("UPDATE limits SET removed_at_s = coalesce(removed_at_s, ?) WHERE id = ?", (now_s, limit_id))


def of_owner(connection: sqlite3.Connection, scope: str, owner_id: int) -> list[LimitRecord]:
    """The limits in force of one owner, in the order in which they were made."""
    rows = connection.execute(
        f"{_SELECT} WHERE scope = ? AND owner_id = ? AND removed_at_s IS NULL ORDER BY id", (scope, owner_id)
    )
    return [LimitRecord(*row) for row in rows]


def of_owners(connection: sqlite3.Connection, scope: str, owner_ids: Iterable[int]) -> dict[int, list[LimitRecord]]:
    """The limits in force of several owners, by owner; an owner without limits has an empty list."""
    found: dict[int, list[LimitRecord]] = {owner_id: [] for owner_id in owner_ids}
    if not found:
        return found
    rows = connection.execute(
        f"{_SELECT} WHERE scope = ? AND owner_id BETWEEN ? AND ? AND removed_at_s IS NULL ORDER BY id",
        (scope, min(found), max(found)),
    )
    for row in rows:
        record = LimitRecord(*row)
        if record.owner_id in found:
            found[record.owner_id].append(record)
    return found


def in_force(connection: sqlite3.Connection) -> list[LimitRecord]:
    """Every limit that counts somebody: not removed, and not of a line of keys of which none is active."""
    rows = connection.execute(f"{_SELECT} WHERE removed_at_s IS NULL AND {_COUNTS_SOMEBODY} ORDER BY id")
    return [LimitRecord(*row) for row in rows]


def used_of_all(connection: sqlite3.Connection) -> dict[tuple[int, int], int]:
    """(limit id, window_start_s) -> what was used."""
    rows = connection.execute("SELECT limit_id, window_start_s, used FROM limit_used")
    return {(limit_id, start_s): used for limit_id, start_s, used in rows}


def used(connection: sqlite3.Connection, limit_id: int) -> list[tuple[int, int]]:
    """(window_start_s, used) of every window of a limit, latest first."""
    rows = connection.execute(
        "SELECT window_start_s, used FROM limit_used WHERE limit_id = ? ORDER BY window_start_s DESC", (limit_id,)
    )
    return list(rows)


def used_at(connection: sqlite3.Connection, limit_id: int, now_s: int) -> tuple[int, int]:
    """(window_start_s, used) of the latest window that had begun by then; (0, 0) when there is none."""
    row = connection.execute(
        "SELECT window_start_s, used FROM limit_used WHERE limit_id = ? AND window_start_s <= ? "
        "ORDER BY window_start_s DESC LIMIT 1",
        (limit_id, now_s),
    ).fetchone()
    return (0, 0) if row is None else (row[0], row[1])


def used_since(connection: sqlite3.Connection, limit_id: int, window_start_s: int) -> int:
    """What was used in one window."""
    row = connection.execute(
        "SELECT used FROM limit_used WHERE (limit_id, window_start_s) = (?, ?)", (limit_id, window_start_s)
    ).fetchone()
    return 0 if row is None else int(row[0])


def add_used(connection: sqlite3.Connection, sums: Iterable[tuple[int, int, int]]) -> None:
    """Adds (limit_id, window_start_s, amount) to what was used."""
    # A sum beyond 63 bits would become a rounded number; the shared file stops there too.
    connection.executemany(
        "INSERT INTO limit_used VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET used = min(used + excluded.used, 9223372036854775807)",
        sums,
    )
