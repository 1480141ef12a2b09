"""Rows of workspaces, their members, and their places on plans."""

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WorkspaceRecord:
    """A workspace. `billing` is `open` or `prepaid`; `plan` is what a key gets that asks for none; `time_zone` is where its
    people keep their books."""

    id: int
    public_id: str
    name: str
    billing: str
    plan: str | None
    created_at_s: int
    archived_at_s: int | None
    time_zone: str


@dataclass(frozen=True, slots=True)
class MemberRecord:
    """A person in a workspace. `role` is owner, admin, member or viewer."""

    id: int
    public_id: str
    workspace_id: int
    name: str
    email: str
    role: str
    added_at_s: int

    def __repr__(self) -> str:
        return f"<MemberRecord {self.public_id} {self.role}>"


@dataclass(frozen=True, slots=True)
class PlanInstance:
    """A workspace on a plan."""

    id: int
    workspace_id: int
    plan: str
    created_at_s: int


_SELECT = "SELECT id, public_id, name, billing, plan, created_at_s, archived_at_s, time_zone FROM workspaces"
_SELECT_MEMBERS = "SELECT id, public_id, workspace_id, name, email, role, added_at_s FROM members"
_SELECT_INSTANCES = "SELECT id, workspace_id, plan, created_at_s FROM plan_instances"


def insert(connection: sqlite3.Connection, public_id: str, name: str, now_s: int) -> WorkspaceRecord | None:
    """A new workspace; None when the name is taken."""
    statement = "INSERT OR IGNORE INTO workspaces (public_id, name, created_at_s) VALUES (?, ?, ?)"
    if connection.execute(statement, (public_id, name, now_s)).rowcount == 0:
        return None
    return named(connection, name)


def find(connection: sqlite3.Connection, public_id: str) -> WorkspaceRecord | None:
    return _one(connection, "public_id = ?", public_id)


def named(connection: sqlite3.Connection, name: str) -> WorkspaceRecord | None:
    return _one(connection, "name = ?", name)


def numbered(connection: sqlite3.Connection, workspace_id: int) -> WorkspaceRecord | None:
    return _one(connection, "id = ?", workspace_id)


def page(
    connection: sqlite3.Connection, after_id: int = 0, limit: int = -1, within: Collection[int] | None = None
) -> list[WorkspaceRecord]:
    """Workspaces in order of making, archived ones too; a negative limit means all, `within` are the only ones."""
    only = "" if within is None else f" AND id IN ({', '.join('?' * len(within))})"
    rows = connection.execute(f"{_SELECT} WHERE id > ?{only} ORDER BY id LIMIT ?", (after_id, *(within or ()), limit))
    return [WorkspaceRecord(*row) for row in rows]


def change(connection: sqlite3.Connection, workspace: WorkspaceRecord) -> None:
    """Stores the name, billing, plan, date of archiving and time zone of a record."""
    connection.execute(
        "UPDATE workspaces SET name = ?, billing = ?, plan = ?, archived_at_s = ?, time_zone = ? WHERE id = ?",
        (workspace.name, workspace.billing, workspace.plan, workspace.archived_at_s, workspace.time_zone, workspace.id),
    )


def payment(connection: sqlite3.Connection, workspace_id: int) -> tuple[bool, int | None]:
    """Whether a workspace pays in advance, and the number of the limit that stands for its credits.

    One that the database does not know has an open account.
    """
    row = connection.execute(
        "SELECT billing = 'prepaid', limits.id FROM workspaces LEFT JOIN limits ON scope = 'workspace' "
        "AND owner_id = workspaces.id AND source = 'credits' AND removed_at_s IS NULL WHERE workspaces.id = ?",
        (workspace_id,),
    ).fetchone()
    return (False, None) if row is None else (bool(row[0]), row[1])


def insert_member(
    connection: sqlite3.Connection, public_id: str, workspace_id: int, name: str, email: str, role: str, now_s: int
) -> MemberRecord | None:
    """A new member; None when the workspace has one with this address."""
    statement = "INSERT OR IGNORE INTO members (public_id, workspace_id, name, email, role, added_at_s) VALUES (?, ?, ?, ?, ?, ?)"
    if connection.execute(statement, (public_id, workspace_id, name, email, role, now_s)).rowcount == 0:
        return None
    return find_member(connection, public_id)


def find_member(connection: sqlite3.Connection, public_id: str) -> MemberRecord | None:
    row = connection.execute(f"{_SELECT_MEMBERS} WHERE public_id = ?", (public_id,)).fetchone()
    return None if row is None else MemberRecord(*row)


def members(connection: sqlite3.Connection, workspace_id: int, after_id: int = 0, limit: int = -1) -> list[MemberRecord]:
    """Members in the order in which they were added."""
    rows = connection.execute(
        f"{_SELECT_MEMBERS} WHERE workspace_id = ? AND id > ? ORDER BY id LIMIT ?", (workspace_id, after_id, limit)
    )
    return [MemberRecord(*row) for row in rows]


def roles_of(connection: sqlite3.Connection, email: str) -> dict[int, str]:
    """Number of each workspace that has a member with this address -> the member's role there."""
    return dict(connection.execute("SELECT workspace_id, role FROM members WHERE email = ?", (email,)))


def change_role(connection: sqlite3.Connection, member_id: int, role: str) -> None:
    connection.execute("UPDATE members SET role = ? WHERE id = ?", (role, member_id))


def delete_member(connection: sqlite3.Connection, member_id: int) -> None:
    connection.execute("DELETE FROM members WHERE id = ?", (member_id,))


def plan_instance(connection: sqlite3.Connection, workspace_id: int, plan: str, now_s: int) -> PlanInstance:
    """The workspace's place on a plan, made if there is none."""
    connection.execute(
        "INSERT OR IGNORE INTO plan_instances (workspace_id, plan, created_at_s) VALUES (?, ?, ?)", (workspace_id, plan, now_s)
    )
    row = connection.execute(f"{_SELECT_INSTANCES} WHERE (workspace_id, plan) = (?, ?)", (workspace_id, plan)).fetchone()
    return PlanInstance(*row)


def plan_instances(connection: sqlite3.Connection, workspace_id: int | None = None) -> list[PlanInstance]:
    """Places on plans, of one workspace or of all."""
    where, values = ("", ()) if workspace_id is None else (" WHERE workspace_id = ?", (workspace_id,))
    return [PlanInstance(*row) for row in connection.execute(f"{_SELECT_INSTANCES}{where} ORDER BY id", values)]


def _one(connection: sqlite3.Connection, where: str, value: object) -> WorkspaceRecord | None:
    row = connection.execute(f"{_SELECT} WHERE {where}", (value,)).fetchone()
    return None if row is None else WorkspaceRecord(*row)
