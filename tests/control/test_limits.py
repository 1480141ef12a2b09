"""Limits in the database and in the shared file together."""

import pytest

from gateway.catalog.plans import Grant
from gateway.control import limits, orders
from gateway.control.desk import Desk
from gateway.control.keys import Order, RotationOrder
from gateway.control.limits import LIMITS_PER_OWNER_MAX, LimitOrder
from gateway.control.orders import MissingError, OrderError
from gateway.control.store import KeyRecord
from gateway.control.store import keys as key_rows
from gateway.control.store import limits as rows
from gateway.core.clock import ManualClock
from gateway.state.limits import LimitTable, Scope
from tests.control.office import STARTED_NS, Office

DAY_START_S = 1_794_960_000


def a_key(desk: Desk, **order: object) -> KeyRecord:
    return desk.keys.mint(Order(name="k", **order))[0].record  # type: ignore[arg-type]


def amounts(office: Office) -> dict[int, int]:
    """What the shared file holds, by limit, seen by another process."""
    return {state.limit_id: state.amount for state in LimitTable(office.shared).states()}


def test_a_limit_is_set_changed_and_removed_in_both_places(office: Office) -> None:
    desk = office.desk()
    key = a_key(desk)
    first = desk.limits.set_for_key(key, LimitOrder(metric="requests", window="minute", amount=5))
    second = desk.limits.set_for_key(key, LimitOrder(metric="cost", window="day", amount="2.50", model_class="opus"))
    assert amounts(office) == {first.id: 5, second.id: 2_500_000_000}
    again = desk.limits.set_for_key(key, LimitOrder(metric="requests", window="minute", amount=50))
    assert (again.id, again.amount) == (first.id, 50)
    assert desk.limits.of_key(key) == [again, second]
    assert amounts(office) == {first.id: 50, second.id: 2_500_000_000}
    assert desk.limits.remove(first.id).removed_at_s == 1_795_000_000
    assert desk.limits.of_key(key) == [second]
    assert amounts(office) == {second.id: 2_500_000_000}
    with pytest.raises(MissingError, match=f"no limit {first.id}"):
        desk.limits.remove(first.id)
    with pytest.raises(MissingError):
        desk.limits.find(first.id)


def test_a_limit_set_anew_begins_anew(office: Office) -> None:
    desk = office.desk()
    key = a_key(desk)
    order = LimitOrder(metric="cost", window="total", amount=5)
    first = desk.limits.set_for_key(key, order)
    desk.limits.correct(first.id, 0, 77)
    desk.limits.remove(first.id)
    second = desk.limits.set_for_key(key, order)
    assert second.id != first.id
    assert desk.limits.standing(second).used == 0


def test_limits_of_a_workspace_count_all_its_keys(office: Office) -> None:
    desk = office.desk()
    keys = [a_key(desk, workspace="lab"), a_key(desk, workspace="lab"), a_key(desk)]
    begins = [office.shared.keys.find(key.digest).limits for key in keys]  # type: ignore[union-attr]
    assert begins == [0, 0, 0], "nothing limits them"
    desk.limits.set_for_workspace(desk.workspaces.find("lab"), LimitOrder(metric="requests", window="day", amount=9))
    begins = [office.shared.keys.find(key.digest).limits for key in keys]  # type: ignore[union-attr]
    assert begins[0] == begins[1] != 0
    assert begins[2] == 0
    late = a_key(desk, workspace="lab")
    assert office.shared.keys.find(late.digest).limits == begins[0]  # type: ignore[union-attr]


@pytest.mark.parametrize("changes", [
    {"metric": "money"}, {"window": "hour"}, {"window": None}, {"amount": "-1"}, {"amount": "1.5"}, {"amount": "many"},
    {"model_class": "opuss"}, {"model_class": "x" * 65 + "*"}, {"metric": "concurrency"}, {"amount": "9" * 30},
])  # fmt: skip
def test_limits_that_make_no_sense(office: Office, changes: dict[str, str]) -> None:
    desk = office.desk()
    key = a_key(desk)
    order = LimitOrder(**{"metric": "requests", "window": "day", "amount": 5} | changes)  # type: ignore[arg-type]
    with pytest.raises(OrderError):
        desk.limits.set_for_key(key, order)
    assert desk.limits.of_key(key) == []
    assert amounts(office) == {}


@pytest.mark.parametrize("body", [
    b"{}", b'{"metric": "requests"}', b'{"metric": "requests", "amount": -1}', b'{"metric": 5, "amount": 1}',
    b'{"metric": "requests", "amount": 1.5}', b'{"metric": "requests", "amount": 99999999999999999999}',
    b'{"metric": "requests", "amount": 5, "model_class": "all"}', b'{"metric": "requests", "amount": true}',
])  # fmt: skip
def test_orders_from_json_that_are_none(body: bytes) -> None:
    with pytest.raises(OrderError):
        orders.read(body, LimitOrder)


def test_an_order_from_json_says_class() -> None:
    order = orders.read(b'{"metric": "cost", "amount": "1.5", "window": "5h", "class": "claude-*"}', LimitOrder)
    assert order.grant() == Grant("cost", "claude-*", "5h", 1_500_000_000)


def test_an_owner_has_at_most_eight(office: Office) -> None:
    desk = office.desk()
    key = a_key(desk)
    for number in range(LIMITS_PER_OWNER_MAX):
        desk.limits.set_for_key(key, LimitOrder(metric="requests", window="day", amount=1, model_class=f"model-{number}*"))
    with pytest.raises(OrderError, match="at most 8"):
        desk.limits.set_for_key(key, LimitOrder(metric="requests", window="day", amount=1))
    assert len(desk.limits.of_key(key)) == len(amounts(office)) == 8


def test_a_shared_file_without_room_takes_nothing(office: Office) -> None:
    desk = office.desk()
    desk.keys.mint(Order(name="k", count=50, rpm=5, itpm=5, otpm=5))
    with pytest.raises(OrderError, match="no room for more limits"):
        desk.keys.mint(Order(name="k", count=20, rpm=5, itpm=5))
    assert (len(desk.keys.page()), len(amounts(office))) == (50, 150)
    for key in desk.keys.page(limit=17):
        desk.limits.set_for_key(key, LimitOrder(metric="cost", window="day", amount=5))
    desk.keys.mint(Order(name="k", count=10, rpm=5))
    another = LimitOrder(metric="cost", window="month", amount=5)
    with pytest.raises(OrderError, match="no room for more limits"):
        [desk.limits.set_for_key(key, another) for key in desk.keys.page()]
    assert len(amounts(office)) == len(office.store.connection.execute("SELECT id FROM limits").fetchall())


def test_too_many_patterns(office: Office) -> None:
    desk = office.desk()
    keys = [a_key(desk) for _ in range(8)]

    def limit(key: KeyRecord, pattern: str) -> None:
        desk.limits.set_for_key(key, LimitOrder(metric="requests", window="day", amount=1, model_class=pattern))

    for number in range(56):
        limit(keys[number // 8], f"model-{number}*")
    with pytest.raises(OrderError, match="patterns are in use"):
        limit(keys[7], "another*")
    assert (len(amounts(office)), desk.limits.of_key(keys[7])) == (56, [])
    desk.limits.remove(desk.limits.of_key(keys[0])[0].id)
    limit(keys[7], "another*")


def test_limits_of_plans_cannot_be_removed_alone(office: Office) -> None:
    desk = office.desk()
    key = a_key(desk, plan="pro")
    for limit in desk.limits.chain_of_key(key):
        with pytest.raises(OrderError, match="belongs to a plan"):
            desk.limits.remove(limit.id)
    assert len(amounts(office)) == 2


def test_a_chain_goes_from_the_key_over_its_plan_to_its_workspace(office: Office) -> None:
    desk = office.desk()
    key = a_key(desk, plan="pro", rpm=5)
    desk.limits.set_for_workspace(desk.workspaces.find("default"), LimitOrder(metric="cost", window="month", amount="100"))
    assert [(one.scope, one.metric) for one in desk.limits.chain_of_key(key)] == [
        ("key", "requests"),
        ("plan", "messages"),
        ("plan", "messages"),
        ("workspace", "cost"),
    ]


def test_how_a_limit_stands(office: Office) -> None:
    desk = office.desk()
    key = a_key(desk)
    day = desk.limits.set_for_key(key, LimitOrder(metric="cost", window="day", amount="2"))
    assert limits.view(day, desk.limits.standing(day)) == {
        "id": day.id, "scope": "key", "metric": "cost", "class": "all", "window": "day", "amount": "2.00", "source": "own",
        "used": "0.00", "held": "0.00", "remaining": "2.00", "window_start": None, "window_end": None,
    }  # fmt: skip
    with office.store.transaction() as connection:
        rows.add_used(connection, [(day.id, DAY_START_S, 500_000_000)])
    desk = office.renewed()
    shown = limits.view(day, desk.limits.standing(day))
    assert (shown["used"], shown["remaining"]) == ("0.50", "1.50")
    assert (shown["window_start"], shown["window_end"]) == ("2026-11-18T00:00:00Z", "2026-11-19T00:00:00Z")
    tomorrow = office.desk(clock=ManualClock(wall_ns=STARTED_NS + 86_400 * 10**9))
    assert tomorrow.limits.standing(day).used == 0
    assert limits.view(day)["amount"] == "2.00"


def test_how_a_limit_stands_while_nothing_serves(office: Office) -> None:
    desk = office.desk()
    key = a_key(desk)
    five = desk.limits.set_for_key(key, LimitOrder(metric="messages", window="5h", amount=225))
    with office.store.transaction() as connection:
        rows.add_used(connection, [(five.id, 1_794_999_000, 2400)])
    alone = Desk(office.store, office.pepper, office.plans, ManualClock(wall_ns=STARTED_NS), None)
    shown = limits.view(five, alone.limits.standing(five))
    assert (shown["used"], shown["remaining"], shown["window_end"]) == ("2.4", "222.6", "2026-11-18T15:50:00Z")
    later = Desk(office.store, office.pepper, office.plans, ManualClock(wall_ns=STARTED_NS + 10**13 * 2), None)
    assert later.limits.standing(five).used == 0
    alone.limits.set_for_key(key, LimitOrder(metric="messages", window="5h", amount=1))
    assert alone.limits.in_shared_file() is None


def test_a_new_shared_file_gets_all_limits_with_what_the_books_say(office: Office) -> None:
    """Rebuilding after the loss of the shared file."""
    desk = office.desk()
    key = a_key(desk, plan="pro", rpm=5)
    gone = a_key(desk, rpm=7)
    limit = desk.limits.set_for_key(key, LimitOrder(metric="cost", window="month", amount="100"))
    desk.keys.revoke(gone.public_id)
    before = amounts(office)
    with office.store.transaction() as connection:
        rows.add_used(connection, [(limit.id, 1_793_491_200, 55), (limit.id, 1_790_812_800, 99)])
    desk = office.renewed()
    assert amounts(office) == before
    state = {one.limit_id: one for one in LimitTable(office.shared).states()}[limit.id]
    assert (state.used, state.window_start_s, state.window_end_s) == (55, 1_793_491_200, 1_796_083_200)
    row = office.shared.keys.find(key.digest)
    assert row is not None
    assert row.limits


def test_the_same_shared_file_keeps_counting_and_follows_the_database(office: Office) -> None:
    """Agreement after a control plane that died between the database and the shared file."""
    desk = office.desk()
    key = a_key(desk, rpm=5)
    kept = desk.limits.set_for_key(key, LimitOrder(metric="cost", window="total", amount=100))
    lost = desk.limits.set_for_key(key, LimitOrder(metric="cost", window="day", amount=100))
    desk.limits.correct(kept.id, 0, 42)
    with office.store.transaction() as connection:
        rows.change(connection, kept.id, 200)
        rows.remove(connection, lost.id, 5)
        late = rows.insert(connection, 1, "workspace", 1, "own", Grant("requests", "all", "day", 3), 5)
    office.desk().rebuild()
    states = {one.limit_id: one for one in LimitTable(office.shared).states()}
    assert (states[kept.id].amount, states[kept.id].used) == (200, 42)
    assert lost.id not in states
    assert states[late.id].amount == 3


def test_limits_that_were_touched_agree_with_the_books(office: Office) -> None:
    desk = office.desk()
    key = a_key(desk)
    limit = desk.limits.set_for_key(key, LimitOrder(metric="cost", window="total", amount=100))
    with office.store.transaction() as connection:
        rows.add_used(connection, [(limit.id, 0, 30)])
    assert desk.limits.agree(lambda: None) == 0, "nothing was entered for it"
    desk.limits.touch([limit.id, 4711])
    assert desk.limits.agree(lambda: None) == 1
    assert desk.limits.standing(limit).used == 30
    desk.limits.touch([limit.id])
    assert desk.limits.agree(lambda: None) == 0
    office.desk().rebuild()


def test_a_limit_that_is_being_counted_is_left_alone(office: Office) -> None:
    """Something is entered for it at every look, or a settlement is under way at one of them."""
    desk = office.desk()
    limit = desk.limits.set_for_key(a_key(desk), LimitOrder(metric="cost", window="total", amount=100))
    looks = []

    def enter() -> None:
        looks.append(1)
        with office.store.transaction() as connection:
            rows.add_used(connection, [(limit.id, 0, 1)])

    desk.limits.touch([limit.id])
    assert desk.limits.agree(enter) == 0
    desk.limits.correct(limit.id, 0, len(looks) + 5)

    def settle() -> None:
        if looks:
            looks.clear()
            with office.store.transaction() as connection:
                rows.add_used(connection, [(limit.id, 0, 5)])

    assert desk.limits.agree(settle) == 0
    before = desk.limits.standing(limit).used
    assert desk.limits.agree(lambda: None) == 0
    assert desk.limits.standing(limit).used == before


def test_a_clock_that_went_back_is_in_the_window_it_had_left(office: Office) -> None:
    """After the loss of the shared file too: what was used today stays used, whatever the clock showed in between."""
    desk = office.desk()
    limit = desk.limits.set_for_key(a_key(desk), LimitOrder(metric="cost", window="day", amount="2"))
    with office.store.transaction() as connection:
        rows.add_used(connection, [(limit.id, DAY_START_S, 500_000_000), (limit.id, DAY_START_S + 400 * 86_400, 7)])
    desk = office.renewed()
    assert desk.limits.standing(limit).used == 500_000_000
    alone = Desk(office.store, office.pepper, office.plans, ManualClock(wall_ns=STARTED_NS), None)
    assert alone.limits.standing(limit).used == 500_000_000


def test_what_comes_back_evenly_is_shown_as_used(office: Office) -> None:
    desk = office.desk()
    key = a_key(desk, rpm=60)
    [rpm] = desk.limits.of_key(key)
    assert desk.limits.standing(rpm).used == 0
    state = desk.limits.in_shared_file()
    assert state is not None
    at = office.shared.layout.limits_at + state[rpm.id].index * 128
    office.shared.region.store(at + 64, 30 * 10**9)  # thirty seconds of debt
    assert desk.limits.standing(rpm).used == 30


def test_limits_go_with_the_last_key_of_their_line(office: Office) -> None:
    desk = office.desk()
    first = a_key(desk, rpm=5)
    second = desk.keys.rotate(first.public_id, RotationOrder()).record
    desk.keys.revoke(first.public_id)
    assert len(amounts(office)) == 1
    revoked = desk.keys.revoke(second.public_id)
    assert amounts(office) == {}
    assert [*LimitTable(office.shared).anchors()] == [(Scope.WORKSPACE, 1, LimitTable(office.shared).anchor(Scope.WORKSPACE, 1))]
    with pytest.raises(OrderError, match="is revoked"):
        desk.limits.set_for_key(revoked, LimitOrder(metric="requests", window="day", amount=5))


def test_a_crash_between_revoking_and_freeing_is_healed_at_the_start(office: Office) -> None:
    desk = office.desk()
    key = a_key(desk, rpm=5)
    with office.store.transaction() as connection:
        key_rows.revoke(connection, key.public_id, 5)
    desk = office.desk()
    desk.rebuild()
    assert amounts(office) == {}
    assert LimitTable(office.shared).anchor(Scope.KEY, key.id) is None


def test_keys_whose_last_limit_is_removed_take_no_lock(office: Office) -> None:
    desk = office.desk()
    key = a_key(desk)
    limit = desk.limits.set_for_workspace(desk.workspaces.find("default"), LimitOrder(metric="requests", window="day", amount=5))
    assert office.shared.keys.find(key.digest).limits != 0  # type: ignore[union-attr]
    desk.limits.remove(limit.id)
    assert office.shared.keys.find(key.digest).limits == 0  # type: ignore[union-attr]
