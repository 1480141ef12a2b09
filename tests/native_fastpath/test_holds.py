"""Settling what a request holds, in both implementations."""

from typing import Any

import pytest

from tests.native_fastpath.limit_table import (
    CONCURRENCY,
    COST,
    DAY,
    INFLIGHT_MAX,
    INPUT,
    LOCK,
    ME,
    MINUTE,
    NOON,
    OTHER,
    OUTPUT,
    OWNER,
    RECORD,
    REQUESTS,
    RING,
    SIZE,
    TABLE,
    TOTAL,
    at,
    by_metric,
    charges,
    held_of,
    holds_at,
    inflight_at,
    open_row,
    prepare,
    put_chain,
    put_limit,
    row_at,
    settle,
    take,
    words_of,
)

AMOUNT_MAX = 2**63 - 1
MINUTE_NS = 60_000_000_000


@pytest.fixture
def table(twin: Any, tmp_path: Any) -> Any:
    path = tmp_path / "table"
    prepare(path)
    region = twin.Region(path, SIZE)
    for number in range(INFLIGHT_MAX):
        open_row(region, number)
    yield region
    region.close()


def drained(region: Any) -> list[bytes]:
    records: list[bytes] = region.ring_read(RING, 9)
    region.ring_release(RING, len(records))
    return records


def test_a_settlement_ends_everything_at_once(table: Any) -> None:
    first = put_chain(table, (COST, TOTAL, 100), (INPUT, DAY, 50), (CONCURRENCY, MINUTE, 2), (REQUESTS, MINUTE, 5))
    take(table, first, by_metric(cost=70, input=50, concurrency=1, requests=1))
    assert settle(table, by_metric(cost=65, input=60, concurrency=1, requests=1)) is True
    rows = [words_of(table, index) for index in (2, 3, 4)]
    assert [(row["used"], row["held"]) for row in rows] == [(65, 0), (60, 0), (0, 0)]
    (record,) = drained(table)
    assert record[:RECORD] == b"r" * RECORD
    assert charges(record) == [(20, 0, 65), (30, NOON[1], 60)]
    assert table.load(inflight_at(0)) == table.load(holds_at(0)) == table.load(ME) == table.load(row_at(1) + LOCK) == 0


def test_without_holds_a_settlement_is_the_end_of_its_row(table: Any) -> None:
    assert table.limits_settle(RING, inflight_at(0), b"r" * RECORD, -1, None, 0, (), -1) is True
    (record,) = drained(table)
    assert record[: RECORD + 8] == b"r" * RECORD + bytes(8)
    assert table.load(inflight_at(0)) == 0
    with pytest.raises(ValueError, match="free"):
        settle(table, by_metric())
    assert drained(table) == []


def test_charges_of_nothing_are_not_written(table: Any) -> None:
    first = put_chain(table, (COST, TOTAL, 100), (INPUT, TOTAL, 100))
    take(table, first, by_metric(cost=70, input=50))
    settle(table, by_metric(input=5))
    assert charges(drained(table)[0]) == [(30, 0, 5)]
    assert words_of(table, 2)["held"] == 0


def test_a_full_ring_changes_nothing(table: Any) -> None:
    first = put_chain(table, (COST, TOTAL, 100))
    for _ in range(4):
        table.ring_append(RING, b"x" * RECORD)
    take(table, first, by_metric(cost=70))
    before = table.read(0, SIZE)
    for number in (0, 1):
        assert settle(table, by_metric(cost=5), number=number) is False
    assert table.read(0, SIZE) == before
    table.ring_release(RING, 1)
    assert settle(table, by_metric(cost=5)) is True


def test_all_places_of_a_ring_hold_all_charges(table: Any) -> None:
    first = put_chain(table, *[(COST, TOTAL, 2**40)] * 24)
    for round_number in range(12):
        take(table, first, by_metric(cost=70))
        settle(table, by_metric(cost=round_number + 1))
        open_row(table)
        (record,) = drained(table)
        assert charges(record) == [(10 * index, 0, round_number + 1) for index in range(2, 26)]


@pytest.mark.parametrize("real", [0, 1, 99, 100, 101, 10**15, AMOUNT_MAX, 2**80, -1])
def test_truth_counts_whatever_was_held(table: Any, real: int) -> None:
    first = put_chain(table, (COST, TOTAL, 1000))
    take(table, first, by_metric(cost=100))
    settle(table, by_metric(cost=real))
    row = words_of(table, 2)
    assert (row["used"], row["held"]) == (min(max(real, 0), AMOUNT_MAX), 0)
    take(table, first, by_metric(cost=1), number=1)
    settle(table, by_metric(cost=AMOUNT_MAX), number=1)
    assert words_of(table, 2)["used"] == (AMOUNT_MAX if row["used"] < 1000 else row["used"])


def test_holds_of_a_removed_limit_are_forgotten(table: Any) -> None:
    first = put_chain(table, (COST, TOTAL, 100), (COST, TOTAL, 100))
    take(table, first, by_metric(cost=70))
    put_limit(table, 2, 3, COST, TOTAL, 100, generation=1, held=33)
    settle(table, by_metric(cost=5))
    assert (words_of(table, 2)["held"], words_of(table, 2)["used"]) == (33, 0)
    assert (words_of(table, 3)["held"], words_of(table, 3)["used"]) == (0, 5)
    assert charges(drained(table)[0]) == [(30, 0, 5)]


def test_a_window_that_is_over_is_charged_but_the_new_one_is_not(table: Any) -> None:
    first = put_chain(table, (COST, DAY, 100))
    take(table, first, by_metric(cost=70))
    tomorrow = (NOON[2], NOON[2], NOON[2] + 86_400, *NOON[3:])
    take(table, first, by_metric(cost=100), number=1, now=tomorrow)
    settle(table, by_metric(cost=5))
    row = words_of(table, 2)
    assert (row["start_s"], row["used"], row["held"]) == (NOON[2], 0, 100)
    settle(table, by_metric(cost=6), number=1)
    row = words_of(table, 2)
    assert (row["used"], row["held"]) == (6, 0)
    assert [charges(record) for record in drained(table)] == [[(20, NOON[1], 5)], [(20, NOON[2], 6)]]


def minute(region: Any, amount: int, asked: int, *, now: tuple[int, ...] = NOON, number: int = 0) -> Any:
    return take(region, 1, by_metric(output=asked), by_metric(output=1), now=now, number=number)


def left(region: Any, now: tuple[int, ...]) -> int:
    """What a smooth limit of output tokens would grant now."""
    before = region.read(row_at(2), 128), region.read(holds_at(3), 800)
    figures = take(region, 1, by_metric(output=2**40), by_metric(output=1), number=3, now=now)
    held = held_of(region, 3)[1][0][3] if isinstance(figures, bytes) else 0
    region.write(row_at(2), before[0])
    region.write(holds_at(3), before[1])
    return int(held)


def test_what_a_smooth_limit_held_too_much_comes_back(table: Any) -> None:
    put_chain(table, (OUTPUT, MINUTE, 6000))
    minute(table, 6000, 4000)
    assert left(table, NOON) == 2000
    settle(table, by_metric(output=1000), mono_ns=NOON[5])
    assert left(table, NOON) == 5000
    assert charges(drained(table)[0]) == []


def test_what_has_come_back_by_itself_is_not_given_back_again(table: Any) -> None:
    """A stream holds all of a minute and lasts longer than it: the next one has had its share already."""
    put_chain(table, (OUTPUT, MINUTE, 6000))
    minute(table, 6000, 6000)
    later = at(NOON, mono_ns=MINUTE_NS + 1)
    minute(table, 6000, 6000, now=later, number=1)
    assert left(table, later) == 0
    settle(table, by_metric(), mono_ns=later[5])
    assert left(table, later) == 0


def test_what_has_come_back_in_part_is_given_back_in_part(table: Any) -> None:
    put_chain(table, (OUTPUT, MINUTE, 6000))
    minute(table, 6000, 6000)
    later = at(NOON, mono_ns=20 * 10**9)
    assert left(table, later) == 2000
    minute(table, 6000, 2000, now=later, number=1)
    settle(table, by_metric(output=500), mono_ns=later[5])
    assert left(table, later) == 4000  # 2000 of the 6000 have been the second's meanwhile
    settle(table, by_metric(output=2000), number=1, mono_ns=later[5])
    assert left(table, at(later, mono_ns=20 * 10**9)) == 6000


@pytest.mark.parametrize("held_s", [1, 7, 30, 59, 61, 300])
@pytest.mark.parametrize("real", [0, 1, 333, 5999])
def test_a_smooth_limit_never_grants_more_than_if_the_truth_had_been_known(table: Any, held_s: int, real: int) -> None:
    """Side by side with a limit that is asked for the real figure from the beginning."""
    put_chain(table, (OUTPUT, MINUTE, 6001))
    minute(table, 6001, 6001)
    now = at(NOON, mono_ns=held_s * 10**9)
    second = held_of(table, 1)[1][0][3] if isinstance(minute(table, 6001, 6001, now=now, number=1), bytes) else 0
    settle(table, by_metric(output=real), mono_ns=now[5])
    afterwards = left(table, now)
    put_chain(table, (OUTPUT, MINUTE, 6001))
    if real:
        minute(table, 6001, real, number=2)
    before_second = left(table, now)
    assert afterwards <= max(before_second - second, 0) + 1


def test_debts_beyond_ten_minutes_are_forgiven(table: Any) -> None:
    put_chain(table, (OUTPUT, MINUTE, 6000))
    minute(table, 6000, 1)
    settle(table, by_metric(output=2**70), mono_ns=NOON[5])
    assert words_of(table, 2)["debt_ns"] == NOON[5] + 10 * MINUTE_NS
    assert left(table, at(NOON, mono_ns=9 * MINUTE_NS)) == 0
    assert left(table, at(NOON, mono_ns=10 * MINUTE_NS)) == 6000


def test_amounts_may_change_while_something_is_held(table: Any) -> None:
    first = put_chain(table, (COST, TOTAL, 100), (OUTPUT, MINUTE, 100))
    take(table, first, by_metric(cost=100, output=100))
    for index in (2, 3):
        table.store(row_at(index) + 24, 10)
    settle(table, by_metric(cost=50, output=50))
    assert (words_of(table, 2)["used"], words_of(table, 2)["held"]) == (50, 0)
    table.store(row_at(3) + 24, 0)
    take(table, first, (0,) * 8, number=1)
    settle(table, by_metric(output=50), number=1)


def test_orphans_are_settled_without_a_ring_and_once(table: Any) -> None:
    first = put_chain(table, (COST, TOTAL, 100))
    take(table, first, by_metric(cost=70))
    for real in (5, 99):
        assert settle(table, by_metric(cost=real), ring=0) is True
        assert (words_of(table, 2)["used"], words_of(table, 2)["held"]) == (5, 0)
        assert held_of(table) == (2, [(2, 0, 0, 70, 5)])
        assert table.load(inflight_at(0)) == 9
    copy = table.load(inflight_at(0) + 24)
    assert table.read(inflight_at(0) + 64 + copy * RECORD, RECORD) == b"r" * RECORD
    assert settle(table, by_metric(), ring=0, number=1) is True
    assert settle(table, by_metric(cost=1)) is True
    assert charges(drained(table)[0]) == [(20, 0, 5)]


def test_a_lock_that_is_not_given_back_leaves_the_row_with_its_last_word(table: Any) -> None:
    first = put_chain(table, (COST, TOTAL, 100))
    take(table, first, by_metric(cost=70))
    table.store(row_at(1) + LOCK, OTHER)
    assert settle(table, by_metric(cost=5)) == (-1, OTHER)
    assert drained(table) == []
    assert held_of(table)[0] == 1
    assert words_of(table, 2)["held"] == 70
    copy = table.load(inflight_at(0) + 24)
    assert table.read(inflight_at(0) + 64 + copy * RECORD, RECORD) == b"r" * RECORD
    table.store(row_at(1) + LOCK, 0)
    assert settle(table, by_metric(cost=5)) is True


def test_places_that_do_not_fit_are_refused(table: Any) -> None:
    with pytest.raises(ValueError, match="whole words"):
        settle(table, by_metric(), record=bytes(RECORD - 1))
    with pytest.raises(ValueError, match="another size"):
        settle(table, by_metric(), record=bytes(8))
    with pytest.raises(IndexError):
        table.limits_settle(RING, SIZE - 800, bytes(RECORD), TABLE, ME, OWNER, by_metric(), 0)
    put_chain(table, (COST, TOTAL, 100))
    take(table, 1, by_metric(cost=1))
    for mono_ns in (-1, 2**62 + 1):
        with pytest.raises(OverflowError, match="moment"):
            settle(table, by_metric(), mono_ns=mono_ns)
    table.store(ME, 1)
    with pytest.raises(ValueError, match="not empty"):
        settle(table, by_metric())


def test_what_the_file_says_of_holds_is_not_believed(table: Any) -> None:
    first = put_chain(table, (COST, TOTAL, 100))
    take(table, first, by_metric(cost=70))
    table.store(holds_at(0) + 8, 2**64 - 1)  # count
    for word in range(4, 4 + 24 * 4):
        table.store(holds_at(0) + 8 * word, 2**64 - 1)
    assert settle(table, by_metric(cost=5)) is True
    assert words_of(table, 2)["held"] == 70
    open_row(table)
    for account in (0, 64, 2**64 - 1):
        table.store(holds_at(0), 1)
        table.store(holds_at(0) + 16, account)
        assert settle(table, by_metric(cost=5)) is True
        open_row(table)
    assert len(drained(table)) == 4


def test_a_hold_that_a_recovery_took_back_is_not_settled(table: Any) -> None:
    """The row says it holds, but its worker died before the take was done: the recovery comes first."""
    first = put_chain(table, (COST, TOTAL, 100))
    image = table.read(row_at(2), 128)
    take(table, first, by_metric(cost=70))
    for place, value in enumerate((1, 1, holds_at(0), 0, 2, *[0] * 6)):
        table.store(ME + 8 * place, value)
    table.store(row_at(1) + LOCK, OTHER)
    undo = ME + 1408
    assert table.limits_settle(0, inflight_at(0), b"r" * RECORD, TABLE, undo, OWNER, by_metric(cost=5), 0) == (-1, OTHER)
    assert table.limits_recover(TABLE, ME, 3, 1, OTHER, OWNER) is True
    assert table.read(row_at(2), 128) == image
    assert table.limits_settle(0, inflight_at(0), b"r" * RECORD, TABLE, undo, OWNER, by_metric(cost=5), 0) is True
    assert table.read(row_at(2), 128) == image
    assert held_of(table)[0] == 0
