"""Identify: whose request is this.

Owns the choice of the credential and the lookup of its digest in the shared file: no I/O, no waiting. The same rule holds for
both headers, so a limit on a key holds whichever way the key arrives.
"""

import re
from typing import Final

from gateway.core.faults import Fault, FaultKind
from gateway.dataplane.headers import Said
from gateway.dialects.passing import ANTHROPIC, Passing
from gateway.state.keys import KeyRow, KeyState, KeyTable
from gateway.state.pepper import Pepper

_BEARER: Final = re.compile(rb"bearer +(\S.*)", re.IGNORECASE | re.DOTALL)
# Longer than any key anyone mints; a digest over more would let a header cost us time.
CREDENTIAL_BYTES_MAX: Final = 512


def identify(said: Said, keys: KeyTable, pepper: Pepper, wall_s: int, dialect: Passing = ANTHROPIC) -> KeyRow:
    """The caller behind `x-api-key` or `Authorization: Bearer`; the first decides when both are keys of ours, as upstream.

    When only the second is, it is taken: SDKs send a stale environment key beside a token.
    Raises Fault UNAUTHENTICATED in the words of the client's dialect.
    """
    x_api_key = said.notes.get(b"x-api-key")
    if x_api_key:
        row = _row_of(x_api_key, keys, pepper, wall_s)
        if row is not None:
            return row
    authorization = said.notes.get(b"authorization")
    if authorization:
        bearer = _BEARER.fullmatch(authorization)
        row = _row_of(bearer[1].strip(), keys, pepper, wall_s) if bearer else None
        if row is not None:
            return row
    if x_api_key:
        raise Fault(FaultKind.UNAUTHENTICATED, dialect.wrong_key)
    raise Fault(FaultKind.UNAUTHENTICATED, dialect.wrong_bearer if authorization else dialect.no_key)


def _row_of(credential: bytes, keys: KeyTable, pepper: Pepper, wall_s: int) -> KeyRow | None:
    if not credential or len(credential) > CREDENTIAL_BYTES_MAX:
        return None
    row = keys.find(pepper.remembered_digest(credential))
    if row is None or row.state is not KeyState.ACTIVE or 0 < row.expires_at_s <= wall_s:
        return None
    return row
