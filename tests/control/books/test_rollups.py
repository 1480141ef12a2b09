"""Rollups beside the receipts: what is entered is summed up once, wherever the sums stand."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.control.books.drain import Drain
from gateway.control.books.rollups import OTHER_MODELS, Rollups
from gateway.control.store import Store
from gateway.control.store import rollups as rows
from gateway.control.store.rollups import LEVELS, SUMS, Choice
from gateway.core.outcome import Outcome
from gateway.core.usage import Usage
from tests.control.office import MODEL, STARTED_NS, Office, Worker, breaking_off, settlement

START = STARTED_NS // 60_000_000_000 // 1440 * 1440
END = START + 1440
HOUR_NS = 3600 * 10**9


def totals(store: Store, choice: Choice | None = None, level: str = "quarters", **kept: Any) -> list[dict[str, Any]]:
    """Sums of the day of STARTED_NS that are not 0, with what was grouped by."""
    choice = choice or Choice()
    with store.reading() as connection:
        found = rows.sums(connection, choice, level, (START, END), **kept)
    named = [{"what": what} | {name: sum_ for name, sum_ in zip(SUMS, sums, strict=True) if sum_} for what, _, *sums in found]
    return [{name: value for name, value in one.items() if value is not None} for one in named]


def mark_minutes(store: Store) -> None:
    """As if today were the day of STARTED_NS: minutes are kept by the minute."""
    store.set_meta("rollups_minutes_from", str(START - 1440))


@pytest.fixture
def drain(office: Office) -> Drain:
    mark_minutes(office.store)
    return office.drain()


def test_every_level_and_cube_has_the_same_sums_before_and_after_folding(office: Office, worker: Worker, drain: Drain) -> None:
    for number in range(12):
        one = settlement(key_id=1 + number % 3, workspace_id=1 + number % 2, started_ns=STARTED_NS + number * HOUR_NS // 4)
        worker.settle(one)
    drain.enter_all()
    choices = [Choice(), *(Choice({}, name) for name in rows.DIMENSIONS), Choice({"key_id": 1}), Choice({"key_id": 1}, "model")]
    before = [totals(office.store, choice, level) for choice in choices for level in LEVELS]
    assert [one["succeeded"] for one in totals(office.store, Choice({}, "key_id"))] == [4, 4, 4]
    assert [one["succeeded"] for one in totals(office.store, Choice({}, "workspace_id"))] == [6, 6]
    assert all(sum(one["succeeded"] for one in found) in (12, 4) for found in before)
    assert drain.rollups.fold() == 12
    assert [totals(office.store, choice, level) for choice in choices for level in LEVELS] == before
    assert drain.rollups.fold() == 0
    worker.settle(settlement())
    drain.enter_all()
    assert totals(office.store)[0]["succeeded"] == 13
    drain.rollups.fold()
    assert totals(office.store)[0]["succeeded"] == 13


def test_a_record_seen_twice_is_summed_up_once(office: Office, worker: Worker, drain: Drain) -> None:
    one = settlement()
    worker.settle(one, one)
    drain.enter_all()
    worker.settle(one, settlement())
    drain.enter_all()
    assert totals(office.store)[0]["succeeded"] == len(office.rows()) == 2


def test_a_pass_that_fails_leaves_no_sums_and_a_later_one_all(office: Office, worker: Worker, drain: Drain) -> None:
    for number in range(6):
        worker.settle(settlement(key_id=number + 1, model_served=f"model-{number}"))
    steps = 0
    while not breaking_off(office.store, drain.enter_all, steps):
        assert sum(one["succeeded"] for one in totals(office.store)) == len(office.rows())
        steps += 97
    assert steps > 500
    assert totals(office.store)[0]["succeeded"] == 6
    assert {one["what"] for one in totals(office.store, Choice({}, "model"))} == {f"model-{number}" for number in range(6)}


def test_folding_that_fails_changes_nothing(office: Office, worker: Worker, drain: Drain) -> None:
    for number in range(6):
        worker.settle(settlement(key_id=number + 1))
    drain.enter_all()
    steps = 0
    while not breaking_off(office.store, drain.rollups.fold, steps):
        assert totals(office.store)[0]["succeeded"] == 6
        steps += 211
    assert steps > 400
    assert totals(office.store)[0]["succeeded"] == 6


def test_names_that_no_upstream_answered_for_have_one_series(office: Office, worker: Worker, drain: Drain) -> None:
    invented = [settlement(model_served=f"invented-{number}", status=404, outcome=Outcome.REJECTED) for number in range(9)]
    worker.settle(*invented, settlement(model_served="", model_asked="", status=401, outcome=Outcome.REFUSED))
    drain.enter_all()
    assert [one["what"] for one in totals(office.store, Choice({}, "model"))] == [OTHER_MODELS]
    worker.settle(settlement(), settlement(status=529, outcome=Outcome.REJECTED))
    drain.enter_all()
    worker.settle(settlement(status=529, outcome=Outcome.REJECTED))
    drain.enter_all()
    found = {one["what"]: one for one in totals(office.store, Choice({}, "model"))}
    assert found[MODEL]["succeeded"] == 1
    assert found[MODEL]["server_error"] == 2


def test_a_restart_goes_on_with_the_series_that_are_there(office: Office, worker: Worker, drain: Drain) -> None:
    worker.settle(settlement())
    drain.enter_all()
    count = "SELECT count(*) FROM rollup_series"
    before = office.store.connection.execute(count).fetchone()
    again = office.drain()
    worker.settle(settlement(), settlement(status=500, outcome=Outcome.REJECTED))
    again.enter_all()
    assert office.store.connection.execute(count).fetchone() == before
    assert totals(office.store)[0]["succeeded"] == 2


def test_what_the_cache_saved_and_cost(office: Office, worker: Worker, drain: Drain) -> None:
    rate = office.prices.rate(MODEL, STARTED_NS)
    assert rate is not None
    worker.settle(settlement(usage=Usage(10, 1000, 100, 50, 1)), settlement(usage=Usage(0, 500, 0, 0, 0)))
    drain.enter_all()
    [found] = totals(office.store)
    assert found["cache_saved_nanodollars"] == 1500 * (rate.input_nanodollars - rate.cache_read_nanodollars)
    written = 100 * (rate.cache_write_5m_nanodollars - rate.input_nanodollars)
    written += 50 * (rate.cache_write_1h_nanodollars - rate.input_nanodollars)
    assert found["cache_paid_nanodollars"] == written


def test_what_is_old_is_forgotten(office: Office, worker: Worker, drain: Drain) -> None:
    worker.settle(settlement())
    drain.enter_all()
    drain.rollups.fold()
    drain.rollups.forget(STARTED_NS + 49 * HOUR_NS)
    assert totals(office.store, level="minutes") == []
    assert totals(office.store)[0]["succeeded"] == 1
    worker.settle(settlement())  # late: its minute is not kept any more
    drain.enter_all()
    drain.rollups.fold()
    assert totals(office.store, level="minutes") == []
    assert totals(office.store)[0]["succeeded"] == 2
    drain.rollups.forget(STARTED_NS + 402 * 24 * HOUR_NS)
    assert totals(office.store) == totals(office.store, level="days") == []


def test_requests_from_before_are_filled_in_piece_by_piece(office: Office, worker: Worker, drain: Drain) -> None:
    for _ in range(25):
        worker.settle(settlement())
    drain.enter_all()
    with office.store.transaction() as connection:
        connection.execute("DELETE FROM rollup_fresh")
        connection.execute("DELETE FROM rollup_parents")
        connection.execute("DELETE FROM rollup_series")
    office.store.set_meta("rollups_unfilled", "25")
    rollups = Rollups(office.store, office.prices)
    worker.settle(settlement())
    office.drain().enter_all()
    with capture_logs() as logs:
        assert [rollups.fill(10) for _ in range(5)] == [10, 10, 5, 0, 0]
    assert [line["requests_left"] for line in logs] == [15, 5, 0]
    assert totals(office.store)[0]["succeeded"] == 26


def test_a_filling_that_is_broken_off_goes_on(office: Office, worker: Worker, drain: Drain) -> None:
    for _ in range(12):
        worker.settle(settlement())
    drain.enter_all()
    office.store.connection.execute("DELETE FROM rollup_fresh")
    office.store.set_meta("rollups_unfilled", "12")
    steps = 0
    while not breaking_off(office.store, lambda: drain.rollups.fill(5), steps):
        assert totals(office.store) == []
        steps += 301
    while drain.rollups.fill(5):
        pass
    assert totals(office.store)[0]["succeeded"] == 12
