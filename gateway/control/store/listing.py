"""Lists as Anthropic's Admin API pages them: by id, forward and backward. Functions of a connection that change nothing."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.control.store import keys, workspaces
from gateway.control.store.keys import KeyRecord
from gateway.control.store.workspaces import MemberRecord, WorkspaceRecord

_ENDED = "((expires_at_s > 0 AND expires_at_s <= :now_s) OR (rotated_until_s IS NOT NULL AND rotated_until_s <= :now_s))"
# A key's state in Anthropic's words. One that is revoked stays so; nothing here is switched off for a while (`inactive`).
KEY_STATES = {
    "active": f"state = 'active' AND NOT {_ENDED}",
    "expired": f"state = 'active' AND {_ENDED}",
    "archived": "state = 'revoked'",
    "inactive": "0",
}
# One person may be in several workspaces; the first membership lends its id to all of them.
_FIRST = "SELECT min(id) FROM members GROUP BY email"


class CursorError(ValueError):
    """A page was asked for behind or before something that is not in the list."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Which part of a list: behind one public id, before another one, or the beginning."""

    after: str | None
    before: str | None
    limit: int


@dataclass(frozen=True, slots=True)
class User:
    """A person, with the roles of all memberships."""

    public_id: str
    email: str
    name: str
    added_at_s: int
    roles: frozenset[str]

    def __repr__(self) -> str:
        return f"<User {self.public_id}>"


def key_page(
    connection: sqlite3.Connection, cut: Cut, state: str | None, workspace: str | None, now_s: int
) -> tuple[list[KeyRecord], bool]:
    """Keys in order of minting, and whether more follow in the direction that was asked for. Raises CursorError."""
    wheres = ["1" if state is None else KEY_STATES[state]]
    if workspace is not None:
        wheres.append("workspace_id = (SELECT id FROM workspaces WHERE public_id = :workspace)")
    found, more = _page(connection, "keys", wheres, cut, {"now_s": now_s, "workspace": workspace})
    return [record for one in found if (record := keys.find(connection, one)) is not None], more


def workspace_page(
    connection: sqlite3.Connection, cut: Cut, ids: Sequence[str], *, archived: bool, default: bool
) -> tuple[list[WorkspaceRecord], bool]:
    """Workspaces in order of making; those that are archived and the default one only if asked for. Raises CursorError."""
    wheres = ["1" if archived else "archived_at_s IS NULL", "1" if default else "id <> 1"]
    if ids:
        wheres.append(f"public_id IN ({', '.join(f':id{number}' for number in range(len(ids)))})")
    values: dict[str, object] = {f"id{number}": one for number, one in enumerate(ids)}
    found, more = _page(connection, "workspaces", wheres, cut, values)
    return [record for one in found if (record := workspaces.find(connection, one)) is not None], more


def member_page(connection: sqlite3.Connection, cut: Cut, workspace_id: int) -> tuple[list[MemberRecord], bool]:
    """Members of a workspace in the order in which they came, by the ids of the persons. Raises CursorError."""
    own = Cut(
        None if cut.after is None else _membership(connection, workspace_id, cut.after),
        None if cut.before is None else _membership(connection, workspace_id, cut.before),
        cut.limit,
    )
    found, more = _page(connection, "members", ["workspace_id = :workspace_id"], own, {"workspace_id": workspace_id})
    return [record for one in found if (record := workspaces.find_member(connection, one)) is not None], more


def members_of(connection: sqlite3.Connection, cut: Cut, workspace_id: str) -> tuple[list[tuple[MemberRecord, str]], bool] | None:
    """A page of the members of a workspace with the ids of the persons; None when there is no such workspace."""
    workspace = workspaces.find(connection, workspace_id)
    if workspace is None:
        return None
    members, more = member_page(connection, cut, workspace.id)
    ids = user_ids(connection, [one.email for one in members])
    return [(one, ids[one.email]) for one in members], more


def user_page(connection: sqlite3.Connection, cut: Cut, email: str | None) -> tuple[list[User], bool]:
    """Persons in the order in which they first came. Raises CursorError."""
    wheres = [f"id IN ({_FIRST})", *([] if email is None else ["email = :email"])]
    found, more = _page(connection, "members", wheres, cut, {"email": email})
    return [user for one in found if (user := find_user(connection, one)) is not None], more


def find_user(connection: sqlite3.Connection, public_id: str) -> User | None:
    """A person by the id of any membership."""
    memberships = connection.execute(
        "SELECT public_id, email, name, added_at_s, role FROM members "
        "WHERE email = (SELECT email FROM members WHERE public_id = ?) ORDER BY id",
        (public_id,),
    ).fetchall()
    if not memberships:
        return None
    first, email, name, added_at_s, _ = memberships[0]
    return User(first, email, name, added_at_s, frozenset(row[4] for row in memberships))


def user_ids(connection: sqlite3.Connection, emails: Sequence[str]) -> dict[str, str]:
    """Address -> the person's id."""
    found = {}
    for email in emails:
        row = connection.execute("SELECT public_id FROM members WHERE email = ? ORDER BY id LIMIT 1", (email,)).fetchone()
        if row is not None:
            found[email] = row[0]
    return found


def _membership(connection: sqlite3.Connection, workspace_id: int, user_id: str) -> str:
    """The id of a person's membership in a workspace."""
    user = find_user(connection, user_id)
    row = None
    if user is not None:
        wanted = (workspace_id, user.email)
        row = connection.execute("SELECT public_id FROM members WHERE (workspace_id, email) = (?, ?)", wanted).fetchone()
    if row is None:
        raise CursorError
    return str(row[0])


def _page(
    connection: sqlite3.Connection, table: str, wheres: Sequence[str], cut: Cut, values: dict[str, object]
) -> tuple[list[str], bool]:
    """Public ids of a part of a table, in order of id; `wheres` are texts of this module."""
    bound, order = "1", "ASC"
    for public_id, comparison, direction in ((cut.after, "id > :place", "ASC"), (cut.before, "id < :place", "DESC")):
        if public_id is not None:
            row = connection.execute(f"SELECT id FROM {table} WHERE public_id = ?", (public_id,)).fetchone()  # noqa: S608
            if row is None:
                raise CursorError
            bound, order, values = comparison, direction, values | {"place": row[0]}
    where = " AND ".join([*wheres, bound])
    statement = f"SELECT public_id FROM {table} WHERE {where} ORDER BY id {order} LIMIT :limit"  # noqa: S608
    found = [row[0] for row in connection.execute(statement, values | {"limit": cut.limit + 1})]
    more = len(found) > cut.limit
    del found[cut.limit :]
    return (found[::-1] if order == "DESC" else found), more
