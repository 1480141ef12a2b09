"""A worker counts its requests."""

import pytest

from gateway.state.inflight import RowsTakenError
from gateway.state.limits import NOTHING, Limits, LimitsBusyError, Metric, Refused, Taken, Window, locks, rows
from gateway.state.limits.locks import owner_word
from gateway.state.workers import WorkerSlot
from tests.state.conftest import numbered
from tests.state.limits.conftest import MONO_NS, NOON_S, Desk, asked

I64_MAX = 2**63 - 1


def test_a_request_from_taking_to_the_journal(desk: Desk) -> None:
    cost = desk.add(Metric.COST, Window.MONTH, 1000, anchor=desk.workspace)
    requests = desk.add(Metric.REQUESTS, Window.MINUTE, 50)
    concurrency = desk.add(Metric.CONCURRENCY, Window.TOTAL, 3)
    row = desk.open()
    taken = desk.take(row, asked(requests=1, cost=700, concurrency=1))
    assert isinstance(taken, Taken)
    assert taken.granted == (-1,) * 8
    assert taken.tightest == {"requests": (50, 49, 1_200_000_000)}
    assert desk.counts(cost, requests, concurrency) == [
        (0, 700),
        (0, 0),
        (0, 1),
    ]
    assert desk.settle(row, asked(requests=1, cost=450, concurrency=1), numbered(9, cost_nanodollars=450))
    assert desk.counts(cost, requests, concurrency) == [
        (450, 0),
        (0, 0),
        (0, 0),
    ]
    month_s = 1_798_761_600
    assert desk.drained() == [(numbered(9, cost_nanodollars=450), ((cost, month_s, 450),))]
    assert desk.rows.count == 0
    assert desk.rows.open(numbered(1).pack()) == row


def test_a_caller_without_limits_only_needs_the_end(desk: Desk) -> None:
    rows_taken = [desk.open() for _ in range(8)]
    for row in rows_taken:
        assert desk.settle(row, NOTHING)
    assert desk.drained() == [(numbered(2), ())] * 8
    assert desk.rows.count == 0
    for _ in range(8):
        desk.open()
    with pytest.raises(RowsTakenError):
        desk.open()


def test_a_refusal_says_which_limit_how_large_and_for_how_long(desk: Desk) -> None:
    day = desk.add(Metric.INPUT_TOKENS, Window.DAY, 1000, used=900, window_start_s=NOON_S - 43_200, window_end_s=NOON_S + 43_200)
    row = desk.open()
    refused = desk.take(row, asked(input_tokens=101))
    assert isinstance(refused, Refused)
    assert refused.limit == desk.state(day)
    assert (refused.limit.used, refused.wait_ns) == (900, 43_200 * 10**9)
    assert refused.tightest == {"input_tokens": (1000, 100, 43_200 * 10**9)}
    desk.rows.close(row)
    assert desk.rows.count == 0


def test_a_budget_that_does_not_reach_says_how_far_it_goes(desk: Desk) -> None:
    desk.add(Metric.OUTPUT_TOKENS, Window.TOTAL, 300)
    desk.add(Metric.COST, Window.DAY, 5000)
    row = desk.open()
    taken = desk.take(row, asked(output_tokens=4096, cost=9000), asked(output_tokens=1, cost=100))
    assert isinstance(taken, Taken)
    assert taken.granted == (-1, -1, -1, 300, -1, 5000, -1, -1)


def test_peek_stops_a_flood_before_its_bodies(desk: Desk) -> None:
    desk.add(Metric.REQUESTS, Window.TOTAL, 1, class_bit=1)
    limit = desk.add(Metric.REQUESTS, Window.MINUTE, 1)
    assert desk.limits.peek(desk.key, 1, desk.now) is None
    for _ in range(2):
        row = desk.open()
        desk.take(row, asked(requests=1), mask=1)
    peeked = desk.limits.peek(desk.key, 1, desk.now)
    assert isinstance(peeked, Refused)
    assert peeked.limit.limit_id == limit
    assert peeked.wait_ns == 60 * 10**9
    assert peeked.tightest == {}


def test_a_row_that_holds_something_is_not_just_closed(desk: Desk) -> None:
    desk.add(Metric.COST, Window.TOTAL, 100)
    row = desk.open()
    desk.take(row, asked(cost=10))
    with pytest.raises(ValueError, match="must be settled"):
        desk.rows.close(row)
    assert desk.settle(row, NOTHING)


def test_a_full_journal_changes_nothing(desk: Desk) -> None:
    limit = desk.add(Metric.COST, Window.TOTAL, 100)
    row = desk.open()
    desk.take(row, asked(cost=10))
    for number in range(16):
        assert desk.ring.append(numbered(number).pack())
    assert desk.settle(row, asked(cost=5)) is False
    assert (desk.state(limit).held, desk.rows.count) == (10, 1)
    desk.drained()
    assert desk.settle(row, asked(cost=5)) is True
    assert (desk.state(limit).held, desk.state(limit).used, desk.rows.count) == (0, 5, 0)


def test_plans_and_classes_share_and_divide(desk: Desk) -> None:
    plan = desk.table.plan_anchor(1, desk.workspace)
    keys = [desk.table.key_anchor(number, plan) for number in (2, 3)]
    shared = desk.add(Metric.MESSAGES, Window.FIVE_HOURS, 10_000, anchor=plan)
    opus = desk.add(Metric.MESSAGES, Window.FIVE_HOURS, 5000, anchor=plan, class_bit=1)
    results = []
    for key, mask, weight in ((keys[0], 3, 5000), (keys[1], 3, 1), (keys[1], 5, 5000), (keys[0], 5, 1), (desk.key, 3, 5000)):
        row = desk.open()
        result = desk.limits.take(key, row, mask, asked(messages=weight), asked(messages=weight), desk.now)
        results.append(result.limit.limit_id if isinstance(result, Refused) else 0)
    assert results == [0, opus, 0, shared, 0]


def test_limits_come_and_go_under_a_request(desk: Desk) -> None:
    first = desk.add(Metric.COST, Window.TOTAL, 100)
    kept = desk.add(Metric.COST, Window.TOTAL, 100, anchor=desk.workspace)
    row = desk.open()
    desk.take(row, asked(cost=60))
    desk.table.remove(first)
    second = desk.add(Metric.COST, Window.TOTAL, 100)
    desk.table.change(kept, 10)
    assert desk.settle(row, asked(cost=50))
    assert desk.drained()[0][1] == ((kept, 0, 50),)
    assert desk.counts(second, kept) == [(0, 0), (50, 0)]
    assert isinstance(desk.take(desk.open(), asked(cost=1)), Refused)


def test_a_callers_anchor_may_be_gone(desk: Desk) -> None:
    key = desk.table.key_anchor(5, desk.workspace)
    desk.table.remove_anchor(key)
    with pytest.raises(LimitsBusyError, match="rebuilt"):
        desk.limits.take(key, desk.open(), 1, asked(cost=1), asked(cost=1), desk.now)
    assert desk.limits.peek(key, 1, desk.now) is None


def lock_at(desk: Desk) -> int:
    return rows.row_at(desk.shared.layout, rows.index_of(desk.workspace)) + rows.LOCK_AT


def test_somebody_alive_who_keeps_the_lock(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "WAIT_S_MAX", 0.01)
    limit = desk.add(Metric.COST, Window.TOTAL, 100)
    held = [desk.open() for _ in range(3)]
    for row in held[:2]:
        desk.take(row, asked(cost=10))
    other = WorkerSlot.claim(desk.shared, desk.run_dir)
    desk.shared.region.store(lock_at(desk), owner_word(other.index, other.epoch))
    with pytest.raises(LimitsBusyError, match="locked"):
        desk.take(held[2], asked(cost=10))
    for row in held[:2]:
        assert desk.settle(row, asked(cost=5))
    assert desk.rows.count == 3
    assert desk.drained() == []
    assert desk.limits.settle_late(MONO_NS) == 2
    assert desk.settle(held[2], NOTHING)  # holds nothing, so no lock is in its way
    desk.shared.region.store(lock_at(desk), 0)
    assert desk.limits.settle_late(MONO_NS) == 0
    assert (desk.state(limit).used, desk.state(limit).held, desk.rows.count) == (10, 0, 0)
    assert len(desk.drained()) == 3
    other.release()


def test_late_settlements_are_made_by_the_way(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "WAIT_S_MAX", 0.0)
    desk.add(Metric.COST, Window.TOTAL, 100)
    late, other = desk.open(), desk.open()
    desk.take(late, asked(cost=10))
    shared_lock = WorkerSlot.claim(desk.shared, desk.run_dir)
    desk.shared.region.store(lock_at(desk), owner_word(shared_lock.index, shared_lock.epoch))
    assert desk.settle(late, asked(cost=5))
    desk.shared.region.store(lock_at(desk), 0)
    assert desk.settle(other, NOTHING)
    assert desk.rows.count == 0
    shared_lock.release()


def test_somebody_dead_who_held_the_lock(desk: Desk) -> None:
    limit = desk.add(Metric.COST, Window.TOTAL, 100)
    other = WorkerSlot.claim(desk.shared, desk.run_dir)
    word = owner_word(other.index, other.epoch)
    other.release()
    row = desk.open()
    desk.shared.region.store(lock_at(desk), word)
    assert isinstance(desk.take(row, asked(cost=10)), Taken)
    desk.shared.region.store(lock_at(desk), word)
    assert desk.settle(row, asked(cost=5))
    assert desk.counts(limit) == [(5, 0)]


def test_a_request_that_ends_late_in_its_window(desk: Desk) -> None:
    limit = desk.add(Metric.COST, Window.DAY, 100)
    row = desk.open()
    desk.take(row, asked(cost=60))
    desk.pass_time(86_400)
    assert isinstance(desk.take(desk.open(), asked(cost=100)), Taken)
    assert desk.settle(row, asked(cost=50))
    assert desk.drained()[0][1] == ((limit, NOON_S - 43_200, 50),)
    assert desk.counts(limit) == [(0, 100)]


@pytest.mark.parametrize("amount", [10**15, I64_MAX])
@pytest.mark.parametrize("window", list(Window))
def test_large_amounts_are_counted_to_the_last_unit(desk: Desk, window: Window, amount: int) -> None:
    desk.add(Metric.COST, window, amount)
    first, second, third = desk.open(), desk.open(), desk.open()
    assert isinstance(desk.take(first, asked(cost=amount - 1)), Taken)
    assert isinstance(desk.take(second, asked(cost=2)), Refused)
    assert isinstance(desk.take(second, asked(cost=1)), Taken)
    assert isinstance(desk.take(third, asked(cost=1)), Refused)


def test_orphans_of_all_kinds(desk: Desk) -> None:
    """A worker that dies leaves rows that hold nothing, that hold something, and one that was settled but not appended."""
    cost = desk.add(Metric.COST, Window.TOTAL, 100)
    rows_left = [desk.open() for _ in range(3)]
    desk.take(rows_left[0], asked(cost=3))
    desk.settle(rows_left[0], NOTHING)
    desk.take(desk.open(), asked(cost=3))
    desk.settle(rows_left[0], asked(cost=3))
    assert desk.open() == rows_left[0]  # with what its former requests held still in it
    desk.drained()
    desk.take(rows_left[1], asked(cost=30))
    desk.take(rows_left[2], asked(cost=40))
    layout = desk.shared.layout
    desk.shared.region.limits_settle(
        0,
        rows_left[2],
        numbered(7).pack(),
        layout.limits_at,
        layout.undo_of(desk.slot.index),
        desk.limits._owner,
        asked(cost=33),
        1,
    )
    desk.slot.release()
    orphans = list(desk.shared.inflight.orphans(desk.run_dir))
    assert [(orphan.holds.name, orphan.charges) for orphan in orphans] == [
        ("NONE", ()),
        ("HELD", ()),
        ("SETTLED", ((cost, 0, 33),)),
    ]
    assert orphans[2].record == numbered(7).pack()
    for _ in range(2):
        charged = [desk.table.settle_orphan(orphan, numbered(8).pack(), asked(cost=20), MONO_NS) for orphan in orphans]
        assert charged == [(), ((cost, 0, 20),), ((cost, 0, 33),)]
    assert desk.counts(cost) == [(56, 0)]
    again = list(desk.shared.inflight.orphans(desk.run_dir))
    assert [orphan.charges for orphan in again] == charged
    assert again[1].record == numbered(8).pack()
    for orphan in again:
        assert desk.shared.inflight.free_orphan(orphan)
    successor = Limits(desk.shared, WorkerSlot.claim(desk.shared, desk.run_dir), desk.rows)
    assert isinstance(successor.take(desk.key, rows_left[2], 1, asked(cost=44), asked(cost=44), desk.now), Taken)
