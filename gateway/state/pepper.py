"""The pepper: 32 random bytes outside the database, without which a stolen database says nothing about any key.

It is made once per installation and must be kept with the backups: without it no minted key can be recognised again.
"""

import hashlib
import hmac
import os
from pathlib import Path
from typing import Final

PEPPER_BYTES: Final = 32
DIGESTS_REMEMBERED_MAX: Final = 1024  # of at most 512 bytes each: callers choose them


class PepperError(Exception):
    """The pepper file cannot be used. The text names the file and the remedy, never its content."""


class Pepper:
    """Turns keys into the digests under which they are stored and looked up."""

    __slots__ = ("_digests", "_secret")

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._digests: dict[bytes, bytes] = {}

    def digest(self, key_text: str | bytes) -> bytes:
        """HMAC-SHA256 of a key's bytes: 32 bytes."""
        key = key_text.encode("utf-8", "surrogatepass") if isinstance(key_text, str) else key_text
        return hmac.digest(self._secret, key, "sha256")

    def remembered_digest(self, key: bytes) -> bytes:
        """The same, and remembered: every call of a busy key needs the same one, which takes 1.7 us to make.

        For workers, whom the headers of their requests tell the keys anyway. Whoever mints keys must not keep them.
        """
        digest = self._digests.get(key)
        if digest is None:
            if len(self._digests) >= DIGESTS_REMEMBERED_MAX:
                self._digests.clear()
            digest = self._digests[key] = self.digest(key)
        return digest

    def derived(self, purpose: bytes) -> bytes:
        """A key of 32 bytes for another purpose than digests of keys; tells nothing of the secret."""
        return hmac.digest(self._secret, b"derived key\0" + purpose, "sha256")

    def fingerprint(self) -> str:
        """A short name of this pepper, stored beside the keys so that a swapped file is noticed. Tells nothing of the secret."""
        return hashlib.sha256(b"fingerprint of a pepper\0" + self._secret).hexdigest()[:16]

    def __repr__(self) -> str:
        return "<Pepper>"


def load_pepper(path: Path) -> Pepper:
    """Reads the pepper, or makes it if there is none yet.

    Raises PepperError if others may read the file or if it does not hold exactly 32 bytes.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return _make(path)
    except OSError as error:
        raise PepperError(f"{path}: {error.strerror}") from None
    with open(descriptor, "rb") as file:
        mode = os.fstat(file.fileno()).st_mode & 0o777
        if mode & 0o077:
            raise PepperError(f"{path} can be read by others (mode {mode:04o}): run chmod 600 on it")
        secret = file.read(PEPPER_BYTES + 1)
    if len(secret) != PEPPER_BYTES:
        raise PepperError(f"{path} must hold exactly {PEPPER_BYTES} bytes: restore it from a backup")
    return Pepper(secret)


def _make(path: Path) -> Pepper:
    secret = os.urandom(PEPPER_BYTES)
    # Written whole under another name first: a crash in between must not leave a short file, and of two processes one must win.
    unfinished = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(secret)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(unfinished, path)
        except FileExistsError:
            return load_pepper(path)
    finally:
        unfinished.unlink()
    return Pepper(secret)
