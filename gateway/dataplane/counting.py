"""Counting: token counts made here when the upstream makes none.

The estimator needs memory and time that no worker has: the control plane runs it, and this asks over its internal socket.
"""

import orjson

from gateway.core.faults import Fault, FaultKind
from gateway.core.outcome import Outcome
from gateway.dataplane import internal
from gateway.dataplane.exchange import Exchange
from gateway.dataplane.passthrough import Passthrough
from gateway.dataplane.worker import Worker

NO_COUNT = "Token counting is not available at the moment."


def declined(status: int) -> bool:
    """Whether a failed count is to be made here: all that is not the request's own mistake."""
    return status in (404, 405, 429, 501) or status >= 500


async def estimate(worker: Worker, exchange: Exchange, relay: Passthrough, body: bytes) -> None:
    """Answers with an estimate. Raises Fault UNAVAILABLE when none can be made, ClientGone."""
    if relay.client_left:
        return
    model = exchange.model_served.encode("utf-8", "replace").decode("latin-1")
    lines = f"POST /internal/count_tokens HTTP/1.1\r\nhost: localhost\r\nx-model: {model}\r\ncontent-length: {len(body)}\r\n\r\n"
    status, answer = await internal.ask(worker, relay, lines.encode("latin-1"), body)
    if status != 200:
        raise Fault(FaultKind.UNAVAILABLE, NO_COUNT, retry_after_s=1)
    tokens = orjson.loads(answer)["input_tokens"]
    reply = orjson.dumps({"input_tokens": tokens})
    exchange.outcome = Outcome.FINISHED
    exchange.fault = FaultKind.NONE
    exchange.status = 200
    relay.flow.start(
        200,
        [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(reply)),
            (b"request-id", exchange.id_text.encode("ascii")),
            (b"x-token-count-method", b"estimate"),
        ],
    )
    relay.flow.body(reply, more=False)
