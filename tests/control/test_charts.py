"""Charts agree with the requests they are made of, in every zone, at the edges of daylight saving."""

import random
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from gateway.control import charts, spans
from gateway.control.books.drain import Drain
from gateway.control.store import Store
from gateway.control.store import requests as request_rows
from gateway.control.store.rollups import SUMS, Choice
from gateway.core.outcome import Outcome
from gateway.core.usage import Usage
from tests.control.office import Office, Worker, settlement

ZONES = ["Asia/Kolkata", "Asia/Kathmandu", "America/Los_Angeles", "Europe/Moscow"]
# Both changes of the clocks in Los Angeles in 2026 lie in one of these.
RANGES = [("2026-03-01", "2026-03-14"), ("2026-10-27", "2026-11-06")]
NOW = 1_795_000_000
REQUESTS = 700
PLACES = {name: place for place, name in enumerate(SUMS)}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Requests all over the ranges and on the very edges of days, in the books; half of them folded."""
    random.seed(11)
    office = Office(Path(tmp_path_factory.mktemp("charts")))
    worker = Worker(office)
    drain: Drain = office.drain()
    edges = {spans.midnight_s(day, zone) + offset
             for zone in ZONES for since, until in RANGES for offset in (-1, 0)
             for day in (date.fromisoformat(since), date.fromisoformat(until))}  # fmt: skip
    starts = [*sorted(edges)]
    while len(starts) < REQUESTS:
        since, until = random.choice(RANGES)
        starts.append(random.randrange(spans.moment_s(since, NOW) - 86400, spans.moment_s(until, NOW) + 86400))
    for number, start_s in enumerate(starts):
        status, outcome = random.choice([(200, Outcome.FINISHED)] * 4 + [(429, Outcome.REFUSED), (529, Outcome.UPSTREAM_DIED)])
        used = Usage(random.randrange(99), random.randrange(99), 3, 2, random.randrange(99)) if status == 200 else Usage()
        facts = {"key_id": 1 + number % 5, "workspace_id": 1 + number % 2, "model_served": f"m{number % 3}", "usage": used}
        ns = start_s * 10**9 + random.randrange(10**9)
        worker.settle(settlement(started_ns=ns, status=status, outcome=outcome, **facts))
        drain.enter_all()
        if number == REQUESTS // 2:
            drain.rollups.fold()
    yield office.store
    worker.die()
    office.close()


def brief(sums: list[int]) -> tuple[int, ...]:
    """Requests, errors, tokens of each class, cost."""
    return (sum(sums[:6]), sum(sums[2:6]), *sums[6:11], sums[PLACES["cost_nanodollars"]])


def counted(store: Store, start_s: int, end_s: int) -> tuple[int, ...]:
    """The same, from the requests."""
    columns = "count(*), sum(outcome NOT IN (1, 4, 7) OR status >= 400), sum(input_tokens), sum(cache_read_tokens), "
    columns += "sum(cache_write_5m_tokens), sum(cache_write_1h_tokens), sum(output_tokens), sum(cost_nanodollars)"
    statement = f"SELECT {columns} FROM requests WHERE started_ns >= ? AND started_ns < ?"
    found = store.connection.execute(statement, (start_s * 10**9, end_s * 10**9)).fetchone()
    return tuple(value or 0 for value in found)


@pytest.mark.parametrize("zone", ["UTC", *ZONES])
@pytest.mark.parametrize(("since", "until"), RANGES)
def test_single_days_make_the_range_and_both_are_the_requests(store: Store, zone: str, since: str, until: str) -> None:
    span = spans.span(since, until, "1d", zone, NOW, NOW)
    with store.reading() as connection:
        days = [brief(sums) for sums in charts.points(connection, Choice(), span)[None]]
        whole = brief(charts.totals(connection, Choice(), span.start_s, span.end_s)[None])
    assert tuple(map(sum, zip(*days, strict=True))) == whole == counted(store, span.start_s, span.end_s)
    assert days == [counted(store, a, b) for a, b in zip(span.edges, span.edges[1:], strict=False)]
    single = [
        spans.span(spans.iso(a, zone), spans.iso(b, zone), None, zone, NOW, NOW)
        for a, b in zip(span.edges, span.edges[1:], strict=False)
    ]
    with store.reading() as connection:
        alone = [charts.totals(connection, Choice(), one.start_s, one.end_s).get(None, [0] * len(SUMS)) for one in single]
    assert [brief(sums) for sums in alone] == days


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("step", ["15m", "1h", "6h", "1d", "7d"])
def test_every_step_makes_the_same_range(store: Store, zone: str, step: str) -> None:
    span = spans.span("2026-11-01", "2026-11-04", step, zone, NOW, NOW)
    with store.reading() as connection:
        points = [brief(sums) for sums in charts.points(connection, Choice(), span)[None]]
    assert points == [counted(store, a, b) for a, b in zip(span.edges, span.edges[1:], strict=False)]


@pytest.mark.parametrize("by", ["key_id", "workspace_id", "model", "provider", "series"])
def test_groups_make_the_whole(store: Store, by: str) -> None:
    span = spans.span("2026-10-27", "2026-11-06", None, "Asia/Kathmandu", NOW, NOW)
    with store.reading() as connection:
        groups = charts.totals(connection, Choice({}, by), span.start_s, span.end_s)
        lines = charts.points(connection, Choice({}, by), span)
        whole = charts.totals(connection, Choice(), span.start_s, span.end_s)[None]
    assert list(map(sum, zip(*groups.values(), strict=True))) == whole
    for what, points in lines.items():
        assert list(map(sum, zip(*points, strict=True))) == groups[what]


def test_a_restriction_is_the_group_of_that_name(store: Store) -> None:
    start_s, end_s = spans.moment_s("2026-10-27", NOW), spans.moment_s("2026-11-06", NOW)
    with store.reading() as connection:
        groups = charts.totals(connection, Choice({}, "key_id"), start_s, end_s)
        for key_id, sums in groups.items():
            assert charts.totals(connection, Choice({"key_id": key_id}), start_s, end_s) == {None: sums}
        both = charts.totals(connection, Choice({"key_id": 1, "model": "m0"}), start_s, end_s)[None]
        by_model = charts.totals(connection, Choice({"key_id": 1}, "model"), start_s, end_s)
        points = charts.points(
            connection, Choice({}, "key_id"), spans.span("2026-11-01", "2026-11-02", None, "UTC", NOW, NOW), groups=[2]
        )
    assert by_model["m0"] == both
    assert points.keys() == {2}


def test_totals_are_those_of_usage(store: Store) -> None:
    since_s = spans.moment_s("2026-10-30", NOW, "Asia/Kathmandu")
    with store.reading() as connection:
        told = request_rows.usage(connection, "key", since_s * 10**9, None, 100)
        groups = charts.totals(connection, Choice({}, "key_id"), since_s, NOW // 900 * 900)
    assert {one.after: tuple(one[3:]) for one in told} == {key_id: brief(sums) for key_id, sums in groups.items()}
