"""Where everything lies in the shared file.

Owns magic, version, sizes and offsets; reads and writes nothing but the header. The file is sparse: capacities are generous
because an untouched page costs nothing. All words are eight bytes in the machine's own order, because the file never leaves
the machine.
"""

import struct
from dataclasses import dataclass

from native_fastpath import RING_HEADER, ROW_HEADER

MAGIC = int.from_bytes(b"SLUICE\x00\x01", "little")
VERSION = 1  # count up with every change of a size, an order or a meaning

RECORD_BYTES = 384  # one settlement, see journal.py
HEADER_BYTES = 4096
WORKER_BYTES = 64  # a cache line of its own for each slot's writer
COUNTER_BYTES = 512  # 64 words, see counters.py
KEY_BYTES = 128  # see keys.py
ROW_BYTES = ROW_HEADER + 2 * RECORD_BYTES  # two copies, so that a rewrite is seen whole or not at all
RING_SLOT_BYTES = 8 + RECORD_BYTES

# Words of the header that change while the file is in use; the control plane or the supervisor writes them.
DRAINING_AT = 1024
GENERATION_AT = 1032
KEY_COUNT_AT = 1040

_PAGE = 4096
_HEADER = struct.Struct("=9Q")  # magic, version, total size, identity, keys, slots, rows, ring, record bytes
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

    def __post_init__(self) -> None:
        powers = (self.keys_capacity, self.ring_capacity)
        if any(power < 1 or power & (power - 1) or power > 1 << 24 for power in powers):
            raise ValueError("keys_capacity and ring_capacity must be powers of two up to 2^24")
        if not (1 <= self.slots <= 1024 and 1 <= self.rows_per_slot <= 1 << 20):
            raise ValueError("slots must be 1 to 1024, rows_per_slot 1 to 2^20")

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
    def size(self) -> int:
        return self.rings_at + self.slots * self.ring_bytes

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

    def header(self, identity: int) -> bytes:
        """The fixed part of the header. `identity` tells one incarnation of the file from the next."""
        counts = (self.keys_capacity, self.slots, self.rows_per_slot, self.ring_capacity, RECORD_BYTES)
        return _HEADER.pack(MAGIC, VERSION, self.size, identity, *counts)

    def _slot(self, slot: int) -> int:
        if not 0 <= slot < self.slots:
            raise IndexError(f"slot {slot} of {self.slots}")
        return slot


def read_header(header: bytes, file_size: int) -> tuple[Layout, int]:
    """Layout and identity of a file from its first bytes. Raises LayoutError, which says what does not fit."""
    if len(header) < _HEADER.size:
        raise LayoutError("too short to be a shared file")
    magic, version, size, identity, keys, slots, rows, ring, record_bytes = _HEADER.unpack_from(header)
    if magic != MAGIC:
        raise LayoutError("not a shared file")
    if version != VERSION or record_bytes != RECORD_BYTES:
        raise LayoutError(f"a shared file of version {version}; this gateway writes version {VERSION}")
    try:
        layout = Layout(keys, slots, rows, ring)
    except ValueError as error:
        raise LayoutError(f"the header is damaged: {error}") from None
    if size != layout.size or size != file_size:
        raise LayoutError(f"the file has {file_size} bytes, its header says {size}, its tables need {layout.size}")
    return layout, identity


def _page_up(offset: int) -> int:
    return -(-offset // _PAGE) * _PAGE
