"""Reach: the workspaces that somebody who is bound to some of them sees into, and where they may change keys.

An account with the role `member` is bound: its name is an address, and it reaches the workspaces that have this address among
their members. Everybody else reaches everything, and has no Reach at all. Knows nothing of operations: each of those that
members may ask for narrows itself to the reach it is handed, and PERMISSIONS names the ones that do.
"""

from dataclasses import dataclass

from gateway.control.store import Connection
from gateway.control.store import workspaces as rows

CHANGING = ("owner", "admin", "member")  # roles in a workspace; a `viewer` there only looks


@dataclass(frozen=True, slots=True)
class Reach:
    """Numbers of workspaces. `changes` is a part of `sees`."""

    sees: frozenset[int]
    changes: frozenset[int]


def find(connection: Connection, account_name: str) -> Reach:
    """What an account reaches at this moment; nothing when its name is nobody's address."""
    roles = rows.roles_of(connection, account_name.strip().lower())
    return Reach(frozenset(roles), frozenset(number for number, role in roles.items() if role in CHANGING))
