import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from structlog.testing import capture_logs

from gateway.control.books.keeper import Keeper
from gateway.control.jobs import Jobs
from gateway.core.clock import ManualClock
from tests.control.office import Office, Worker, settlement


async def until(condition: Callable[[], object], timeout_s: float = 10.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "waited in vain"
        await asyncio.sleep(0.002)


def keep(office: Office, act: Callable[[Keeper], "asyncio.Future[None] | object"]) -> None:
    """Runs a keeper with a short interval while `act` runs, then stops it."""

    async def main() -> None:
        with ThreadPoolExecutor(1) as executor:
            keeper = Keeper(office.drain(), Jobs(ManualClock()), executor, office.tally, ManualClock(), interval_s=0.002)
            stop = asyncio.Event()
            keeping = asyncio.create_task(keeper.run(stop))
            await act(keeper)  # type: ignore[misc]
            stop.set()
            await asyncio.wait_for(keeping, 10)

    asyncio.run(main())


def test_the_books_are_kept_while_it_runs_and_once_more_at_the_end(office: Office, worker: Worker) -> None:
    async def act(keeper: Keeper) -> None:
        worker.settle(settlement())
        await until(lambda: sum(office.tally.requests.values()) == 1)
        worker.settle(settlement())

    keep(office, act)
    assert len(office.rows()) == 2


def test_dead_workers_are_found(office: Office, worker: Worker) -> None:
    async def act(keeper: Keeper) -> None:
        worker.inflight.open(settlement().pack())
        worker.die()
        await until(lambda: sum(office.tally.requests.values()) == 1)

    with capture_logs() as logs:
        keep(office, act)
    assert [log["event"] for log in logs] == ["settled requests of dead workers"]


def test_a_failing_database_is_reported_once_and_survived(office: Office, worker: Worker) -> None:
    """R19: locked for many passes; one error line, one line when it is over, nothing lost."""
    office.store.connection.execute("PRAGMA busy_timeout = 1")

    async def act(keeper: Keeper) -> None:
        other = sqlite3.connect(office.paths.gateway_db, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        worker.settle(settlement())
        await until(lambda: office.tally.enter_failures >= 4)
        assert keeper.failing
        other.execute("ROLLBACK")
        other.close()
        await until(lambda: not keeper.failing)

    with capture_logs() as logs:
        keep(office, act)
    assert [(log["log_level"], log["event"]) for log in logs] == [
        ("error", "books cannot be written"),
        ("info", "books are written again"),
    ]
    assert "locked" in logs[0]["error"]
    assert len(office.rows()) == 1


def test_a_bug_does_not_end_the_books(office: Office, worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    def bug() -> None:
        raise ZeroDivisionError

    async def act(keeper: Keeper) -> None:
        monkeypatch.setattr(keeper, "_pass", bug)
        await until(lambda: keeper.failing)
        monkeypatch.undo()
        worker.settle(settlement())
        await until(lambda: not keeper.failing and office.tally.requests)

    with capture_logs() as logs:
        keep(office, act)
    assert logs[0]["error"] == "ZeroDivisionError"
    assert len(office.rows()) == 1


def test_the_age_of_the_books_is_told_in_seconds(office: Office) -> None:
    clock = ManualClock()
    with ThreadPoolExecutor(1) as executor:
        keeper = Keeper(office.drain(), Jobs(clock), executor, office.tally, clock)
        clock.advance(3)
        assert keeper.age_s == 3.0
        assert asyncio.run(keeper.turn())
        assert keeper.age_s == 0.0
