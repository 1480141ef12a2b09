"""Figures of the workers: what the shared file tells at the moment of a scrape, as metric families.

Reads only. Counters are totals since the shared file was made; gauges of workers that have died are left out.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from gateway.core.faults import FaultKind
from gateway.state.counters import GAUGES
from gateway.state.shared import SharedFile


def worker_figures(shared: SharedFile, run_dir: Path) -> Callable[[], Iterator[Metric]]:
    """What the shared file tells at the moment of a scrape."""

    def families() -> Iterator[Metric]:
        alive = shared.workers.alive(run_dir)
        yield GaugeMetricFamily("gateway_workers_alive", "Workers that hold a slot.", value=len(alive))
        for counter, value in shared.counters.totals(alive).items():
            name = f"gateway_{counter.name.lower()}"
            if counter in GAUGES:
                yield GaugeMetricFamily(name, "Open now, over all workers.", value=value)
            else:
                yield CounterMetricFamily(name, "Counted by the workers since the shared file was made.", value=value)
        refused = CounterMetricFamily("gateway_refused", "Requests refused, by kind of fault.", labels=["kind"])
        for kind, value in shared.counters.refused().items():
            if kind is not FaultKind.NONE:
                refused.add_metric([kind.word], value)
        yield refused
        depth = GaugeMetricFamily("gateway_journal_depth", "Settlements not yet in the books.", labels=["slot"])
        inflight = GaugeMetricFamily("gateway_inflight", "Requests admitted and not settled.", labels=["slot"])
        for reader in shared.journal.readers:
            if shared.workers.epoch(reader.slot):
                depth.add_metric([str(reader.slot)], reader.depth)
                inflight.add_metric([str(reader.slot)], shared.inflight.count(reader.slot))
        yield depth
        yield inflight

    return families
