"""Requests that hold something of limits when their worker dies: in the books with their charges, whatever was done of them."""

from collections.abc import Callable

import pytest

from gateway.catalog import measures
from gateway.control.credits import BillingOrder, PurchaseOrder
from gateway.control.keys import Order
from gateway.control.limits import LimitOrder
from gateway.core.outcome import Outcome
from gateway.core.usage import Usage
from gateway.dataplane import amounts as dataplane_amounts
from gateway.state.journal import Settlement
from gateway.state.limits import Limits, Taken
from tests.control.office import PEPPER, STARTED_NS, Office, Worker, settlement
from tests.state.limits.conftest import asked

MONO_NS = 10**15
HELD = asked(requests=1, cost=9_000_000, total_tokens=5000, concurrency=1)


class Ward:
    """A prepaid workspace with a limited key, a worker that takes for it, and the books."""

    def __init__(self, office: Office, worker: Worker) -> None:
        self.office = office
        self.worker = worker
        self.desk = office.desk()
        self.desk.rebuild()
        self.drain = office.drain(self.desk)
        self.workspace = self.desk.credits.set_billing(
            self.desk.workspaces.find_or_create("lab"), BillingOrder(billing="prepaid")
        )
        self.desk.credits.buy(self.workspace, PurchaseOrder(amount_usd="5"))
        orders = (LimitOrder(metric="total_tokens", window="day", amount=10**6), LimitOrder(metric="concurrency", amount=3))
        [self.minted] = self.desk.keys.mint(Order(name="a", workspace="lab", limits=orders))
        row = office.shared.keys.find(PEPPER.digest(self.minted.key_text))
        assert row is not None
        self.first = row.limits
        self.limits = Limits(office.shared, worker.slot, worker.inflight)

    def admit(self) -> tuple[int, Settlement]:
        """A request in flight that holds something of every limit."""
        one = settlement(
            workspace_id=self.workspace.id,
            key_id=self.minted.record.id,
            outcome=Outcome.WORKER_KILLED,
            usage=Usage(500),
        )
        row = self.worker.inflight.open(one.pack())
        now = self.limits.moment(STARTED_NS, MONO_NS)
        assert isinstance(self.limits.take(self.first, row, 1, HELD, HELD, now), Taken)
        self.worker.inflight.progress(row, 400, 20)
        return row, one

    def settled_only(self) -> Settlement:
        """A request whose worker dies between counting it and appending it to the journal."""
        row, one = self.admit()
        one.outcome, one.usage.output_tokens = Outcome.FINISHED, 40
        layout, slot = self.office.shared.layout, self.worker.slot
        one.cost_nanodollars = 500 * 3000 + 40 * 15000
        real = asked(requests=1, cost=one.cost_nanodollars, total_tokens=540)
        record, undo, owner = one.pack(), layout.undo_of(slot.index), self.limits._owner
        assert self.office.shared.region.limits_settle(0, row, record, layout.limits_at, undo, owner, real, MONO_NS) is True
        return one

    def held_only(self) -> Settlement:
        return self.admit()[1]

    def figures(self) -> dict[str, tuple[int, int]]:
        """Used and held of each limit, by metric and source."""
        states = self.desk.limits.in_shared_file() or {}
        records, _ = self.desk.limits.in_books()
        return {f"{records[id_].metric} {records[id_].source}": (one.used, one.held) for id_, one in states.items()}


@pytest.mark.parametrize(("leave", "outcome", "tokens"), [
    (Ward.held_only, Outcome.WORKER_KILLED, 600),
    (Ward.settled_only, Outcome.FINISHED, 540),
])  # fmt: skip
def test_an_orphan_with_limits_is_entered_with_its_charges(
    office: Office, worker: Worker, leave: Callable[[Ward], Settlement], outcome: Outcome, tokens: int
) -> None:
    """R4: one receipt, nothing held, and every limit has counted what the receipt says; the proof agrees."""
    ward = Ward(office, worker)
    one = leave(ward)
    worker.die()
    assert ward.drain.settle_orphans() == 1
    [row] = office.rows()
    assert (row["request_id"], row["outcome"]) == (one.request_id, outcome)
    assert row["input_tokens"] + row["output_tokens"] == tokens
    cost = row["cost_nanodollars"]
    assert cost == 500 * 3000 + (tokens - 500) * 15000
    counted = ward.figures()
    assert counted["total_tokens own"] == (tokens, 0)
    assert counted["cost credits"] == (cost, 0)
    assert counted["concurrency own"] == (0, 0)
    assert office.tally.records_unreadable == 0
    assert office.shared.inflight.count(worker.slot.index) == 0
    assert ward.drain.settle_orphans() == 0
    assert ward.desk.limits.agree(ward.drain.catch_up) == 0


def test_an_orphan_counts_as_its_worker_would_have_counted_it() -> None:
    """Input that was read from a cache is no input of a limit, whoever settles."""
    usage = Usage(100, 2000, 30, 4, 7)
    one = settlement(usage=usage, cost_nanodollars=55)
    by_worker = dataplane_amounts.used(Outcome.CLIENT_GONE, True, usage, 55, 1000)
    assert measures.amounts(one.usage, one.cost_nanodollars, 1000) == by_worker
