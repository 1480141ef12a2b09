"""Speeds: what each model of each provider has shown since this process started, from the requests as they are entered.

Owns the sums and what they come to: success rate, time to first content, tokens a second. Written by the books' thread alone,
read from others. How each credential does is counted by the workers themselves, see `gateway.state.credentials`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from prometheus_client.metrics_core import CounterMetricFamily, Metric, SummaryMetricFamily

from gateway.core.outcome import Outcome

_UNDECIDED: Final = frozenset({int(Outcome.REFUSED), int(Outcome.CLIENT_GONE), int(Outcome.WORKER_KILLED)})
_FINISHED: Final = int(Outcome.FINISHED)
SERVER_ERROR: Final = 500
LIMITED: Final = 429
_LABELS: Final = ["provider", "model"]


@dataclass(slots=True)
class Speed:
    """Sums over the requests of one model at one provider. Streams alone tell times: `first_us` and `stream_us` are theirs."""

    succeeded: int = 0
    failed: int = 0
    streams: int = 0
    first_us: int = 0
    stream_us: int = 0
    stream_tokens: int = 0

    @property
    def success_rate(self) -> float | None:
        """Of the requests whose end the upstream decided; a request that was wrong in itself is neither."""
        decided = self.succeeded + self.failed
        return self.succeeded / decided if decided else None

    @property
    def ttft_ms(self) -> int | None:
        return round(self.first_us / self.streams / 1000) if self.streams else None

    @property
    def tokens_per_s(self) -> float | None:
        return round(self.stream_tokens * 1e6 / self.stream_us, 1) if self.stream_us else None


class Speeds:
    """Speed by provider and model."""

    def __init__(self) -> None:
        self._speeds: dict[tuple[str, str], Speed] = {}

    def observe(
        self,
        provider: str,
        model: str,
        outcome: int,
        status: int,
        duration_us: int,
        stream_ttft_us: int | None,
        output_tokens: int,
    ) -> None:
        """Adds one request. `model` is a bounded label, `stream_ttft_us` a stream's time to its first content."""
        if not provider or outcome in _UNDECIDED or (400 <= status < SERVER_ERROR and status != LIMITED):
            return
        speed = self._speeds.get((provider, model))
        if speed is None:
            speed = self._speeds[provider, model] = Speed()
        if outcome != _FINISHED:
            speed.failed += 1
            return
        speed.succeeded += 1
        if stream_ttft_us is not None and duration_us > stream_ttft_us and output_tokens > 0:
            speed.streams += 1
            speed.first_us += stream_ttft_us
            speed.stream_us += duration_us - stream_ttft_us
            speed.stream_tokens += output_tokens

    def find(self, provider: str, model: str) -> Speed:
        """The sums so far; all 0 for what was never asked."""
        return self._speeds.get((provider, model)) or Speed()

    def models_of(self, provider: str) -> list[str]:
        """Every model that this provider has answered for."""
        return sorted(model for name, model in list(self._speeds) if name == provider)

    def of_provider(self, provider: str) -> Speed:
        """The sums over all models of a provider."""
        total = Speed()
        for (name, _), one in list(self._speeds.items()):
            if name == provider:
                total.succeeded += one.succeeded
                total.failed += one.failed
                total.streams += one.streams
                total.first_us += one.first_us
                total.stream_us += one.stream_us
                total.stream_tokens += one.stream_tokens
        return total

    @property
    def models(self) -> list[str]:
        """Every model that an upstream has answered for."""
        return sorted({model for _, model in list(self._speeds)})

    def families(self) -> Iterator[Metric]:
        """As metric families."""
        ended = CounterMetricFamily(
            "gateway_model_requests", "Requests whose end the upstream decided.", labels=[*_LABELS, "result"]
        )
        first = SummaryMetricFamily("gateway_model_ttft_seconds", "Streams: to the first content.", labels=_LABELS)
        tokens = CounterMetricFamily("gateway_model_streamed_tokens", "Streams: tokens of the answers.", labels=_LABELS)
        seconds = CounterMetricFamily(
            "gateway_model_streaming_seconds", "Streams: from the first content to the last.", labels=_LABELS
        )
        for (provider, model), speed in list(self._speeds.items()):
            labels = [provider, model]
            ended.add_metric([*labels, "succeeded"], speed.succeeded)
            ended.add_metric([*labels, "failed"], speed.failed)
            first.add_metric(labels, speed.streams, speed.first_us / 1e6)
            tokens.add_metric(labels, speed.stream_tokens)
            seconds.add_metric(labels, speed.stream_us / 1e6)
        yield from (ended, first, tokens, seconds)
