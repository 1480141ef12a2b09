"""Counters: plain figures that every worker keeps for its slot and the control plane adds up.

A block of 64 words per slot; the slot's owner is the single writer, and a new owner goes on where the old one stopped, so totals
survive a worker's death. A gauge is no total: it says what is open now, so it starts at zero and a dead worker's is ignored.
"""

from collections.abc import Collection
from enum import IntEnum
from typing import Final

from gateway.core.faults import FaultKind
from gateway.state.layout import Layout
from gateway.state.workers import WorkerSlot
from native_fastpath import Region

_REFUSED: Final = 32  # words from here on count refusals, one per kind of fault


class Counter(IntEnum):
    """Names of the counters. The numbers are places in the shared file."""

    UNAUTHENTICATED = 0
    UPSTREAM_CONNECTS = 1
    UPSTREAM_REUSES = 2
    UPSTREAM_FAILURES = 3
    JOURNAL_DROPPED = 4
    BYTES_TO_CLIENTS = 5
    BYTES_TO_UPSTREAMS = 6
    REQUESTS_STARTED = 7
    STREAMS_OPEN = 8


GAUGES: Final = frozenset({Counter.STREAMS_OPEN})


class SlotCounters:
    """A worker's own counters."""

    __slots__ = ("_at", "_region")

    def __init__(self, slot: WorkerSlot) -> None:
        self._region = slot.region
        start = slot.layout.counters_of(slot.index)
        self._at = tuple(range(start, start + 512, 8))
        for gauge in GAUGES:
            self._region.store(self._at[gauge], 0)

    def add(self, counter: Counter, amount: int = 1) -> None:
        """Counts on; a gauge takes negative amounts too."""
        self._region.bump(self._at[counter], amount)

    def refuse(self, kind: FaultKind) -> None:
        """Counts one refused request."""
        self._region.bump(self._at[_REFUSED + kind], 1)


class CounterTable:
    """Sums over all slots, for the control plane."""

    __slots__ = ("_layout", "_region")

    def __init__(self, region: Region, layout: Layout) -> None:
        self._region = region
        self._layout = layout

    def totals(self, alive: Collection[int]) -> dict[Counter, int]:
        """Every counter over all slots; gauges over the slots in `alive` only."""
        return {counter: self._sum(counter, alive if counter in GAUGES else range(self._layout.slots)) for counter in Counter}

    def refused(self) -> dict[FaultKind, int]:
        """Refused requests by kind over all slots."""
        return {kind: self._sum(_REFUSED + kind, range(self._layout.slots)) for kind in FaultKind}

    def _sum(self, word: int, slots: Collection[int]) -> int:
        return sum(self._region.load(self._layout.counters_of(slot) + 8 * word) for slot in slots)
