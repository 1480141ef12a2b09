"""Errors: faults written to a client that has been told nothing yet."""

from gateway.core.faults import Fault
from gateway.dataplane import headers
from gateway.dataplane.exchange import Exchange
from gateway.dataplane.flow import Flow


def put(flow: Flow, exchange: Exchange, fault: Fault, *, allow: str = "") -> None:
    """Answers with a fault. `allow` lists the methods of a path, for 405."""
    status, pairs, body = exchange.dialect.write_fault(fault, exchange.id_text)
    if allow:
        pairs.append((b"allow", allow.encode("ascii")))
    exchange.status = status
    flow.start(status, pairs + headers.way(exchange))
    flow.body(b"" if exchange.method == "HEAD" else body, more=False)
