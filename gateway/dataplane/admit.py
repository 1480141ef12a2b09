"""Admit: may this request begin. What is taken here stands on the exchange and is given back by `finish`.

Nothing is served that could not be recorded: a worker admits a request only if its journal has room for one more settlement
than it has requests in flight. A full journal means that the books are down; that is said with 503 and heals by itself.

Then the caller's limits: the worst case of the request is held of every one of them or of none, in one step with all other
workers. A flood against a limit with nothing left ends before its body is read (`early`).
"""

from dataclasses import replace
from typing import Final

from gateway.core.faults import Fault, FaultKind
from gateway.dataplane import settle, standing
from gateway.dataplane.amounts import ONE_AT_A_TIME, ONE_REQUEST, Budget, Worst, dearer, worst_case
from gateway.dataplane.exchange import Exchange
from gateway.dataplane.passthrough import Passthrough
from gateway.dataplane.worker import Worker
from gateway.state.counters import Counter
from gateway.state.inflight import RowsTakenError
from gateway.state.limits import NOTHING, Amounts, LimitsBusyError, Metric, Refused
from gateway.state.record import Surface

BOOKS_DOWN: Final = "The gateway cannot record usage at the moment. Please try again."
BUSY: Final = "The gateway is handling as many requests as it can. Please try again."
# Limits on all models, whatever the body will say.
ALL_MODELS: Final = 1


def early(worker: Worker, exchange: Exchange, relay: Passthrough) -> None:
    """Refuses a caller that has nothing left of a limit, before its body is read. Takes nothing. Raises Fault LIMITED, UNPAID."""
    caller = exchange.caller
    if caller is None or not caller.limits or not worker.limits.metrics(caller.limits):
        return
    moment = worker.limits.moment(exchange.started_ns, exchange.began_ns)
    refused = worker.limits.peek(caller.limits, ALL_MODELS, moment)
    if refused is not None:
        raise _refusal(relay, refused, exchange.started_ns)


def message(
    worker: Worker,
    exchange: Exchange,
    relay: Passthrough,
    body: bytes,
    max_tokens: int,
    others: tuple[tuple[str, int], ...] = (),
    shape: bytes | None = None,
) -> None:
    """Admits a request to a model, whose worst case is known from its body. Raises Fault UNAVAILABLE, LIMITED, UNPAID.

    `others` are further models that may answer it, each with the most output it may bring: the dearest is held.
    `shape` is the body's outline, if there is one.
    """
    tariff, model = worker.tariff, exchange.model_served
    terms = tariff.terms(model)
    exchange.rate = tariff.rate(model, exchange.started_ns)
    exchange.weight = terms.weight if exchange.surface is not Surface.EMBEDDINGS else 0
    caller = exchange.caller
    metrics = worker.limits.metrics(caller.limits) if caller is not None and caller.limits else 0
    if not metrics:
        _open(worker, exchange)
        return
    worst = worst_case(metrics, body, max_tokens, exchange.stream, terms.family, exchange.rate, exchange.weight, shape)
    mask = tariff.mask(model)
    for other_model, most in others:
        family, rate, weight = tariff.terms(other_model).family, tariff.rate(other_model, exchange.started_ns), exchange.weight
        weight = weight and tariff.terms(other_model).weight
        worst = dearer(worst, worst_case(metrics, body, most, exchange.stream, family, rate, weight, shape))
        mask |= tariff.mask(other_model)
    exchange.held_tokens, exchange.held_nanodollars = worst.full[Metric.TOTAL_TOKENS], worst.full[Metric.COST]
    _open(worker, exchange)
    granted = _take(worker, exchange, relay, mask, worst.full, worst.least)
    if any(amount >= 0 for amount in granted):
        _note_budget(exchange, worst, granted)


def moved(worker: Worker, exchange: Exchange) -> None:
    """The exchange has gone to another target: from here on it counts at the terms of the model there. What is held stays."""
    tariff, model = worker.tariff, exchange.model_served
    exchange.rate = tariff.rate(model, exchange.started_ns) if exchange.metered else None
    if exchange.weight:
        exchange.weight = tariff.terms(model).weight
    if exchange.budget is not None:
        exchange.budget = replace(exchange.budget, rate=exchange.rate)
    if exchange.row is not None:
        worker.rows.rewrite(exchange.row, settle.reservation(exchange))


def other(worker: Worker, exchange: Exchange, relay: Passthrough) -> None:
    """Admits any other request to an upstream: it counts as one, without tokens. Raises Fault UNAVAILABLE, LIMITED, UNPAID."""
    caller = exchange.caller
    _open(worker, exchange)
    if caller is not None and caller.limits and worker.limits.metrics(caller.limits):
        asked = ONE_REQUEST if exchange.surface is Surface.OTHER else ONE_AT_A_TIME
        _take(worker, exchange, relay, ALL_MODELS, asked, asked)


def stand(worker: Worker, exchange: Exchange, relay: Passthrough) -> None:
    """Lets the answer tell how its caller stands when the request is refused before it was admitted. Holds nothing."""
    caller = exchange.caller
    if exchange.row is not None or relay.flow.standing is not None or caller is None:
        return
    if not caller.limits or not worker.limits.metrics(caller.limits):
        return
    try:
        _open(worker, exchange)
        _take(worker, exchange, relay, ALL_MODELS, NOTHING, NOTHING)
    except Fault:
        return  # it is refused already, and in better words


def _open(worker: Worker, exchange: Exchange) -> None:
    """Takes an in-flight row, which is the reservation: it says how the request settles if this worker dies now."""
    if worker.ring.free() <= worker.rows.count:
        raise Fault(FaultKind.UNAVAILABLE, BOOKS_DOWN, retry_after_s=1)
    try:
        exchange.row = worker.rows.open(settle.reservation(exchange))
    except RowsTakenError:
        raise Fault(FaultKind.UNAVAILABLE, BUSY, retry_after_s=1) from None
    if exchange.stream:
        worker.counters.add(Counter.STREAMS_OPEN)


def _take(worker: Worker, exchange: Exchange, relay: Passthrough, mask: int, full: Amounts, least: Amounts) -> Amounts:
    """Holds what is asked for and leaves the caller's standing for the answer; returns what was granted, by metric."""
    caller, row = exchange.caller, exchange.row
    assert caller is not None
    assert row is not None
    moment = worker.limits.moment(exchange.started_ns, exchange.began_ns)
    try:
        taken = worker.limits.take(caller.limits, row, mask, full, least, moment)
    except LimitsBusyError:
        raise Fault(FaultKind.UNAVAILABLE, BUSY, retry_after_s=1) from None
    if isinstance(taken, Refused):
        raise _refusal(relay, taken, exchange.started_ns)
    exchange.limited = True
    relay.flow.standing = standing.headers(taken.figures, exchange.started_ns)
    return taken.granted


def _refusal(relay: Passthrough, refused: Refused, wall_ns: int) -> Fault:
    relay.flow.standing = standing.headers(standing.figures_of(refused), wall_ns)
    return standing.refusal(refused, wall_ns)


def _note_budget(exchange: Exchange, worst: Worst, granted: Amounts) -> None:
    """Some limit granted a part only: the stream will be ended where that ends."""
    exchange.budget = Budget(granted, worst.full[Metric.INPUT_TOKENS], worst.input_nanodollars, exchange.rate)
    if granted[Metric.TOTAL_TOKENS] >= 0:
        exchange.held_tokens = granted[Metric.TOTAL_TOKENS]
    if granted[Metric.COST] >= 0:
        exchange.held_nanodollars = granted[Metric.COST]
