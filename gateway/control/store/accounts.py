"""Accounts and their sessions in gateway.db: the rows and nothing of what they allow."""

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.control.store.writer import Store

_SELECT = "SELECT id, public_id, name, password, role, created_at_s, seen_at_s FROM people"
_INSERT = "INSERT INTO people (public_id, name, password, role, created_at_s) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """An account as stored. `password` is a hash; `seen_at_s` is when its password last opened a session, in wall seconds."""

    id: int
    public_id: str
    name: str
    password: str
    role: str
    created_at_s: int
    seen_at_s: int | None

    def __repr__(self) -> str:
        return f"<AccountRecord {self.public_id} {self.role}>"


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A session as stored. `digest` is the keyed hash of the cookie; times are wall seconds."""

    digest: bytes
    account_id: int
    created_at_s: int
    seen_at_s: int

    def __repr__(self) -> str:
        return f"<SessionRecord of account {self.account_id}>"


class AccountRows:
    """The tables `people` and `sessions`. Raises StoreError when the database cannot be used."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> list[AccountRecord]:
        """In order of making."""
        with self._store.reading() as connection:
            return [AccountRecord(*row) for row in connection.execute(f"{_SELECT} ORDER BY id")]

    def insert(self, public_id: str, name: str, password: str, role: str, now_s: int) -> AccountRecord | None:
        """None when the name is taken, in whatever letters."""
        with self._store.transaction() as connection:
            if not connection.execute(_INSERT, (public_id, name, password, role, now_s)).rowcount:
                return None
            return AccountRecord(*connection.execute(f"{_SELECT} WHERE public_id = ?", (public_id,)).fetchone())

    def update(self, account: AccountRecord) -> None:
        """Stores what may change of an account: password, role, when it was seen."""
        with self._store.transaction() as connection:
            connection.execute(
                "UPDATE people SET password = ?, role = ?, seen_at_s = ? WHERE id = ?",
                (account.password, account.role, account.seen_at_s, account.id),
            )

    def delete(self, account: AccountRecord) -> None:
        """Removes an account with its sessions."""
        with self._store.transaction() as connection:
            connection.execute("DELETE FROM people WHERE id = ?", (account.id,))

    def sessions(self) -> list[SessionRecord]:
        with self._store.reading() as connection:
            rows = connection.execute("SELECT digest, account_id, created_at_s, seen_at_s FROM sessions")
            return [SessionRecord(*row) for row in rows]

    def insert_session(self, session: SessionRecord) -> None:
        with self._store.transaction() as connection:
            connection.execute(
                "INSERT INTO sessions VALUES (?, ?, ?, ?)",
                (session.digest, session.account_id, session.created_at_s, session.seen_at_s),
            )

    def update_seen(self, sessions: Iterable[SessionRecord]) -> None:
        """Stores when these sessions were last used."""
        with self._store.transaction() as connection:
            rows = [(session.seen_at_s, session.digest) for session in sessions]
            connection.executemany("UPDATE sessions SET seen_at_s = ? WHERE digest = ?", rows)

    def delete_sessions(self, sessions: Iterable[SessionRecord]) -> None:
        with self._store.transaction() as connection:
            connection.executemany("DELETE FROM sessions WHERE digest = ?", [(session.digest,) for session in sessions])
