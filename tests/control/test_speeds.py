from gateway.control.metrics import Tally
from gateway.control.speeds import Speeds
from gateway.core.outcome import Outcome
from gateway.core.usage import Usage
from gateway.state.record import Flags
from tests.control.office import MODEL
from tests.control.test_metrics import observe, samples


def test_what_a_model_has_shown() -> None:
    tally = Tally()
    observe(tally, usage=Usage(1, 0, 0, 0, 300), duration_us=3_300_000, ttft_us=300_000)
    observe(tally, usage=Usage(1, 0, 0, 0, 100), duration_us=1_500_000, ttft_us=500_000)
    observe(tally, usage=Usage(1, 0, 0, 0, 500), duration_us=900_000, ttft_us=900_000, flags=Flags.NONE)  # not streamed
    observe(tally, status=200, outcome=Outcome.UPSTREAM_DIED, usage=Usage())
    speed = tally.speeds.find("anthropic", MODEL)
    assert (speed.succeeded, speed.failed, speed.streams) == (3, 1, 2)
    assert (speed.success_rate, speed.ttft_ms, speed.tokens_per_s) == (0.75, 400, 100.0)
    assert tally.speeds.models == [MODEL]
    shown = samples(tally)
    assert shown["gateway_model_requests_total", MODEL, "anthropic", "succeeded"] == 3
    assert shown["gateway_model_requests_total", MODEL, "anthropic", "failed"] == 1
    assert shown["gateway_model_ttft_seconds_count", MODEL, "anthropic"] == 2
    assert shown["gateway_model_ttft_seconds_sum", MODEL, "anthropic"] == 0.8
    assert shown["gateway_model_streamed_tokens_total", MODEL, "anthropic"] == 400
    assert shown["gateway_model_streaming_seconds_total", MODEL, "anthropic"] == 4.0


def test_what_the_upstream_did_not_decide_is_no_figure_of_it() -> None:
    tally = Tally()
    observe(tally)
    for changes in (
        {"outcome": Outcome.CLIENT_GONE},
        {"outcome": Outcome.REFUSED, "status": 429},
        {"outcome": Outcome.WORKER_KILLED},
        {"outcome": Outcome.REJECTED, "status": 400},
        {"outcome": Outcome.REJECTED, "status": 404},
        {"provider": ""},
    ):
        observe(tally, **changes)
    assert tally.speeds.find("anthropic", MODEL).failed == 0
    assert tally.speeds.find("anthropic", MODEL).succeeded == 1
    for status in (429, 500, 529):
        observe(tally, outcome=Outcome.REJECTED, status=status)
    assert tally.speeds.find("anthropic", MODEL).failed == 3


def test_nothing_is_known_of_what_was_never_asked() -> None:
    speed = Speeds().find("p", "m")
    assert (speed.success_rate, speed.ttft_ms, speed.tokens_per_s) == (None, None, None)
