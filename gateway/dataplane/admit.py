"""Admit: may this request begin. What is taken here stands on the exchange and is given back by `finish`.

Nothing is served that could not be recorded: a worker admits a request only if its journal has room for one more settlement
than it has requests in flight. A full journal means that the books are down; that is said with 503 and heals by itself.
"""

from gateway.core.faults import Fault, FaultKind
from gateway.dataplane import settle
from gateway.dataplane.exchange import Exchange
from gateway.dataplane.worker import Worker
from gateway.state.counters import Counter
from gateway.state.inflight import RowsTakenError

BOOKS_DOWN = "The gateway cannot record usage at the moment. Please try again."
BUSY = "The gateway is handling as many requests as it can. Please try again."


def admit(worker: Worker, exchange: Exchange) -> None:
    """Takes an in-flight row, which is the reservation: it says how the request settles if this worker dies now.

    Raises Fault UNAVAILABLE.
    """
    if worker.ring.free() <= worker.rows.count:
        raise Fault(FaultKind.UNAVAILABLE, BOOKS_DOWN, retry_after_s=1)
    try:
        exchange.row = worker.rows.open(settle.reservation(exchange))
    except RowsTakenError:
        raise Fault(FaultKind.UNAVAILABLE, BUSY, retry_after_s=1) from None
    if exchange.stream:
        worker.counters.add(Counter.STREAMS_OPEN)
