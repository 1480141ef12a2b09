"""Idempotency: an administrative call that carries a key of idempotency is carried out once, also across a crash.

The call's effects and its answer are made durable in one transaction, so a repetition finds both or neither. A repetition with
the same body gets the stored answer; one with another body is refused. The tenant comes first: one caller's keys mean nothing to
another.

An answer that shows minted keys is stored without them, because a key is stored nowhere: who repeats a call whose answer got lost
learns the ids of the keys, with `replayed`, and rotates them. Whatever the caller stores is what a repetition is told.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.control.orders import ConflictError, OrderError
from gateway.control.store import Store
from gateway.control.store import idempotency as rows
from gateway.core.clock import Clock

KEY_CHARS_MAX = 255
KEPT_S = 7 * 86400


@dataclass(frozen=True, slots=True)
class Answered:
    """What a call is answered with; `replayed` when it had been carried out before."""

    answer: dict[str, Any]
    replayed: bool


class Idempotency:
    """Calls that were made with a key of idempotency. Belongs to the thread of its Store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def once(
        self,
        tenant: str,
        key: str,
        call: bytes,
        act: Callable[[], dict[str, Any]],
        stored: Callable[[dict[str, Any]], dict[str, Any]] = lambda answer: answer,
    ) -> Answered:
        """Carries out `act` unless (tenant, key) was used before. `call` is what must be the same: method, path and body.

        `stored` makes of an answer what may be kept of it: without minted keys. Raises ConflictError when the key was used for
        another call, and whatever `act` raises; then nothing is noted and the key may be used again.
        """
        if not 0 < len(key) <= KEY_CHARS_MAX or not key.isprintable():
            raise OrderError("repetition.key", "a key of idempotency has 1 to {count} printable characters", count=KEY_CHARS_MAX)
        digest = hashlib.sha256(call).digest()
        with self._store.transaction() as connection:
            found = rows.find(connection, tenant, key)
            if found is not None:
                body_hash, answer = found
                if body_hash != digest:
                    raise ConflictError("repetition.other_call", "this key of idempotency was used for another call")
                return Answered(orjson.loads(answer), True)
            answered = act()
            now_s = self._clock.wall_ns() // 1_000_000_000
            rows.insert(connection, tenant, key, digest, orjson.dumps(stored(answered)), now_s)
        return Answered(answered, False)

    def forget(self) -> int:
        """Deletes what is older than KEPT_S. A job of the keeper."""
        with self._store.transaction() as connection:
            return rows.forget(connection, self._clock.wall_ns() // 1_000_000_000 - KEPT_S)


def without_keys(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer to minting or rotating without the keys in it, however deep they stand."""
    return {name: _cleaned(value) for name, value in answer.items() if name != "key"}


def _cleaned(value: object) -> object:
    if isinstance(value, dict):
        return without_keys(value)
    return [_cleaned(one) for one in value] if isinstance(value, list) else value
