"""Repetition: a request that carries an Idempotency-Key makes one thing, however often it is sent, and is always answered alike.

The effect and the answer are made durable in one transaction (`control.idempotency`), so after a crash either both are there or
neither. An answer may show minted keys, which stand in the database as keyed hashes only. So it is stored sealed: encrypted under
a key made of the installation's pepper and of the very Idempotency-Key, which the database has as a keyed hash too. It takes
whoever sent the request, or somebody with the database, the pepper and that header, to read the answer again.

The seal is SHAKE-256 as a stream under a key and nonce that are used once, and a keyed BLAKE2b over what it made (encrypt, then
authenticate); the standard library has no cipher of its own.
"""

import base64
import hashlib
import hmac
import os
from collections.abc import Callable
from typing import Any

import orjson

from gateway.control.idempotency import Idempotency
from gateway.core.faults import FaultKind
from gateway.core.refusals import Refusal
from gateway.state.pepper import Pepper

NONCE_BYTES = 16
MAC_BYTES = 32


class Repetition:
    """Carries out what is to be done once. Belongs to the thread of the writing connection."""

    def __init__(self, idempotency: Idempotency, pepper: Pepper) -> None:
        self._idempotency = idempotency
        self._secret = pepper.derived(b"answers to repetitions")

    def once(self, tenant: str, key: str, call: bytes, act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What `act` answers, now or when (tenant, key) came first. `call` is what must be the same then: method, path and body.

        Raises ConflictError when it was another call, Fault BROKEN when what was stored cannot be opened, whatever `act` raises.
        """
        seal = Seal(hmac.digest(self._secret, b"seal\0" + key.encode(), "sha256"))
        noted = hmac.digest(self._secret, b"note\0" + key.encode(), "sha256").hex()
        answered = self._idempotency.once(tenant, noted, call, act, lambda answer: {"sealed": seal.close(orjson.dumps(answer))})
        if not answered.replayed:
            return answered.answer
        try:
            answer: dict[str, Any] = orjson.loads(seal.open(str(answered.answer["sealed"])))
        except ValueError:
            lost = Refusal("repetition.lost", "The answer to this Idempotency-Key cannot be read any more.")
            raise lost.fault(FaultKind.BROKEN) from None
        return answer


class Seal:
    """Encrypts and authenticates under one key of 32 bytes."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    def close(self, plain: bytes) -> str:
        """Sealed text: base64 of nonce, ciphertext and authenticator. Never the same twice."""
        nonce = os.urandom(NONCE_BYTES)
        made = nonce + self._mixed(nonce, plain)
        return base64.b64encode(made + self._mac(made)).decode()

    def open(self, sealed: str) -> bytes:
        """The inverse. Raises ValueError for what was not sealed under this key, or was changed since."""
        raw = base64.b64decode(sealed, validate=True)
        made, mac = raw[:-MAC_BYTES], raw[-MAC_BYTES:]
        if len(made) < NONCE_BYTES or not hmac.compare_digest(mac, self._mac(made)):
            raise ValueError("not sealed under this key")
        return self._mixed(made[:NONCE_BYTES], made[NONCE_BYTES:])

    def _mixed(self, nonce: bytes, text: bytes) -> bytes:
        stream = hashlib.shake_256(b"stream\0" + self._key + nonce).digest(len(text))
        return (int.from_bytes(text, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(text), "big")

    def _mac(self, made: bytes) -> bytes:
        return hashlib.blake2b(made, digest_size=MAC_BYTES, key=self._key, person=b"mac").digest()

    def __repr__(self) -> str:
        return "<Seal>"
