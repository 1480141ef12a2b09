"""The status of upstreams for everybody: with how many keys each model can be had, and what it has shown."""

from collections.abc import Iterator
from typing import Any

import pytest

from gateway.control.pool_health import pool_health
from gateway.control.speeds import Speeds
from gateway.core.outcome import Outcome
from gateway.upstream.pool.reading import Told
from gateway.upstream.pool.standing import Ending
from tests.control.office import Office
from tests.control.test_pool import BAD, GOOD, MODEL, Place, provider

UNKNOWN = {"success": None, "ttft_ms": None, "tokens_per_s": None}


@pytest.fixture
def place(office: Office) -> Iterator[Place]:
    place = Place(office, provider(GOOD, BAD))
    yield place
    place.slot.release()


def health(place: Place, speeds: Speeds) -> dict[str, Any]:
    [found] = pool_health(place.desk, speeds)
    assert "canary" not in str(found)
    return found


def test_nothing_is_known_of_what_was_never_asked(place: Place) -> None:
    assert health(place, Speeds()) == {"provider": "anthropic", "up": True, "keys": 2, "keys_up": 2, **UNKNOWN, "models": []}


def test_figures_of_a_provider_and_its_models(place: Place) -> None:
    speeds = Speeds()
    speeds.observe("anthropic", MODEL, int(Outcome.FINISHED), 200, 1_200_000, 200_000, 50)
    speeds.observe("anthropic", "other", int(Outcome.UPSTREAM_DIED), 200, 1_000, None, 0)
    speeds.observe("elsewhere", "other", int(Outcome.FINISHED), 200, 1_000, None, 0)
    found = health(place, speeds)
    assert {name: found[name] for name in UNKNOWN} == {"success": 0.5, "ttft_ms": 200, "tokens_per_s": 50.0}
    assert found["models"] == [
        {"model": MODEL, "keys_up": 2, "success": 1.0, "ttft_ms": 200, "tokens_per_s": 50.0},
        {"model": "other", "keys_up": 2, "success": 0.0, "ttft_ms": None, "tokens_per_s": None},
    ]


def test_keys_that_are_out_are_not_counted(place: Place) -> None:
    speeds = Speeds()
    for model in (MODEL, "other"):
        speeds.observe("anthropic", model, int(Outcome.FINISHED), 200, 1_000, None, 0)

    def counted() -> tuple[bool, int, list[int]]:
        found = health(place, speeds)
        return found["up"], found["keys_up"], [one["keys_up"] for one in found["models"]]

    place.call(tried=2)
    place.call(tried=1)
    place.call(Told(Ending.LIMITED, 429, 30_000), tried=2)
    assert counted() == (True, 2, [1, 2])
    place.call(Told(Ending.REFUSED), tried=1)
    assert counted() == (True, 1, [0, 1])
    place.clock.advance(60)
    assert counted() == (True, 2, [2, 2])
    place.call(Told(Ending.OVERLOADED, 529, 30_000))
    assert counted() == (True, 2, [0, 2])
    place.desk.drain(place.desk.find("anthropic", "1"))
    assert counted() == (True, 1, [0, 1])
    place.clock.advance(60)
    for _ in range(2):
        place.call(Told(Ending.UNREACHABLE))
    assert counted() == (False, 1, [0, 0])
