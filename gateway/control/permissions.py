"""Who may ask the control plane for what: one table, and nothing that is not in it.

Owns the least that a caller must be for each operation. Refuses to know how callers show who they are (`admin.askers`) and what
an operation does. An operation without an entry is not served: an application with such a route does not start.
"""

from enum import Enum, IntEnum


class Role(IntEnum):
    """What an admin key may do; each role may do all that the ones below it may. Stored by name."""

    VIEWER = 1  # looks at everything but admin keys
    ADMIN = 2  # keys, limits, workspaces, members
    OWNER = 3  # money and admin keys too

    @property
    def word(self) -> str:
        return self.name.lower()


class Access(Enum):
    """Who may call an operation."""

    PUBLIC = "anybody, through a worker's relay"
    SCRAPE = "anybody with the metrics token, if one is set, through a worker's relay"
    VIEWER = "an admin key of any role, or whoever can open the admin socket"
    ADMIN = "an admin key with the role admin or owner, or whoever can open the admin socket"
    OWNER = "an admin key with the role owner, or whoever can open the admin socket"
    SOCKET = "whoever can open the admin socket, and nobody else"
    WORKER = "workers, on the internal socket"

    @property
    def least_role(self) -> Role | None:
        """The role an admin key needs; None where no admin key opens the way."""
        return Role.__members__.get(self.name)


# What each socket serves. The relay's is open to the world, so its operations ask for a key themselves.
RELAYED = frozenset({Access.PUBLIC, Access.SCRAPE, Access.VIEWER, Access.ADMIN, Access.OWNER})
TRUSTED = frozenset({Access.VIEWER, Access.ADMIN, Access.OWNER, Access.SOCKET})
INTERNAL = frozenset({Access.WORKER})

PERMISSIONS: dict[str, Access] = {
    "GET /status": Access.PUBLIC,
    "GET /metrics": Access.SCRAPE,
    "POST /internal/count_tokens": Access.WORKER,
    "GET /admin/openapi.json": Access.VIEWER,
    "GET /admin/v1/status": Access.VIEWER,
    "GET /admin/v1/usage": Access.VIEWER,
    "GET /admin/v1/keys": Access.VIEWER,
    "POST /admin/v1/keys": Access.ADMIN,
    "GET /admin/v1/keys/{id}": Access.VIEWER,
    "POST /admin/v1/keys/{id}/rotate": Access.ADMIN,
    "POST /admin/v1/keys/{id}/revoke": Access.ADMIN,
    "GET /admin/v1/limits": Access.VIEWER,
    "POST /admin/v1/limits": Access.ADMIN,
    "DELETE /admin/v1/limits/{id}": Access.ADMIN,
    "GET /admin/v1/workspaces": Access.VIEWER,
    "POST /admin/v1/workspaces": Access.ADMIN,
    "GET /admin/v1/workspaces/{id}": Access.VIEWER,
    "POST /admin/v1/workspaces/{id}": Access.ADMIN,
    "POST /admin/v1/workspaces/{id}/archive": Access.ADMIN,
    "GET /admin/v1/workspaces/{id}/members": Access.VIEWER,
    "POST /admin/v1/workspaces/{id}/members": Access.ADMIN,
    "POST /admin/v1/workspaces/{id}/members/{member}": Access.ADMIN,
    "DELETE /admin/v1/workspaces/{id}/members/{member}": Access.ADMIN,
    "GET /admin/v1/workspaces/{id}/balance": Access.VIEWER,
    "GET /admin/v1/plans": Access.VIEWER,
    "GET /admin/v1/plans/{name}": Access.VIEWER,
    "GET /admin/v1/credits": Access.VIEWER,
    "POST /admin/v1/credits": Access.OWNER,
    "POST /admin/v1/credits/{id}/refund": Access.OWNER,
    "GET /admin/v1/ledger": Access.VIEWER,
    "GET /admin/v1/ledger/accounts": Access.VIEWER,
    "GET /admin/v1/ledger/postings/{id}": Access.VIEWER,
    "POST /admin/v1/ledger/verify": Access.ADMIN,
    "GET /admin/v1/receipts/{id}": Access.VIEWER,
    "GET /admin/v1/admin_keys": Access.OWNER,
    "POST /admin/v1/admin_keys": Access.SOCKET,
    "POST /admin/v1/admin_keys/{id}/revoke": Access.OWNER,
    "GET /v1/organizations/me": Access.VIEWER,
    "GET /v1/organizations/api_keys": Access.VIEWER,
    "GET /v1/organizations/api_keys/{api_key_id}": Access.VIEWER,
    "POST /v1/organizations/api_keys/{api_key_id}": Access.ADMIN,
    "GET /v1/organizations/workspaces": Access.VIEWER,
    "POST /v1/organizations/workspaces": Access.ADMIN,
    "GET /v1/organizations/workspaces/{workspace_id}": Access.VIEWER,
    "POST /v1/organizations/workspaces/{workspace_id}": Access.ADMIN,
    "POST /v1/organizations/workspaces/{workspace_id}/archive": Access.ADMIN,
    "GET /v1/organizations/workspaces/{workspace_id}/members": Access.VIEWER,
    "POST /v1/organizations/workspaces/{workspace_id}/members": Access.ADMIN,
    "GET /v1/organizations/workspaces/{workspace_id}/members/{user_id}": Access.VIEWER,
    "POST /v1/organizations/workspaces/{workspace_id}/members/{user_id}": Access.ADMIN,
    "DELETE /v1/organizations/workspaces/{workspace_id}/members/{user_id}": Access.ADMIN,
    "GET /v1/organizations/users": Access.VIEWER,
    "GET /v1/organizations/users/{user_id}": Access.VIEWER,
    "GET /v1/organizations/usage_report/messages": Access.VIEWER,
    "GET /v1/organizations/cost_report": Access.VIEWER,
}
