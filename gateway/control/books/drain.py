"""The drain: journal rings -> books, exactly once.

One pass reads every ring, prices what it found and enters it together with each ring's sequence number in one transaction. Only
then are the rings' places released, limits corrected that workers counted otherwise, and requests logged and counted. A crash
before the transaction leaves everything in the rings; a crash after it is seen at the next start, because the stored sequence is
ahead of the ring's. When the database fails, nothing is released: the rings fill, workers refuse by themselves, and a later pass
enters everything.

Requests without a key (never admitted) get a log line but no row. Not thread-safe; belongs to the thread of the Store it is
given.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from gateway.control.books.entry import Pricing, Row, limit_and_window
from gateway.control.books.ledger import Ledger
from gateway.control.books.lines import LineWriter, RequestLog
from gateway.control.books.orphans import Orphans
from gateway.control.books.rollups import Rollups
from gateway.control.books.sheet import SeenError, Sheet
from gateway.control.limits import Limits
from gateway.control.metrics import Tally
from gateway.control.store import Store
from gateway.state.journal import RingReader
from gateway.state.record import unpack
from gateway.state.shared import SharedFile

RECORDS_PER_RING_MAX = 2000  # a pass; keeps one transaction below about 100 ms however far the rings have filled


@dataclass(slots=True)
class Taken:
    """What one pass has read from one ring."""

    reader: RingReader
    records: int

    @property
    def sequence(self) -> int:
        return self.reader.sequence + self.records


class Drain:
    """Enters what the workers have written. Raises StoreError from every method when the database cannot be used."""

    def __init__(
        self,
        store: Store,
        shared: SharedFile,
        pricing: Pricing,
        ledger: Ledger,
        limits: Limits,
        orphans: Orphans,
        lines: LineWriter,
        log: RequestLog,
        tally: Tally,
    ) -> None:
        self._store = store
        self._shared = shared
        self._pricing = pricing
        self._ledger = ledger
        self._limits = limits
        self._orphans = orphans
        self._lines = lines
        self._log = log
        self._tally = tally
        self._mispriced_reported = 0
        self.rollups = Rollups(store, pricing.prices)
        sequences = store.ring_sequences(shared.identity)
        for reader in shared.journal.readers:
            reader.skip_to(sequences.get(reader.slot, 0))

    def enter_all(self) -> int:
        """Enters everything that the rings held when this was called. Returns the number of records taken.

        What comes meanwhile waits for the next call: at thousands of requests a second the rings are never empty, and to run
        after the last ones took four transactions in place of one.
        """
        ends = [(reader, reader.sequence + reader.depth) for reader in self._shared.journal.readers]
        total = 0
        while any(reader.sequence < end for reader, end in ends):
            total += self.enter_some()
        return total

    def enter_some(self) -> int:
        """One pass: at most RECORDS_PER_RING_MAX of each ring. Returns the number of records taken."""
        taken: list[Taken] = []
        records: list[bytes] = []
        for reader in self._shared.journal.readers:
            if reader.depth:
                found = self._read(reader)
                taken.append(Taken(reader, len(found)))
                records += found
        if not taken:
            return 0
        rows = self._enter(records, [(ring.reader.slot, ring.sequence) for ring in taken])
        for ring in taken:
            ring.reader.release(ring.records)
        self._tell(rows)
        return sum(ring.records for ring in taken)

    def catch_up(self) -> None:
        """Enters everything that the workers, living or dead, have left so far."""
        self.enter_all()
        self.settle_orphans()

    def settle_orphans(self) -> int:
        """Enters what dead workers left in flight, estimated, and frees the rows. Returns how many requests were settled."""
        settled = list(self._orphans.settled())
        if not settled:
            return 0
        rows = self._enter([record for _, record in settled if record is not None], ())
        for orphan, _ in settled:
            self._orphans.free(orphan)
        self._tell(rows)
        return len(rows)

    def _read(self, reader: RingReader) -> list[bytes]:
        try:
            return reader.read(RECORDS_PER_RING_MAX)
        except ValueError:
            # The oldest place holds no whole record; waiting for it would stop the slot's books for good.
            return [b""]

    def _enter(self, records: Sequence[bytes], sequences: Sequence[tuple[int, int]]) -> list[Row]:
        """Enters records in one transaction and returns all of them as rows, also those that the books had already."""
        # What is released or freed afterwards must be durable, which it would not be inside of another transaction.
        assert not self._store.in_transaction, "the books are entered in a transaction of their own"
        sheet = Sheet(self._pricing, records, self._ledger.next_id())
        try:
            corrections = sheet.enter(self._store, self._ledger, self.rollups, self._shared.identity, sequences)
        except SeenError:
            unseen = Sheet(self._pricing, self._unseen(records), self._ledger.next_id())
            corrections = unseen.enter(self._store, self._ledger, self.rollups, self._shared.identity, sequences)
        self._limits.touch(sheet.limits)
        for kind, difference in corrections.items():
            self._limits.correct(*limit_and_window(kind), difference)
        self._tally.records_unreadable += sheet.unreadable
        if sheet.mispriced:
            self._report_mispriced(len(sheet.mispriced))
        return sheet.rows

    def _report_mispriced(self, requests: int) -> None:
        """Counts requests that workers took another cost for, and says so at the first, second, fourth and so on: after a change
        of prices there are thousands."""
        self._tally.cost_differences += requests
        if self._tally.cost_differences >= 2 * self._mispriced_reported:
            self._mispriced_reported = self._tally.cost_differences
            structlog.get_logger().warning("workers took another cost than the books", requests=self._mispriced_reported)

    def _unseen(self, records: Sequence[bytes]) -> list[bytes]:
        """The records whose requests have no row yet, each once: a record seen twice is one row."""
        unseen: dict[tuple[bytes, int], bytes] = {}
        for record in records:
            try:
                request_id, started_ns = unpack(record)[:2]
            except ValueError:
                continue
            if not self._store.has_request(request_id, started_ns):
                unseen.setdefault((request_id, started_ns), record)
        return list(unseen.values())

    def _tell(self, rows: Sequence[Row]) -> None:
        if rows:
            self._log.write([self._lines.line(row) for row in rows])
        observe = self._tally.observe
        for row in rows:
            observe(row)
