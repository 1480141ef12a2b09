"""Where everything lies in the shared file.

Owns magic, version, sizes and offsets; reads and writes nothing but the header. The file is sparse: capacities are generous
because an untouched page costs nothing. All words are eight bytes in the machine's own order, because the file never leaves
the machine.
"""

import struct
from dataclasses import dataclass

from native_fastpath import RING_HEADER, ROW_HEADER

MAGIC = int.from_bytes(b"SLUICE\x00\x01", "little")
VERSION = 5  # count up with every change of a size, an order or a meaning

FACTS_BYTES = 416  # what a settlement says of every request
CHOICE_BYTES = 48  # and what was compared where there was a choice: six for each of eight keys
RECORD_BYTES = FACTS_BYTES + CHOICE_BYTES  # one settlement, see record.py
CHARGES_MAX = 24  # limits that one request is counted against: eight behind each of three anchors, see limits.py
RING_RECORD_BYTES = RECORD_BYTES + 8 + 16 * CHARGES_MAX  # a settlement and its charges, see record.py
HEADER_BYTES = 4096
WORKER_BYTES = 64  # a cache line of its own for each slot's writer
COUNTER_BYTES = 512  # 64 words, see counters.py
KEY_BYTES = 128  # see keys.py
HOLDS_AT = ROW_HEADER + 2 * RECORD_BYTES  # two copies, so that a rewrite is seen whole or not at all
ROW_BYTES = HOLDS_AT + 32 + 32 * CHARGES_MAX  # then what the request holds of its limits, see inflight.py
RING_SLOT_BYTES = 8 + RING_RECORD_BYTES
LIMIT_BYTES = 128  # two cache lines, see limits.py
UNDO_BYTES = 1408  # 32 of header and 56 for each row that one change can touch, in whole cache lines
PATTERN_BYTES = 64
PATTERNS_MAX = 56
LANES_MAX = 8  # models that one credential is told apart for, see credentials.py
LANE_BYTES = 96
CREDENTIAL_BYTES = 64 + LANES_MAX * LANE_BYTES
LEASE_BYTES = 128  # what one worker counts for one credential

# Words of the header that change while the file is in use; the control plane or the supervisor writes them.
DRAINING_AT = 1024
GENERATION_AT = 1032
KEY_COUNT_AT = 1040
CONTROL_EPOCH_AT = 1048  # counts the control planes that have opened the limit table
PATTERN_GENERATION_AT = 1056  # counts the changes of the pattern table
LIMITS_GENERATION_AT = 1064  # counts the changes of chains in the limit table

_PAGE = 4096
# Magic, version, total size, identity, keys, slots, rows, ring, limits, credentials, record bytes.
_HEADER = struct.Struct("=11Q")
HEADER_STRUCT_BYTES = _HEADER.size


class LayoutError(Exception):
    """The file is not a shared file of this version."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Capacities, and the offsets (bytes) that follow from them."""

    keys_capacity: int = 65536
    slots: int = 32
    rows_per_slot: int = 2048
    ring_capacity: int = 8192
    limits_capacity: int = 4 * 65536
    credentials_capacity: int = 512

    def __post_init__(self) -> None:
        powers = (self.keys_capacity, self.ring_capacity)
        if any(power < 1 or power & (power - 1) or power > 1 << 24 for power in powers):
            raise ValueError("keys_capacity and ring_capacity must be powers of two up to 2^24")
        if not (1 <= self.slots <= 1024 and 1 <= self.rows_per_slot <= 1 << 20):
            raise ValueError("slots must be 1 to 1024, rows_per_slot 1 to 2^20")
        if not 2 <= self.limits_capacity <= 1 << 20:
            raise ValueError("limits_capacity must be 2 to 2^20")
        if not 1 <= self.credentials_capacity <= 1 << 12:
            raise ValueError("credentials_capacity must be 1 to 2^12")

    @property
    def workers_at(self) -> int:
        return HEADER_BYTES

    @property
    def counters_at(self) -> int:
        return _page_up(self.workers_at + self.slots * WORKER_BYTES)

    @property
    def keys_at(self) -> int:
        return _page_up(self.counters_at + self.slots * COUNTER_BYTES)

    @property
    def rows_at(self) -> int:
        return _page_up(self.keys_at + self.keys_capacity * KEY_BYTES)

    @property
    def rings_at(self) -> int:
        return _page_up(self.rows_at + self.slots * self.rows_per_slot * ROW_BYTES)

    @property
    def ring_bytes(self) -> int:
        return _page_up(RING_HEADER + self.ring_capacity * RING_SLOT_BYTES)

    @property
    def limits_at(self) -> int:
        return self.rings_at + self.slots * self.ring_bytes

    @property
    def undo_at(self) -> int:
        return _page_up(self.limits_at + self.limits_capacity * LIMIT_BYTES)

    @property
    def patterns_at(self) -> int:
        return _page_up(self.undo_at + (self.slots + 1) * UNDO_BYTES)

    @property
    def credentials_at(self) -> int:
        return _page_up(self.patterns_at + PATTERNS_MAX * PATTERN_BYTES)

    @property
    def leases_at(self) -> int:
        return _page_up(self.credentials_at + self.credentials_capacity * CREDENTIAL_BYTES)

    @property
    def size(self) -> int:
        return _page_up(self.leases_at + self.slots * self.credentials_capacity * LEASE_BYTES)

    def worker_at(self, slot: int) -> int:
        return self.workers_at + self._slot(slot) * WORKER_BYTES

    def counters_of(self, slot: int) -> int:
        return self.counters_at + self._slot(slot) * COUNTER_BYTES

    def row_at(self, slot: int, row: int) -> int:
        if not 0 <= row < self.rows_per_slot:
            raise IndexError(f"row {row} of {self.rows_per_slot}")
        return self.rows_at + (self._slot(slot) * self.rows_per_slot + row) * ROW_BYTES

    def ring_at(self, slot: int) -> int:
        return self.rings_at + self._slot(slot) * self.ring_bytes

    def undo_of(self, slot: int) -> int:
        """The undo log of a slot's owner; the one behind the last slot's is the control plane's."""
        return self.undo_at + (slot if slot == self.slots else self._slot(slot)) * UNDO_BYTES

    def credential_at(self, row: int) -> int:
        return self.credentials_at + self._credential(row) * CREDENTIAL_BYTES

    def lease_at(self, slot: int, row: int) -> int:
        """What a slot's owner counts for a credential."""
        return self.leases_at + (self._slot(slot) * self.credentials_capacity + self._credential(row)) * LEASE_BYTES

    def header(self, identity: int) -> bytes:
        """The fixed part of the header. `identity` tells one incarnation of the file from the next."""
        counts = (self.keys_capacity, self.slots, self.rows_per_slot, self.ring_capacity)
        more = (self.limits_capacity, self.credentials_capacity)
        return _HEADER.pack(MAGIC, VERSION, self.size, identity, *counts, *more, RECORD_BYTES)

    def _credential(self, row: int) -> int:
        if not 0 <= row < self.credentials_capacity:
            raise IndexError(f"credential {row} of {self.credentials_capacity}")
        return row

    def _slot(self, slot: int) -> int:
        if not 0 <= slot < self.slots:
            raise IndexError(f"slot {slot} of {self.slots}")
        return slot


def read_header(header: bytes, file_size: int) -> tuple[Layout, int]:
    """Layout and identity of a file from its first bytes. Raises LayoutError, which says what does not fit."""
    if len(header) < _HEADER.size:
        raise LayoutError("too short to be a shared file")
    magic, version, size, identity, *counts, record_bytes = _HEADER.unpack_from(header)
    if magic != MAGIC:
        raise LayoutError("not a shared file")
    if version != VERSION or record_bytes != RECORD_BYTES:
        raise LayoutError(f"a shared file of version {version}; this gateway writes version {VERSION}")
    try:
        layout = Layout(*counts)
    except ValueError as error:
        raise LayoutError(f"the header is damaged: {error}") from None
    if size != layout.size or size != file_size:
        raise LayoutError(f"the file has {file_size} bytes, its header says {size}, its tables need {layout.size}")
    return layout, identity


def _page_up(offset: int) -> int:
    return -(-offset // _PAGE) * _PAGE
