"""Names: under which numbers providers, credentials and models stand in the shared file.

Owns the hashes. A credential's number is made with a key derived from the pepper, so the shared file tells nothing of the secret;
the same credential has the same number in every process, after every restart, and wherever it stands in its variable.
"""

from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

from gateway.state.pepper import Pepper
from gateway.upstream.pool.affinity import KEY_BITS

_MASK = (1 << KEY_BITS) - 1
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Namer:
    """Makes numbers: from 1 to 2^60 - 1."""

    __slots__ = ("_key",)

    def __init__(self, pepper: Pepper) -> None:
        self._key = pepper.derived(b"upstream credentials")

    def provider(self, provider: str) -> int:
        """The number of a provider."""
        return _number(b"provider\0" + provider.encode(), self._key)

    def credential(self, provider: str, secret: str) -> int:
        """The number of one of its credentials."""
        return _number(b"credential\0" + provider.encode() + b"\0" + secret.encode(), self._key)


def model(name: str) -> int:
    """The number of a model's name. It is no secret, and the same everywhere."""
    return _number(b"model\0" + name.encode("utf-8", "replace"), b"")


def account(value: bytes) -> int:
    """The number of what an upstream calls the owner of a credential."""
    return _number(b"account\0" + value, b"")


@lru_cache(1)
def boot() -> int:
    """The number of this start of the machine: times of another one mean nothing."""
    try:
        return _number(b"boot\0" + BOOT_ID.read_bytes(), b"")
    except OSError:  # a container that hides it; then times are judged by their size alone
        return 1


def _number(text: bytes, key: bytes) -> int:
    return int.from_bytes(blake2b(text, digest_size=8, key=key).digest(), "little") & _MASK or 1
