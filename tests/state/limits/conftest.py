"""A worker's slot with limits before it, and the control plane's table behind it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.state.inflight import InflightRows
from gateway.state.journal import RingWriter, Settlement
from gateway.state.limits import Amounts, Limits, LimitSpec, LimitState, LimitTable, Metric, Moment, Refused, Taken, Window
from gateway.state.record import charges
from gateway.state.shared import SharedFile
from gateway.state.workers import WorkerSlot
from tests.state.conftest import numbered

NOON_S = 1_800_014_400  # 2027-01-15T12:00:00Z
MONO_NS = 10**15


def asked(**amounts: int) -> Amounts:
    """Amounts by the names of metrics."""
    numbers = [0] * 8
    for name, amount in amounts.items():
        numbers[Metric[name.upper()]] = amount
    first, second, third, fourth, fifth, sixth, seventh, eighth = numbers
    return first, second, third, fourth, fifth, sixth, seventh, eighth


class Desk:
    """One worker, the table, and what a test wants to do with both. Limits are numbered as they come."""

    def __init__(self, shared: SharedFile, run_dir: Path) -> None:
        self.shared = shared
        self.run_dir = run_dir
        self.table = LimitTable(shared)
        self.workspace = self.table.workspace_anchor(1)
        self.key = self.table.key_anchor(1, self.workspace)
        self.slot = WorkerSlot.claim(shared, run_dir)
        self.rows = InflightRows(self.slot)
        self.ring = RingWriter(self.slot)
        self.limits = Limits(shared, self.slot, self.rows)
        self._limits_added = 0
        self.wall_s = NOON_S
        self.mono_ns = MONO_NS

    def add(self, metric: Metric, window: Window, amount: int, *, anchor: int = 0, class_bit: int = 0, **more: int) -> int:
        self._limits_added += 1
        limit_id = self._limits_added
        self.table.add(anchor or self.key, LimitSpec(limit_id, metric, window, class_bit, amount), **more)
        return limit_id

    @property
    def now(self) -> Moment:
        return self.limits.moment(self.wall_s * 10**9, self.mono_ns)

    def pass_time(self, seconds: int) -> None:
        self.wall_s += seconds
        self.mono_ns += seconds * 10**9

    def open(self) -> int:
        return self.rows.open(numbered(1).pack())

    def take(self, row: int, full: Amounts, least: Amounts | None = None, *, mask: int = 1) -> Taken | Refused:
        return self.limits.take(self.key, row, mask, full, full if least is None else least, self.now)

    def settle(self, row: int, real: Amounts, record: Settlement | None = None) -> bool:
        return self.limits.settle(row, (record or numbered(2)).pack(), real, self.mono_ns)

    def drained(self) -> list[tuple[Settlement, tuple[tuple[int, int, int], ...]]]:
        reader = self.shared.journal.readers[self.slot.index]
        records = reader.read(100)
        reader.release(len(records))
        return [(Settlement.unpack(record), charges(record)) for record in records]

    def counts(self, *limit_ids: int) -> list[tuple[int, int]]:
        """What is used and what is held of limits."""
        return [(self.state(limit_id).used, self.state(limit_id).held) for limit_id in limit_ids]

    def state(self, limit_id: int) -> LimitState:
        state = self.table.state(limit_id)
        assert state is not None
        return state


@pytest.fixture
def desk(shared: SharedFile, run_dir: Path) -> Iterator[Desk]:
    made = Desk(shared, run_dir)
    yield made
    made.slot.release()
