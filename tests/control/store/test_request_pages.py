"""Pages of requests: every restriction finds what a walk over all finds, page by page, in order."""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.control.store import Store, request_pages
from gateway.control.store.request_pages import Place, Wanted, page
from gateway.control.store.requests import RequestRow
from gateway.core.outcome import Outcome
from tests.control.office import STARTED_NS, Office, Worker, settlement

HOUR_NS = 3600 * 10**9
EVERYTHING = Wanted(0, 2**62)
ENDINGS = [(200, Outcome.FINISHED)] * 6 + [
    (200, Outcome.CLIENT_GONE), (429, Outcome.REFUSED), (404, Outcome.REJECTED), (529, Outcome.REJECTED),
    (200, Outcome.UPSTREAM_DIED),
]  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """600 requests over three weeks, thick and thin; many of them start in the same moment. Some are folded."""
    random.seed(3)
    office = Office(Path(tmp_path_factory.mktemp("pages")))
    worker, drain = Worker(office), office.drain()
    for number in range(600):
        status, outcome = random.choice(ENDINGS)
        started_ns = STARTED_NS - random.randrange(21 * 24) * HOUR_NS + (random.randrange(10**9) if number % 3 else 0)
        facts = {"key_id": random.choice([1] * 9 + [2]), "workspace_id": 1 + number % 2, "model_served": f"m{number % 3}"}
        worker.settle(settlement(
            started_ns=started_ns, status=status, outcome=outcome, provider=random.choice(["p"] * 30 + ["q"]),
            duration_us=random.randrange(10**7), **facts
        ))  # fmt: skip
        drain.enter_all()
        if number == 500:
            drain.rollups.fold()
    yield office.store
    worker.die()
    office.close()


RESTRICTIONS: list[dict[str, Any]] = [
    {}, {"key_id": 1}, {"key_id": 2}, {"key_id": 77}, {"workspace_id": 2}, {"model": "m1"}, {"model": "none"}, {"provider": "q"},
    {"status": "429"}, {"status": "4xx"}, {"status": "5xx"}, {"status": "2xx"}, {"status": "529"}, {"status": "404"},
    {"outcome": int(Outcome.CLIENT_GONE)}, {"errors_only": True}, {"duration_us_min": 9_000_000}, {"surface": 1},
    {"within": frozenset({2})}, {"within": frozenset()}, {"within": frozenset({1, 2}), "key_id": 2},
    {"within": frozenset({1}), "workspace_id": 2},
    {"key_id": 2, "errors_only": True}, {"provider": "q", "status": "5xx"}, {"since_ns": STARTED_NS - 100 * HOUR_NS},
    {"until_ns": STARTED_NS - 100 * HOUR_NS},
    {"key_id": 2, "since_ns": STARTED_NS - 300 * HOUR_NS, "until_ns": STARTED_NS - 9 * HOUR_NS},
]  # fmt: skip


EQUAL = ("key_id", "workspace_id", "provider", "outcome", "surface")


def fits(row: Any, wanted: Wanted) -> bool:
    status = wanted.status or str(row.status)
    is_error = row.outcome not in (1, 4, 7) or row.status >= 400
    return (
        wanted.since_ns <= row.started_ns < wanted.until_ns
        and all(getattr(wanted, name) in (None, getattr(row, name)) for name in EQUAL)
        and (wanted.within is None or row.workspace_id in wanted.within)
        and wanted.model in (None, row.model_served, row.model_asked)
        and str(row.status)[: 1 if status.endswith("xx") else 3] == status.removesuffix("xx")
        and (is_error or not wanted.errors_only)
        and row.duration_us >= (wanted.duration_us_min or 0)
    )  # fmt: skip


@pytest.mark.parametrize("restriction", RESTRICTIONS, ids=str)
@pytest.mark.parametrize(("limit", "scan"), [(1000, 40_000), (7, 40_000), (50, 90)])
def test_pages_are_all_that_fits_in_order(
    store: Store, restriction: dict[str, Any], limit: int, scan: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_pages, "PIECE_ROWS", 40)
    wanted = replace(EVERYTHING, **restriction)
    with store.reading() as connection:
        everything = page(connection, EVERYTHING, None, 10_000).rows
        assert len(everything) == 600
        found, after, pages = [], None, 0
        while True:
            part = page(connection, wanted, after, limit, scan)
            assert len(part.rows) <= limit
            found += part.rows
            pages += 1
            if part.next is None:
                break
            assert after is None or part.next < after
            after = part.next
            assert pages < 700
    order = sorted(everything, key=lambda row: (row.started_ns, row.request_id), reverse=True)
    assert found == [row for row in order if fits(row, wanted)]


def test_without_rollups_the_same_is_found(store: Store) -> None:
    wanted = replace(EVERYTHING, key_id=2)
    with store.reading() as connection:
        before = page(connection, wanted, None, 1000).rows
    store.set_meta("rollups_unfilled", "1")
    try:
        with store.reading() as connection:
            assert page(connection, wanted, None, 1000).rows == before
    finally:
        store.set_meta("rollups_unfilled", "0")


def test_what_is_older_than_rollups_are_kept_is_found(store: Store) -> None:
    wanted = replace(EVERYTHING, key_id=2)
    with store.reading() as connection:
        before = page(connection, wanted, None, 1000).rows
    store.set_meta("rollups_days_from", str(STARTED_NS // 86_400_000_000_000 - 9))
    try:
        with store.reading() as connection:
            assert page(connection, wanted, None, 1000).rows == before
    finally:
        store.set_meta("rollups_days_from", "0")


def test_one_page_looks_at_a_bounded_number_of_rows(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_pages, "PIECE_ROWS", 40)
    with store.reading() as connection:
        part = page(connection, replace(EVERYTHING, duration_us_min=2**32), None, 50, 80)
    assert part.rows == []
    assert isinstance(part.next, Place)


def test_a_page_that_is_late_shows_what_it_has_and_goes_on(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_pages, "PIECE_ROWS", 40)
    wanted = Wanted(0, 2**62, duration_us_min=9_000_000)
    with store.reading() as connection:
        whole = page(connection, wanted, None, 1000)
        assert (whole.next, len(whole.rows) > 20) == (None, True)
        found: list[RequestRow] = []
        after, parts = None, 0
        while True:
            part = page(connection, wanted, after, 1000, is_late=lambda: True)
            found, after, parts = found + part.rows, part.next, parts + 1
            if after is None:
                break
    assert found == whole.rows
    assert parts > 10


def test_an_empty_database_has_an_empty_page(office: Office) -> None:
    for restriction in RESTRICTIONS:
        with office.store.reading() as connection:
            assert page(connection, replace(EVERYTHING, **restriction), None, 5) == ([], None)
