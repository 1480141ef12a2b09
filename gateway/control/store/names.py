"""Names of keys and workspaces: from what people write to the numbers in the books, and back. Nothing here changes anything."""

import sqlite3
from collections.abc import Collection, Iterable


def key_number(connection: sqlite3.Connection, public_id: str, within: Collection[int] | None = None) -> int | None:
    """The number of the key with this id, of all workspaces or `within` these."""
    row = connection.execute("SELECT id, workspace_id FROM keys WHERE public_id = ?", (public_id,)).fetchone()
    return None if row is None or (within is not None and row[1] not in within) else int(row[0])


def workspace_number(connection: sqlite3.Connection, id_or_name: str, within: Collection[int] | None = None) -> int | None:
    """The number of a workspace, of all or `within` these."""
    row = connection.execute(
        "SELECT id FROM workspaces WHERE public_id = ? OR name = ? ORDER BY public_id = ? DESC LIMIT 1", (id_or_name,) * 3
    ).fetchone()
    return None if row is None or (within is not None and row[0] not in within) else int(row[0])


def keys(connection: sqlite3.Connection, numbers: Iterable[int]) -> dict[int, tuple[str, str]]:
    """Number -> (id, name). Keys that a restored backup does not know are shown by their number."""
    return _named(connection, "keys", "key", numbers)


def workspaces(connection: sqlite3.Connection, numbers: Iterable[int]) -> dict[int, tuple[str, str]]:
    """Number -> (id, name), as for keys."""
    return _named(connection, "workspaces", "workspace", numbers)


def _named(connection: sqlite3.Connection, table: str, word: str, numbers: Iterable[int]) -> dict[int, tuple[str, str]]:
    wanted = sorted(set(numbers))
    found = {number: (f"{word} {number}", "") for number in wanted}
    for start in range(0, len(wanted), 500):
        part = wanted[start : start + 500]
        marks = ", ".join("?" * len(part))
        statement = f"SELECT id, public_id, name FROM {table} WHERE id IN ({marks})"  # noqa: S608 (names of this module)
        found |= {number: (public_id, name) for number, public_id, name in connection.execute(statement, part)}
    return found
