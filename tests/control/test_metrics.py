from prometheus_client.parser import text_string_to_metric_families

from gateway.catalog.prices import Price, PriceList, Rate
from gateway.control.books.entry import Pricing
from gateway.control.metrics import MODELS_MAX, OTHER, Exposition, Tally
from gateway.core.outcome import Outcome
from gateway.core.usage import Usage
from tests.control.office import MODEL, settlement

PRICING = Pricing(PriceList([Price("*", 0, Rate(1, 1, 1, 1, 1))], "v"), 1)


def observe(tally: Tally, **changes: object) -> None:
    tally.observe(PRICING.row(settlement(**changes).pack()))


def samples(tally: Tally) -> dict[tuple[str, ...], float]:
    text = Exposition(tally.families).text().decode()
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_figures_are_those_of_the_requests() -> None:
    tally = Tally()
    observe(tally, usage=Usage(1, 2, 3, 4, 5), duration_us=2_000_000, ttft_us=300_000)
    observe(tally, usage=Usage(10, 0, 0, 0, 0), duration_us=50_000, ttft_us=None)
    observe(tally, status=529, outcome=Outcome.REJECTED, usage=Usage(), duration_us=700_000_000, ttft_us=None)
    shown = samples(tally)
    assert shown["gateway_requests_total", MODEL, "finished", "200"] == 2
    assert shown["gateway_requests_total", MODEL, "rejected", "529"] == 1
    classes = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output")
    assert [shown["gateway_tokens_total", name, MODEL] for name in classes] == [11, 2, 3, 4, 5]
    assert shown["gateway_cost_nanodollars_total", MODEL] == 25
    assert shown["gateway_request_duration_seconds_bucket", "0.05"] == 1
    assert shown["gateway_request_duration_seconds_bucket", "2.5"] == 2
    assert shown["gateway_request_duration_seconds_bucket", "600"] == 2
    assert shown["gateway_request_duration_seconds_bucket", "+Inf"] == 3
    assert shown[("gateway_request_duration_seconds_sum",)] == 702.05
    assert shown[("gateway_ttft_seconds_count",)] == 1


def test_a_name_that_no_upstream_took_gets_no_label() -> None:
    tally = Tally()
    observe(tally, model_served="", model_asked="x" * 60, status=404, outcome=Outcome.REJECTED, usage=Usage())
    assert list(tally.requests) == [(OTHER, 404, Outcome.REJECTED)]


def test_the_number_of_labels_is_bounded() -> None:
    tally = Tally()
    for number in range(MODELS_MAX + 50):
        observe(tally, model_served=f"model-{number}")
    assert len(tally.requests) == MODELS_MAX + 1
    assert tally.requests[OTHER, 200, Outcome.FINISHED] == 50


def test_a_name_cannot_break_the_text() -> None:
    tally = Tally()
    observe(tally, model_served='a"b\\c\nd')
    assert samples(tally)["gateway_requests_total", 'a"b\\c\nd', "finished", "200"] == 1


def test_lost_lines_are_counted() -> None:
    tally = Tally()
    tally.drop(3)
    assert samples(tally)[("gateway_log_lines_dropped_total",)] == 3
