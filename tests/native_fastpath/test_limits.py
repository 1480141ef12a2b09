"""Counting a request against every limit of its caller, in both implementations."""

from typing import Any

import pytest

from tests.native_fastpath.limit_table import (
    CONCURRENCY,
    COST,
    DAY,
    FIVE_HOURS,
    INPUT,
    LOCK,
    LOGS,
    ME,
    MESSAGES,
    MINUTE,
    MONTH,
    NOON,
    NOW_S,
    OTHER,
    OUTPUT,
    OWNER,
    REQUESTS,
    SIZE,
    TABLE,
    TOTAL,
    TOTAL_TOKENS,
    at,
    by_metric,
    granted,
    held_of,
    holds_at,
    open_row,
    prepare,
    put_anchor,
    put_chain,
    put_limit,
    row_at,
    settle,
    take,
    tightest,
    words_of,
)

AMOUNT_MAX = 2**63 - 1
MINUTE_NS = 60_000_000_000


@pytest.fixture
def table(twin: Any, tmp_path: Any) -> Any:
    path = tmp_path / "table"
    prepare(path)
    region = twin.Region(path, SIZE)
    open_row(region)
    yield region
    region.close()


def free(region: Any, number: int = 0) -> None:
    """Lets the row hold nothing again, as if it were another."""
    region.store(holds_at(number), 0)


def refusal(result: Any) -> tuple[int, int]:
    assert isinstance(result, tuple), result
    return result[0], result[1]


def test_what_is_taken_is_held_of_every_limit(table: Any) -> None:
    first = put_chain(table, (COST, TOTAL, 100), (INPUT, DAY, 50), (CONCURRENCY, MINUTE, 2), (MESSAGES, FIVE_HOURS, 9000))
    figures = take(table, first, by_metric(cost=70, input=50, concurrency=1, messages=1000, output=5))
    assert granted(figures) == (-1,) * 8
    assert [words_of(table, index)["held"] for index in range(2, 6)] == [70, 50, 1, 1000]
    assert [words_of(table, index)["used"] for index in range(2, 6)] == [0] * 4
    assert held_of(table) == (1, [(2, 0, 0, 70, 0), (3, 0, NOON[1], 50, 0), (4, 0, 0, 1, 0), (5, 0, NOW_S, 1000, 0)])
    assert table.load(ME) == table.load(row_at(1) + LOCK) == 0


def test_one_refusal_and_nothing_is_held(table: Any) -> None:
    first = put_chain(table, (COST, DAY, 100), (REQUESTS, MINUTE, 5), (INPUT, DAY, 50), (TOTAL_TOKENS, TOTAL, 100))
    before = table.read(0, SIZE)
    assert refusal(take(table, first, by_metric(cost=70, requests=1, input=51, total_tokens=60))) == (4, -1)
    assert table.read(0, SIZE) == before


def test_amounts_are_exact_to_the_last_unit(table: Any) -> None:
    first = put_chain(table, (COST, TOTAL, 10**15))
    assert isinstance(take(table, first, by_metric(cost=10**15 - 1)), bytes)
    free(table)
    assert refusal(take(table, first, by_metric(cost=2))) == (2, -1)
    assert isinstance(take(table, first, by_metric(cost=1)), bytes)
    free(table)
    assert refusal(take(table, first, by_metric(cost=1))) == (2, -1)


def test_the_largest_amounts_do_not_wrap(table: Any) -> None:
    first = put_chain(table, (COST, TOTAL, AMOUNT_MAX), (COST, MINUTE, AMOUNT_MAX))
    assert isinstance(take(table, first, by_metric(cost=AMOUNT_MAX)), bytes)
    free(table)
    for more in (1, AMOUNT_MAX, 2**70):
        assert isinstance(take(table, first, by_metric(cost=more)), tuple)
    put_limit(table, 2, 0, COST, TOTAL, 5, used=AMOUNT_MAX, held=AMOUNT_MAX)
    assert refusal(take(table, first, by_metric(cost=1))) == (2, -1)
    put_limit(table, 2, 0, COST, TOTAL, 2**64 - 1, used=2**64 - 1, held=2**64 - 1)
    assert refusal(take(table, first, by_metric(cost=1))) == (2, -1)


@pytest.mark.parametrize("window", [MINUTE, FIVE_HOURS, DAY, MONTH, TOTAL])
@pytest.mark.parametrize("metric", range(1, 8))
def test_a_limit_of_zero_refuses_what_is_asked_of_it(table: Any, metric: int, window: int) -> None:
    first = put_chain(table, (metric, window, 0))
    full = [0] * 8
    assert isinstance(take(table, first, tuple(full)), bytes)
    full[metric] = 1
    assert refusal(take(table, first, tuple(full))) == (2, -1)
    assert table.limits_peek(TABLE, first, 1, NOON) == (2, -1)


def test_nothing_is_asked_of_metrics_that_are_not_named(table: Any) -> None:
    first = put_chain(table, (OUTPUT, TOTAL, 5), (REQUESTS, TOTAL, 5))
    assert isinstance(take(table, first, by_metric(requests=5)), bytes)
    assert held_of(table) == (1, [(3, 0, 0, 5, 0)])


@pytest.mark.parametrize("metric", [COST, TOTAL_TOKENS])
def test_a_spent_budget_refuses_also_what_costs_nothing(table: Any, metric: int) -> None:
    first = put_chain(table, (metric, TOTAL, 5))
    least = by_metric(cost=1, total_tokens=1)
    assert granted(take(table, first, (0,) * 8, least)) == (-1,) * 8
    assert held_of(table) == (1, [(2, 0, 0, 0, 0)])  # so that what it costs in the end is counted
    free(table)
    put_limit(table, 2, 0, metric, TOTAL, 5, used=4, held=1)
    assert refusal(take(table, first, (0,) * 8, least)) == (2, -1)
    assert isinstance(take(table, first, (0,) * 8), bytes)
    assert held_of(table)[0] == 0


def test_a_budget_is_held_as_far_as_it_goes(table: Any) -> None:
    first = put_chain(table, (COST, TOTAL, 100), (OUTPUT, DAY, 30), (OUTPUT, TOTAL, 20), (OUTPUT, MINUTE, 10))
    figures = take(table, first, by_metric(cost=100, output=40), by_metric(cost=100, output=1))
    assert granted(figures) == (-1, -1, -1, 20, -1, -1, -1, -1)
    assert [hold[3] for hold in held_of(table)[1]] == [100, 30, 20, 10]
    free(table)
    assert refusal(take(table, first, by_metric(output=1))) == (4, -1)


def test_less_than_the_least_is_refused(table: Any) -> None:
    first = put_chain(table, (COST, TOTAL, 100))
    assert refusal(take(table, first, by_metric(cost=200), by_metric(cost=101))) == (2, -1)
    assert granted(take(table, first, by_metric(cost=200), by_metric(cost=100)))[COST] == 100
    free(table)
    assert refusal(take(table, first, by_metric(cost=200))) == (2, -1)
    assert refusal(take(table, first, by_metric(cost=200), (0,) * 8)) == (2, -1)


def test_only_limits_of_the_models_classes_count(table: Any) -> None:
    for index, class_bit in ((2, 0), (3, 1), (4, 63)):
        put_limit(table, index, index + 1 if index < 4 else 0, REQUESTS, TOTAL, 9, class_bit=class_bit)
    first = put_anchor(table, 1, 2)
    masks = (1, 1 << 1 | 1, 1 << 63 | 1, 0, 2**64 - 1)
    held = []
    for mask in masks:
        take(table, first, by_metric(requests=1), mask=mask)
        state, holds = held_of(table)
        held.append([hold[0] for hold in holds] if state else [])
        free(table)
    assert held == [[2], [2, 3], [2, 4], [], [2, 3, 4]]


def test_a_chain_goes_over_its_anchors(table: Any) -> None:
    key = put_anchor(table, 9, 2, kind=3, generation=0xABC123)
    put_limit(table, 2, 8, REQUESTS, TOTAL, 5)
    plan = put_anchor(table, 8, 3, kind=2)
    put_limit(table, 3, 1, REQUESTS, TOTAL, 5)
    workspace = put_anchor(table, 1, 4)
    put_limit(table, 4, 0, REQUESTS, TOTAL, 5)
    counts = []
    for first in (key, plan, workspace):
        take(table, first, by_metric(requests=1))
        counts.append(len(held_of(table)[1]))
        free(table)
    assert counts == [3, 2, 1]
    assert [words_of(table, index)["held"] for index in (2, 3, 4)] == [1, 2, 3]


def test_an_anchor_that_is_gone_is_told_from_one_that_took_its_row(table: Any) -> None:
    first = put_anchor(table, 1, 0, generation=5)
    gone = (-2, 0)
    for reference in (first + (1 << 20), 6 << 20 | 1, 5 << 20 | 2, 5 << 20, 5 << 20 | 64, 2**32 + first, 2**64 - 1):
        assert take(table, reference, by_metric(cost=1)) == gone
        assert table.limits_peek(TABLE, reference, 1, NOON) is None
    assert isinstance(take(table, first, by_metric(cost=1)), bytes)
    put_limit(table, 1, 0, COST, TOTAL, 5, generation=5)
    assert take(table, first, by_metric(cost=1)) == gone


@pytest.mark.parametrize(
    "damage",
    [
        lambda region: put_limit(region, 3, 2, COST, TOTAL, 5),  # a ring
        lambda region: put_limit(region, 3, 64, COST, TOTAL, 5),  # out of the table
        lambda region: put_limit(region, 3, 40, COST, TOTAL, 5),  # into nothing
        lambda region: put_limit(region, 3, 0, COST, TOTAL, 5, account=7),  # of another account
    ],
)
def test_a_chain_that_makes_no_sense_is_refused(table: Any, damage: Any) -> None:
    first = put_chain(table, (COST, TOTAL, 5), (COST, TOTAL, 5))
    damage(table)
    for _ in range(2):
        with pytest.raises(ValueError, match="chain makes no sense"):
            take(table, first, by_metric(cost=1))
    assert table.load(row_at(1) + LOCK) == table.load(ME) == 0


def test_more_limits_than_there_is_room_for_are_refused(table: Any) -> None:
    first = put_chain(table, *[(COST, TOTAL, 5)] * 24)
    assert isinstance(take(table, first, by_metric(cost=1)), bytes)
    assert len(held_of(table)[1]) == 24
    free(table)
    first = put_chain(table, *[(COST, TOTAL, 5)] * 25)
    with pytest.raises(ValueError, match="chain makes no sense"):
        take(table, first, by_metric(cost=1))


def test_a_table_whose_header_makes_no_sense_is_refused(table: Any) -> None:
    for capacity in (0, 2**63, (SIZE - TABLE) // 128 + 1):
        table.store(TABLE + 8, capacity)
        with pytest.raises(ValueError, match="header makes no sense"):
            take(table, 1, by_metric(cost=1))
    with pytest.raises(IndexError):
        table.limits_peek(SIZE - 120, 1, 1, NOON)


def test_a_row_that_holds_something_and_a_log_in_use_are_refused(table: Any) -> None:
    first = put_chain(table, (COST, TOTAL, 5))
    take(table, first, by_metric(cost=1))
    with pytest.raises(ValueError, match="holds something"):
        take(table, first, by_metric(cost=1))
    free(table)
    table.store(ME, 1)
    with pytest.raises(ValueError, match="not empty"):
        take(table, first, by_metric(cost=1))


def test_a_lock_that_is_not_given_back_names_its_owner(table: Any) -> None:
    first = put_chain(table, (COST, TOTAL, 5))
    table.store(row_at(1) + LOCK, OTHER)
    before = table.read(0, SIZE)
    assert take(table, first, by_metric(cost=1)) == (-1, OTHER)
    assert table.read(0, SIZE) == before
    assert table.limits_peek(TABLE, first, 1, NOON) is None


def test_the_refusal_that_lasts_longest_is_told(table: Any) -> None:
    first = put_chain(
        table, (REQUESTS, MINUTE, 1), (REQUESTS, FIVE_HOURS, 1), (REQUESTS, DAY, 1), (REQUESTS, MONTH, 1), (CONCURRENCY, TOTAL, 1)
    )
    one = by_metric(requests=1, concurrency=1)
    assert isinstance(take(table, first, one), bytes)
    free(table)
    day_ns, month_ns = (NOON[2] - NOW_S) * 10**9, (NOON[4] - NOW_S) * 10**9
    assert refusal(take(table, first, one)) == (5, month_ns)
    put_limit(table, 5, 6, REQUESTS, MONTH, 9)
    assert refusal(take(table, first, one)) == (4, day_ns)
    put_limit(table, 4, 5, REQUESTS, DAY, 9)
    assert refusal(take(table, first, one)) == (3, 18_000 * 10**9)
    put_limit(table, 3, 4, REQUESTS, FIVE_HOURS, 9)
    assert refusal(take(table, first, one)) == (2, MINUTE_NS)
    put_limit(table, 2, 3, REQUESTS, MINUTE, 9)
    assert refusal(take(table, first, one)) == (6, 0)
    put_limit(table, 2, 3, REQUESTS, TOTAL, 0)
    assert refusal(take(table, first, one)) == (2, -1)


def test_what_can_never_fit_waits_for_nothing(table: Any) -> None:
    first = put_chain(table, (INPUT, DAY, 10), (INPUT, MINUTE, 10))
    assert refusal(take(table, first, by_metric(input=11))) == (2, -1)
    put_limit(table, 2, 3, INPUT, DAY, 20)
    assert refusal(take(table, first, by_metric(input=11))) == (3, -1)


def test_peek_sees_what_is_exhausted_and_changes_nothing(table: Any) -> None:
    first = put_chain(table, (REQUESTS, DAY, 2), (COST, TOTAL, 5), (OUTPUT, MINUTE, 60), (CONCURRENCY, TOTAL, 1))
    assert table.limits_peek(TABLE, first, 1, NOON) is None
    take(table, first, by_metric(concurrency=1))
    free(table)
    assert table.limits_peek(TABLE, first, 1, NOON) == (5, 0)
    take(table, first, by_metric(output=60))
    free(table)
    assert table.limits_peek(TABLE, first, 1, NOON) == (4, 10**9)
    assert table.limits_peek(TABLE, first, 1, at(NOON, mono_ns=10**9)) == (5, 0)
    take(table, first, by_metric(requests=2))
    free(table)
    before = table.read(0, SIZE)
    assert table.limits_peek(TABLE, first, 1, NOON) == (2, (NOON[2] - NOW_S) * 10**9)
    assert table.limits_peek(TABLE, first, 2, NOON) is None
    assert table.read(0, SIZE) == before
    put_limit(table, 2, 40, REQUESTS, TOTAL, 9)
    assert table.limits_peek(TABLE, first, 1, NOON) is None


@pytest.mark.parametrize("amount", [1, 7, 45, 50, 4000, 999_983])
def test_a_minute_grants_its_whole_amount_at_once_and_then_evenly(table: Any, amount: int) -> None:
    first = put_chain(table, (REQUESTS, MINUTE, amount))
    size = max(amount // 50, 1)
    for _ in range(amount // size):
        assert isinstance(take(table, first, by_metric(requests=size)), bytes)
        free(table)
    rest = amount % size
    if rest:
        assert isinstance(take(table, first, by_metric(requests=rest)), bytes)
        free(table)
    index, wait_ns = refusal(take(table, first, by_metric(requests=1)))
    assert (index, wait_ns) == (2, -(-MINUTE_NS // amount))
    for _ in range(3):
        now = at(NOON, mono_ns=wait_ns)
        assert isinstance(take(table, first, by_metric(requests=1), now=at(now, mono_ns=-1)), tuple)
        assert isinstance(take(table, first, by_metric(requests=1), now=now), bytes)
        free(table)
        wait_ns += refusal(take(table, first, by_metric(requests=1), now=now))[1]


def test_a_minute_comes_back_exactly(table: Any) -> None:
    """7 units of 60/7 s each: after a minute all 7 are there, not 6 for want of a nanosecond, and not 8."""
    first = put_chain(table, (INPUT, MINUTE, 7))
    now: tuple[int, ...] = NOON
    for round_number in range(20):
        for _ in range(7):
            assert isinstance(take(table, first, by_metric(input=1), now=now), bytes)
            free(table)
        assert isinstance(take(table, first, by_metric(input=1), now=now), tuple)
        now = at(NOON, mono_ns=MINUTE_NS * (round_number + 1))


def test_a_limit_that_was_idle_grants_no_more_than_its_amount(table: Any) -> None:
    first = put_chain(table, (INPUT, MINUTE, 100))
    take(table, first, by_metric(input=100))
    free(table)
    later = at(NOON, mono_ns=3600 * 10**9)
    assert granted(take(table, first, by_metric(input=500), by_metric(input=1), now=later)) == (-1,) * 8
    assert held_of(table)[1][0][3] == 100


def test_a_machine_that_was_started_anew_forgets_its_debts(table: Any) -> None:
    first = put_chain(table, (INPUT, MINUTE, 100))
    take(table, first, by_metric(input=100), now=at(NOON, mono_ns=10**15))
    free(table)
    assert isinstance(take(table, first, by_metric(input=100), now=NOON), bytes)


def test_five_hours_begin_with_the_first_request_after_the_last_ended(table: Any) -> None:
    first = put_chain(table, (MESSAGES, FIVE_HOURS, 10))
    five = by_metric(messages=5)
    fits = []
    for seconds in (0, 17_999, 17_999, 18_000, 40_000, 57_999, 57_999):
        fits.append(isinstance(take(table, first, five, now=at(NOON, wall_s=seconds)), bytes))
        free(table)
    assert fits == [True, True, False, True, True, True, False]
    row = words_of(table, 2)
    assert (row["start_s"], row["end_s"]) == (NOW_S + 40_000, NOW_S + 58_000)


@pytest.mark.parametrize(("window", "start", "end"), [(DAY, 1, 2), (MONTH, 3, 4)])
def test_days_and_months_are_those_of_the_calendar(table: Any, window: int, start: int, end: int) -> None:
    first = put_chain(table, (COST, window, 10))
    assert isinstance(take(table, first, by_metric(cost=10)), bytes)
    free(table)
    row = words_of(table, 2)
    assert (row["start_s"], row["end_s"], row["held"]) == (NOON[start], NOON[end], 10)
    last = (NOON[end] - 1, *NOON[1:])
    assert refusal(take(table, first, by_metric(cost=1), now=last)) == (2, 10**9)
    following = (NOON[end], NOON[end], NOON[end] + 86_400, NOON[end], NOON[end] + 30 * 86_400, NOON[5])
    assert isinstance(take(table, first, by_metric(cost=7), now=following), bytes)
    row = words_of(table, 2)
    assert (row["start_s"], row["used"], row["held"]) == (NOON[end], 0, 7)


def test_a_refusal_begins_no_window(table: Any) -> None:
    first = put_chain(table, (COST, FIVE_HOURS, 10), (REQUESTS, TOTAL, 0))
    take(table, first, by_metric(cost=1, requests=1))
    assert words_of(table, 2)["end_s"] == 0


@pytest.mark.parametrize(("back_s", "same"), [(0, True), (1, True), (2, False), (10**9, False)])
def test_a_clock_that_goes_back_a_little_keeps_the_window(table: Any, back_s: int, same: bool) -> None:
    """By more than a second it is another time, and another window: limits that nothing resets would lock their callers out."""
    first = put_chain(table, (COST, DAY, 10), (COST, FIVE_HOURS, 10))
    midnight = (NOON[2], NOON[2], NOON[2] + 86_400, NOON[3], NOON[4], NOON[5])
    take(table, first, by_metric(cost=10), now=midnight)
    free(table)
    earlier = (midnight[0] - back_s, NOON[1], NOON[2], NOON[3], NOON[4], NOON[5]) if back_s else midnight
    assert isinstance(take(table, first, by_metric(cost=1), now=earlier), tuple if same else bytes)


def test_a_window_in_the_far_future_gives_way(table: Any) -> None:
    first = put_chain(table, (COST, DAY, 10), used=10, start_s=NOW_S + 10**8, end_s=NOW_S + 10**8 + 86_400)
    assert isinstance(take(table, first, by_metric(cost=1)), bytes)
    assert words_of(table, 2)["start_s"] == NOON[1]


def test_the_tightest_limit_of_each_kind_is_told(table: Any) -> None:
    first = put_chain(
        table,
        (REQUESTS, MINUTE, 60),
        (REQUESTS, DAY, 30),
        (REQUESTS, TOTAL, 900),
        (INPUT, MINUTE, 6000),
        (TOTAL_TOKENS, TOTAL, 100),
        (COST, DAY, 3),
    )
    none = (-1, -1, -1)
    asked = by_metric(requests=1, input=1000, total_tokens=40, output=7, cost=1)
    day_ns = (NOON[2] - NOW_S) * 10**9
    assert tightest(take(table, first, asked)) == [(30, 29, day_ns), (100, 60, 0), (6000, 5000, 10 * 10**9), none]
    free(table)
    refused = take(table, first, by_metric(requests=1, input=9000))
    assert tightest(refused[2]) == [(30, 29, day_ns), (100, 60, 0), (6000, 5000, 10 * 10**9), none]
    for _ in range(29):
        take(table, first, by_metric(requests=1))
        free(table)
    assert tightest(take(table, first, by_metric(requests=1))[2])[0] == (30, 0, day_ns)
    assert words_of(table, 2)["debt_ns"] == NOON[5] + 30 * 10**9


@pytest.mark.parametrize("place", range(6))
def test_moments_out_of_range_are_refused(table: Any, place: int) -> None:
    first = put_chain(table, (COST, DAY, 10))
    for wrong in (-1, 2**32 if place < 5 else 2**62 + 1, 2**80):
        moment = (*NOON[:place], wrong, *NOON[place + 1 :])
        with pytest.raises(OverflowError, match="moment"):
            take(table, first, by_metric(cost=1), now=moment)
        with pytest.raises(OverflowError, match="moment"):
            table.limits_peek(TABLE, first, 1, moment)


def test_negative_amounts_count_as_nothing(table: Any) -> None:
    first = put_chain(table, (COST, TOTAL, 10), (REQUESTS, TOTAL, 10))
    assert isinstance(take(table, first, by_metric(cost=-5, requests=-(2**70))), bytes)
    assert held_of(table)[0] == 0
    assert [words_of(table, index)["held"] for index in (2, 3)] == [0, 0]


def test_areas_outside_are_refused(table: Any) -> None:
    full = by_metric(cost=1)
    for log, holds in ((SIZE - 1400, 20_000), (LOGS, SIZE - 792)):
        with pytest.raises(IndexError):
            table.limits_take(TABLE, log, OWNER, 1, holds, 1, full, full, NOON)
    with pytest.raises(ValueError, match="owner"):
        table.limits_take(TABLE, LOGS, 0, 1, 20_000, 1, full, full, NOON)


def test_a_real_request_leaves_what_it_did_not_use_to_others(table: Any) -> None:
    first = put_chain(table, (COST, TOTAL, 100))
    take(table, first, by_metric(cost=90))
    assert settle(table, by_metric(cost=30)) is True
    open_row(table)
    assert isinstance(take(table, first, by_metric(cost=71)), tuple)
    assert isinstance(take(table, first, by_metric(cost=70)), bytes)
