"""Ids of tool calls: Anthropic takes letters, digits, `_` and `-` only; others send `functions.Bash:0`.

Owns an invertible spelling, so that nothing has to be remembered between two requests: an id that does not fit, or that looks as
if it had been changed, becomes a prefix and its own base64.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

_FITS = re.compile(r"(?!gw_)[a-zA-Z0-9_-]+")
_PREFIX = "gw_"


def write(identifier: str) -> str:
    """The id as it may stand on Anthropic's wire."""
    if _FITS.fullmatch(identifier):
        return identifier
    return _PREFIX + urlsafe_b64encode(identifier.encode("utf-8", "surrogatepass")).decode().rstrip("=")


def read(identifier: str) -> str:
    """The inverse of `write`."""
    if not identifier.startswith(_PREFIX):
        return identifier
    digits = identifier.removeprefix(_PREFIX)
    try:
        return urlsafe_b64decode(digits + "=" * (-len(digits) % 4)).decode("utf-8", "surrogatepass")
    except ValueError:
        return identifier
