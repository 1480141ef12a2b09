"""Who may ask the control plane for what: one table, and nothing that is not in it.

Owns the least that a caller must be for each operation. Refuses to know how callers show who they are (`admin.askers`) and what
an operation does. An operation without an entry is not served: an application with such a route does not start.
"""

from enum import Enum, IntEnum


class Role(IntEnum):
    """What an admin key or an account may do; each role may do all that the ones below it may, a member in its workspaces
    only. Stored by name."""

    VIEWER = 1  # looks at everything but admin keys and accounts
    MEMBER = 2  # mints, rotates and revokes keys, of the workspaces it belongs to; sees nothing else. No admin key has this role
    ADMIN = 3  # limits, workspaces, members, upstream keys
    OWNER = 4  # money, admin keys, accounts and settings too

    @property
    def word(self) -> str:
        return self.name.lower()


class Access(Enum):
    """Who may call an operation."""

    PUBLIC = "anybody, through a worker's relay"
    FORM = "anybody who fills in a form of a page of ours, through a worker's relay"
    SCRAPE = "anybody with the metrics token, if one is set, through a worker's relay"
    WITHIN = "an account with the role member, within its workspaces, and whoever VIEWER admits"
    VIEWER = "an admin key or account of any role but member, or whoever can open the admin socket"
    MEMBER = "an account with the role member, within its workspaces, and whoever ADMIN admits"
    ADMIN = "an admin key or account with the role admin or owner, or whoever can open the admin socket"
    OWNER = "an admin key or account with the role owner, or whoever can open the admin socket"
    PERSON = "an account with the role owner, or whoever can open the admin socket; no admin key"
    SOCKET = "whoever can open the admin socket, and nobody else"
    WORKER = "workers, on the internal socket"

    @property
    def least_role(self) -> Role | None:
        """The role an admin key or account needs; None where neither opens the way."""
        return {Access.PERSON: Role.OWNER, Access.WITHIN: Role.VIEWER}.get(self) or Role.__members__.get(self.name)

    def admits(self, role: Role) -> bool:
        """Whether an admin key or account of this role may."""
        # A viewer looks at everything and a member into its workspaces: what shows more than those is not for members.
        least = self.least_role
        return least is not None and role >= least and not (role is Role.MEMBER and self is Access.VIEWER)


# What each socket serves. The relay's is open to the world, so its operations ask for a key themselves.
_KEYED = frozenset({Access.WITHIN, Access.VIEWER, Access.MEMBER, Access.ADMIN, Access.OWNER})
RELAYED = _KEYED | {Access.PUBLIC, Access.FORM, Access.SCRAPE}
TRUSTED = _KEYED | {Access.PERSON, Access.SOCKET}
INTERNAL = frozenset({Access.WORKER})

PERMISSIONS: dict[str, Access] = {
    "GET /status": Access.PUBLIC,
    "GET /metrics": Access.SCRAPE,
    "POST /internal/count_tokens": Access.WORKER,
    "GET /internal/models": Access.WORKER,
    "GET /admin/openapi.json": Access.VIEWER,
    "GET /admin/v1/status": Access.WITHIN,
    "GET /admin/v1/usage": Access.VIEWER,
    "GET /admin/v1/figures": Access.WITHIN,
    "GET /admin/v1/requests": Access.WITHIN,
    "GET /admin/v1/requests.csv": Access.WITHIN,
    "GET /admin/v1/requests/{id}/why": Access.WITHIN,
    "GET /admin/v1/live": Access.WITHIN,
    "GET /admin/v1/live/events": Access.WITHIN,
    "GET /admin/v1/keys": Access.WITHIN,
    "POST /admin/v1/keys": Access.MEMBER,
    "GET /admin/v1/keys/{id}": Access.WITHIN,
    "POST /admin/v1/keys/{id}/rotate": Access.MEMBER,
    "POST /admin/v1/keys/{id}/models": Access.ADMIN,
    "POST /admin/v1/keys/{id}/revoke": Access.MEMBER,
    "GET /admin/v1/limits": Access.WITHIN,
    "POST /admin/v1/limits": Access.ADMIN,
    "DELETE /admin/v1/limits/{id}": Access.ADMIN,
    "GET /admin/v1/workspaces": Access.WITHIN,
    "POST /admin/v1/workspaces": Access.ADMIN,
    "GET /admin/v1/workspaces/{id}": Access.WITHIN,
    "POST /admin/v1/workspaces/{id}": Access.ADMIN,
    "POST /admin/v1/workspaces/{id}/archive": Access.ADMIN,
    "GET /admin/v1/workspaces/{id}/members": Access.WITHIN,
    "POST /admin/v1/workspaces/{id}/members": Access.ADMIN,
    "POST /admin/v1/workspaces/{id}/members/{member}": Access.ADMIN,
    "DELETE /admin/v1/workspaces/{id}/members/{member}": Access.ADMIN,
    "GET /admin/v1/workspaces/{id}/balance": Access.WITHIN,
    "GET /admin/v1/plans": Access.WITHIN,
    "GET /admin/v1/plans/{name}": Access.WITHIN,
    "GET /admin/v1/credits": Access.WITHIN,
    "POST /admin/v1/credits": Access.OWNER,
    "POST /admin/v1/credits/{id}/refund": Access.OWNER,
    "GET /admin/v1/ledger": Access.VIEWER,
    "GET /admin/v1/ledger/accounts": Access.VIEWER,
    "GET /admin/v1/ledger/postings/{id}": Access.VIEWER,
    "POST /admin/v1/ledger/verify": Access.ADMIN,
    "GET /admin/v1/receipts/{id}": Access.WITHIN,
    "GET /admin/v1/models": Access.WITHIN,
    "GET /admin/v1/pool": Access.VIEWER,
    "POST /admin/v1/pool/{provider}/{number}/test": Access.ADMIN,
    "POST /admin/v1/pool/{provider}/{number}/drain": Access.ADMIN,
    "POST /admin/v1/pool/{provider}/{number}/resume": Access.ADMIN,
    "POST /admin/v1/reload": Access.OWNER,
    "GET /admin/v1/admin_keys": Access.OWNER,
    "POST /admin/v1/admin_keys": Access.SOCKET,
    "POST /admin/v1/admin_keys/{id}/revoke": Access.OWNER,
    "GET /admin/v1/accounts": Access.OWNER,
    "POST /admin/v1/accounts": Access.PERSON,
    "POST /admin/v1/accounts/{id}": Access.PERSON,
    "POST /admin/v1/accounts/{id}/password": Access.PERSON,
    "DELETE /admin/v1/accounts/{id}": Access.PERSON,
    "POST /admin/v1/setup_links": Access.SOCKET,
    "GET /admin/v1/changes": Access.VIEWER,
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
