"""Finish: the one place that gives back what an exchange took, and writes down how it ended.

Plain calls only, nothing is awaited: it cannot be cancelled half-way.
"""

from gateway.core.faults import Fault, FaultKind, Source
from gateway.core.outcome import Outcome
from gateway.dataplane import errors, failover, settle, surfaces
from gateway.dataplane.exchange import Exchange
from gateway.dataplane.passthrough import Passthrough
from gateway.dataplane.worker import Worker
from gateway.state.counters import Counter


def refuse(exchange: Exchange, relay: Passthrough, fault: Fault) -> None:
    """Answers with a fault if nothing was answered yet; else breaks the answer off."""
    theirs = exchange.attempts or fault.traits.source is Source.UPSTREAM
    exchange.end(Outcome.UPSTREAM_DIED if theirs else Outcome.REFUSED, fault)
    if relay.flow.started:
        relay.flow.break_off()
        return
    allow = surfaces.allowed(exchange.path) if fault.kind is FaultKind.METHOD else ""
    errors.put(relay.flow, exchange, fault, allow=allow)


def finish(worker: Worker, exchange: Exchange, relay: Passthrough, *, counted: bool) -> None:
    """Connection back, settlement written, row freed. `counted` is False for what no upstream is asked."""
    worker.watch.end(relay)
    now_ns = worker.clock.monotonic_ns()
    failover.ended(worker, exchange, relay, now_ns)
    connection = exchange.connection
    if connection is not None:
        exchange.connection = None
        relay.home.give_back(connection)
    relay.let_go()
    if not counted:
        return
    if exchange.outcome is None:
        # Only a cancelled task comes here without an ending: the worker is stopping.
        exchange.end(Outcome.CLIENT_GONE)
    exchange.response_bytes = relay.flow.bytes_sent
    record, real = settle.settlement(exchange, now_ns, worker.tariff.price_tag)
    if exchange.row is not None:
        if not worker.limits.settle(exchange.row, record, real, now_ns):
            worker.counters.add(Counter.JOURNAL_DROPPED)
        exchange.row = None
        if exchange.stream:
            worker.counters.add(Counter.STREAMS_OPEN, -1)
    elif worker.ring.free() <= worker.rows.count or not worker.ring.append(record):
        # Refused before it was admitted, so it owes nothing; the places left are promised to those that do.
        worker.counters.add(Counter.JOURNAL_DROPPED)
    if exchange.outcome is Outcome.REFUSED:
        worker.counters.refuse(exchange.fault)
        if exchange.fault is FaultKind.UNAUTHENTICATED:
            worker.counters.add(Counter.UNAUTHENTICATED)
    worker.counters.add(Counter.BYTES_TO_CLIENTS, exchange.response_bytes)
    worker.counters.add(Counter.BYTES_TO_UPSTREAMS, exchange.request_bytes if exchange.attempts else 0)
