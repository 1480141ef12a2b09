from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.control.metrics import Exposition
from gateway.control.pool_figures import pool_figures
from gateway.upstream.pool.reading import Told
from gateway.upstream.pool.standing import Ending
from tests.control.office import Office
from tests.control.test_pool import BAD, GOOD, MODEL, Place, provider


@pytest.fixture
def place(office: Office) -> Iterator[Place]:
    place = Place(office, provider(GOOD, BAD))
    yield place
    place.slot.release()


def exposed(place: Place) -> str:
    return Exposition(pool_figures(place.desk, lambda: [MODEL])).text().decode()


def samples(text: str) -> dict[tuple[str, ...], float]:
    """By name and values of labels, in the order of the labels' names."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_figures_of_the_pool(place: Place) -> None:
    place.call(tried=2, first_token_us=500_000, cache_read_tokens=70, cache_write_tokens=8)
    place.call(Told(Ending.REFUSED), tried=1)
    held = place.pool.pick("m", 5, place.now_ms)
    assert held is not None
    text = exposed(place)
    shown = samples(text)
    assert shown["gateway_pool_provider_up", "anthropic"] == 1
    assert [shown["gateway_pool_up", number, "anthropic"] for number in "12"] == [1, 0]
    assert shown["gateway_pool_state", "1", "anthropic", "healthy"] == 1
    assert shown["gateway_pool_state", "2", "anthropic", "refused"] == 1
    assert shown["gateway_pool_in_flight", "1", "anthropic"] == 1
    assert shown["gateway_pool_picks_total", "1", "anthropic"] == 2
    assert shown["gateway_pool_calls_total", "fine", "1", "anthropic"] == 1
    assert shown["gateway_pool_calls_total", "refused", "2", "anthropic"] == 1
    assert shown["gateway_pool_first_token_seconds_sum", "1", "anthropic"] == 0.5
    assert shown["gateway_pool_cache_tokens_total", "read", "1", "anthropic"] == 70
    assert (
        shown["gateway_pool_conversations_total", "1", "anthropic", "stayed"]
        + shown["gateway_pool_conversations_total", "1", "anthropic", "left"]
        == 1
    )
    assert GOOD not in text
    assert BAD not in text


def test_figures_of_each_model(place: Place) -> None:
    """What is limited at one model is up as a key, and down for that model; an overload of the provider is down for all keys."""
    place.call(tried=2, first_token_us=500_000, stream_us=1_000_000, output_tokens=40)
    place.call(tried=1)
    place.call(tried=2, first_token_us=500_000, stream_us=1_000_000, output_tokens=40)
    shown = samples(exposed(place))
    assert [shown["gateway_pool_model_up", MODEL, number, "anthropic"] for number in "12"] == [1, 1]
    assert shown["gateway_pool_model_ttft_seconds", MODEL, "1", "anthropic"] == 0.5
    assert shown["gateway_pool_model_tokens_per_second", MODEL, "1", "anthropic"] == 40
    assert ("gateway_pool_model_tokens_per_second", MODEL, "2", "anthropic") not in shown
    place.call(Told(Ending.LIMITED, 429, 7_000), tried=2)
    shown = samples(exposed(place))
    assert [shown["gateway_pool_model_up", MODEL, number, "anthropic"] for number in "12"] == [0, 1]
    assert shown["gateway_pool_up", "1", "anthropic"] == 1
    assert shown["gateway_pool_model_success", MODEL, "1", "anthropic"] == 1
    place.call(Told(Ending.OVERLOADED, 529, 7_000), tried=1)
    assert samples(exposed(place))["gateway_pool_model_up", MODEL, "2", "anthropic"] == 0
    place.clock.advance(8)
    place.desk.drain(place.desk.find("anthropic", "2"))
    shown = samples(exposed(place))
    assert [shown["gateway_pool_model_up", MODEL, number, "anthropic"] for number in "12"] == [1, 0]
