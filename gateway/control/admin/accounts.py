"""Accounts: the people who log in to the console; and the link by which the first of them comes in.

Hashing a password takes long on purpose, so it is done before the books' thread is asked for anything.
"""

import asyncio
from collections.abc import Callable
from typing import Annotated, Literal, TypeVar

from msgspec import Meta, Struct

from gateway.control import passwords
from gateway.control.admin.askers import SOCKET
from gateway.control.admin.endpoint import Call, Endpoint, Nothing, Page
from gateway.control.admin.front import FrontDesk
from gateway.control.orders import Name, date
from gateway.control.permissions import Role
from gateway.control.store.accounts import AccountRecord

RoleWord = Literal["viewer", "member", "admin", "owner"]
Password = Annotated[str, Meta(max_length=passwords.CHARS_MAX)]
T = TypeVar("T")


class ConsoleAccount(Struct, frozen=True, kw_only=True):
    """A person who may log in. Dates are ISO 8601 in UTC; `seen_at` is the last log-in."""

    id: str
    name: str
    role: RoleWord
    created_at: str
    seen_at: str | None


class AccountOrder(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A person who shall be able to log in."""

    name: Name
    password: Password
    role: RoleWord = "viewer"

    def __repr__(self) -> str:
        return f"<AccountOrder {self.role}>"


class AccountRole(Struct, frozen=True, forbid_unknown_fields=True):
    """What an account may do from now on."""

    role: RoleWord


class PasswordOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """Another password. Whoever is logged in with the account is logged out."""

    password: Password

    def __repr__(self) -> str:
        return "<PasswordOrder>"


class SetupLink(Struct, frozen=True):
    """The path that makes the first account, good for an hour and one time; null when there is an account."""

    path: str | None


def list_accounts(front: FrontDesk, call: Call[Nothing, Nothing]) -> Page[ConsoleAccount]:
    return Page([view(record) for record in front.accounts.all()], None)


async def add(front: FrontDesk, call: Call[AccountOrder, Nothing]) -> ConsoleAccount:
    order = call.body
    password = await asyncio.to_thread(passwords.hashed, order.password, order.name)
    return view(await _in_books(front, lambda: front.accounts.add(order.name, password, Role[order.role.upper()])))


async def change_password(front: FrontDesk, call: Call[PasswordOrder, Nothing]) -> ConsoleAccount:
    record = front.accounts.find(call.path["id"])
    password = await asyncio.to_thread(passwords.hashed, call.body.password, record.name)

    def change() -> AccountRecord:
        with front.store.transaction():
            changed = front.accounts.change_password(record.public_id, password)
            front.sessions.close_all(changed)
        return changed

    return view(await _in_books(front, change))


def change_role(front: FrontDesk, call: Call[AccountRole, Nothing]) -> ConsoleAccount:
    return view(front.accounts.change_role(call.path["id"], Role[call.body.role.upper()]))


def remove(front: FrontDesk, call: Call[Nothing, Nothing]) -> ConsoleAccount:
    with front.store.transaction():
        front.sessions.close_all(front.accounts.find(call.path["id"]))
        # Whoever owns the data directory may begin anew: the next start prints a set-up link.
        return view(front.accounts.remove(call.path["id"], even_last=call.asker is SOCKET))


def make_setup_link(front: FrontDesk, call: Call[Nothing, Nothing]) -> SetupLink:
    token = front.accounts.make_setup_token()
    return SetupLink(None if token is None else f"/console/setup?token={token}")


def view(record: AccountRecord) -> ConsoleAccount:
    return ConsoleAccount(
        id=record.public_id,
        name=record.name,
        role=record.role,  # type: ignore[arg-type] # the table allows no other
        created_at=date(record.created_at_s) or "",
        seen_at=date(record.seen_at_s),
    )


async def _in_books(front: FrontDesk, act: Callable[[], T]) -> T:
    made: list[T] = []
    await front.in_books(lambda: made.append(act()))
    return made[0]


ENDPOINTS = (
    Endpoint("GET", "/admin/v1/accounts", "List the people who may log in to the console", list_accounts, Page[ConsoleAccount]),
    Endpoint("POST", "/admin/v1/accounts", "Add a person", add, ConsoleAccount, body=AccountOrder),
    Endpoint(
        "POST",
        "/admin/v1/accounts/{id}",
        "Change what an account may do, by id or name",
        change_role,
        ConsoleAccount,
        body=AccountRole,
    ),
    Endpoint(
        "POST",
        "/admin/v1/accounts/{id}/password",
        "Set another password and log the account out everywhere",
        change_password,
        ConsoleAccount,
        body=PasswordOrder,
    ),
    Endpoint("DELETE", "/admin/v1/accounts/{id}", "Remove an account, by id or name", remove, ConsoleAccount),
    Endpoint("POST", "/admin/v1/setup_links", "Make the link by which the first owner comes in", make_setup_link, SetupLink),
)
