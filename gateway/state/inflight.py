"""Requests in flight: one row for each, written so that it can be billed if its worker died this instant.

A row holds a complete settlement record, replaced when more is known, two words of progress that change with every chunk, and
what the request holds of its caller's limits.
The slot's owner is the only one who opens, updates and closes its rows; rows of an owner who is dead are orphans, which the
control plane settles and frees. Owner and control plane never write the same row: the first holds its epoch, the second looks
only at older ones.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.state.layout import HOLDS_AT, RECORD_BYTES, ROW_BYTES, Layout
from gateway.state.limits import holds
from gateway.state.limits.holds import HoldState
from gateway.state.limits.locks import AccountLocks, LimitsBusyError, control_word
from gateway.state.record import Charge
from gateway.state.workers import WorkerSlot, WorkerTable
from native_fastpath import ROW_HEADER, Region

_OUTPUT_BYTES, _EVENTS, _COPY = 8, 16, 24


class RowsTakenError(Exception):
    """Every row of the slot is in use: the worker cannot admit another request."""


class InflightRows:
    """A worker's rows. A row is named by a handle, an integer that is good from `open` to `close`."""

    __slots__ = ("_epoch", "_free", "_offsets", "_region", "_skipped", "count")

    def __init__(self, slot: WorkerSlot) -> None:
        self._region = slot.region
        self._epoch = slot.epoch
        layout = slot.layout
        self._offsets = range(
            layout.row_at(slot.index, 0), layout.row_at(slot.index, 0) + layout.rows_per_slot * ROW_BYTES, ROW_BYTES
        )
        self._free: list[int] = []
        self._skipped = 0
        self.count = 0  # rows this worker has open
        self._collect()

    def open(self, record: bytes) -> int:
        """Writes a packed settlement into a free row and returns its handle. Raises RowsTakenError."""
        if not self._free and self._skipped:
            self._collect()
        if not self._free:
            raise RowsTakenError("every in-flight row of this worker is in use")
        if len(record) != RECORD_BYTES:
            raise ValueError(f"a settlement has {RECORD_BYTES} bytes, not {len(record)}")
        row = self._free.pop()
        self._region.row_open(row, self._epoch, record)
        self.count += 1
        return row

    def progress(self, row: int, output_bytes: int, events: int) -> None:
        """Stores how much has been sent to the client so far: totals, not differences. Called for every chunk."""
        self._region.row_progress(row, output_bytes, events)

    def rewrite(self, row: int, record: bytes) -> None:
        """Replaces the record; seen whole or not at all."""
        if len(record) != RECORD_BYTES:
            raise ValueError(f"a settlement has {RECORD_BYTES} bytes, not {len(record)}")
        self._region.row_rewrite(row, record)

    def close(self, row: int) -> None:
        """Frees a row that holds nothing of any limit, once its settlement is in the journal. ValueError when it does."""
        if self._region.load(row + HOLDS_AT) != HoldState.NONE:
            raise ValueError("the row holds something of a limit: it must be settled")
        self._region.row_close(row)
        self.freed(row)

    def freed(self, row: int) -> None:
        """Notes that `Limits.settle` has freed the row."""
        self._free.append(row)
        self.count -= 1

    def _collect(self) -> None:
        """Finds the free rows; lowest last, so that few pages of the file are touched. Rows of dead owners are passed over."""
        load = self._region.load
        self._free = [offset for offset in reversed(self._offsets) if load(offset) == 0]
        self._skipped = len(self._offsets) - len(self._free) - self.count


@dataclass(frozen=True, slots=True, repr=False)
class Orphan:
    """A row whose worker died. `record` is a packed settlement; the next two say how far its answer had come.

    `holds` says what became of its limits: HELD ones wait for `LimitTable.settle_orphan`; when they are SETTLED, `record` is the
    worker's last word, and `charges` go with it. A record whose outcome is not WORKER_KILLED is the worker's last word in any
    case.
    """

    slot: int
    row: int
    epoch: int
    record: bytes
    output_bytes: int
    events: int
    holds: HoldState = HoldState.NONE
    charges: tuple[Charge, ...] = ()

    def __repr__(self) -> str:
        return f"<Orphan slot {self.slot} row {self.row} epoch {self.epoch}>"


class InflightTable:
    """The rows of all slots, for the control plane."""

    __slots__ = ("_clean_below", "_last_words", "_layout", "_region", "_workers")

    def __init__(self, region: Region, layout: Layout) -> None:
        self._region = region
        self._layout = layout
        self._workers = WorkerTable(region, layout)
        self._clean_below = [0] * layout.slots
        self._last_words = [(0, 0)] * layout.slots

    def orphans(self, run_dir: Path) -> Iterator[Orphan]:
        """Rows left by dead workers.

        A worker may die between settling and closing; then the journal knows more than the row. So a slot's orphans are held back
        until every record that its dead owners appended has been released from the ring, and are found by a later call.

        Cheap when nobody died: a dead owner opens no rows, so a slot found without orphans is looked through again only after the
        next death.
        """
        for slot in range(self._layout.slots):
            if self._workers.epoch(slot) == 0:
                continue
            dead_below = self._workers.dead_below(slot, run_dir)
            if dead_below == self._clean_below[slot] or not self._journal_released(slot, dead_below):
                continue
            try:
                # A worker may have died in the middle of a change of limits; what its rows hold is certain only after.
                AccountLocks(self._region, self._layout, run_dir, control_word(self._region, self._layout)).clear_log(slot)
            except LimitsBusyError:
                continue
            clean = True
            for row in range(self._layout.rows_per_slot):
                offset = self._layout.row_at(slot, row)
                epoch = self._region.load(offset)
                if 0 < epoch < dead_below:
                    clean = False
                    yield self._orphan(slot, row, epoch, offset)
            if clean:
                self._clean_below[slot] = dead_below

    def free_orphan(self, orphan: Orphan) -> bool:
        """Frees the row for the slot's present owner, once it is settled. False when it was freed before."""
        offset = self._layout.row_at(orphan.slot, orphan.row)
        if self._region.load(offset) == orphan.epoch:
            self._region.store(offset + HOLDS_AT, 0)
        return self._region.compare_swap(offset, orphan.epoch, 0)

    def count(self, slot: int) -> int:
        """Rows in use in a slot, orphans included."""
        rows = range(self._layout.rows_per_slot)
        return sum(self._region.load(self._layout.row_at(slot, row)) != 0 for row in rows)

    def _journal_released(self, slot: int, dead_below: int) -> bool:
        ring = self._layout.ring_at(slot)
        # The head is read after the owner was found dead, so all it ever appended lies below.
        if self._last_words[slot][0] != dead_below:
            self._last_words[slot] = (dead_below, self._region.load(ring))
        return self._region.load(ring + 64) >= self._last_words[slot][1]

    def _orphan(self, slot: int, row: int, epoch: int, offset: int) -> Orphan:
        copy = self._region.load(offset + _COPY) & 1
        record = self._region.read(offset + ROW_HEADER + copy * RECORD_BYTES, RECORD_BYTES)
        output_bytes, events = self._region.load(offset + _OUTPUT_BYTES), self._region.load(offset + _EVENTS)
        state = holds.state_of(self._region, offset)
        charges = holds.charges_of(self._region, self._layout, offset)
        return Orphan(slot, row, epoch, record, output_bytes, events, state, charges)
