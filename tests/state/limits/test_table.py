"""The limit table as the control plane writes it."""

import pytest

from gateway.state.layout import Layout
from gateway.state.limits import LimitSpec, LimitTable, LimitTableFullError, Metric, Scope, Window, rows
from gateway.state.shared import SharedFile

I64_MAX = 2**63 - 1


def spec(limit_id: int, amount: int = 100, **changes: object) -> LimitSpec:
    facts = {"metric": Metric.COST, "window": Window.TOTAL, "class_bit": 0} | changes
    return LimitSpec(limit_id=limit_id, amount=amount, **facts)  # type: ignore[arg-type]


def chain(shared: SharedFile, anchor: int) -> list[tuple[str, int]]:
    """What a caller that begins at `anchor` meets: letters of scopes for anchors, numbers of limits."""
    met = []
    index = rows.index_of(anchor)
    while index:
        links = rows.links_of(shared.region, shared.layout, index)
        assert links.scope is not None
        met.append((links.scope.name[0] if links.is_anchor else "", links.owner_id if links.is_anchor else links.limit_id))
        index = links.next
    return met


def test_a_chain_leads_from_the_key_over_the_plan_to_the_workspace(shared: SharedFile) -> None:
    table = LimitTable(shared)
    workspace = table.workspace_anchor(5)
    plan = table.plan_anchor(9, workspace)
    key = table.key_anchor(77, plan)
    for number, anchor in enumerate((key, key, plan, workspace, workspace), 1):
        table.add(anchor, spec(number))
    assert chain(shared, key) == [("K", 77), ("", 2), ("", 1), ("P", 9), ("", 3), ("W", 5), ("", 5), ("", 4)]
    assert chain(shared, plan) == [("P", 9), ("", 3), ("W", 5), ("", 5), ("", 4)]
    assert table.workspace_anchor(5) == workspace
    assert table.plan_anchor(9, workspace) == plan
    assert table.key_anchor(77, plan) == key
    accounts = {rows.links_of(shared.region, shared.layout, index).account for index in range(1, 9)}
    assert accounts == {rows.index_of(workspace)}
    assert [*table.anchors()] == [(Scope.WORKSPACE, 5, workspace), (Scope.PLAN, 9, plan), (Scope.KEY, 77, key)]
    assert table.anchor(Scope.PLAN, 9) == plan
    assert table.anchor(Scope.PLAN, 77) is None


def test_a_limit_says_what_it_is_and_how_far_it_is_used(shared: SharedFile) -> None:
    table = LimitTable(shared)
    plan = table.plan_anchor(3, table.workspace_anchor(1))
    facts = {"metric": Metric.MESSAGES, "window": Window.FIVE_HOURS, "class_bit": 63}
    index = table.add(plan, spec(2**32 - 1, I64_MAX, **facts, credits=True), I64_MAX, 1_795_000_000, 1_795_018_000)
    state = table.state(2**32 - 1)
    assert state is not None
    assert state == table.describe(index) == next(table.states())
    assert (state.index, state.scope, state.owner_id, state.limit_id) == (index, Scope.PLAN, 3, 2**32 - 1)
    assert (state.metric, state.window, state.class_bit, state.credits) == (Metric.MESSAGES, Window.FIVE_HOURS, 63, True)
    assert (state.amount, state.used, state.held) == (I64_MAX, I64_MAX, 0)
    assert (state.window_start_s, state.window_end_s, state.debt_ns) == (1_795_000_000, 1_795_018_000, 0)
    assert state.is_durable
    assert len(table) == 1
    assert table.state(8) is None
    assert table.describe(rows.index_of(plan)) is None


@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_removed_limit_leaves_the_chain_and_its_row_is_used_again(shared: SharedFile, position: int) -> None:
    table = LimitTable(shared)
    workspace = table.workspace_anchor(1)
    key = table.key_anchor(7, workspace)
    indices = [table.add(key, spec(number)) for number in (30, 20, 10)]
    table.add(workspace, spec(40))
    removed = (10, 20, 30)[position]
    before = rows.links_of(shared.region, shared.layout, indices[2 - position]).generation
    table.remove(removed)
    left = [number for number in (10, 20, 30) if number != removed]
    assert chain(shared, key) == [("K", 7), *(("", number) for number in left), ("W", 1), ("", 40)]
    assert table.state(removed) is None
    with pytest.raises(KeyError):
        table.remove(removed)
    assert table.add(workspace, spec(50)) == indices[2 - position]
    assert rows.links_of(shared.region, shared.layout, indices[2 - position]).generation == before + 1


def test_amounts_change_and_what_is_used_stays(shared: SharedFile) -> None:
    table = LimitTable(shared)
    table.add(table.workspace_anchor(1), spec(1, 10), used=7)
    for amount in (0, 10**15, I64_MAX):
        table.change(1, amount)
        state = table.state(1)
        assert state is not None
        assert (state.amount, state.used) == (amount, 7)
    for wrong in (-1, I64_MAX + 1):
        with pytest.raises(ValueError, match="out of range"):
            table.change(1, wrong)
    with pytest.raises(KeyError):
        table.change(2, 5)


def test_what_is_used_is_corrected_in_its_own_window_only(shared: SharedFile) -> None:
    table = LimitTable(shared)
    table.add(table.workspace_anchor(1), spec(1, window=Window.DAY), used=50, window_start_s=86_400, window_end_s=172_800)
    assert not table.correct(1, 0, 5)
    assert not table.correct(2, 86_400, 5)
    used = []
    for difference in (5, -30, -1000, I64_MAX, 1):
        assert table.correct(1, 86_400, difference)
        state = table.state(1)
        assert state is not None
        used.append(state.used)
    assert used == [55, 25, 0, I64_MAX, I64_MAX]
    for number, facts in ((2, {"window": Window.MINUTE}), (3, {"metric": Metric.CONCURRENCY})):
        table.add(table.workspace_anchor(1), spec(number, **facts))
        assert not table.correct(number, 0, 5)


def test_a_key_moves_between_plan_and_workspace_with_its_limits(shared: SharedFile) -> None:
    table = LimitTable(shared)
    workspace = table.workspace_anchor(1)
    plans = [table.plan_anchor(number, workspace) for number in (1, 2)]
    key = table.key_anchor(7, plans[0])
    bare = table.key_anchor(8, plans[0])
    table.add(key, spec(70))
    for number, plan in enumerate(plans, 1):
        table.add(plan, spec(number))
    table.move(key, plans[1])
    assert chain(shared, key) == [("K", 7), ("", 70), ("P", 2), ("", 2), ("W", 1)]
    assert table.key_anchor(8, workspace) == bare
    assert chain(shared, bare) == [("K", 8), ("W", 1)]
    table.remove(70)
    assert chain(shared, key) == [("K", 7), ("P", 2), ("", 2), ("W", 1)]


def test_moves_that_make_no_chain_are_refused(shared: SharedFile) -> None:
    table = LimitTable(shared)
    workspace, other = table.workspace_anchor(1), table.workspace_anchor(2)
    plan = table.plan_anchor(1, workspace)
    key = table.key_anchor(1, plan)
    for anchor, parent in ((key, key), (plan, key), (workspace, plan), (workspace, other), (plan, plan)):
        with pytest.raises(ValueError, match="stands before"):
            table.move(anchor, parent)
    for anchor, parent in ((plan, other), (key, other)):
        with pytest.raises(ValueError, match="one workspace"):
            table.move(anchor, parent)
    with pytest.raises(ValueError, match="one workspace"):
        table.key_anchor(1, other)
    for make in (table.plan_anchor, table.key_anchor):
        with pytest.raises(ValueError, match="stands before"):
            make(99, key)
    assert table.anchor(Scope.KEY, 99) is None
    assert chain(shared, key) == [("K", 1), ("P", 1), ("W", 1)]


def test_anchors_go_with_their_limits_when_nobody_stands_before_them(shared: SharedFile) -> None:
    table = LimitTable(shared)
    workspace = table.workspace_anchor(1)
    plan = table.plan_anchor(1, workspace)
    key = table.key_anchor(1, plan)
    for number, anchor in enumerate((key, key, plan, workspace), 1):
        table.add(anchor, spec(number))
    for anchor in (workspace, plan):
        with pytest.raises(ValueError, match="before this one"):
            table.remove_anchor(anchor)
    for anchor in (key, plan, workspace):
        table.remove_anchor(anchor)
        with pytest.raises(ValueError, match="no such anchor"):
            table.add(anchor, spec(99))
    assert len(table) == 0
    assert [*table.anchors()] == []
    again = table.workspace_anchor(1)
    assert again != workspace


def test_limits_that_do_not_fit_are_refused(shared: SharedFile) -> None:
    table = LimitTable(shared)
    workspace = table.workspace_anchor(1)
    for number in range(1, 9):
        table.add(workspace, spec(number))
    with pytest.raises(ValueError, match="at most 8"):
        table.add(workspace, spec(9))
    plan = table.plan_anchor(1, workspace)
    with pytest.raises(ValueError, match="already"):
        table.add(plan, spec(8))
    for used, start_s, end_s in ((-1, 0, 0), (I64_MAX + 1, 0, 0), (0, -1, 0), (0, 2**32, 0), (0, 0, 2**63)):
        with pytest.raises(ValueError, match="out of range"):
            table.add(plan, spec(9), used, start_s, end_s)
    for number, amount, class_bit in ((0, 1, 0), (2**32, 1, 0), (1, -1, 0), (1, I64_MAX + 1, 0), (1, 1, -1), (1, 1, 64)):
        with pytest.raises(ValueError, match="out of range"):
            spec(number, amount, class_bit=class_bit)
    for number in (0, 2**32):
        with pytest.raises(ValueError, match="out of range"):
            table.workspace_anchor(number)
    for _ in range(200):
        with pytest.raises(ValueError, match="out of range"):
            table.add(plan, spec(9), -1)
    table.add(plan, spec(9))


def test_a_full_table_says_so_and_goes_on_when_there_is_room(tmp_path_factory: pytest.TempPathFactory) -> None:
    layout = Layout(keys_capacity=8, slots=1, rows_per_slot=1, ring_capacity=8, limits_capacity=4)
    shared = SharedFile.create(tmp_path_factory.mktemp("small") / "shared.map", layout)
    table = LimitTable(shared)
    workspace = table.workspace_anchor(1)
    table.add(workspace, spec(1))
    table.add(workspace, spec(2))
    with pytest.raises(LimitTableFullError, match="4 rows"):
        table.add(workspace, spec(3))
    with pytest.raises(LimitTableFullError, match="4 rows"):
        table.workspace_anchor(2)
    table.remove(1)
    table.add(workspace, spec(3))
    shared.close()


def test_another_control_plane_finds_everything(shared: SharedFile) -> None:
    first = LimitTable(shared)
    workspace = first.workspace_anchor(1)
    plan = first.plan_anchor(1, workspace)
    key = first.key_anchor(1, plan)
    for number, anchor in enumerate((key, plan, plan, workspace), 1):
        first.add(anchor, spec(number), used=number)
    first.remove(2)
    second = LimitTable(shared)
    assert second.owner != first.owner
    assert [*second.anchors()] == [*first.anchors()]
    assert {*second.states()} == {*first.states()}
    second.move(key, workspace)
    second.remove_anchor(plan)
    assert chain(shared, key) == [("K", 1), ("", 1), ("W", 1), ("", 4)]


def test_what_was_cut_off_but_not_freed_is_freed_later(shared: SharedFile) -> None:
    first = LimitTable(shared)
    workspace = first.workspace_anchor(1)
    cut_off = first.add(workspace, spec(1))
    first.add(workspace, spec(2))
    # As if its writer had died between the two stores of `remove`, and in `add` before a third row was linked.
    first._link(first._limits[2], 0)
    anchor = rows.links_of(shared.region, shared.layout, rows.index_of(workspace))
    unlinked = first._fill(rows.limit_bytes(spec(3), anchor, 0, 0, 0))
    second = LimitTable(shared)
    assert [state.limit_id for state in second.states()] == [2]
    assert {second.add(workspace, spec(number)) for number in (3, 4)} == {cut_off, unlinked}


@pytest.mark.parametrize("wrong", [999, 5, 2])
def test_chains_that_make_no_sense_are_not_opened(shared: SharedFile, wrong: int) -> None:
    table = LimitTable(shared)
    table.add(table.workspace_anchor(1), spec(1))
    shared.region.store(shared.layout.limits_at, 6)
    table._link(2, wrong)
    with pytest.raises(ValueError, match="damaged"):
        LimitTable(shared)
