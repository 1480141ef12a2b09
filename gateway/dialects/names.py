"""Names of tools that an upstream would refuse: changed on the way there, changed back on the way home.

Owns the spelling, the same in every dialect: letters, digits, `_` and `-`, up to a length. A name that does not fit keeps its
beginning and ends in a digest of the whole, so that the same name is changed in the same way in every request (prompt caches
live by that) and two names do not become one.
"""

import re
from hashlib import sha256

_FITS = re.compile(r"[a-zA-Z0-9_-]+")
_MISFIT = re.compile(r"[^a-zA-Z0-9_-]")
_DIGEST_CHARS = 8


class Names:
    """The names of one request. `changed` maps those that were changed back to what the client calls them."""

    __slots__ = ("_chars_max", "changed")

    def __init__(self, chars_max: int) -> None:
        self._chars_max = chars_max
        self.changed: dict[str, str] = {}

    def write(self, name: str) -> str:
        """The name as the upstream gets it."""
        if len(name) <= self._chars_max and _FITS.fullmatch(name):
            return name
        digest = sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_CHARS]
        written = f"{_MISFIT.sub('_', name)[: self._chars_max - _DIGEST_CHARS - 1]}_{digest}"
        self.changed[written] = name
        return written
