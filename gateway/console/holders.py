"""Holders: somebody who has a key of ours and no account, for an hour in one browser.

Owns the pass: a cookie that names the key's id and an hour, sealed with a secret of this installation. The key itself is in no
cookie and no address. A pass opens the holder's own page and nothing else; it ends with its hour, and at once when its key does.
"""

import hmac
from dataclasses import dataclass

from gateway.control.store.keys import KeyRecord
from gateway.core.clock import Clock
from gateway.state.pepper import Pepper

COOKIE = "sluice-me"
LIFE_S = 3600
KEY_CHARS_MAX = 512
_ACTIVE = "active"


@dataclass(frozen=True, slots=True)
class Passes:
    """Writes and reads passes."""

    pepper: Pepper
    clock: Clock

    def write(self, key_id: str) -> str:
        """A pass for the holder of a key, for an hour from now."""
        until_s = self._now_s() + LIFE_S
        return f"{key_id}.{until_s}.{self._seal(key_id, until_s)}"

    def read(self, text: str) -> str | None:
        """The id of the key that a pass names; None for one that is over, or that nobody here has written."""
        parts = text.split(".")
        if len(parts) != 3 or len(text) > 200 or not parts[1].isascii() or not parts[1].isdigit():
            return None
        key_id, until_s, seal = parts[0], int(parts[1]), parts[2]
        if not hmac.compare_digest(seal.encode("utf-8", "replace"), self._seal(key_id, until_s).encode()):
            return None
        return key_id if self._now_s() < until_s else None

    def _seal(self, key_id: str, until_s: int) -> str:
        message = f"{key_id}.{until_s}".encode("utf-8", "replace")
        return hmac.digest(self.pepper.derived(b"passes of key holders"), message, "sha256").hex()

    def _now_s(self) -> int:
        return self.clock.wall_ns() // 1_000_000_000


def is_in_force(record: KeyRecord, now_s: int) -> bool:
    """Whether a key opens anything at this moment."""
    ends = [moment for moment in (record.expires_at_s, record.rotated_until_s) if moment]
    return record.state == _ACTIVE and all(now_s < moment for moment in ends)
