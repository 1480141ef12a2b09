"""Failover: one call over many credentials, until somebody answers.

Owns the loop around attempts: a lease of the pool, an attempt, what it told, and whether there is another one. What may be tried
again and where is `upstream.course`'s, which credential the pool's, in which form a request goes to a target `routing`'s. A call
whose first attempt succeeds goes through the first lines alone.

Nothing is tried again once the client has seen anything. Of several failures the client is shown the most telling one, in the
upstream's own words; when no attempt could be made at all, the words in which an upstream last refused, and for how long.
"""

from functools import partial
from typing import Final

from gateway.catalog.routes import Target
from gateway.core.faults import Fault, FaultKind
from gateway.core.outcome import Outcome
from gateway.dataplane import admit, aside, headers, routing
from gateway.dataplane.attempt import attempt
from gateway.dataplane.exchange import Exchange
from gateway.dataplane.passthrough import Passthrough
from gateway.dataplane.routing import Form, Wanted
from gateway.dataplane.withheld import Withheld
from gateway.dataplane.worker import Worker
from gateway.dialects.upstream_error import OPERATOR_RETRY_AFTER_S
from gateway.upstream.course import Course
from gateway.upstream.pool.lease import Lease
from gateway.upstream.pool.pool import Wait
from gateway.upstream.pool.reading import Told, of_fault

# Lanes of the pool for what has limits of its own at the upstream: counts, and all that goes to no model.
COUNTS, OTHERS = "/count_tokens", "/other"
# Calls that go to no model prefer one and the same credential: files and batches belong to the account that made them.
OTHERS_KEY: Final = 1

LIMITED: Final = "All credentials for this model are at their rate limits. Please try again."
OVERLOADED: Final = "The upstream is overloaded. Please try again."
BUSY: Final = "All credentials for this model are in use. Please try again."
OUT: Final = "No credential for this model can be used at the moment. The operator has to see to it."
OUT_FOR_NOW: Final = "The upstream does not answer at the moment. Please try again."

# Why nothing can be picked: what the client is told, when the upstream had no words of its own for it.
_FAULTS: Final[dict[str, tuple[FaultKind, str]]] = {
    "limited": (FaultKind.LIMITED, LIMITED),
    "overloaded": (FaultKind.UNAVAILABLE, OVERLOADED),
    "busy": (FaultKind.UNAVAILABLE, BUSY),
    "failing": (FaultKind.UNAVAILABLE, OUT_FOR_NOW),
    "tried": (FaultKind.UNAVAILABLE, OUT_FOR_NOW),
}
_OUT: Final = (FaultKind.UNAVAILABLE, OUT)


class Failed:
    """One attempt that brought the client nothing: what it told, and what there is to show of it."""

    __slots__ = ("credential", "fault", "told", "withheld")

    def __init__(self, told: Told, credential: int, withheld: Withheld | None, fault: Fault | None) -> None:
        self.told = told
        self.credential = credential
        self.withheld = withheld
        self.fault = fault


async def carry(
    worker: Worker, exchange: Exchange, relay: Passthrough, wanted: Wanted, form: Form, key: int, lane: str
) -> Withheld | None:
    """Has a request answered. `form` is that for the first target, `key` the conversation's, `lane` the name that the pool knows
    its limits by, empty for the model's own.

    Returns what is to be shown when nobody answered as wanted; None when the client has its answer or has left. Raises Fault when
    no answer came at all, ClientGone.
    """
    worker.budget.call()
    upstream = exchange.upstream
    assert upstream is not None  # routed before
    now_ms = worker.clock.monotonic_ns() // 1_000_000
    lease = worker.pools[upstream.name].pick(lane or exchange.model_served, key, now_ms, request_bytes=exchange.request_bytes)
    failed: Failed | None = None
    if lease is not None:
        failed = await _attempted(worker, exchange, relay, lease, form)
        if failed is None:
            return None
    return await _elsewhere(worker, exchange, relay, wanted, form, key, lane, failed)


async def once(
    worker: Worker, exchange: Exchange, relay: Passthrough, form: Form, lane: str = OTHERS, key: int = OTHERS_KEY
) -> Withheld | None:
    """The same for a request that is sent once, whatever comes of it."""
    lease = leased(worker, exchange, lane, key)
    failed = await _attempted(worker, exchange, relay, lease, form)
    if failed is not None and failed.fault is not None:
        raise failed.fault
    return None if failed is None else failed.withheld


def leased(worker: Worker, exchange: Exchange, lane: str, key: int) -> Lease:
    """A lease for a request that is sent once; it stands on the exchange. Raises Fault when there is none."""
    worker.budget.call()
    upstream = exchange.upstream
    assert upstream is not None  # routed before
    pool = worker.pools[upstream.name]
    now_ms = worker.clock.monotonic_ns() // 1_000_000
    lease = pool.pick(lane, key, now_ms, request_bytes=exchange.request_bytes)
    if lease is None:
        wait = pool.waiting(lane, now_ms)
        exchange.choice = wait.note
        raise _nothing(wait)
    exchange.lease, exchange.credential, exchange.choice = lease, lease.credential, lease.choice
    return lease


async def _attempted(worker: Worker, exchange: Exchange, relay: Passthrough, lease: Lease, form: Form) -> Failed | None:
    """One attempt. None when the client has an answer, or wants none any more: then the lease ends with the call."""
    upstream = exchange.upstream
    assert upstream is not None  # the lease is of its pool
    exchange.lease, exchange.credential, exchange.choice = lease, lease.credential, lease.choice
    length = len(form.body) if form.has_body else None
    form.head = headers.request_head(exchange, upstream, form.path, form.query, form.block, length)
    fault: Fault | None = None
    try:
        await attempt(exchange, relay, upstream.connections, worker.counters, form)
    except Fault as error:
        fault = error
    withheld = relay.kept
    if (fault is None and withheld is None) or relay.client_left:
        return None
    told = relay.told() if relay.failed is fault else of_fault(fault.kind if fault is not None else FaultKind.NONE)
    lease.end(told, worker.clock.monotonic_ns() // 1_000_000)
    exchange.lease = None
    connection = exchange.connection
    if connection is not None:
        exchange.connection = None
        relay.home.give_back(connection)
    return Failed(told, lease.credential, withheld, fault)


async def _elsewhere(
    worker: Worker,
    exchange: Exchange,
    relay: Passthrough,
    wanted: Wanted,
    form: Form,
    key: int,
    lane: str,
    failed: Failed | None,
) -> Withheld | None:
    """Goes on after a first attempt that failed, or that could not be made."""
    course = Course([target.provider.name for target in wanted.plan], exchange.began_ns // 1_000_000, worker.budget)
    best: Failed | None = None
    wait: Wait | None = None
    here = 0  # the target that `form` is for
    formed = True
    while True:
        now_ms = worker.clock.monotonic_ns() // 1_000_000
        if failed is not None:
            if course.keeps(failed.told):
                best = failed
            if not course.goes_on(failed.told, failed.credential, now_ms):
                break
        else:
            here_wait = None
            if formed:
                here_wait = worker.pools[_provider(exchange)].waiting(_lane(exchange, lane), now_ms, tried=course.tried)
                wait = _sooner(wait, here_wait)
            if not exchange.attempts:
                # Of nothing that was tried yet, it is all there is to tell.
                exchange.choice = b"" if here_wait is None else here_wait.note
            if not course.skips():
                break
        failed = None
        relay.again()
        if course.target != here:
            here = course.target
            moved = await _moved(worker, exchange, wanted, wanted.plan[here])
            formed = moved is not None
            if moved is None:
                continue
            form = moved
        lease = worker.pools[_provider(exchange)].pick(
            _lane(exchange, lane), key, now_ms, tried=course.tried, request_bytes=exchange.request_bytes
        )
        if lease is not None:
            failed = await _attempted(worker, exchange, relay, lease, form)
            if failed is None:
                return None
    if best is None:
        raise _nothing(wait)
    if best.withheld is None and best.fault is not None:
        raise best.fault
    return best.withheld


async def _moved(worker: Worker, exchange: Exchange, wanted: Wanted, target: Target) -> Form | None:
    """The request as another target takes it, and the exchange's terms with it; None when it cannot be carried there."""
    make = partial(routing.form, worker, exchange, wanted, target)
    try:
        form = await aside.done(make) if routing.takes_long(worker, exchange, wanted, target) else make()
    except Fault:
        return None
    admit.moved(worker, exchange)
    return form


def _provider(exchange: Exchange) -> str:
    upstream = exchange.upstream
    assert upstream is not None  # routed before
    return upstream.name


def _lane(exchange: Exchange, lane: str) -> str:
    return lane or exchange.model_served


def _sooner(one: Wait | None, other: Wait) -> Wait:
    """Of two reasons to wait the one that is over first, since then the call goes through."""
    return other if one is None or other.wait_ms < one.wait_ms else one


def _nothing(wait: Wait | None) -> Fault:
    """The fault of a call for which there was nothing to pick."""
    reason = "tried" if wait is None else wait.reason
    kind, text = _FAULTS.get(reason, _OUT)
    if wait is None:
        return Fault(kind, text, retry_after_s=1)
    wait_s = max(-(-wait.wait_ms // 1000), 1)
    if reason not in _FAULTS:
        wait_s = min(wait_s, OPERATOR_RETRY_AFTER_S)
    return Fault(kind, wait.words or text, retry_after_s=wait_s)


def ended(worker: Worker, exchange: Exchange, relay: Passthrough, now_ns: int) -> None:
    """Gives the lease of a call back that has ended, with what is to be known of it."""
    lease = exchange.lease
    if lease is None:
        return
    exchange.lease = None
    usage, first_ns = exchange.usage, exchange.first_content_ns
    finished = exchange.outcome is Outcome.FINISHED
    streamed = finished and exchange.stream and first_ns > 0
    lease.end(
        relay.told(),
        now_ns // 1_000_000,
        first_token_us=(first_ns - relay.asked_ns) // 1000 if streamed else 0,
        stream_us=(now_ns - first_ns) // 1000 if streamed else 0,
        output_tokens=usage.output_tokens if finished else 0,
        cache_read_tokens=usage.cache_read_tokens if finished else 0,
        cache_write_tokens=usage.cache_write_5m_tokens + usage.cache_write_1h_tokens if finished else 0,
    )
