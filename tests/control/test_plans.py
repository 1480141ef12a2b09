"""Plans in use: what a workspace gets, and how many keys share it."""

from pathlib import Path

import pytest

from gateway import settings
from gateway.catalog import plans as catalogue
from gateway.catalog.document import Document
from gateway.catalog.plans import Plans
from gateway.control import plans
from gateway.control.credits import BillingOrder, PurchaseOrder, RefundOrder
from gateway.control.desk import Desk
from gateway.control.keys import Order, RotationOrder
from gateway.control.limits import LimitOrder
from gateway.control.orders import MissingError, OrderError
from gateway.control.plans import PlanOrder
from gateway.core.clock import ManualClock
from gateway.state.limits import LimitTable, rows
from tests.control.office import STARTED_NS, Office

SHIPPED = (Path(settings.DEFAULTS) / "plans.toml").read_text("utf-8")


def offered(text: str) -> Plans:
    document = Document("plans.toml", text)
    found = catalogue.read(document)
    assert document.problems == []
    return found


def desk_with(office: Office, text: str) -> Desk:
    return Desk(office.store, office.pepper, offered(text), ManualClock(wall_ns=STARTED_NS), office.shared)


def begin(office: Office, desk: Desk, key_id: str) -> int:
    row = office.shared.keys.find(desk.keys.find(key_id).digest)
    assert row is not None
    return row.limits


def test_keys_of_a_workspace_on_a_plan_share_its_limits(office: Office) -> None:
    desk = office.desk()
    first, second = desk.keys.mint(Order(name="a", plan="Max 20x", workspace="lab", count=2))
    [other] = desk.keys.mint(Order(name="a", plan="max-20x"))
    assert first.record.plan == "max-20x"
    assert desk.limits.chain_of_key(first.record) == desk.limits.chain_of_key(second.record)
    assert begin(office, desk, first.record.public_id) == begin(office, desk, second.record.public_id)
    assert begin(office, desk, first.record.public_id) != begin(office, desk, other.record.public_id)
    assert len(LimitTable(office.shared)) == 4, "two of each workspace, however many keys"
    assert [one.plan for one in desk.plans.instances(desk.workspaces.find("lab"))] == ["max-20x"]


@pytest.mark.parametrize("name", ["Pro+", "unknown", "pro 5x"])
def test_an_unknown_plan_mints_nothing_and_says_what_there_is(office: Office, name: str) -> None:
    desk = office.desk()
    with pytest.raises(MissingError, match=r"there is no plan .*; plans.toml has pro, max-5x, max-20x"):
        desk.keys.mint(Order(name="a", plan=name, workspace="new"))
    assert desk.keys.page() == []
    assert [one.name for one in desk.workspaces.page()] == ["default"], "nor is the workspace made"


def test_a_plan_bounds_the_keys_in_force(office: Office) -> None:
    clock = ManualClock(wall_ns=STARTED_NS)
    desk = office.desk(clock=clock)
    [minted] = desk.keys.mint(Order(name="a", plan="pro"))
    with pytest.raises(OrderError, match="allows 1 keys in force per workspace, and 'default' has 1"):
        desk.keys.mint(Order(name="b", plan="pro"))
    rotated = desk.keys.rotate(minted.record.public_id, RotationOrder(grace_s=60))
    with pytest.raises(OrderError, match="allows 1 keys"):
        desk.keys.mint(Order(name="b", plan="pro"))
    desk.keys.revoke(rotated.record.public_id)
    desk.keys.mint(Order(name="c", plan="pro", expires_at_s=STARTED_NS // 10**9 + 100))
    clock.advance(100)
    desk.keys.mint(Order(name="d", plan="pro"))
    desk.keys.mint(Order(name="d", plan="pro", workspace="elsewhere"))


def test_mass_minting_is_a_right(office: Office) -> None:
    desk = office.desk()
    with pytest.raises(OrderError, match="mints one key at a time"):
        desk.keys.mint(Order(name="a", plan="max-5x", count=2))
    assert len(desk.keys.mint(Order(name="a", plan="max-20x", count=20))) == 20
    with pytest.raises(OrderError, match="allows 20 keys"):
        desk.keys.mint(Order(name="a", plan="max-20x"))


def test_a_workspace_chooses_the_plan_of_its_new_keys(office: Office) -> None:
    desk = office.desk()
    workspace = desk.plans.set_default(desk.workspaces.find("default"), PlanOrder(plan="Pro"))
    assert workspace.plan == "pro"
    assert desk.keys.mint(Order(name="a"))[0].record.plan == "pro"
    with pytest.raises(MissingError):
        desk.plans.set_default(workspace, PlanOrder(plan="none of ours"))
    assert desk.plans.set_default(workspace, PlanOrder(plan=None)).plan is None
    assert desk.keys.mint(Order(name="b"))[0].record.plan is None


def test_what_the_file_says_is_made_true_at_the_start(office: Office) -> None:
    desk = office.desk()
    [minted] = desk.keys.mint(Order(name="a", plan="pro"))
    before = {one.model_class: one for one in desk.limits.chain_of_key(minted.record)}
    desk.limits.correct(before["all"].id, 0, 5)
    text = SHIPPED.replace("amount = 225\n", "amount = 300\n", 1).replace(
        'class = "opus"\namount = 45', 'class = "haiku"\namount = 9', 1
    )
    desk = desk_with(office, text)
    desk.rebuild()
    after = {one.model_class: one for one in desk.limits.chain_of_key(minted.record)}
    assert {name: one.amount for name, one in after.items()} == {"all": 300_000, "haiku": 9_000}
    assert after["all"].id == before["all"].id, "what was used of it stays used"
    assert {one.limit_id: one.amount for one in LimitTable(office.shared).states()} == {
        one.id: one.amount for one in after.values()
    }


def test_a_plan_that_is_gone_keeps_its_last_limits(office: Office) -> None:
    [minted] = office.desk().keys.mint(Order(name="a", plan="pro"))
    desk = desk_with(office, SHIPPED.replace('name = "pro"', 'name = "basic"'))
    desk.rebuild()
    assert [one.amount for one in desk.limits.chain_of_key(minted.record)] == [225_000, 45_000]
    with pytest.raises(MissingError):
        desk.keys.mint(Order(name="b", plan="pro"))


def test_a_plan_that_gets_limits_later_counts_keys_with_limits_of_their_own(office: Office) -> None:
    """The key's own limits stand before its plan's, whichever came first."""
    head = '\n[[plan]]\nname = "bare"\ndisplay_name = "Bare"\nkeys = 5\nmass_mint = true\n'
    bare = SHIPPED.replace("\n[[plan]]\n", f"{head}\n[[plan]]\n", 1)
    desk = desk_with(office, bare)
    [own] = desk.keys.mint(Order(name="a", plan="bare", rpm=5))
    [none] = desk.keys.mint(Order(name="b", plan="bare"))
    assert begin(office, desk, none.record.public_id) == 0
    limit = '[[plan.limit]]\nmetric = "requests"\nwindow = "day"\namount = 7\n'
    desk = desk_with(office, bare.replace(head, head + limit))
    desk.rebuild()
    table = LimitTable(office.shared)
    [plan] = [one for one in desk.limits.chain_of_key(own.record) if one.scope == "plan"]
    assert begin(office, desk, none.record.public_id) != 0
    assert chain(office, begin(office, desk, own.record.public_id)) == [desk.limits.of_key(own.record)[0].id, plan.id]
    assert chain(office, begin(office, desk, none.record.public_id)) == [plan.id]
    assert len(table) == 2


def chain(office: Office, anchor: int) -> list[int]:
    """The limits that a request meets which begins at `anchor`."""
    met, index = [], rows.index_of(anchor)
    while index:
        links = rows.links_of(office.shared.region, office.shared.layout, index)
        met += [] if links.is_anchor else [links.limit_id]
        index = links.next
    return met


def rates(desk: Desk, name: str) -> dict[str, int]:
    return {one.metric: one.amount for one in desk.limits.of_workspace(desk.workspaces.find(name)) if one.source == "tier"}


def test_rates_of_prepaid_workspaces_grow_with_what_they_paid(office: Office) -> None:
    desk = office.desk()
    workspace = desk.workspaces.find_or_create("lab")
    assert desk.plans.tier_of(workspace) is None
    assert rates(desk, "lab") == {}
    workspace = desk.credits.set_billing(workspace, BillingOrder(billing="prepaid"))
    assert rates(desk, "lab")["requests"] == 50
    desk.credits.buy(workspace, PurchaseOrder(amount_usd="39"))
    assert rates(desk, "lab")["requests"] == 50
    lot = desk.credits.buy(workspace, PurchaseOrder(amount_usd="5"))
    assert rates(desk, "lab")["requests"] == 1000
    desk.credits.refund(lot.public_id, RefundOrder())
    assert rates(desk, "lab")["requests"] == 50
    desk.credits.set_billing(workspace, BillingOrder(billing="open"))
    assert rates(desk, "lab") == {}


def test_a_limit_of_its_own_takes_the_place_of_the_tiers(office: Office) -> None:
    desk = office.desk()
    workspace = desk.credits.set_billing(desk.workspaces.find("default"), BillingOrder(billing="prepaid"))
    own = desk.limits.set_for_workspace(workspace, LimitOrder(metric="requests", window="minute", amount=9))
    assert rates(desk, "default").keys() == {"input_tokens", "output_tokens"}
    desk.limits.remove(own.id)
    assert rates(desk, "default")["requests"] == 50


def test_a_workspace_with_too_many_limits_of_its_own_cannot_pay_in_advance(office: Office) -> None:
    desk = office.desk()
    workspace = desk.workspaces.find("default")
    for number in range(5):
        desk.limits.set_for_workspace(workspace, LimitOrder(metric="cost", window="day", amount=1, model_class=f"m-{number}*"))
    with pytest.raises(OrderError, match="at most 8"):
        desk.credits.set_billing(workspace, BillingOrder(billing="prepaid"))
    assert desk.workspaces.find("default").billing == "open"
    assert len(LimitTable(office.shared)) == 5


def test_what_is_shown_of_plans_and_tiers(office: Office) -> None:
    desk = office.desk()
    pro = plans.view(desk.plans.find("pro"))
    assert (pro["name"], pro["keys"], pro["mass_mint"]) == ("pro", 1, False)
    assert pro["limits"][1] == {"metric": "messages", "class": "opus", "window": "5h", "amount": "45"}
    assert [one.name for one in desk.plans.offered()] == ["pro", "max-5x", "max-20x"]
    workspace = desk.credits.set_billing(desk.workspaces.find("default"), BillingOrder(billing="prepaid"))
    tier = desk.plans.tier_of(workspace)
    assert tier is not None
    assert plans.view_tier(tier)["paid_usd"] == "0.00"
