"""Admin keys: minting, listing, revoking, and finding the one that a request shows.

An admin key opens the admin interface over the network and never a call to a model; a caller's key never opens the admin
interface. They lie in a table of their own and only the control plane looks at them, so a copy of the few rows is kept in
memory: whoever tries wrong keys costs no query. The writer of the database is the only one who changes them, and changes the
copy in the same breath.
"""

import secrets
from dataclasses import dataclass

from gateway.control.keys import KEY_RANDOM_CHARS, KEY_SUFFIX
from gateway.control.orders import MissingError, OrderError, check_text
from gateway.control.permissions import Role
from gateway.control.store import Store
from gateway.control.store.admin_keys import AdminKeyRecord, AdminKeyRows
from gateway.core import ids
from gateway.core.clock import Clock
from gateway.state.pepper import Pepper

ADMIN_KEY_PREFIX = "sk-ant-admin01-"
ADMIN_KEYS_MAX = 1000  # bounds the copy in memory; nobody has so many administrators


@dataclass(frozen=True, slots=True)
class MintedAdminKey:
    """An admin key at the only moment at which it can be seen."""

    record: AdminKeyRecord
    key_text: str

    def __repr__(self) -> str:
        return f"<MintedAdminKey {self.record.public_id}>"


class AdminKeys:
    """The admin keys of this installation. Changes belong to the store's thread; `find` may be called from any."""

    def __init__(self, store: Store, pepper: Pepper, clock: Clock) -> None:
        self._store = store
        self._rows = AdminKeyRows(store)
        self._pepper = pepper
        self._clock = clock
        self._by_digest = {record.digest: record for record in self._rows.all()}

    def all(self) -> list[AdminKeyRecord]:
        """In order of minting, revoked ones included."""
        return list(self._by_digest.values())

    def mint(self, name: str, role: Role, expires_at_s: int = 0) -> MintedAdminKey:
        """Makes an admin key. Raises OrderError for a name that cannot be shown, StoreError; then no key exists."""
        check_text(name)
        if len(self._by_digest) >= ADMIN_KEYS_MAX:
            raise OrderError("admin_key.too_many", "there are {count} admin keys already", count=ADMIN_KEYS_MAX)
        key_text = ADMIN_KEY_PREFIX + secrets.token_urlsafe(KEY_RANDOM_CHARS)[:KEY_RANDOM_CHARS] + KEY_SUFFIX
        record = self._rows.insert(
            AdminKeyRecord(
                id=0,
                public_id=ids.text_of("adminkey", ids.fresh_id()),
                digest=self._pepper.digest(key_text),
                name=name,
                role=role.word,
                shown_prefix=key_text[: len(ADMIN_KEY_PREFIX) + 4],
                shown_suffix=key_text[-4:],
                created_at_s=self._now_s(),
                expires_at_s=expires_at_s,
                revoked_at_s=None,
            )
        )
        self._remember(record)
        return MintedAdminKey(record, key_text)

    def revoke(self, public_id: str) -> AdminKeyRecord:
        """Revokes a key, from the next request on. Raises OrderError when there is no such key."""
        record = self._rows.revoke(public_id, self._now_s())
        if record is None:
            raise MissingError("admin_key.missing", "no such admin key")
        self._remember(record)
        return record

    def find(self, credential: bytes) -> AdminKeyRecord | None:
        """The key that this is, if it is in force at this moment."""
        record = self._by_digest.get(self._pepper.digest(credential))
        if record is None or record.revoked_at_s is not None or 0 < record.expires_at_s <= self._now_s():
            return None
        return record

    def _remember(self, record: AdminKeyRecord) -> None:
        self._store.when_committed(lambda: self._by_digest.__setitem__(record.digest, record))

    def _now_s(self) -> int:
        return self._clock.wall_ns() // 1_000_000_000
