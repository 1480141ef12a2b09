"""Rows of keys. Functions of a connection: writing ones run inside a transaction of the Store, reading ones on any connection."""

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key about to be entered. `replaces` is the row of the key that it is to replace; without `models` it may use all."""

    public_id: str
    digest: bytes
    name: str
    shown_prefix: str
    shown_suffix: str
    expires_at_s: int = 0
    plan_instance_id: int | None = None
    replaces: "KeyRecord | None" = None
    models: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<NewKey {self.public_id} {self.shown_prefix}...{self.shown_suffix}>"


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key as stored. `digest` is the keyed hash; the key itself is nowhere.

    `limits_key_id` is the first key of its line of rotations: the limits of scope `key` belong to that number. `models` are
    the classes and patterns of the models that it may use; without any it may use all.
    """

    id: int
    public_id: str
    digest: bytes
    name: str
    workspace_id: int
    workspace: str
    workspace_public_id: str
    shown_prefix: str
    shown_suffix: str
    state: str
    created_at_s: int
    expires_at_s: int
    revoked_at_s: int | None
    plan_instance_id: int | None
    plan: str | None
    limits_key_id: int
    replaces_public_id: str | None
    rotated_until_s: int | None
    models: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<KeyRecord {self.public_id} {self.state} {self.shown_prefix}...{self.shown_suffix}>"

    @property
    def ends_at_s(self) -> int:
        """Unix time from which it is refused although nobody revoked it; 0 is never."""
        ends = [moment for moment in (self.expires_at_s, self.rotated_until_s) if moment]
        return min(ends, default=0)


_INSERT = """
INSERT INTO keys (public_id, digest, name, workspace_id, shown_prefix, shown_suffix, state, created_at_s, expires_at_s,
                  plan_instance_id, limits_key_id, replaces_key_id, models)
VALUES (?, ?, ?, ?, ?, ?, 'active', ?, ?, ?, ?, ?, ?)
"""

_SELECT = """
SELECT keys.id, keys.public_id, keys.digest, keys.name, keys.workspace_id, workspaces.name, workspaces.public_id,
       keys.shown_prefix, keys.shown_suffix, keys.state, keys.created_at_s, keys.expires_at_s, keys.revoked_at_s,
       keys.plan_instance_id, plan_instances.plan, keys.limits_key_id, replaced.public_id, keys.rotated_until_s,
       keys.models
FROM keys JOIN workspaces ON workspaces.id = keys.workspace_id
LEFT JOIN plan_instances ON plan_instances.id = keys.plan_instance_id
LEFT JOIN keys AS replaced ON replaced.id = keys.replaces_key_id
"""

# In force: usable now, and not a key that is being replaced by another.
_IN_FORCE = "state = 'active' AND rotated_until_s IS NULL AND (expires_at_s = 0 OR expires_at_s > ?)"


def insert(connection: sqlite3.Connection, workspace_id: int, keys: Sequence[NewKey], now_s: int) -> list[KeyRecord]:
    """Enters keys of one workspace."""
    for key in keys:
        old = key.replaces
        values = (key.public_id, key.digest, key.name, workspace_id, key.shown_prefix, key.shown_suffix, now_s)
        line = (None, None) if old is None else (old.limits_key_id, old.id)
        connection.execute(_INSERT, (*values, key.expires_at_s, key.plan_instance_id, *line, " ".join(key.models)))
    connection.execute("UPDATE keys SET limits_key_id = id WHERE limits_key_id IS NULL")
    return [record for key in keys if (record := find(connection, key.public_id)) is not None]


def find(connection: sqlite3.Connection, public_id: str) -> KeyRecord | None:
    row = connection.execute(f"{_SELECT} WHERE keys.public_id = ?", (public_id,)).fetchone()
    return None if row is None else _record(row)


def find_by_digest(connection: sqlite3.Connection, digest: bytes) -> KeyRecord | None:
    row = connection.execute(f"{_SELECT} WHERE keys.digest = ?", (digest,)).fetchone()
    return None if row is None else _record(row)


def page(
    connection: sqlite3.Connection,
    after_id: int = 0,
    limit: int = -1,
    within: Collection[int] | None = None,
    search: str = "",
    *,
    newest_first: bool = False,
) -> list[KeyRecord]:
    """Keys in order of minting, those after `after_id`; a negative limit means all.

    `newest_first` turns the order round; 0 is then before all of them. `search` is a part of the name, in whatever ASCII letters;
    `within` names the workspaces, all when it is None.
    """
    conditions, values = [], list[int]()
    if after_id or not newest_first:
        conditions.append("keys.id < ?" if newest_first else "keys.id > ?")
        values.append(after_id)
    if within is not None:
        conditions.append(f"keys.workspace_id IN ({', '.join('?' * len(within))})")
        values += within
    if search:
        conditions.append("instr(lower(keys.name), lower(?)) > 0")
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    statement = f"{_SELECT} {where} ORDER BY keys.id {'DESC' if newest_first else ''} LIMIT ?"
    bound = (*values, *([search] if search else []), limit)
    return [_record(row) for row in connection.execute(statement, bound)]


def counted_by(connection: sqlite3.Connection, scope: str, owner_id: int) -> list[KeyRecord]:
    """The active keys that the limits of an owner (workspace, plan, key) count."""
    column = {"workspace": "workspace_id", "plan": "plan_instance_id", "key": "limits_key_id"}[scope]
    rows = connection.execute(f"{_SELECT} WHERE keys.{column} = ? AND keys.state = 'active' ORDER BY keys.id", (owner_id,))
    return [_record(row) for row in rows]


def lines_in_force(connection: sqlite3.Connection) -> set[int]:
    """The `limits_key_id` of every active key."""
    return {number for (number,) in connection.execute("SELECT DISTINCT limits_key_id FROM keys WHERE state = 'active'")}


def revoke(connection: sqlite3.Connection, public_id: str, now_s: int) -> KeyRecord | None:
    """Marks a key as revoked; one that is revoked already keeps its first date. None when there is no such key."""
    connection.execute(
        "UPDATE keys SET state = 'revoked', revoked_at_s = coalesce(revoked_at_s, ?) WHERE public_id = ?", (now_s, public_id)
    )
    return find(connection, public_id)


def end_rotated(connection: sqlite3.Connection, key_id: int, until_s: int) -> None:
    """A key that was replaced works until then."""
    connection.execute("UPDATE keys SET rotated_until_s = ? WHERE id = ?", (until_s, key_id))


def allow(connection: sqlite3.Connection, limits_key_id: int, models: Sequence[str]) -> None:
    """Gives all keys of a line of rotations another list of models."""
    connection.execute("UPDATE keys SET models = ? WHERE limits_key_id = ?", (" ".join(models), limits_key_id))


def models_in_force(connection: sqlite3.Connection) -> set[str]:
    """Every class and pattern that stands in the list of an active key."""
    rows = connection.execute("SELECT DISTINCT models FROM keys WHERE state = 'active' AND models <> ''")
    return {name for (models,) in rows for name in models.split()}


def rename(connection: sqlite3.Connection, public_id: str, name: str) -> KeyRecord | None:
    connection.execute("UPDATE keys SET name = ? WHERE public_id = ?", (name, public_id))
    return find(connection, public_id)


def count_on_plan(connection: sqlite3.Connection, plan_instance_id: int, now_s: int) -> int:
    """Keys of a plan instance that are in force."""
    statement = f"SELECT count(*) FROM keys WHERE plan_instance_id = ? AND {_IN_FORCE}"  # noqa: S608 (a constant above)
    return int(connection.execute(statement, (plan_instance_id, now_s)).fetchone()[0])


def public_id_of(connection: sqlite3.Connection, key_id: int) -> str | None:
    """The id that people see, of the key with this number."""
    row = connection.execute("SELECT public_id FROM keys WHERE id = ?", (key_id,)).fetchone()
    return None if row is None else row[0]


def _record(row: tuple[Any, ...]) -> KeyRecord:
    return replace(KeyRecord(*row), models=tuple(row[-1].split()))
