"""Admin keys in gateway.db: the rows and nothing of what they allow."""

from dataclasses import dataclass

from gateway.control.store.writer import Store

_COLUMNS = "public_id, digest, name, role, shown_prefix, shown_suffix, created_at_s, expires_at_s"
_INSERT = f"INSERT INTO admin_keys ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 (constants of this module, here and below)
_SELECT = f"SELECT id, {_COLUMNS}, revoked_at_s FROM admin_keys"  # noqa: S608
_REVOKE = "UPDATE admin_keys SET revoked_at_s = coalesce(revoked_at_s, ?) WHERE public_id = ?"


@dataclass(frozen=True, slots=True)
class AdminKeyRecord:
    """An admin key as stored. `digest` is the keyed hash; the key itself is nowhere. `expires_at_s` 0 is never."""

    id: int
    public_id: str
    digest: bytes
    name: str
    role: str
    shown_prefix: str
    shown_suffix: str
    created_at_s: int
    expires_at_s: int
    revoked_at_s: int | None

    def __repr__(self) -> str:
        return f"<AdminKeyRecord {self.public_id} {self.role} {self.shown_prefix}...{self.shown_suffix}>"


class AdminKeyRows:
    """The table `admin_keys`. Raises StoreError when the database cannot be used."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> list[AdminKeyRecord]:
        """In order of minting, revoked ones included."""
        with self._store.reading() as connection:
            return [AdminKeyRecord(*row) for row in connection.execute(f"{_SELECT} ORDER BY id")]

    def insert(self, key: AdminKeyRecord) -> AdminKeyRecord:
        """Enters a key and gives it back with its number; the number it came with does not matter."""
        values = (
            key.public_id,
            key.digest,
            key.name,
            key.role,
            key.shown_prefix,
            key.shown_suffix,
            key.created_at_s,
            key.expires_at_s,
        )
        with self._store.transaction() as connection:
            connection.execute(_INSERT, values)
            row = connection.execute(f"{_SELECT} WHERE public_id = ?", (key.public_id,)).fetchone()
        return AdminKeyRecord(*row)

    def revoke(self, public_id: str, now_s: int) -> AdminKeyRecord | None:
        """Marks a key as revoked; one that is revoked already keeps its first date. None when there is no such key."""
        with self._store.transaction() as connection:
            connection.execute(_REVOKE, (now_s, public_id))
            row = connection.execute(f"{_SELECT} WHERE public_id = ?", (public_id,)).fetchone()
        return None if row is None else AdminKeyRecord(*row)
