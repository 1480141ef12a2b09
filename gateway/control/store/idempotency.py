"""Rows of calls that were made with an idempotency key."""

import sqlite3


def find(connection: sqlite3.Connection, tenant: str, key: str) -> tuple[bytes, bytes] | None:
    """(hash of the body, answer) of a call that was carried out."""
    row = connection.execute("SELECT body_hash, answer FROM idempotency WHERE (tenant, key) = (?, ?)", (tenant, key)).fetchone()
    return None if row is None else (row[0], row[1])


def insert(connection: sqlite3.Connection, tenant: str, key: str, body_hash: bytes, answer: bytes, now_s: int) -> None:
    connection.execute("INSERT INTO idempotency VALUES (?, ?, ?, ?, ?)", (tenant, key, body_hash, answer, now_s))


def forget(connection: sqlite3.Connection, before_s: int) -> int:
    """Deletes what is older; returns how many calls were forgotten."""
    return connection.execute("DELETE FROM idempotency WHERE at_s < ?", (before_s,)).rowcount
