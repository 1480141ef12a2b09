"""Settlements of exchanges: what the journal and the in-flight rows hold of one.

Owns the billing rule of every ending; RELIABILITY of the figures is marked by flags, never assumed.

    finished        usage as reported; what was not reported is estimated
    refused         nothing
    rejected        nothing
    client gone     input as reported, else as estimated; output as streamed; nothing when nothing had been sent upstream
    upstream died   nothing before content; after content: input as reported, output as streamed
    budget ended    input as reported, output as streamed
    worker killed   as the in-flight row last said (settled by the control plane)
"""

from typing import Final

from gateway.core.outcome import Outcome
from gateway.core.usage import TOKENS_MAX, Usage
from gateway.dataplane.amounts import used
from gateway.dataplane.exchange import Exchange
from gateway.state.limits import NOTHING as AMOUNTS_NONE
from gateway.state.limits import Amounts
from gateway.state.record import Flags, pack

# English prose and code lie between 3 and 5 bytes a token in the tokenizers that matter; a figure made of this is marked.
REQUEST_BYTES_PER_TOKEN: Final = 4

NOTHING: Final = Usage()  # never written to
# Flags are plain integers on the hot path: combining two members of an IntFlag costs 0.85 us.
STREAM: Final = Flags.STREAM.value

_NOTHING_BILLED: Final = frozenset((Outcome.REFUSED, Outcome.REJECTED))


def estimated_input_tokens(exchange: Exchange) -> int:
    """A figure for an input that no upstream told."""
    return min(exchange.request_bytes // REQUEST_BYTES_PER_TOKEN, TOKENS_MAX)


def estimated_output_tokens(body_bytes: int) -> int:
    """A figure for the output of an unstreamed answer that told none."""
    return min(body_bytes // REQUEST_BYTES_PER_TOKEN, TOKENS_MAX)


def assume_input(exchange: Exchange) -> None:
    """For a request that the upstream has, and whose answer nobody will see: it costs its input all the same."""
    exchange.usage.input_tokens = estimated_input_tokens(exchange)
    exchange.flags |= Flags.INPUT_ESTIMATED.value


def reservation(exchange: Exchange) -> bytes:
    """The record for the in-flight row at admission: how the request settles if this worker dies now."""
    flags = STREAM if exchange.stream else 0
    if not exchange.metered:
        return _record(exchange, Outcome.WORKER_KILLED, NOTHING, flags, 0, 0, 0)
    return _record(
        exchange, Outcome.WORKER_KILLED, Usage(estimated_input_tokens(exchange)), flags | Flags.INPUT_ESTIMATED.value, 0, 0, 0
    )


def progressed(exchange: Exchange) -> bytes:
    """The record for the in-flight row once the upstream has told the input."""
    return _record(exchange, Outcome.WORKER_KILLED, exchange.usage, exchange.flags | (STREAM if exchange.stream else 0), 0, 0, 0)


def settlement(exchange: Exchange, now_ns: int, price_tag: int) -> tuple[bytes, Amounts]:
    """The record for the journal, and what the request counts for with its caller's limits. `now_ns` is monotonic."""
    outcome = exchange.outcome or Outcome.REFUSED
    usage, flags, cost = exchange.usage, exchange.flags, 0
    billed = exchange.metered and _billed(exchange, outcome)
    if not billed:
        usage, flags = NOTHING, 0
    elif exchange.rate is not None:
        cost = exchange.rate.cost(usage)
    flags |= STREAM if exchange.stream else 0
    record = _record(exchange, outcome, usage, flags, now_ns - exchange.began_ns, cost, price_tag)
    return record, used(outcome, billed, usage, cost, exchange.weight) if exchange.limited else AMOUNTS_NONE


def _billed(exchange: Exchange, outcome: Outcome) -> bool:
    if outcome in _NOTHING_BILLED or not exchange.attempts:
        return False
    return outcome is not Outcome.UPSTREAM_DIED or bool(exchange.first_content_ns)


def _record(
    exchange: Exchange, outcome: Outcome, usage: Usage, flags: int, duration_ns: int, cost_nanodollars: int, price_tag: int
) -> bytes:
    caller, upstream, first_ns = exchange.caller, exchange.upstream, exchange.first_content_ns
    return pack(
        exchange.request_id,
        exchange.started_ns,
        duration_ns // 1000,
        (first_ns - exchange.began_ns) // 1000 if first_ns else None,
        caller.key_id if caller is not None else 0,
        exchange.status,
        outcome,
        exchange.fault,
        flags,
        exchange.attempts,
        exchange.credential,
        exchange.surface,
        caller.workspace_id if caller is not None else 0,
        usage,
        exchange.request_bytes,
        exchange.response_bytes,
        exchange.model_asked,
        exchange.model_served,
        exchange.path,
        exchange.upstream_request_id,
        exchange.method,
        upstream.name if upstream is not None else "",
        cost_nanodollars,
        exchange.held_nanodollars,
        exchange.held_tokens,
        price_tag,
        exchange.choice,
    )
