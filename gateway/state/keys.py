"""The key table: which digest is which caller's key.

The control plane is the only writer; every worker reads it once per request, without locks or system calls. A row is {u64
state, 32-byte digest, u64 version} and two copies of its content; the version's last bit says which copy counts. A change
fills the other copy and then stores the next version, so a reader sees the old row or the new one even when the writer dies
half-way. Versions never go back, which lets a reader keep decoded rows as long as the version stands.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final

from gateway.state.layout import KEY_BYTES, KEY_COUNT_AT, Layout
from native_fastpath import KEY_USED, Region

DIGEST_BYTES: Final = 32
CACHED_ROWS_MAX: Final = 8192  # bounds a worker's memory; past it the cache starts anew

_NEVER_USED, _TOMBSTONE = 0, 2
_VERSION_AT: Final = 40
_COPIES_AT: Final = 48
_COPY: Final = struct.Struct("=IIQB3xIQ")  # key id, workspace id, expires at, state, limits, allowed
_COPY_BYTES: Final = 32
_U32_MAX: Final = 2**32 - 1
_U64_MAX: Final = 2**64 - 1


class KeyState(IntEnum):
    """May the key be used. The numbers stand in the shared file."""

    ACTIVE = 1
    REVOKED = 2


@dataclass(frozen=True, slots=True)
class KeyRow:
    """What a worker must know of a key.

    `expires_at_s` is Unix time, 0 means never. `limits` says where the chain of the key's limits begins (the reference of an
    anchor, see limits.py), 0 means that it has none. `allowed` has the bits of the classes of models that it may use (see
    limits/patterns.py), 0 means all models.
    """

    key_id: int
    workspace_id: int
    state: KeyState
    expires_at_s: int
    limits: int = 0
    allowed: int = 0


class KeyTableFullError(Exception):
    """The table holds as many keys as it may."""


class KeyTable:
    """Digest -> KeyRow in the shared file."""

    __slots__ = ("_at", "_cached", "_capacity", "_region", "rows_max")

    def __init__(self, region: Region, layout: Layout) -> None:
        self._region = region
        self._at = layout.keys_at
        self._capacity = layout.keys_capacity
        # Linear probing degrades steeply towards a full table: at 7/8 a miss looks at 32 rows on average.
        self.rows_max = layout.keys_capacity - layout.keys_capacity // 8
        self._cached: dict[bytes, tuple[int, int, KeyRow]] = {}

    def __len__(self) -> int:
        """Rows in the table, revoked ones included. One too high if the control plane ever died in the middle of a `put`."""
        return self._region.load(KEY_COUNT_AT)

    def find(self, digest: bytes) -> KeyRow | None:
        """The row of a digest as it is at this moment; None when there is none. Does not look at state or expiry."""
        cached = self._cached.get(digest)
        if cached is not None and self._region.load(cached[0]) == cached[1]:
            return cached[2]
        return self._read(digest)

    def put(self, digest: bytes, row: KeyRow) -> None:
        """Adds or changes a row, live in every process at once. Control plane only. Raises KeyTableFullError, ValueError."""
        copy = _packed(row)
        offset = self._region.find_key(self._at, self._capacity, KEY_BYTES, digest)
        if offset >= 0:
            self._change(offset, copy)
            return
        if len(self) >= self.rows_max:
            raise KeyTableFullError(f"the key table is full: {self.rows_max} keys")
        offset = self._free_row(digest)
        self._region.write(offset + 8, digest)
        self._change(offset, copy)
        self._region.bump(KEY_COUNT_AT, 1)
        self._region.store(offset, KEY_USED)

    def revoke(self, digest: bytes) -> bool:
        """Marks a key revoked, seen by every process at its next call. Control plane only. False when there is no such key."""
        row = self._read(digest)
        if row is None:
            return False
        self.put(digest, replace(row, state=KeyState.REVOKED))
        return True

    def clear(self) -> None:
        """Removes every row. Control plane only. Calls that come before the rows are put again find nothing: see `replace`."""
        for offset in self._rows_ever_used():
            self._remove(offset, _NEVER_USED)
        self._region.store(KEY_COUNT_AT, 0)

    def replace(self, rows: Mapping[bytes, KeyRow]) -> None:
        """Makes the table hold just these rows, while it is in use. Control plane only. Raises KeyTableFullError, ValueError.

        A row that is in the table before and after is found at every moment in between.
        """
        for offset in self._rows_ever_used():
            if self._region.load(offset) == KEY_USED and self._region.read(offset + 8, DIGEST_BYTES) not in rows:
                self._remove(offset, _TOMBSTONE)
                self._region.bump(KEY_COUNT_AT, -1)
        for digest, row in rows.items():
            self.put(digest, row)

    def allowed_bits(self) -> int:
        """The bits of all classes of models that some key in force may use by name. Control plane only; looks at every row."""
        bits = 0
        for offset in self._rows_ever_used():
            if self._region.load(offset) == KEY_USED:
                version = self._region.load(offset + _VERSION_AT)
                copy = self._region.read(offset + _COPIES_AT + (version & 1) * _COPY_BYTES, _COPY.size)
                _, _, _, state, _, allowed = _COPY.unpack(copy)
                if state == KeyState.ACTIVE:
                    bits |= allowed
        return bits

    def _read(self, digest: bytes) -> KeyRow | None:
        region = self._region
        while True:
            offset = region.find_key(self._at, self._capacity, KEY_BYTES, digest)
            if offset < 0:
                self._cached.pop(digest, None)
                return None
            version = region.load(offset + _VERSION_AT)
            copy = region.read(offset + _COPIES_AT + (version & 1) * _COPY_BYTES, _COPY.size)
            # The row may have been cleared, used for another key or changed twice since it was found.
            same = region.load(offset) == KEY_USED and region.read(offset + 8, DIGEST_BYTES) == digest
            if same and region.load(offset + _VERSION_AT) == version:
                break
        key_id, workspace_id, expires_at_s, state, limits, allowed = _COPY.unpack(copy)
        row = KeyRow(key_id, workspace_id, KeyState(state), expires_at_s, limits, allowed)
        if len(self._cached) >= CACHED_ROWS_MAX:
            self._cached.clear()
        self._cached[digest] = (offset + _VERSION_AT, version, row)
        return row

    def _change(self, offset: int, copy: bytes) -> None:
        version = self._region.load(offset + _VERSION_AT)
        if self._region.load(offset) == KEY_USED:
            current = self._region.read(offset + _COPIES_AT + (version & 1) * _COPY_BYTES, _COPY.size)
            if current == copy:
                return
        self._region.write(offset + _COPIES_AT + (~version & 1) * _COPY_BYTES, copy)
        self._region.store(offset + _VERSION_AT, version + 1)

    def _rows_ever_used(self) -> list[int]:
        rows = range(self._at, self._at + self._capacity * KEY_BYTES, KEY_BYTES)
        return [offset for offset in rows if self._region.load(offset + _VERSION_AT)]

    def _remove(self, offset: int, state: int) -> None:
        self._region.store(offset, state)
        # Whoever keeps the decoded row looks at the version only.
        self._region.bump(offset + _VERSION_AT, 1)

    def _free_row(self, digest: bytes) -> int:
        index = int.from_bytes(digest[:8], "little")
        while True:
            offset = self._at + (index & (self._capacity - 1)) * KEY_BYTES
            if self._region.load(offset) != KEY_USED:
                return offset
            index += 1


def _packed(row: KeyRow) -> bytes:
    numbers = (row.workspace_id, row.limits)
    if not 0 < row.key_id <= _U32_MAX or not all(0 <= number <= _U32_MAX for number in numbers):
        raise ValueError(f"a key row is out of range: {row}")
    if not all(0 <= number <= _U64_MAX for number in (row.expires_at_s, row.allowed)):
        raise ValueError(f"a key row is out of range: {row}")
    return _COPY.pack(row.key_id, row.workspace_id, row.expires_at_s, row.state, row.limits, row.allowed)
