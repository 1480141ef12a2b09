"""Calls: the life of a request, step by step.

Owns the order of the steps and nothing of what they do. Whatever a step raises ends the call here: a Fault is written in the
client's dialect, anything else is a bug of ours and becomes one too. `finish` runs for every ending, once, and waits for
nothing, so no cancellation can come between its parts.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from gateway.core.faults import Fault, FaultKind
from gateway.core.outcome import Outcome
from gateway.dataplane import (
    admit,
    allowed,
    aside,
    body,
    bugs,
    counting,
    failover,
    finish,
    headers,
    model_list,
    routing,
    surfaces,
    upload,
)
from gateway.dataplane.attempt import attempt
from gateway.dataplane.body import ClientGone
from gateway.dataplane.exchange import Exchange
from gateway.dataplane.flow import Send
from gateway.dataplane.headers import Said
from gateway.dataplane.identify import identify
from gateway.dataplane.passthrough import Passthrough, Receive
from gateway.dataplane.routing import Form, Wanted
from gateway.dataplane.surfaces import Match, Place
from gateway.dataplane.watch import CLIENT_STALL_S
from gateway.dataplane.worker import Worker
from gateway.dialects.anthropic import batches, request
from gateway.dialects.body import outlined
from gateway.dialects.passing import ANTHROPIC, Passing
from gateway.dialects.request import Request
from gateway.state.counters import Counter
from gateway.state.record import Surface
from gateway.upstream.pool import affinity

Scope = dict[str, Any]
Probes = Callable[[Scope, Receive, Send], Awaitable[None]]

BATCHES: Final = "/v1/messages/batches"
# Forms and API calls of the control plane; the largest is a page of settings.
CONTROL_BODY_BYTES_MAX: Final = 1024 * 1024


class Calls:
    """The hot part of the ASGI application. `probes` is the application that answers what needs no key."""

    def __init__(self, worker: Worker, probes: Probes) -> None:
        self._worker = worker
        self._probes = probes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        worker = self._worker
        clock = worker.clock
        exchange = Exchange(Surface.OTHER, scope["method"], scope["path"], clock.wall_ns(), clock.monotonic_ns())
        relay = Passthrough(exchange, send, worker.rows, clock)
        match: Match | None = None
        said: Said | None = None
        try:
            match = surfaces.find(exchange.method, exchange.path, scope["raw_path"])
            if match.place is Place.WORKER:
                await self._probes(scope | {"path": match.path}, receive, send)
                return
            exchange.surface, exchange.path, exchange.metered = match.surface, match.path, match.metered
            worker.watch.begin(relay)
            said = headers.read(scope["headers"])
            exchange.dialect = match.dialect or surfaces.dialect_of(match.path, said)
            relay.flow.closes_after = surfaces.closes_after(said)
            surfaces.check_framing(scope["http_version"], said)
            if match.place is Place.CONTROL:
                await self._relay_to_control(exchange, relay, scope, said, receive)
            else:
                await self._answer(exchange, relay, match, scope, said, receive)
        except ClientGone:
            exchange.end(Outcome.CLIENT_GONE)
            if not relay.client_left:
                # The server tells of broken chunks in the same words, and then somebody still listens.
                finish.refuse(exchange, relay, Fault(FaultKind.INVALID, "The request body is incomplete or broken."))
        except Fault as fault:
            if said is None:
                exchange.dialect = surfaces.dialect_of(exchange.path, headers.read(scope["headers"]))
            admit.stand(worker, exchange, relay)
            finish.refuse(exchange, relay, fault)
        except Exception as error:  # noqa: BLE001 -- the last resort: a bug becomes a fault, not a dead connection
            bugs.log(exchange, error)
            finish.refuse(exchange, relay, Fault(FaultKind.BROKEN, bugs.TEXT))
        finally:
            finish.finish(worker, exchange, relay, counted=match is None or match.place is Place.UPSTREAM)
        if relay.flow.slow:
            await relay.flow.flushed(CLIENT_STALL_S)

    async def _answer(
        self, exchange: Exchange, relay: Passthrough, match: Match, scope: Scope, said: Said, receive: Receive
    ) -> None:
        """Steps 2 to 9 for whatever goes to an upstream."""
        worker = self._worker
        worker.counters.add(Counter.REQUESTS_STARTED)
        exchange.caller = identify(
            said, worker.shared.keys, worker.pepper, exchange.started_ns // 1_000_000_000, exchange.dialect
        )
        admit.early(worker, exchange, relay)
        if match.metered or match.surface is Surface.COUNT_TOKENS:
            scope["headers"] = []  # three kilobytes that nobody looks at again
            await self._message(exchange, relay, scope, said, receive)
        elif match.surface is Surface.MODELS:
            await body.read(relay, receive, said, bytes_max=upload.HELD_BYTES_MAX)
            worker.watch.sent(relay, receive)
            await model_list.answer(worker, exchange, relay, scope["query_string"])
        else:
            await self._other(exchange, relay, scope, said, receive)

    async def _message(self, exchange: Exchange, relay: Passthrough, scope: Scope, said: Said, receive: Receive) -> None:
        """A request to a model, or a count of one: read, checked, routed, sent."""
        worker, settings, dialect = self._worker, self._worker.settings, exchange.dialect
        count = exchange.surface is Surface.COUNT_TOKENS
        version = request.check_version(said.notes.get(b"anthropic-version")) if dialect is ANTHROPIC else ""
        if not headers.json_body(said.notes.get(b"content-type")):
            raise Fault(FaultKind.UNSUPPORTED, "The Content-Type must be application/json with UTF-8.")
        payload = await body.read(relay, receive, said, bytes_max=settings.body_max_bytes)
        exchange.request_bytes = len(payload)
        encoding = said.notes.get(b"content-encoding")
        plain = payload if encoding is None else await body.decoded(payload, encoding, bytes_max=settings.body_max_bytes)
        betas = headers.betas(said)
        shape = outlined(plain) if len(plain) <= aside.OUTLINED_BYTES_MAX else None
        if shape is None or len(shape) > aside.INLINE_BYTES_MAX:
            asked = await aside.done(partial(_checked, dialect, plain, shape, version, betas, count))
        else:
            asked = _checked(dialect, plain, shape, version, betas, count)
        exchange.stream, exchange.model_asked = asked.stream, asked.model
        plan = routing.plan(worker, asked.model, dialect)
        caller = exchange.caller
        if caller is not None and caller.allowed:
            plan = allowed.usable(caller.allowed, worker.tariff, asked.model, plan)
            if not plan:
                raise allowed.refusal(asked.model)
            allowed.check_body(caller.allowed, worker.tariff, asked.document)
        wanted = Wanted(plan, asked, payload, plain, exchange.path, scope["query_string"], said.block)
        key = 0
        if worker.chooses and caller is not None:
            key = affinity.key_of(caller.workspace_id, headers.session(said), asked.document)
        marked = shape  # where marks for the cache are looked for
        del asked, payload, plain, shape  # a call may last for an hour; what is needed of them is on `wanted`
        said.forget()
        if count:
            await self._count(exchange, relay, wanted, key, receive)
            return
        if routing.takes_long(worker, exchange, wanted, plan[0]):
            form = await aside.done(partial(routing.form, worker, exchange, wanted, plan[0]))
        else:
            form = routing.form(worker, exchange, wanted, plan[0])
        max_tokens = routing.output_tokens_max(exchange, wanted, plan[0])
        wanted.forget()
        others = () if len(plan) == 1 else routing.terms_elsewhere(exchange, wanted)
        if exchange.translation is None:
            admit.message(worker, exchange, relay, wanted.plain, max_tokens, others, marked)
        else:
            # The hold goes by what is sent: a translated body may be longer than its own.
            admit.message(worker, exchange, relay, form.body, max_tokens, others)
        del marked
        worker.watch.sent(relay, receive)
        withheld = await failover.carry(worker, exchange, relay, wanted, form, key, "")
        if withheld is not None:
            withheld.show(exchange, relay.flow)

    async def _count(self, exchange: Exchange, relay: Passthrough, wanted: Wanted, key: int, receive: Receive) -> None:
        """A count of tokens: by an upstream that counts in this dialect, else by an estimate of ours."""
        worker = self._worker
        counting_ones = tuple(one for one in wanted.plan if exchange.dialect.name in worker.upstreams[one.provider.name].speaks)
        first = wanted.plan[0]
        exchange.model_served, exchange.upstream = first.model_served, worker.upstreams[first.provider.name]
        wanted.forget()
        admit.other(worker, exchange, relay)
        worker.watch.sent(relay, receive)
        if not counting_ones:
            relay.home = exchange.upstream.connections
            await counting.estimate(worker, exchange, relay, wanted.plain)
            return
        wanted.plan = counting_ones
        form = routing.form(worker, exchange, wanted, counting_ones[0])
        try:
            withheld = await failover.carry(worker, exchange, relay, wanted, form, key, failover.COUNTS)
        except Fault:
            await counting.estimate(worker, exchange, relay, wanted.plain)
            return
        if withheld is not None and counting.declined(withheld.status):
            await counting.estimate(worker, exchange, relay, wanted.plain)
        elif withheld is not None:
            withheld.show(exchange, relay.flow)

    async def _other(self, exchange: Exchange, relay: Passthrough, scope: Scope, said: Said, receive: Receive) -> None:
        """Every other path of the upstream: authenticated, counted, passed on. Large bodies are passed on as they come."""
        worker = self._worker
        query, caller = scope["query_string"], exchange.caller
        if caller is not None:
            allowed.check_other(caller.allowed, exchange.method, exchange.path)
        upstream = exchange.upstream = routing.native(worker)
        if exchange.path.startswith(BATCHES) and not exchange.path.endswith("/results"):
            exchange.reshape = partial(batches.point_at, origin=headers.own_origin(scope["headers"], scope["scheme"]))
        admit.other(worker, exchange, relay)
        if upload.is_large(said):
            await upload.pass_on(worker, exchange, relay, upstream, query, said, receive)
            kept = relay.kept
            if kept is not None:
                kept.show(exchange, relay.flow)
            return
        payload = await body.read(relay, receive, said, bytes_max=upload.HELD_BYTES_MAX)
        exchange.request_bytes = len(payload)
        has_body = bool(payload) or exchange.method in ("POST", "PUT", "PATCH")
        form = Form(exchange.path[upstream.path_cut :], query, said.block, payload, has_body)
        worker.watch.sent(relay, receive)
        withheld = await failover.once(worker, exchange, relay, form)
        if withheld is not None:
            withheld.show(exchange, relay.flow)

    async def _relay_to_control(self, exchange: Exchange, relay: Passthrough, scope: Scope, said: Said, receive: Receive) -> None:
        """What is not ours goes to the control plane, over the same relay as everything else."""
        worker = self._worker
        payload = await body.read(relay, receive, said, bytes_max=CONTROL_BODY_BYTES_MAX)
        peer = str(scope["client"][0]).encode("ascii", "replace") if scope.get("client") else b""
        head = headers.control_head(exchange, scope["query_string"], scope["headers"], peer, len(payload))
        worker.watch.sent(relay, receive)
        try:
            form = Form(exchange.path, scope["query_string"], b"", payload)
            form.head = head
            await attempt(exchange, relay, worker.control, worker.counters, form)
        except Fault as fault:
            if fault.kind is not FaultKind.UNREACHABLE:
                raise
            raise Fault(FaultKind.UNAVAILABLE, "The control plane is not available.", retry_after_s=2) from fault


def _checked(
    dialect: Passing, plain: bytes, shape: bytes | None, version: str, betas: frozenset[str], count_tokens: bool
) -> Request:
    """A body as a request, read by its outline, which is made here when it was not made before. Raises Fault INVALID."""
    if shape is None:
        shape = outlined(plain)
    if dialect.check is not None:
        return dialect.check(plain, shape)
    return request.check(plain, version=version, betas=betas, count_tokens=count_tokens, shape=shape)
