"""Withheld: what a client would be told of a failed attempt, while another is still to be tried.

Owns an answer that is complete and that nobody has seen. It is made in the moment of the failure, with what was true then, so
that it can be shown after attempts elsewhere have failed in a less telling way.
"""

from gateway.core.faults import Fault
from gateway.core.outcome import Outcome
from gateway.dataplane import errors, headers
from gateway.dataplane.exchange import Exchange
from gateway.dataplane.flow import Flow


class Withheld:
    """An upstream's own answer (`pairs` and `body`, for the client already), or a fault that is written when it is shown."""

    __slots__ = (
        "_body",
        "_choice",
        "_credential",
        "_fault",
        "_model_served",
        "_outcome",
        "_pairs",
        "_request_id",
        "_upstream",
        "status",
    )

    def __init__(
        self,
        exchange: Exchange,
        outcome: Outcome,
        fault: Fault | None,
        status: int = 0,
        pairs: headers.Headers | None = None,
        body: bytes = b"",
    ) -> None:
        self.status = status or (fault.status if fault is not None else 0)
        self._outcome = outcome
        self._fault = fault
        self._pairs = pairs
        self._body = body
        self._upstream = exchange.upstream
        self._credential = exchange.credential
        self._choice = exchange.choice
        self._model_served = exchange.model_served
        self._request_id = exchange.upstream_request_id

    def show(self, exchange: Exchange, flow: Flow) -> None:
        """Answers with it. The receipt names who gave this answer, and counts all attempts."""
        exchange.upstream, exchange.credential, exchange.model_served = self._upstream, self._credential, self._model_served
        exchange.choice = self._choice
        exchange.upstream_request_id, exchange.status = self._request_id, self.status
        exchange.end(self._outcome, self._fault if self._outcome is Outcome.UPSTREAM_DIED else None)
        if self._pairs is not None:
            flow.start(self.status, self._pairs + headers.way(exchange))
            flow.body(self._body, more=False)
        elif self._fault is not None:
            errors.put(flow, exchange, self._fault)

    def __repr__(self) -> str:
        return f"<Withheld {self.status} {self._fault!r}>"
