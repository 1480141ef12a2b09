"""Metrics: what has been counted since this process started, in Prometheus' form.

Request figures come from the books as they are entered, so every worker's scrape shows the same. They are kept as plain numbers
and turned into metric families only when somebody scrapes: the books enter thousands of requests a second, a scrape comes every
fifteen seconds. Worker figures are read from the shared file at the scrape itself. Labels are bounded: a model name gets a
label of its own only once an upstream has answered for it, and only the first 200 do.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.control.speeds import Speeds
from gateway.control.store import RequestRow
from gateway.control.strangers import Refusal, Strangers
from gateway.core.outcome import Outcome
from gateway.state.record import Flags

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MODELS_MAX = 200
OTHER = "other"
BUCKETS_S = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
TOKEN_CLASSES = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output")

_COLUMNS = RequestRow._fields
_MODEL_ASKED = _COLUMNS.index("model_asked")
_MODEL_SERVED = _COLUMNS.index("model_served")
_STREAM = int(Flags.STREAM)
_PROVIDER = _COLUMNS.index("provider")
_COST = _COLUMNS.index("cost_nanodollars")
_TOKENS = slice(_COLUMNS.index("input_tokens"), _COLUMNS.index("output_tokens") + 1)
_BUCKETS_US = tuple(round(bound_s * 1e6) for bound_s in BUCKETS_S)
_BUCKET_NAMES = (*(f"{bound_s:g}" for bound_s in BUCKETS_S), "+Inf")
_OUTCOME_WORDS = {int(outcome): outcome.word for outcome in Outcome}


class Histogram:
    """Counts per bucket and a sum, in microseconds."""

    __slots__ = ("counts", "sum_us")

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS_S) + 1)
        self.sum_us = 0

    def observe(self, value_us: int) -> None:
        self.counts[bisect_left(_BUCKETS_US, value_us)] += 1
        self.sum_us += value_us

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative counts by upper bound in seconds, as Prometheus wants them."""
        total = 0
        cumulative: list[tuple[str, float]] = []
        for name, count in zip(_BUCKET_NAMES, self.counts, strict=True):
            total += count
            cumulative.append((name, total))
        return cumulative


class Tally:
    """Sums over the requests entered in the books. Written by the books' thread alone; a scrape reads it from another."""

    def __init__(self) -> None:
        self.requests: defaultdict[tuple[str, int, int], int] = defaultdict(int)
        self.tokens: defaultdict[str, list[int]] = defaultdict(lambda: [0] * len(TOKEN_CLASSES))
        self.cost_nanodollars: defaultdict[str, int] = defaultdict(int)
        self.duration = Histogram()
        self.ttft = Histogram()
        self.speeds = Speeds()
        self.strangers = Strangers()
        self.enter_failures = 0
        self.records_unreadable = 0
        self.cost_differences = 0
        self.log_lines_dropped = 0
        self._labels: dict[str, str] = {}

    def drop(self, log_lines: int) -> None:
        """Counts lines of the request log that were lost."""
        self.log_lines_dropped += log_lines

    def label(self, model: str, status: int) -> str:
        """The bounded label of a model name."""
        label = self._labels.get(model)
        if label is None:
            if status >= 400 or not model or len(self._labels) >= MODELS_MAX:
                return OTHER
            self._labels[model] = label = model
        return label

    def observe(self, row: tuple[Any, ...]) -> None:
        """Adds one request, a row of the books."""
        _, started_ns, duration_us, ttft_us, key_id, status, outcome, fault, flags = row[:9]
        if not key_id:
            self.strangers.note(Refusal(started_ns, status, fault))
        label = self.label(row[_MODEL_SERVED] or row[_MODEL_ASKED], status)
        self.requests[label, status, outcome] += 1
        tokens = row[_TOKENS]
        if any(tokens):
            sums = self.tokens[label]
            for index, count in enumerate(tokens):
                sums[index] += count
            self.cost_nanodollars[label] += row[_COST]
        self.duration.observe(duration_us)
        if ttft_us is not None:
            self.ttft.observe(ttft_us)
        if label is not OTHER:
            stream_ttft_us = ttft_us if flags & _STREAM else None
            self.speeds.observe(row[_PROVIDER], label, outcome, status, duration_us, stream_ttft_us, tokens[-1])

    def families(self) -> Iterator[Metric]:
        """Everything as metric families."""
        requests = CounterMetricFamily("gateway_requests", "Requests ended.", labels=["model", "status", "outcome"])
        for (model, status, outcome), count in list(self.requests.items()):
            requests.add_metric([model, str(status), _OUTCOME_WORDS.get(outcome, OTHER)], count)
        yield requests
        tokens = CounterMetricFamily("gateway_tokens", "Tokens by price class.", labels=["class", "model"])
        for model, sums in list(self.tokens.items()):
            for name, count in zip(TOKEN_CLASSES, sums, strict=True):
                tokens.add_metric([name, model], count)
        yield tokens
        cost = CounterMetricFamily(
            "gateway_cost_nanodollars", "Cost by the price list, in billionths of a dollar.", labels=["model"]
        )
        for model, nanodollars in list(self.cost_nanodollars.items()):
            cost.add_metric([model], nanodollars)
        yield cost
        for name, text, histogram in (
            ("gateway_request_duration_seconds", "From the request's first byte to the end of its answer.", self.duration),
            ("gateway_ttft_seconds", "From the request's first byte to the answer's first content.", self.ttft),
        ):
            yield HistogramMetricFamily(name, text, buckets=histogram.buckets(), sum_value=histogram.sum_us / 1e6)
        yield from self.speeds.families()
        yield CounterMetricFamily("gateway_books_failures", "Times the books could not be written.", value=self.enter_failures)
        yield CounterMetricFamily(
            "gateway_journal_unreadable", "Journal records that made no sense.", value=self.records_unreadable
        )
        yield CounterMetricFamily(
            "gateway_cost_differences",
            "Requests that a worker took another cost for than the books.",
            value=self.cost_differences,
        )
        yield CounterMetricFamily("gateway_log_lines_dropped", "Request log lines nobody read.", value=self.log_lines_dropped)


class Exposition(Collector):
    """All figures of this installation in one text."""

    def __init__(self, *sources: Callable[[], Iterator[Metric]]) -> None:
        self._sources = sources
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def collect(self) -> Iterator[Metric]:
        for source in self._sources:
            yield from source()

    def text(self) -> bytes:
        """The scrape's answer, of type CONTENT_TYPE."""
        return generate_latest(self._registry)


def gauge(name: str, text: str, value: float) -> Metric:
    """One number without labels."""
    return GaugeMetricFamily(name, text, value=value)
