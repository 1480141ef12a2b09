"""Orphans: what dead workers left in flight, settled at their last word.

A row in flight is a complete settlement at every moment. When its worker dies, the output is estimated from what had been
streamed, what the request holds of its limits is counted by that, and the record becomes the row's last word together with its
charges. All of this may be done again after a crash of our own: a row that is settled stays as it is until it is in the books and
freed.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from gateway.catalog import measures
from gateway.control.books.entry import Pricing, settle_orphan
from gateway.control.limits import Limits
from gateway.control.store import Store
from gateway.core.clock import Clock
from gateway.core.outcome import Outcome
from gateway.state.inflight import Orphan
from gateway.state.journal import Settlement
from gateway.state.layout import RING_RECORD_BYTES
from gateway.state.limits import LimitsBusyError
from gateway.state.limits.holds import HoldState
from gateway.state.limits.rows import NOTHING, Amounts
from gateway.state.record import WEIGHED, Charge, charged
from gateway.state.shared import SharedFile


class Orphans:
    """The orphans of one shared file. `weight` is what a message to a model counts for, in thousandths."""

    def __init__(
        self,
        store: Store,
        shared: SharedFile,
        run_dir: Path,
        pricing: Pricing,
        limits: Limits,
        weight: Callable[[str], int],
        clock: Clock,
    ) -> None:
        self._store = store
        self._inflight = shared.inflight
        self._run_dir = run_dir
        self._pricing = pricing
        self._limits = limits
        self._weight = weight
        self._clock = clock

    def settled(self) -> Iterator[tuple[Orphan, bytes | None]]:
        """Every orphan whose limits could be settled, and the record to be entered; None when there is nothing to enter.

        An orphan is shown only after everything that its worker had appended is in the books, so one that is in them already was
        settled by its worker and only has to be freed. One whose limits are locked comes again at a later call.
        """
        for orphan in self._inflight.orphans(self._run_dir):
            try:
                yield orphan, self._settle(orphan)
            except LimitsBusyError:
                continue

    def free(self, orphan: Orphan) -> None:
        """Gives the row to the slot's present owner, once it is in the books."""
        self._inflight.free_orphan(orphan)

    def _settle(self, orphan: Orphan) -> bytes | None:
        try:
            settlement = Settlement.unpack(orphan.record)
        except ValueError:
            self._give_back(orphan)
            return orphan.record
        if self._store.has_request(settlement.request_id, settlement.started_ns):
            self._give_back(orphan)
            return None
        if orphan.holds is HoldState.SETTLED or settlement.outcome is not Outcome.WORKER_KILLED:
            return self._last_word(orphan, settlement)
        settlement = settle_orphan(settlement, orphan.output_bytes, orphan.events)
        settlement.cost_nanodollars = self._pricing.cost(settlement.pack())
        return self._last_word(orphan, settlement)

    def _last_word(self, orphan: Orphan, settlement: Settlement) -> bytes:
        if orphan.holds is HoldState.NONE:
            return settlement.pack()
        if orphan.holds is HoldState.SETTLED:
            return _as_in_a_ring(orphan.record, orphan.charges)
        record = settlement.pack()
        charges = self._limits.settle_orphan(orphan, record, self._real(settlement), self._clock.monotonic_ns())
        return _as_in_a_ring(record, charges)

    def _give_back(self, orphan: Orphan) -> None:
        """Counts nothing for a row that will not be entered."""
        if orphan.holds is HoldState.HELD:
            self._limits.settle_orphan(orphan, orphan.record, NOTHING, self._clock.monotonic_ns())

    def _real(self, settlement: Settlement) -> Amounts:
        """What the request took, by metric."""
        weighed = settlement.surface in WEIGHED
        weight = self._weight(settlement.model_served or settlement.model_asked) if weighed else 0
        return measures.amounts(settlement.usage, settlement.cost_nanodollars, weight)


def _as_in_a_ring(record: bytes, charges: Sequence[Charge]) -> bytes:
    return charged(record, charges).ljust(RING_RECORD_BYTES, b"\0")
