"""Refused keys are tested within a second, and the log is told who leaves and who comes back."""

import asyncio
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from gateway.control.pool_watch import REVIVE_AGAIN_MS, PoolWatch
from gateway.simulator.process import SimulatorProcess
from gateway.upstream.pool.reading import Told
from gateway.upstream.pool.standing import VOUCHED_MS, Ending
from tests.control.office import Office
from tests.control.test_pool import BAD, GOOD, Place, provider


@pytest.fixture
def place(office: Office) -> Iterator[Place]:
    with SimulatorProcess(keys=[GOOD]) as sim:
        place = Place(office, provider(GOOD, BAD, url=sim.url))
        yield place
        place.slot.release()


def look(watch: PoolWatch) -> list[tuple[object, ...]]:
    with capture_logs() as logs:
        asyncio.run(watch.look())
    return [(line["event"], line["number"], line.get("state") or line.get("verdict")) for line in logs]


def test_a_403_that_was_the_callers_own_costs_a_second(place: Place) -> None:
    watch = PoolWatch(place.desk)
    assert look(watch) == []
    place.call(Told(Ending.FORBIDDEN), tried=2)
    assert look(watch) == [("key changed", 1, "refused"), ("key tested", 1, "taken")]
    assert place.call(tried=2) == 0
    for _ in range(5):
        assert place.call(Told(Ending.FORBIDDEN), tried=2) == 0  # further ones are taken for callers' own
    assert look(watch) == [("key changed", 1, "healthy")]
    place.clock.advance(VOUCHED_MS / 1000)
    place.call(Told(Ending.FORBIDDEN), tried=2)
    assert look(watch)[-1] == ("key tested", 1, "taken")


def test_a_key_that_is_really_refused_is_asked_about_once(place: Place) -> None:
    watch = PoolWatch(place.desk)
    place.call(Told(Ending.REFUSED), tried=1)
    assert look(watch) == [("key changed", 2, "refused"), ("key tested", 2, "refused")]
    place.clock.advance(30)
    assert look(watch) == []
    place.clock.advance(30)
    place.call(Told(Ending.REFUSED), tried=1)  # its probe fails too
    assert look(watch) == [("key tested", 2, "refused")]


def test_a_test_that_shows_nothing_does_not_bring_a_key_back_every_second(place: Place) -> None:
    watch = PoolWatch(place.desk)
    place.call(Told(Ending.REFUSED), tried=2)
    assert look(watch)[-1] == ("key tested", 1, "taken")
    place.call(Told(Ending.REFUSED), tried=2)
    assert look(watch) == []
    place.clock.advance(REVIVE_AGAIN_MS / 1000)
    assert look(watch)[-1] == ("key tested", 1, "taken")


def test_what_cannot_be_asked_is_asked_again_later(office: Office) -> None:
    place = Place(office, provider(GOOD, url="http://127.0.0.1:9"))
    watch = PoolWatch(place.desk)
    place.call(Told(Ending.REFUSED))
    assert look(watch)[-1] == ("key tested", 1, "unreachable")
    assert look(watch) == []
    place.clock.advance(10)
    assert look(watch) == [("key tested", 1, "unreachable")]
    place.slot.release()


def test_drained_keys_are_told_and_not_tested(place: Place) -> None:
    watch = PoolWatch(place.desk)
    first, _ = place.desk
    place.call(Told(Ending.REFUSED), tried=2)
    place.desk.drain(first)
    assert look(watch) == [("key changed", 1, "drained")]
    assert look(watch) == []


def test_it_runs_until_it_is_told_to_stop(place: Place) -> None:
    async def run() -> None:
        stop = asyncio.Event()
        task = asyncio.create_task(PoolWatch(place.desk).run(stop))
        await asyncio.sleep(0)
        stop.set()
        await asyncio.wait_for(task, 5)

    asyncio.run(run())
