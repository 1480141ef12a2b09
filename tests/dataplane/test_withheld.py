"""Withheld answers: shown as they were when they were made, whatever has happened to the exchange since."""

import asyncio
import json

import pytest

from gateway.core.faults import Fault, FaultKind
from gateway.core.outcome import Outcome
from gateway.dataplane.exchange import Exchange
from gateway.dataplane.flow import Flow
from gateway.dataplane.withheld import Withheld
from gateway.state.record import Surface
from tests.dataplane.house import Client
from tests.dataplane.test_headers import upstream


def made() -> Exchange:
    exchange = Exchange(Surface.MESSAGES, "POST", "/v1/messages", 0, 0)
    exchange.upstream, exchange.credential, exchange.model_served = upstream(name="first"), 1, "claude-one"
    exchange.upstream_request_id, exchange.attempts, exchange.choice = "req_theirs", 1, b"first"
    return exchange


def moved_on(exchange: Exchange) -> None:
    """Another attempt, elsewhere."""
    exchange.upstream, exchange.credential, exchange.model_served = upstream(name="second"), 0, "claude-two"
    exchange.forget_answer()
    exchange.attempts, exchange.choice = 2, b"second"


@pytest.mark.parametrize(
    ("outcome", "fault", "noted"),
    [
        (Outcome.REJECTED, None, FaultKind.NONE),
        (Outcome.UPSTREAM_DIED, Fault(FaultKind.FAILED, "It failed."), FaultKind.FAILED),
    ],
)
def test_an_upstreams_own_answer(outcome: Outcome, fault: Fault | None, noted: FaultKind) -> None:
    async def main() -> None:
        client, exchange = Client(), made()
        withheld = Withheld(exchange, outcome, fault, 429, [(b"retry-after", b"7")], b"{}")
        moved_on(exchange)
        withheld.show(exchange, Flow(client.send, lambda: None, lambda: None))
        assert (client.status, client.body, client.is_whole) == (429, b"{}", True)
        assert client.headers == {"retry-after": "7", "x-gateway-provider": "anthropic", "x-gateway-attempts": "2"}
        assert (exchange.outcome, exchange.fault, exchange.status) == (outcome, noted, 429)
        assert exchange.upstream is not None
        assert (exchange.upstream.name, exchange.credential, exchange.model_served) == ("first", 1, "claude-one")
        assert (exchange.upstream_request_id, exchange.choice) == ("req_theirs", b"first")

    asyncio.run(main())


def test_a_fault_in_the_clients_dialect() -> None:
    async def main() -> None:
        client, exchange = Client(), made()
        withheld = Withheld(exchange, Outcome.REJECTED, Fault(FaultKind.LIMITED, "Slow down", retry_after_s=3))
        assert repr(withheld) == "<Withheld 429 <Fault limited 429: Slow down>>"
        withheld.show(exchange, Flow(client.send, lambda: None, lambda: None))
        assert json.loads(client.body)["error"] == {"type": "rate_limit_error", "message": "Slow down"}
        # What is said of the request is an answer, and no fault of anybody's in the books.
        assert (exchange.outcome, exchange.fault, exchange.status) == (Outcome.REJECTED, FaultKind.NONE, 429)

    asyncio.run(main())
