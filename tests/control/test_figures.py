from gateway.control.figures import worker_figures
from gateway.core.faults import FaultKind
from gateway.state.counters import Counter, SlotCounters
from tests.control.office import Office, Worker, settlement


def test_figures_of_the_workers(office: Office, worker: Worker) -> None:
    counters = SlotCounters(worker.slot)
    counters.add(Counter.STREAMS_OPEN, 3)
    counters.add(Counter.REQUESTS_STARTED, 5)
    counters.refuse(FaultKind.OVERSIZED)
    worker.settle(settlement(), settlement())
    worker.inflight.open(settlement().pack())

    def samples() -> dict[tuple[str, ...], float]:
        families = worker_figures(office.shared, office.paths.run_dir)()
        return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}

    shown = samples()
    assert shown[("gateway_workers_alive",)] == 1
    assert shown[("gateway_streams_open",)] == 3
    assert shown[("gateway_requests_started_total",)] == 5
    assert shown["gateway_refused_total", "oversized"] == 1
    assert shown["gateway_refused_total", "invalid"] == 0
    assert shown["gateway_journal_depth", "0"] == 2
    assert shown["gateway_inflight", "0"] == 1
    worker.die()
    assert samples()[("gateway_streams_open",)] == 0
    assert samples()[("gateway_workers_alive",)] == 0
