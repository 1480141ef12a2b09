from gateway.control.credits import BillingOrder, PurchaseOrder
from gateway.control.desk import Desk
from gateway.control.keys import Order
from gateway.core.clock import ManualClock
from gateway.state.limits import LimitTable
from tests.control.office import STARTED_NS, Office


def test_everything_works_without_a_shared_file_and_goes_live_with_one(office: Office) -> None:
    """Commands that are given while nothing serves."""
    alone = Desk(office.store, office.pepper, office.plans, ManualClock(wall_ns=STARTED_NS), None)
    [minted] = alone.keys.mint(Order(name="a", plan="pro", rpm=5, workspace="lab"))
    workspace = alone.credits.set_billing(alone.workspaces.find("lab"), BillingOrder(billing="prepaid"))
    lot = alone.credits.buy(workspace, PurchaseOrder(amount_usd="5"))
    assert len(office.shared.keys) == 0
    assert alone.rebuild() == 1
    desk = office.desk()
    assert desk.rebuild() == 1
    row = office.shared.keys.find(minted.record.digest)
    assert row is not None
    assert row.limits
    amounts = {state.limit_id: state.amount for state in LimitTable(office.shared).states()}
    assert amounts == {one.id: one.amount for one in desk.limits.chain_of_key(minted.record)}
    assert lot.amount in amounts.values()


def test_a_start_changes_nothing_that_is_as_it_should_be(office: Office) -> None:
    desk = office.desk()
    desk.rebuild()
    desk.keys.mint(Order(name="a", plan="pro", rpm=5))
    before = list(office.store.connection.iterdump())
    office.desk().rebuild()
    assert list(office.store.connection.iterdump()) == before
