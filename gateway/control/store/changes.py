"""Changes in gateway.db: who did what, in order. Rows are only ever added."""

import sqlite3
from dataclasses import dataclass

_SELECT = "SELECT id, at_s, who, who_name, did, about FROM changes"
_INSERT = "INSERT INTO changes (at_s, who, who_name, did, about) VALUES (?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class ChangeRecord:
    """A change as stored; `at_s` is wall seconds."""

    id: int
    at_s: int
    who: str
    who_name: str
    did: str
    about: str


def insert(connection: sqlite3.Connection, at_s: int, who: str, who_name: str, did: str, about: str) -> None:
    connection.execute(_INSERT, (at_s, who, who_name, did, about))


def page(connection: sqlite3.Connection, before_id: int, limit: int) -> list[ChangeRecord]:
    """The latest changes first, those before `before_id`; 0 is from the last one on."""
    where = "WHERE id < ?" if before_id else "WHERE ? = 0"
    return [ChangeRecord(*row) for row in connection.execute(f"{_SELECT} {where} ORDER BY id DESC LIMIT ?", (before_id, limit))]
