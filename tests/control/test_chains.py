"""Where limits stand in the shared file. What they do there is shown with `Limits` and `PlansInUse`."""

import pytest

from gateway.control.chains import Chains, spent, window_end_s
from gateway.control.credits import BillingOrder, PurchaseOrder
from gateway.control.keys import Order
from gateway.control.limits import LimitOrder
from gateway.control.orders import OrderError
from gateway.core.clock import ManualClock
from gateway.core.usage import Usage
from tests.control.office import STARTED_NS, Office, Worker, settlement


@pytest.mark.parametrize(("window", "start_s", "end_s"), [
    ("5h", 1_795_000_000, 1_795_018_000), ("day", 1_794_960_000, 1_795_046_400), ("month", 1_793_491_200, 1_796_083_200),
    ("month", 1_796_083_200, 1_798_761_600), ("total", 0, 0), ("total", 5, 0), ("minute", 5, 0), ("5h", 0, 0), ("day", 0, 0),
])  # fmt: skip
def test_when_a_window_ends(window: str, start_s: int, end_s: int) -> None:
    assert window_end_s(window, start_s) == end_s


def test_what_a_workspace_has_spent(office: Office, worker: Worker) -> None:
    desk = office.desk()
    workspace = desk.credits.set_billing(desk.workspaces.find("default"), BillingOrder(billing="prepaid"))
    desk.credits.buy(workspace, PurchaseOrder(amount_usd="5"))
    for dollars in (3, 6):
        worker.settle(settlement(usage=Usage(0, 0, 0, 0, dollars * 10**9 // 15_000 // 3 * 3)))
        office.drain(desk).enter_all()
        assert spent(office.store.connection, 1) == desk.ledger.balance("usage")
    assert desk.credits.balance(workspace).owed > 0
    desk.credits.buy(workspace, PurchaseOrder(amount_usd="50"))
    assert spent(office.store.connection, 1) == desk.ledger.balance("usage")


def test_a_limit_is_put_again_without_harm(office: Office) -> None:
    desk = office.desk()
    [minted] = desk.keys.mint(Order(name="a", rpm=5))
    [limit] = minted.limits
    chains = Chains(office.store, office.shared, ManualClock(wall_ns=STARTED_NS))
    row = office.shared.keys.find(minted.record.digest)
    chains.put(limit)
    chains.rebuild([limit])
    assert list(chains.states()) == [limit.id]
    assert office.shared.keys.find(minted.record.digest) == row == chains.row_of(minted.record)
    chains.remove(limit.id)
    chains.remove(limit.id)
    assert chains.state(limit.id) is None
    assert not chains.correct(limit.id, 0, 5)
    chains.forget(minted.record.id)
    chains.forget(minted.record.id)
    with pytest.raises(OrderError, match="no room"):
        chains.check_room(254, 1)


def test_a_limit_of_a_line_without_keys_is_not_put(office: Office) -> None:
    desk = office.desk()
    [minted] = desk.keys.mint(Order(name="a"))
    limit = desk.limits.set_for_key(minted.record, LimitOrder(metric="requests", window="day", amount=5))
    desk.keys.revoke(minted.record.public_id)
    chains = Chains(office.store, office.shared, ManualClock(wall_ns=STARTED_NS))
    chains.put(limit)
    assert chains.states() == {}
