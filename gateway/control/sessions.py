"""Sessions: where people are logged in. Rows on this side; the browser has a random cookie that means nothing by itself.

A session ends when it was not used for twelve hours, after a week in any case, at log-out, and when its account's password
changes or its account goes. The database has keyed hashes only. A copy is kept in memory, so that looking at a page writes
nothing and asks nobody; when a session was last used is written once a minute.
"""

import secrets
from dataclasses import dataclass, replace

from gateway.control.accounts import Accounts
from gateway.control.permissions import Role
from gateway.control.store import Store
from gateway.control.store.accounts import AccountRecord, AccountRows, SessionRecord
from gateway.core.clock import Clock
from gateway.state.pepper import Pepper

IDLE_S = 12 * 3600
LONGEST_S = 7 * 86400
PER_ACCOUNT_MAX = 20  # the oldest one ends when another begins
TOKEN_CHARS_MAX = 100


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is logged in."""

    account: AccountRecord
    record: SessionRecord

    @property
    def role(self) -> Role:
        return Role[self.account.role.upper()]


class Sessions:
    """All sessions. Changes belong to the store's thread; `find` may be called from any."""

    def __init__(self, store: Store, pepper: Pepper, clock: Clock, accounts: Accounts) -> None:
        self._rows = AccountRows(store)
        self._store = store
        self._pepper = pepper
        self._clock = clock
        self._accounts = accounts
        self._by_digest = {record.digest: record for record in self._rows.sessions()}
        self._used: set[bytes] = set()  # since the last time that was written

    def __repr__(self) -> str:
        return f"<Sessions {len(self._by_digest)}>"

    def open(self, account: AccountRecord) -> str:
        """Begins a session and returns the text of its cookie, at the only moment at which it can be seen. Raises StoreError."""
        token, now_s = secrets.token_urlsafe(32), self._now_s()
        record = SessionRecord(self._digest(token), account.id, now_s, now_s)
        with self._store.transaction():
            oldest_last = sorted(self._of(account), key=lambda one: one.created_at_s, reverse=True)
            self._end(oldest_last[PER_ACCOUNT_MAX - 1 :])
            self._rows.insert_session(record)
            self._accounts.note_seen(account)
            self._store.when_committed(lambda: self._by_digest.__setitem__(record.digest, record))
        return token

    def find(self, token: str) -> Session | None:
        """The session of a cookie, if it is in force at this moment; it counts as used."""
        if not 0 < len(token) <= TOKEN_CHARS_MAX:
            return None
        record = self._by_digest.get(self._digest(token))
        now_s = self._now_s()
        if record is None or self._is_over(record, now_s):
            return None
        account = self._accounts.numbered(record.account_id)
        if account is None:
            return None
        if now_s != record.seen_at_s:
            record = self._by_digest[record.digest] = replace(record, seen_at_s=now_s)
            self._used.add(record.digest)
        return Session(account, record)

    def close(self, session: Session) -> None:
        """Ends one session. Raises StoreError."""
        self._end([session.record])

    def close_all(self, account: AccountRecord) -> None:
        """Ends all sessions of an account. Raises StoreError."""
        self._end(self._of(account))

    def tidy(self) -> None:
        """Writes when sessions were used and removes those that are over. A job. Raises StoreError."""
        now_s = self._now_s()
        used, self._used = self._used, set()
        records = list(self._by_digest.values())
        over = [record for record in records if self._is_over(record, now_s) or not self._accounts.numbered(record.account_id)]
        seen = [record for record in records if record.digest in used]
        if seen:
            self._rows.update_seen(seen)
        if over:
            self._end(over)

    def _end(self, records: list[SessionRecord]) -> None:
        self._rows.delete_sessions(records)

        def forget() -> None:
            for record in records:
                self._by_digest.pop(record.digest, None)

        self._store.when_committed(forget)

    def _of(self, account: AccountRecord) -> list[SessionRecord]:
        return [record for record in list(self._by_digest.values()) if record.account_id == account.id]

    def _is_over(self, record: SessionRecord, now_s: int) -> bool:
        return now_s >= min(record.seen_at_s + IDLE_S, record.created_at_s + LONGEST_S)

    def _digest(self, token: str) -> bytes:
        return self._pepper.digest(f"session {token}")

    def _now_s(self) -> int:
        return self._clock.wall_ns() // 1_000_000_000
