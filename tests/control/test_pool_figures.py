from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.control.metrics import Exposition
from gateway.control.pool_figures import pool_figures
from gateway.upstream.pool.reading import Told
from gateway.upstream.pool.standing import Ending
from tests.control.office import Office
from tests.control.test_pool import BAD, GOOD, Place, provider


@pytest.fixture
def place(office: Office) -> Iterator[Place]:
    place = Place(office, provider(GOOD, BAD))
    yield place
    place.slot.release()


def test_figures_of_the_pool(place: Place) -> None:
    place.call(tried=2, first_token_us=500_000, cache_read_tokens=70, cache_write_tokens=8)
    place.call(Told(Ending.REFUSED), tried=1)
    held = place.pool.pick("m", 5, place.now_ms)
    assert held is not None
    text = Exposition(pool_figures(place.desk)).text().decode()
    shown = {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
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
