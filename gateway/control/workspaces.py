"""Workspaces: who shares keys, limits, credits and usage; and the people in them.

A workspace is found by its id (`wrkspc_...`) or its name. Archiving one revokes its keys for good and keeps everything it has
used. People have roles; what a role may do is decided where they come in.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Annotated, Any, Literal

import msgspec

from gateway.control import spans
from gateway.control.orders import ConflictError, MissingError, Name, OrderError, check_text, date
from gateway.control.store import MemberRecord, Store, WorkspaceRecord
from gateway.control.store import workspaces as rows
from gateway.core import ids
from gateway.core.clock import Clock

ROLES = ("owner", "admin", "member", "viewer")
DEFAULT = "default"  # there from the beginning, and where keys go that name no workspace

Role = Literal["owner", "admin", "member", "viewer"]
Email = Annotated[str, msgspec.Meta(min_length=3, max_length=254, pattern=r"\A[^@\s]+@[^@\s]+\Z")]

_ID = re.compile(r"wrkspc_[0-9A-Za-z]{22}")


class WorkspaceOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A new workspace."""

    name: Name


class WorkspaceChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A new name for a workspace."""

    name: Name


class ZoneOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The time zone in which a workspace reads its charts."""

    time_zone: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class MemberOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A person to be added to a workspace."""

    email: Email
    name: Annotated[str, msgspec.Meta(max_length=100)] = ""
    role: Role = "member"


class RoleOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Another role for a member."""

    role: Role


class Workspaces:
    """The workspaces of this installation. `on_archive` is told of one that is being archived, inside the transaction."""

    def __init__(self, store: Store, clock: Clock, on_archive: Callable[[WorkspaceRecord], object]) -> None:
        self._store = store
        self._clock = clock
        self._on_archive = on_archive

    def create(self, order: WorkspaceOrder) -> WorkspaceRecord:
        """Raises ConflictError when the name is taken, OrderError, StoreError."""
        check_text(order.name)
        if _ID.fullmatch(order.name):
            raise OrderError("workspace.name_like_id", "a name cannot look like the id of a workspace")
        with self._store.transaction() as connection:
            made = rows.insert(connection, ids.text_of("wrkspc", ids.fresh_id()), order.name, self._now_s())
        if made is None:
            raise ConflictError("workspace.name_taken", "there is a workspace called {name!r} already", name=order.name)
        return made

    def find(self, reference: str) -> WorkspaceRecord:
        """A workspace by its id or name, archived or not. Raises MissingError."""
        with self._store.reading() as connection:
            by = rows.find if _ID.fullmatch(reference) else rows.named
            record = by(connection, reference)
        if record is None:
            raise missing(reference)
        return record

    def find_or_create(self, reference: str) -> WorkspaceRecord:
        """The workspace of this id or name; a name that nobody has is given to a new one."""
        try:
            return self.find(reference)
        except MissingError:
            if _ID.fullmatch(reference):
                raise
            return self.create(WorkspaceOrder(name=reference))

    def page(self, after_id: int = 0, limit: int = -1, within: Collection[int] | None = None) -> list[WorkspaceRecord]:
        """Workspaces in order of making, archived ones too; a negative limit means all, `within` are the only ones."""
        with self._store.reading() as connection:
            return rows.page(connection, after_id, limit, within)

    def rename(self, reference: str, change: WorkspaceChange) -> WorkspaceRecord:
        """Raises ConflictError when the name is taken, OrderError, StoreError."""
        check_text(change.name)
        if _ID.fullmatch(change.name):
            raise OrderError("workspace.name_like_id", "a name cannot look like the id of a workspace")
        with self._store.transaction() as connection:
            record = self.find(reference)
            other = rows.named(connection, change.name)
            if other is not None and other.id != record.id:
                raise ConflictError("workspace.name_taken", "there is a workspace called {name!r} already", name=change.name)
            changed = replace(record, name=change.name)
            rows.change(connection, changed)
        return changed

    def set_zone(self, reference: str, order: ZoneOrder) -> WorkspaceRecord:
        """Says in which zone a workspace reads its charts. Raises OrderError for one that nobody has heard of, StoreError."""
        try:
            spans.zone(order.time_zone)
        except spans.SpanError:
            raise OrderError("workspace.time_zone", "time_zone must be a time zone such as UTC or Europe/Berlin") from None
        with self._store.transaction() as connection:
            changed = replace(self.find(reference), time_zone=order.time_zone)
            rows.change(connection, changed)
        return changed

    def archive(self, reference: str) -> WorkspaceRecord:
        """Revokes all its keys and takes no new ones; one that is archived already keeps its first date. Raises OrderError."""
        with self._store.transaction() as connection:
            record = self.find(reference)
            if record.name == DEFAULT:
                raise OrderError("workspace.default_stays", "the default workspace cannot be archived")
            if record.archived_at_s is None:
                record = replace(record, archived_at_s=self._now_s())
                rows.change(connection, record)
            self._on_archive(record)
        return record

    def add_member(self, reference: str, order: MemberOrder) -> MemberRecord:
        """Raises ConflictError when the address is in the workspace already, OrderError, StoreError."""
        check_text(order.name, order.email)
        with self._store.transaction() as connection:
            workspace = self.find_open(reference)
            public_id = ids.text_of("user", ids.fresh_id())
            member = rows.insert_member(
                connection, public_id, workspace.id, order.name, order.email.lower(), order.role, self._now_s()
            )
        if member is None:
            raise ConflictError("member.there_already", "{email} is a member already", email=order.email)
        return member

    def members(self, reference: str, after_id: int = 0, limit: int = -1) -> list[MemberRecord]:
        """Members in the order in which they were added."""
        with self._store.reading() as connection:
            return rows.members(connection, self.find(reference).id, after_id, limit)

    def member(self, reference: str, member_id: str) -> MemberRecord:
        """A member by id or address. Raises MissingError."""
        for member in self.members(reference):
            if member_id.lower() in (member.public_id.lower(), member.email):
                return member
        raise MissingError("member.missing", "no such member")

    def change_role(self, reference: str, member_id: str, order: RoleOrder) -> MemberRecord:
        """Raises OrderError when the workspace would be left without its only owner, MissingError."""
        with self._store.transaction() as connection:
            member = self.member(reference, member_id)
            if order.role != "owner":
                self._check_other_owner(reference, member)
            rows.change_role(connection, member.id, order.role)
        return replace(member, role=order.role)

    def remove_member(self, reference: str, member_id: str) -> MemberRecord:
        """Raises OrderError when the workspace would be left without its only owner, MissingError."""
        with self._store.transaction() as connection:
            member = self.member(reference, member_id)
            self._check_other_owner(reference, member)
            rows.delete_member(connection, member.id)
        return member

    def find_open(self, reference: str) -> WorkspaceRecord:
        """A workspace that is not archived. Raises OrderError."""
        record = self.find(reference)
        if record.archived_at_s is not None:
            raise OrderError("workspace.archived", "the workspace {name!r} is archived", name=record.name)
        return record

    def _check_other_owner(self, reference: str, member: MemberRecord) -> None:
        if member.role == "owner" and sum(one.role == "owner" for one in self.members(reference)) == 1:
            raise OrderError("member.last_owner", "a workspace that has an owner keeps one")

    def _now_s(self) -> int:
        return self._clock.wall_ns() // 1_000_000_000


def view(workspace: WorkspaceRecord) -> dict[str, Any]:
    """A workspace as shown to people and scripts."""
    return {
        "id": workspace.public_id,
        "name": workspace.name,
        "billing": workspace.billing,
        "plan": workspace.plan,
        "created_at": date(workspace.created_at_s),
        "archived_at": date(workspace.archived_at_s),
        "time_zone": workspace.time_zone,
    }


def view_member(member: MemberRecord) -> dict[str, Any]:
    """A member as shown to people and scripts."""
    return {
        "id": member.public_id,
        "name": member.name,
        "email": member.email,
        "role": member.role,
        "added_at": date(member.added_at_s),
    }


def missing(reference: str) -> MissingError:
    """What is said of a workspace that is not there."""
    if not reference.isprintable():
        return MissingError("workspace.missing", "no such workspace")
    return MissingError("workspace.not_found", "no workspace {name!r}", name=reference)
