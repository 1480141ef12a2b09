"""R5: the books as a state machine.

Everything that can happen to money and limits, in any order: purchases, refunds, expiry, calls that are settled, refused or left
behind by a dying worker, changes of limits and of billing, workers with another price list, a database that breaks off in
mid-transaction, a control plane that dies, a shared file that is lost. After every step the books are proven; at the end the same
steps on a fresh installation give the same sums.
"""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.catalog import measures
from gateway.control.books.verify import Difference, Report, Verifier
from gateway.control.credits import BillingOrder, PurchaseOrder, RefundOrder
from gateway.control.keys import Order, RotationOrder
from gateway.control.limits import LimitOrder
from gateway.control.orders import OrderError
from gateway.control.store import LimitRecord, Reader
from gateway.core.clock import ManualClock
from gateway.core.outcome import Outcome
from gateway.core.usage import Usage
from gateway.state.journal import Settlement
from gateway.state.limits import Limits, Taken
from tests import torture
from tests.control.books.sound import NOTE
from tests.control.office import STARTED_NS, Office, Worker, breaking_off, settlement, shipped

RUNS = torture.rounds(12, 500)
STEPS = torture.rounds(30, 50)
WORKSPACES = ("default", "lab")
DAY_S = 86_400


done: list[int] = []  # steps of each run that came to a good end

pytestmark = pytest.mark.torture


class World:
    """An installation with two workspaces, a key in each, and one worker. Its steps can be repeated in another."""

    def __init__(self, data_dir: Path) -> None:
        self.office = Office(data_dir)
        self.clock = ManualClock(wall_ns=STARTED_NS, monotonic_ns=10**12)
        self.numbers = 0
        self.spent: dict[bytes, int] = {}  # what each request will have cost once it is entered
        self.paid = 0
        self.jumped = False
        self.open()
        self.keys = [
            self.desk.keys.mint(Order(name=name, workspace=name, plan="max-5x", budget_usd="40", concurrency=3))[0].record
            for name in WORKSPACES
        ]
        for name in WORKSPACES:
            # Limits of their own in place of the rate tier's, which would refuse nearly every call.
            for metric in ("requests", "input_tokens", "output_tokens"):
                order = LimitOrder(metric=metric, window="minute", amount=10**9)
                self.desk.limits.set_for_workspace(self.desk.workspaces.find(name), order)

    def open(self) -> None:
        """As a control plane and a worker begin."""
        self.desk = self.office.desk(clock=self.clock)
        self.desk.rebuild()
        self.drain = self.office.drain(self.desk)
        self.worker = Worker(self.office)
        self.limits = Limits(self.office.shared, self.worker.slot, self.worker.inflight)

    def close(self) -> None:
        self.worker.die()
        self.office.close()

    def buy(self, name: str, dollars: int) -> None:
        try:
            self.desk.credits.buy(self.desk.workspaces.find(name), PurchaseOrder(amount_usd=str(dollars)))
        except OrderError:
            assert dollars < 5
        else:
            self.paid += dollars * 10**9

    def refund(self, name: str, place: int) -> None:
        self.enter()
        lots = self.desk.credits.lots(self.desk.workspaces.find(name))
        if lots:
            lot = lots[place % len(lots)]
            try:
                self.paid -= self.desk.credits.refund(lot.public_id, RefundOrder()).refunded - lot.refunded
            except OrderError:
                assert (
                    lot.remaining == 0
                    or lot.refunded
                    or self.clock.wall_ns() // 10**9 - lot.bought_at_s > 30 * DAY_S
                    or self.held()
                )

    def expire(self) -> None:
        self.desk.credits.expire()

    def bill(self, name: str, billing: str) -> None:
        self.desk.credits.set_billing(self.desk.workspaces.find(name), BillingOrder(billing=billing))  # type: ignore[arg-type]

    def limit(self, place: int, window: str, amount: int) -> None:
        self.desk.limits.set_for_key(self.keys[place], LimitOrder(metric="cost", window=window, amount=str(amount)))

    def unlimit(self, place: int) -> None:
        for one in self.desk.limits.of_key(self.keys[place])[2:]:
            self.desk.limits.remove(one.id)

    def rotate(self, place: int) -> None:
        old = self.keys[place]
        self.keys[place] = self.desk.keys.rotate(old.public_id, RotationOrder(grace_s=60)).record

    def pass_time(self, seconds: int) -> None:
        self.clock.advance(seconds)

    def jump(self, seconds: int) -> None:
        self.jumped = True
        self.clock.jump(seconds)

    def call(self, place: int, fresh: int, output: int, mispriced: int) -> None:
        """A call from its admission to the journal; one that its limits refuse leaves a row that costs nothing."""
        admitted = self.admit(place, fresh, output)
        if admitted is None:
            return
        one, row = admitted
        one.outcome = Outcome.FINISHED
        one.usage = Usage(fresh, 0, 0, 0, output)
        cost = settlement(usage=one.usage).cost_nanodollars
        one.cost_nanodollars = max(cost + mispriced, 0)
        self.spent[one.request_id] = cost
        real = measures.amounts(one.usage, one.cost_nanodollars, shipped().weight(one.model_served))
        assert self.limits.settle(row, one.pack(), real, self.clock.monotonic_ns())

    def hang(self, place: int, streamed: int) -> None:
        """A call that is under way, having sent some bytes."""
        admitted = self.admit(place, 2000, 1000)
        if admitted is not None:
            one, row = admitted
            self.worker.inflight.progress(row, streamed, streamed // 20)
            self.spent[one.request_id] = settlement(usage=Usage(2000, 0, 0, 0, streamed // 4)).cost_nanodollars

    def admit(self, place: int, fresh: int, output: int) -> tuple[Settlement, int] | None:
        if self.worker.ring.free() <= self.worker.inflight.count + 1 or self.worker.inflight.count >= 10:
            self.enter()
            self.die()
        key = self.keys[place]
        self.numbers += 1
        facts: dict[str, Any] = {"request_id": self.numbers.to_bytes(16, "big"), "started_ns": STARTED_NS + self.numbers}
        facts["choice"] = b"" if self.numbers % 3 else NOTE
        one = settlement(**facts, key_id=key.id, workspace_id=key.workspace_id, usage=Usage(fresh), outcome=Outcome.WORKER_KILLED)
        found = self.office.shared.keys.find(key.digest)
        assert found is not None
        row = self.worker.inflight.open(one.pack())
        weight = shipped().weight(one.model_served)
        worst = settlement(usage=Usage(fresh, 0, 0, 0, output * 2)).cost_nanodollars
        full = (0, 1, fresh, output * 2, fresh + output * 2, worst, 1, weight)
        least = (0, 1, fresh, 0, 1, 1, 1, weight)
        now = self.limits.moment(self.clock.wall_ns(), self.clock.monotonic_ns())
        if found.limits and not isinstance(self.limits.take(found.limits, row, 3, full, least, now), Taken):
            one.outcome, one.usage, one.cost_nanodollars = Outcome.REFUSED, Usage(), 0
            self.spent[one.request_id] = 0
            assert self.limits.settle(row, one.pack(), (0,) * 8, self.clock.monotonic_ns())
            return None
        return one, row

    def enter(self) -> None:
        """The books take what the workers have written, and limits agree with them where the clock went back."""
        self.drain.catch_up()
        corrected = self.desk.limits.agree(self.drain.catch_up)
        assert not corrected or self.jumped

    def enter_badly(self, steps: int) -> None:
        """The same while the database breaks off."""
        breaking_off(self.office.store, self.drain.enter_all, steps)

    def die(self) -> None:
        """The worker dies with what it has under way, and another takes its slot."""
        self.worker.die()
        self.worker = Worker(self.office)
        self.limits = Limits(self.office.shared, self.worker.slot, self.worker.inflight)

    def crash(self) -> None:
        """The control plane dies and starts again; workers with it."""
        self.worker.die()
        self.office.store.close()
        self.office.reopen()
        self.open()

    def lose(self) -> None:
        """The shared file is lost, after the books were complete."""
        self.worker.die()
        self.enter()
        self.office.renewed(self.clock)
        self.open()

    def held(self) -> int:
        states = self.desk.limits.in_shared_file()
        assert states is not None
        assert all(state.held >= 0 and state.used >= 0 for state in states.values())
        return sum(state.held for state in states.values())

    def verifier(self) -> Verifier:
        return Verifier(Reader(self.office.paths.gateway_db), self.office.pepper, self.desk.limits, self.enter)

    def limits_that_differ(self) -> list[Difference]:
        """A clock that goes back, a shared file that is lost and a clock that goes forward again lose a window. A row that has
        forgotten a window into which the clock went back is corrected once a call is entered against it, not while one is held.
        """
        report = Report()
        self.verifier().limit_rows(report)
        if not self.jumped:
            return report.differences
        states = self.desk.limits.in_shared_file() or {}
        under_way = {str(limit_id) for limit_id, state in states.items() if state.held}
        lost = "in none according to the shared file"
        return [one for one in report.differences if lost not in one.how and one.which not in under_way]

    def sums(self) -> dict[str, object]:
        """All that must be the same when the same has happened."""
        self.worker.die()
        self.enter()
        connection = self.office.store.connection
        used: dict[object, int] = dict(connection.execute("SELECT limit_id || '/' || window_start_s, used FROM limit_used"))
        lots = connection.execute("SELECT id, workspace_id, amount, remaining, refunded, expired FROM lots").fetchall()
        requests = connection.execute("SELECT request_id, outcome, cost_nanodollars FROM requests ORDER BY 1").fetchall()
        accounts = {one.name: one.balance for one in self.desk.ledger.accounts()}
        return {"used": used, "lots": lots, "requests": requests, "accounts": accounts}


def credits_of(world: World, name: str) -> LimitRecord | None:
    limits = world.desk.limits.of_workspace(world.desk.workspaces.find(name))
    return next((one for one in limits if one.source == "credits"), None)


class BooksMachine(RuleBasedStateMachine):
    """Steps are kept as data, to be repeated at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory(prefix="books-")
        self.world = World(Path(self.directory.name))
        self.history: list[tuple[str, tuple[object, ...]]] = []

    def do(self, step: str, *arguments: object) -> None:
        self.history.append((step, arguments))
        getattr(self.world, step)(*arguments)

    @initialize()
    def begin_with_credits(self) -> None:
        self.do("bill", "lab", "prepaid")
        self.do("buy", "lab", 5)

    @rule(name=st.sampled_from(WORKSPACES), dollars=st.sampled_from([1, 5, 7, 50]))
    def buy(self, name: str, dollars: int) -> None:
        self.do("buy", name, dollars)

    @rule(name=st.sampled_from(WORKSPACES), place=st.integers(0, 5))
    def refund(self, name: str, place: int) -> None:
        self.enter()
        self.do("refund", name, place)

    @rule()
    def expire(self) -> None:
        self.do("expire")

    @rule(name=st.sampled_from(WORKSPACES), billing=st.sampled_from(["open", "prepaid"]))
    def bill(self, name: str, billing: str) -> None:
        self.do("bill", name, billing)

    @rule(place=st.integers(0, 1), window=st.sampled_from(["minute", "5h", "day", "month"]), amount=st.sampled_from([0, 3, 500]))
    def limit(self, place: int, window: str, amount: int) -> None:
        self.do("limit", place, window, amount)

    @rule(place=st.integers(0, 1))
    def unlimit(self, place: int) -> None:
        self.do("unlimit", place)

    @rule(place=st.integers(0, 1))
    def rotate(self, place: int) -> None:
        self.do("rotate", place)

    @rule(seconds=st.sampled_from([1, 3600, 6 * 3600, DAY_S, 40 * DAY_S, 200 * DAY_S]))
    def pass_time(self, seconds: int) -> None:
        self.do("pass_time", seconds)

    @rule(seconds=st.sampled_from([-400 * DAY_S, -3600, -1, 3600, 400 * DAY_S]))
    def jump(self, seconds: int) -> None:
        self.do("jump", seconds)

    @rule(
        place=st.integers(0, 1),
        fresh=st.integers(0, 200_000),
        output=st.integers(0, 150_000),
        mispriced=st.sampled_from([0, 0, 0, -(10**9), 777, 10**9]),
    )
    def call(self, place: int, fresh: int, output: int, mispriced: int) -> None:
        self.do("call", place, fresh, output, mispriced)

    @rule(calls=st.integers(1, 6))
    def spend_beyond(self, calls: int) -> None:
        """Workers with too low a price let a workspace use more than it has."""
        for _ in range(calls):
            self.do("call", 1, 200_000, 60_000, -(10**9))
        self.do("enter")

    @rule(place=st.integers(0, 1), streamed=st.integers(0, 10_000))
    def hang(self, place: int, streamed: int) -> None:
        self.do("hang", place, streamed)

    @rule()
    def die(self) -> None:
        self.do("die")

    @rule()
    def enter(self) -> None:
        self.do("enter")
        assert self.world.limits_that_differ() == []

    @rule(steps=st.integers(0, 1500))
    def enter_badly(self, steps: int) -> None:
        self.do("enter_badly", steps)

    @rule()
    def crash(self) -> None:
        self.do("crash")

    @rule()
    def lose(self) -> None:
        self.do("lose")
        assert self.world.limits_that_differ() == []

    @precondition(lambda self: self.world.worker.inflight.count == 0)
    @rule()
    def nothing_is_held_when_nothing_is_under_way(self) -> None:
        self.do("enter")
        assert self.world.held() == 0

    @invariant()
    def the_books_are_proven(self) -> None:
        world = self.world
        assert world.verifier().books().differences == []
        balances = {one.name: one.balance for one in world.desk.ledger.accounts()}
        event("owed", any(name.startswith("owed/") and balance < 0 for name, balance in balances.items()))
        assert sum(balances.values()) == 0
        assert balances.get("cash", 0) == -world.paid
        entered = world.office.store.connection.execute("SELECT request_id FROM requests")
        assert balances.get("usage", 0) == sum(world.spent[request_id] for (request_id,) in entered)

    def teardown(self) -> None:
        try:
            sums = self.world.sums()
            assert len(sums["requests"]) == len(self.world.spent), "every admitted call has one row"  # type: ignore[arg-type]
            with tempfile.TemporaryDirectory(prefix="books-") as directory:
                again = World(Path(directory))
                for step, arguments in self.history:
                    getattr(again, step)(*arguments)
                replayed = again.sums()
                again.close()
            # Where a database breaks off is no part of what has happened: the order of entering may differ by it.
            if not any(step == "enter_badly" for step, _ in self.history):
                assert replayed == sums
            assert replayed["requests"] == sums["requests"]
            done.append(len(self.history))
        finally:
            self.world.close()
            self.directory.cleanup()


TestBooks = BooksMachine.TestCase
TestBooks.settings = settings(
    max_examples=RUNS,
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)


def teardown_module() -> None:
    torture.proved(
        "R5",
        f"{len(done)} runs of up to {STEPS} steps, {sum(done)} changes in all: after each the books are proven, at the end the "
        "same sums when all of it happens again",
    )
