"""Ids of tool calls on their way to an upstream that bounds their length.

Owns the shortening. A call's id and its result's are shortened alike, and the same in every request, so nothing has to be
remembered: the client's own ids come back only in the answer's new calls, which the upstream names itself.
"""

from hashlib import sha256

_DIGEST_CHARS = 32


def write(identifier: str, chars_max: int | None) -> str:
    """The id as the upstream gets it."""
    if chars_max is None or len(identifier) <= chars_max:
        return identifier
    return f"call_{sha256(identifier.encode('utf-8', 'surrogatepass')).hexdigest()[:_DIGEST_CHARS]}"
