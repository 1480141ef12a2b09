"""Askers: who stands behind a request to the admin interface.

Three ways lead in. Whoever can open the admin socket owns the data directory and may do everything. Over the network an admin key
says who it is, as `x-api-key` or `Authorization: Bearer`, by the same rule as a caller's key: the first decides when both are
keys of ours. People log in to the console, which asks in their name. What an asker may then do stands in PERMISSIONS.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.control.admin_keys import AdminKeys
from gateway.control.orders import MissingError
from gateway.control.permissions import Access, Role
from gateway.control.reach import Reach
from gateway.core.faults import FaultKind
from gateway.core.refusals import Refusal

_BEARER = re.compile(r"bearer +(\S.*)", re.IGNORECASE | re.DOTALL)
CREDENTIAL_CHARS_MAX = 512  # longer than any key anyone mints


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks. `name` stands in the log and in front of idempotency keys: the id of an admin key or account, or `socket`.

    `shown` is what people call this asker; `person` is one who logged in; `reach` the workspaces it is bound to, None for
    all of them."""

    name: str
    role: Role
    shown: str = ""
    person: bool = False
    reach: Reach | None = None

    def check(self, access: Access) -> None:
        """Raises Fault FORBIDDEN unless this asker may."""
        least = access.least_role
        if self is SOCKET:
            return
        if not access.admits(self.role) or (access is Access.PERSON and not self.person):
            raise self._too_low(access, least).fault(FaultKind.FORBIDDEN)

    @property
    def within(self) -> frozenset[int] | None:
        """Numbers of the workspaces this asker sees into; None for all."""
        return None if self.reach is None else self.reach.sees

    def check_sees(self, workspace_id: int, missing: MissingError) -> None:
        """Raises `missing` for something of a workspace that this asker does not see into: what is said where there is nothing,
        since any other words would tell that there is something."""
        if self.reach is not None and workspace_id not in self.reach.sees:
            raise missing

    def check_changes(self, workspace_id: int, missing: MissingError) -> None:
        """The same, and raises Fault FORBIDDEN where this asker only looks."""
        self.check_sees(workspace_id, missing)
        if self.reach is not None and workspace_id not in self.reach.changes:
            only_looks = Refusal(
                "role.only_looks", "You only look into this workspace: it takes a member of it who is no viewer."
            )
            raise only_looks.fault(FaultKind.FORBIDDEN)

    def _too_low(self, access: Access, least: Role | None) -> Refusal:
        facts = {"asker": "account" if self.person else "admin key", "role": self.role.word}
        if least is None:
            return Refusal("role.not_the_socket", "Your {asker} ({role}) may not do this: it takes the admin socket.", **facts)
        if self.person or access is Access.PERSON:
            return Refusal(
                "role.of_account",
                "Your {asker} ({role}) may not do this: it takes an account with the role {needed}.",
                **facts,
                needed=least.word,
            )
        return Refusal(
            "role.of_key",
            "Your {asker} ({role}) may not do this: it takes an admin key with the role {needed}.",
            **facts,
            needed=least.word,
        )


SOCKET = Asker("socket", Role.OWNER, "command line")


def identify(headers: Mapping[str, str], admin_keys: AdminKeys) -> Asker:
    """The asker behind an admin key in these headers (names in lower case).

    Raises Fault UNAUTHENTICATED in the upstream's words.
    """
    x_api_key, authorization = headers.get("x-api-key"), headers.get("authorization")
    bearer = _BEARER.fullmatch(authorization) if authorization else None
    for credential in (x_api_key, bearer[1].strip() if bearer else None):
        if credential and len(credential) <= CREDENTIAL_CHARS_MAX:
            record = admin_keys.find(credential.encode("latin-1", "replace"))
            if record is not None:
                return Asker(record.public_id, Role[record.role.upper()], record.name)
    if x_api_key:
        raise Refusal("key.unknown", "invalid x-api-key").fault(FaultKind.UNAUTHENTICATED)
    if authorization:
        raise Refusal("key.unknown_bearer", "Invalid bearer token").fault(FaultKind.UNAUTHENTICATED)
    raise Refusal("key.none_given", "x-api-key header is required").fault(FaultKind.UNAUTHENTICATED)
