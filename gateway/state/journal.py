"""The usage journal: one settlement per request, in one ring per worker slot.

A worker appends with plain stores; the control plane reads, makes the records durable together with the ring's sequence
number, and only then releases the places. This module owns what is told of a request and both ends of a ring; the bytes of a
record are `record`'s, and it knows neither prices nor SQLite.
"""

from dataclasses import dataclass, field
from typing import Final

from gateway.core.faults import FaultKind
from gateway.core.outcome import Outcome
from gateway.core.usage import Usage
from gateway.state.layout import Layout
from gateway.state.record import Flags, Surface, choice_in, pack, unpack
from gateway.state.workers import WorkerSlot
from native_fastpath import Region

# Looking an enumeration up by value costs half a microsecond.
_OUTCOMES: Final = {int(outcome): outcome for outcome in Outcome}
_FAULTS: Final = {int(fault): fault for fault in FaultKind}
_SURFACES: Final = {int(surface): surface for surface in Surface}
_FLAGS: Final = tuple(Flags(bits) for bits in range(256))


@dataclass(slots=True)
class Settlement:
    """How one request ended and what it took.

    `started_ns` is wall clock; `ttft_us` is None when no content was sent; `credential` is the index of the upstream
    credential. `held_nanodollars` and `held_tokens` are the worst case that was held before sending, `price_tag` the first
    64 bits of the version of the price list that made `cost_nanodollars`. Texts longer than their place are cut at a character:
    64 bytes of UTF-8, method 8, provider 16. NUL bytes at their end are lost. `choice` is the note of `upstream.pool.choice`.
    """

    request_id: bytes
    started_ns: int
    outcome: Outcome
    surface: Surface = Surface.OTHER
    workspace_id: int = 0
    duration_us: int = 0
    ttft_us: int | None = None
    key_id: int = 0
    status: int = 0
    fault: FaultKind = FaultKind.NONE
    flags: Flags = Flags.NONE
    attempts: int = 0
    credential: int = 0
    usage: Usage = field(default_factory=Usage)
    request_bytes: int = 0
    response_bytes: int = 0
    model_asked: str = ""
    model_served: str = ""
    path: str = ""
    upstream_request_id: str = ""
    method: str = ""
    provider: str = ""
    cost_nanodollars: int = 0
    held_nanodollars: int = 0
    held_tokens: int = 0
    price_tag: int = 0
    choice: bytes = b""

    def pack(self) -> bytes:
        """The record of 464 bytes. Figures out of range are clamped to it, so this never fails on what a request brought."""
        return pack(
            self.request_id,
            self.started_ns,
            self.duration_us,
            self.ttft_us,
            self.key_id,
            self.status,
            self.outcome,
            self.fault,
            self.flags,
            self.attempts,
            self.credential,
            self.surface,
            self.workspace_id,
            self.usage,
            self.request_bytes,
            self.response_bytes,
            self.model_asked,
            self.model_served,
            self.path,
            self.upstream_request_id,
            self.method,
            self.provider,
            self.cost_nanodollars,
            self.held_nanodollars,
            self.held_tokens,
            self.price_tag,
            self.choice,
        )

    @classmethod
    def unpack(cls, record: bytes) -> "Settlement":
        """The inverse of `pack`. Raises ValueError when the bytes are not a record; the reader then counts and skips them."""
        facts = unpack(record)
        return cls(
            request_id=facts[0],
            started_ns=facts[1],
            duration_us=facts[2],
            ttft_us=facts[3],
            key_id=facts[4],
            status=facts[5],
            outcome=_OUTCOMES[facts[6]],
            fault=_FAULTS[facts[7]],
            flags=_FLAGS[facts[8]],
            attempts=facts[9],
            credential=facts[10],
            surface=_SURFACES[facts[11]],
            workspace_id=facts[12],
            usage=Usage(*facts[13:18]),
            request_bytes=facts[18],
            response_bytes=facts[19],
            model_asked=facts[20],
            model_served=facts[21],
            path=facts[22],
            upstream_request_id=facts[23],
            method=facts[24],
            provider=facts[25],
            cost_nanodollars=facts[26],
            held_nanodollars=facts[27],
            held_tokens=facts[28],
            price_tag=facts[29],
            choice=choice_in(record),
        )


class RingWriter:
    """A worker's end of its slot's ring. The slot's owner is the single writer."""

    __slots__ = ("_offset", "_region")

    def __init__(self, slot: WorkerSlot) -> None:
        self._region = slot.region
        self._offset = slot.layout.ring_at(slot.index)

    def append(self, record: bytes) -> bool:
        """Appends a packed settlement, alone or `charged`; False when the ring is full, which means that the books are down.

        One that holds something of limits is appended by `Limits.settle`, which knows its charges.
        """
        return self._region.ring_append(self._offset, record)

    def free(self) -> int:
        """Places left."""
        return self._region.ring_free(self._offset)


class RingReader:
    """The control plane's end of one slot's ring. The control plane is the single reader.

    Records are numbered from 0 since the file was made. To drain exactly once: read, then store the records and `sequence` +
    their count durably in one transaction, then `release` them. After a crash, `skip_to` the stored number before the first
    read. Numbers start again with a new file, so what is stored must name the file's identity too.
    """

    __slots__ = ("_offset", "_region", "slot")

    def __init__(self, region: Region, layout: Layout, slot: int) -> None:
        self._region = region
        self._offset = layout.ring_at(slot)
        self.slot = slot

    @property
    def sequence(self) -> int:
        """The number of the record that `read` returns first."""
        return self._region.load(self._offset + 64)

    @property
    def depth(self) -> int:
        """Records waiting."""
        return self._region.load(self._offset) - self.sequence

    def read(self, limit: int) -> list[bytes]:
        """Up to `limit` oldest records with their charges, 856 bytes each, which stay in. ValueError when the
        oldest one is damaged: `release(1)` passes over it.
        """
        return self._region.ring_read(self._offset, limit)

    def release(self, count: int) -> None:
        """Gives the places of the `count` oldest records back to the writer."""
        self._region.ring_release(self._offset, count)

    def skip_to(self, sequence: int) -> int:
        """Releases records with a number below `sequence`: they are durable already. Returns how many they were."""
        count = max(sequence - self.sequence, 0)
        self._region.ring_release(self._offset, count)
        return count


class Journal:
    """All rings of a shared file, for the control plane."""

    __slots__ = ("readers",)

    def __init__(self, region: Region, layout: Layout) -> None:
        self.readers = tuple(RingReader(region, layout, slot) for slot in range(layout.slots))
