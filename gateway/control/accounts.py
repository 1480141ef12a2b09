"""Accounts: the people who log in to the console, what they may do, and the way in for the first of them.

Few, so a copy is kept in memory: no page asks the database who somebody is. The writer of the database is the only one who
changes them, and changes the copy in the same breath. The first owner comes in by a set-up link: a token that is printed at the
start, of which the database has a keyed hash, good for one account and an hour, and worthless as soon as there is an account.
"""

import hmac
import secrets
from dataclasses import replace

from gateway.control.orders import ConflictError, MissingError, OrderError, check_text
from gateway.control.permissions import Role
from gateway.control.store import Store
from gateway.control.store.accounts import AccountRecord, AccountRows
from gateway.core import ids
from gateway.core.clock import Clock
from gateway.state.pepper import Pepper

ACCOUNTS_MAX = 1000  # bounds the copy in memory
SETUP_S = 3600
_SETUP_META = "setup_link"


class Accounts:
    """The accounts of this installation. Changes belong to the store's thread; `named` and `numbered` may be called from any."""

    def __init__(self, store: Store, pepper: Pepper, clock: Clock) -> None:
        self._store = store
        self._rows = AccountRows(store)
        self._pepper = pepper
        self._clock = clock
        self._by_id = {record.id: record for record in self._rows.all()}

    def __repr__(self) -> str:
        return f"<Accounts {len(self._by_id)}>"

    def all(self) -> list[AccountRecord]:
        """In order of making."""
        return list(self._by_id.values())

    def named(self, name: str) -> AccountRecord | None:
        """The account of this name, in whatever letters."""
        folded = name.strip().lower()
        return next((record for record in self.all() if record.name.lower() == folded), None)

    def numbered(self, account_id: int) -> AccountRecord | None:
        return self._by_id.get(account_id)

    def find(self, reference: str) -> AccountRecord:
        """An account by its id or name. Raises MissingError."""
        for record in self.all():
            if record.public_id == reference:
                return record
        record_or_none = self.named(reference)
        if record_or_none is None:
            raise MissingError("account.missing", "no such account")
        return record_or_none

    def add(self, name: str, password_hash: str, role: Role) -> AccountRecord:
        """Makes an account. Raises OrderError for a name that cannot be shown or is taken, StoreError."""
        check_text(name)
        if len(self._by_id) >= ACCOUNTS_MAX:
            raise OrderError("account.too_many", "there are {count} accounts already", count=ACCOUNTS_MAX)
        record = self._rows.insert(ids.text_of("account", ids.fresh_id()), name, password_hash, role.word, self._now_s())
        if record is None:
            raise ConflictError("account.name_taken", "there is an account of this name already")
        self._remember(record)
        return record

    def change_password(self, reference: str, password_hash: str) -> AccountRecord:
        """Raises MissingError, StoreError."""
        return self._change(replace(self.find(reference), password=password_hash))

    def change_role(self, reference: str, role: Role) -> AccountRecord:
        """Raises MissingError, OrderError when nobody would be an owner any more, StoreError."""
        record = self.find(reference)
        if role is not Role.OWNER:
            self._check_not_last(record)
        return self._change(replace(record, role=role.word))

    def note_seen(self, record: AccountRecord) -> None:
        """Notes that this account has just logged in."""
        self._change(replace(record, seen_at_s=self._now_s()))

    def remove(self, reference: str, *, even_last: bool = False) -> AccountRecord:
        """Removes an account. Raises MissingError, OrderError for the last owner unless `even_last`, StoreError."""
        record = self.find(reference)
        if not even_last:
            self._check_not_last(record)
        self._rows.delete(record)
        self._store.when_committed(lambda: self._forget(record))
        return record

    # The way in for the first owner

    def make_setup_token(self) -> str | None:
        """A token for a set-up link; earlier ones are worthless from now on. None when there is an account. Raises StoreError."""
        if self._by_id:
            return None
        token = secrets.token_urlsafe(24)
        digest = self._pepper.digest(f"setup {token}").hex()
        self._store.set_meta(_SETUP_META, f"{digest} {self._now_s() + SETUP_S}")
        return token

    def opens_setup(self, token: str) -> bool:
        """Whether this token makes the first account, at this moment. Belongs to the store's thread."""
        digest, _, until_s = (self._store.meta(_SETUP_META) or "").partition(" ")
        if self._by_id or not digest or self._now_s() >= int(until_s):
            return False
        return hmac.compare_digest(digest, self._pepper.digest(f"setup {token}").hex())

    def set_up(self, token: str, name: str, password_hash: str) -> AccountRecord:
        """Makes the first owner and uses the token up, both or neither. Raises OrderError, StoreError."""
        with self._store.transaction():
            if not self.opens_setup(token):
                raise OrderError("setup.over", "this set-up link has been used or has expired")
            self._store.set_meta(_SETUP_META, "")
            return self.add(name, password_hash, Role.OWNER)

    def set_up_unattended(self, name: str, password_hash: str) -> AccountRecord:
        """Makes the first owner without a link; those that were printed are worthless. Raises OrderError, StoreError."""
        with self._store.transaction():
            if self._by_id:
                raise OrderError("setup.account_exists", "there is an account already")
            self._store.set_meta(_SETUP_META, "")
            return self.add(name, password_hash, Role.OWNER)

    def _change(self, record: AccountRecord) -> AccountRecord:
        self._rows.update(record)
        self._remember(record)
        return record

    def _check_not_last(self, record: AccountRecord) -> None:
        owners = [one for one in self.all() if one.role == Role.OWNER.word]
        if owners == [record]:
            raise OrderError("account.last_owner", "this is the last owner: make another one first")

    def _forget(self, record: AccountRecord) -> None:
        self._by_id.pop(record.id, None)

    def _remember(self, record: AccountRecord) -> None:
        self._store.when_committed(lambda: self._by_id.__setitem__(record.id, record))

    def _now_s(self) -> int:
        return self._clock.wall_ns() // 1_000_000_000
