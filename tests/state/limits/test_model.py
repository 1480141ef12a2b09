"""LimitTable and Limits against a model in plain Python: whatever control plane and workers do, both tell the same."""

import tempfile
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, precondition, rule

from gateway.state.inflight import InflightRows
from gateway.state.layout import Layout
from gateway.state.limits import Limits, LimitSpec, LimitTable, Metric, Moment, Refused, Scope, Taken, Window
from gateway.state.record import charges
from gateway.state.shared import SharedFile
from gateway.state.workers import WorkerSlot
from tests.state.conftest import numbered
from tests.state.limits.conftest import MONO_NS, NOON_S

LAYOUT = Layout(keys_capacity=8, slots=2, rows_per_slot=4, ring_capacity=8, limits_capacity=64)
MINUTE_NS, DEBT_NS_MAX = 60 * 10**9, 600 * 10**9
OWNERS = [(Scope.WORKSPACE, 1), (Scope.PLAN, 1), (Scope.KEY, 1), (Scope.KEY, 2)]

sizes = st.sampled_from([0, 1, 3, 7, 10, 45, 45, 100, 1000, 10**9, 10**15, 2**63 - 1])
limits = st.tuples(
    st.sampled_from([*OWNERS, OWNERS[0]]),
    st.sampled_from(Metric),
    st.sampled_from(Window),
    st.sampled_from([0, 0, 0, 1, 2]),
    sizes,
)
asked_of_metrics = st.lists(st.sampled_from([0, 1, 1, 2, 3, 5, 10, 45, 10**15]), min_size=8, max_size=8).map(tuple)


@dataclass(eq=False)
class Limit:
    """What a limit knows, in exact numbers."""

    spec: LimitSpec
    amount: int
    used: int = 0
    held: int = 0
    window: tuple[int, int] = (0, 0)
    debt_ns: Fraction = Fraction(0)

    @property
    def smooth(self) -> bool:
        return self.spec.window is Window.MINUTE and self.spec.metric is not Metric.CONCURRENCY

    @property
    def counts(self) -> bool:
        return self.spec.metric is not Metric.CONCURRENCY

    def current(self, now: Moment) -> tuple[int, int]:
        """The window that counts now."""
        if self.spec.window is Window.TOTAL or not self.counts:
            return 0, 0
        start_s, end_s = self.window
        if end_s and start_s <= now[0] + 1 and now[0] < end_s:
            return self.window
        return {Window.DAY: now[1:3], Window.MONTH: now[3:5]}.get(self.spec.window, (now[0], now[0] + 18_000))

    def available(self, now: Moment) -> int:
        if self.smooth:
            free_ns = MINUTE_NS - max(self.debt_ns - now[5], Fraction(0))
            return max(int(free_ns * self.amount // MINUTE_NS), 0)
        if not self.counts:
            return self.amount - self.held
        return self.amount - (self.used + self.held if self.current(now) == self.window else 0)

    def hold(self, amount: int, now: Moment) -> int:
        """Holds, and returns when the hold began, or for a smooth limit when it will have come back."""
        if self.smooth:
            self.debt_ns = max(self.debt_ns, Fraction(now[5])) + Fraction(amount * MINUTE_NS, self.amount)
            return int(self.debt_ns)
        if self.current(now) != self.window:
            self.window = self.current(now)
            self.used = self.held = 0
        self.held += amount
        return self.window[0]

    def settle(self, held: int, real: int, since: int, mono_ns: int) -> int:
        """Settles, and returns what is charged."""
        if self.smooth:
            self.settle_debt(held, real, since, mono_ns)
            return 0
        if self.counts and since != self.window[0]:
            return real
        self.held = max(self.held - held, 0)
        if self.counts:
            self.used = min(self.used + real, 2**63 - 1)
        return real if self.counts else 0

    def settle_debt(self, held: int, real: int, until_ns: int, mono_ns: int) -> None:
        if not self.amount or held == real:
            return
        change_ns = Fraction((real - held) * MINUTE_NS, self.amount)
        left_ns = max(until_ns - mono_ns, 0)
        if real < held and int(-change_ns) >= left_ns:
            change_ns = Fraction(-left_ns)
        self.debt_ns = min(max(self.debt_ns + change_ns, Fraction(0)), Fraction(mono_ns + DEBT_NS_MAX))


@dataclass(eq=False)
class Request:
    row: int
    holds: list[tuple[Limit, int, int]] = field(default_factory=list)  # limit, held, since


class Model(RuleBasedStateMachine):
    """One workspace, one plan, two keys; a worker that is followed by another when it dies."""

    requests = Bundle("requests")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name)
        self.run_dir = path / "run"
        self.run_dir.mkdir()
        self.shared = SharedFile.create(path / "shared.map", LAYOUT)
        self.chains: dict[tuple[Scope, int], list[Limit]] = {owner: [] for owner in OWNERS}
        self.behind: dict[tuple[Scope, int], tuple[Scope, int] | None] = {
            OWNERS[0]: None,
            OWNERS[1]: OWNERS[0],
            OWNERS[2]: OWNERS[1],
            OWNERS[3]: OWNERS[0],
        }
        self.limits_made = 0
        self.wall_s, self.mono_ns = NOON_S, MONO_NS
        self.open: list[Request] = []
        self.table = LimitTable(self.shared)
        workspace = self.table.workspace_anchor(1)
        plan = self.table.plan_anchor(1, workspace)
        self.table.key_anchor(1, plan)
        self.table.key_anchor(2, workspace)
        self.hire()

    @initialize(limits=st.lists(limits, min_size=3, max_size=7))
    def begin(self, limits: list[tuple[Any, ...]]) -> None:
        for limit in limits:
            self.put(*limit)

    def hire(self) -> None:
        self.slot = WorkerSlot.claim(self.shared, self.run_dir)
        self.rows = InflightRows(self.slot)
        self.limits = Limits(self.shared, self.slot, self.rows)

    def anchor(self, owner: tuple[Scope, int]) -> int:
        anchor = self.table.anchor(*owner)
        assert anchor is not None
        return anchor

    @property
    def now(self) -> Moment:
        return self.limits.moment(self.wall_s * 10**9, self.mono_ns)

    def chain(self, owner: tuple[Scope, int]) -> list[Limit]:
        chain: list[Limit] = []
        following: tuple[Scope, int] | None = owner
        while following is not None:
            chain += self.chains[following]
            following = self.behind[following]
        return chain

    def every(self) -> list[Limit]:
        return [limit for chain in self.chains.values() for limit in chain]

    @rule(limit=limits)
    def add(self, limit: tuple[Any, ...]) -> None:
        self.put(*limit)

    def put(self, owner: tuple[Scope, int], metric: Metric, window: Window, class_bit: int, amount: int) -> None:
        if len(self.chains[owner]) == 8:
            return
        self.limits_made += 1
        spec = LimitSpec(self.limits_made, metric, window, class_bit, amount)
        self.table.add(self.anchor(owner), spec)
        self.chains[owner].insert(0, Limit(spec, amount))

    @precondition(lambda self: self.every())
    @rule(data=st.data(), amount=sizes)
    def change(self, data: st.DataObject, amount: int) -> None:
        limit = data.draw(st.sampled_from(self.every()))
        self.table.change(limit.spec.limit_id, amount)
        limit.amount = amount
        limit.debt_ns = Fraction(int(limit.debt_ns))

    @precondition(lambda self: self.every())
    @rule(data=st.data(), difference=st.integers(-50, 50))
    def correct(self, data: st.DataObject, difference: int) -> None:
        limit = data.draw(st.sampled_from(self.every()))
        done = self.table.correct(limit.spec.limit_id, limit.window[0], difference)
        assert done == (limit.counts and not limit.smooth)
        if done:
            limit.used = min(max(limit.used + difference, 0), 2**63 - 1)

    @precondition(lambda self: self.every())
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        limit = data.draw(st.sampled_from(self.every()))
        self.table.remove(limit.spec.limit_id)
        for chain in self.chains.values():
            if limit in chain:
                chain.remove(limit)
        for request in self.open:
            request.holds = [hold for hold in request.holds if hold[0] is not limit]

    @rule(key=st.sampled_from(OWNERS[2:]), parent=st.sampled_from(OWNERS[:2]))
    def move(self, key: tuple[Scope, int], parent: tuple[Scope, int]) -> None:
        self.table.move(self.anchor(key), self.anchor(parent))
        self.behind[key] = parent

    @rule()
    def open_anew(self) -> None:
        self.table = LimitTable(self.shared)

    @rule(seconds=st.sampled_from([0, 1, 5, 59, 61, 3600, 18_000, 86_400, 2_700_000]))
    def pass_time(self, seconds: int) -> None:
        self.wall_s += seconds
        self.mono_ns += seconds * 10**9 + seconds % 7

    @rule(seconds=st.sampled_from([-1, -2, -90_000, 90_000]))
    def jump(self, seconds: int) -> None:
        self.wall_s += seconds

    @rule(
        target=requests,
        owner=st.sampled_from(OWNERS),
        mask=st.sampled_from([1, 3, 5]),
        full=asked_of_metrics,
        least=asked_of_metrics,
        partly=st.booleans(),
    )
    def take(self, owner: tuple[Scope, int], mask: int, full: Any, least: Any, partly: bool) -> Any:
        if self.rows.count == LAYOUT.rows_per_slot:
            return multiple()
        least = tuple(map(min, full, least)) if partly else full
        request = Request(self.rows.open(numbered(1).pack()))
        met = [limit for limit in self.chain(owner) if mask >> limit.spec.class_bit & 1]
        grants = [self.granted(limit, full[limit.spec.metric], self.wanted(limit, full, least)) for limit in met]
        result = self.limits.take(self.anchor(owner), request.row, mask, full, least, self.now)
        if None in grants:
            refusing = {limit.spec.limit_id for limit, grant in zip(met, grants, strict=True) if grant is None}
            assert isinstance(result, Refused)
            assert result.limit.limit_id in refusing
            self.rows.close(request.row)
            return multiple()
        assert isinstance(result, Taken)
        for limit, grant in zip(met, grants, strict=True):
            if grant is not None and grant >= 0:
                request.holds.append((limit, grant, limit.hold(grant, self.now)))
        for metric in Metric:
            partial = [
                held
                for limit, held, _ in request.holds
                if limit.spec.metric is metric and not limit.smooth and limit.counts and held < full[metric]
            ]
            assert result.granted[metric] == min(partial, default=-1)
        self.open.append(request)
        return request

    def wanted(self, limit: Limit, full: Any, least: Any) -> int:
        """What must be there: of a smooth limit on output or totals only what is sent at once."""
        wanted: int = least[limit.spec.metric]
        if limit.spec.window is Window.MINUTE and limit.spec.metric is Metric.OUTPUT_TOKENS:
            return min(wanted, 1)
        if limit.spec.window is Window.MINUTE and limit.spec.metric is Metric.TOTAL_TOKENS:
            return min(wanted, int(full[Metric.INPUT_TOKENS]) + 1)
        return wanted

    def granted(self, limit: Limit, full: int, least: int) -> int | None:
        """How much, -1 when it is passed by, None when it refuses."""
        available = limit.available(self.now)
        if full == 0:
            if least == 0 or limit.spec.metric not in (Metric.COST, Metric.TOTAL_TOKENS):
                return -1
            return 0 if available > 0 else None
        if full <= available:
            return full
        return available if available > 0 and least <= available else None

    def settled(self, request: Request, real: Any) -> tuple[tuple[int, int, int], ...]:
        """What the model charges."""
        charged = []
        for limit, held, since in request.holds:
            amount = limit.settle(held, real[limit.spec.metric], since, self.mono_ns)
            if amount:
                charged.append((limit.spec.limit_id, since, amount))
        return tuple(charged)

    @rule(request=consumes(requests), real=asked_of_metrics)
    def settle(self, request: Request, real: Any) -> None:
        if request not in self.open:
            return
        self.open.remove(request)
        assert self.limits.settle(request.row, numbered(2).pack(), real, self.mono_ns)
        reader = self.shared.journal.readers[self.slot.index]
        (record,) = reader.read(9)
        reader.release(1)
        assert charges(record) == self.settled(request, real)

    @rule(real=asked_of_metrics)
    def die(self, real: Any) -> None:
        self.slot.release()
        by_row = {request.row: request for request in self.open}
        for orphan in self.shared.inflight.orphans(self.run_dir):
            request = by_row.pop(LAYOUT.row_at(orphan.slot, orphan.row))
            assert self.table.settle_orphan(orphan, orphan.record, real, self.mono_ns) == self.settled(request, real)
            assert self.shared.inflight.free_orphan(orphan)
        assert not by_row
        self.open.clear()
        self.hire()

    @rule(owner=st.sampled_from(OWNERS))
    def peek(self, owner: tuple[Scope, int]) -> None:
        exhausted = {
            limit.spec.limit_id for limit in self.chain(owner) if not limit.spec.class_bit and limit.available(self.now) <= 0
        }
        found = self.limits.peek(self.anchor(owner), 1, self.now)
        assert (found is None and not exhausted) or (found is not None and found.limit.limit_id in exhausted)

    @invariant()
    def agree(self) -> None:
        seen = {state.limit_id: state for state in self.table.states()}
        assert len(seen) == len(self.table) == len(self.every())
        for limit in self.every():
            state = seen[limit.spec.limit_id]
            assert (state.amount, state.used, state.held) == (limit.amount, limit.used, limit.held), limit
            assert (state.window_start_s, state.window_end_s) == limit.window, limit
            assert state.debt_ns == int(limit.debt_ns), limit
        assert self.rows.count == len(self.open)

    def teardown(self) -> None:
        self.slot.release()
        self.shared.close()
        self.folder.cleanup()


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
