"""Calls: the life of a request, step by step.

Owns the order of the steps and nothing of what they do. Whatever a step raises ends the call here: a Fault is written in the
client's dialect, anything else is a bug of ours and becomes one too. `finish` runs for every ending, once, and waits for
nothing, so no cancellation can come between its parts.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from gateway.core.faults import Fault, FaultKind
from gateway.core.outcome import Outcome
from gateway.dataplane import admit, body, counting, finish, headers, routing, surfaces, upload
from gateway.dataplane.attempt import attempt
from gateway.dataplane.body import ClientGone
from gateway.dataplane.exchange import Exchange
from gateway.dataplane.flow import Send
from gateway.dataplane.headers import Said
from gateway.dataplane.identify import identify
from gateway.dataplane.passthrough import Passthrough, Receive
from gateway.dataplane.surfaces import Match, Place
from gateway.dataplane.watch import CLIENT_STALL_S
from gateway.dataplane.worker import Worker
from gateway.dialects.anthropic import batches, request
from gateway.dialects.passing import ANTHROPIC
from gateway.state.counters import Counter
from gateway.state.journal import Surface
from gateway.upstream.providers import Upstream

Scope = dict[str, Any]
Probes = Callable[[Scope, Receive, Send], Awaitable[None]]

BATCHES = "/v1/messages/batches"
# Forms and API calls of the control plane; the largest is a page of settings.
CONTROL_BODY_BYTES_MAX = 1024 * 1024


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
            finish.refuse(exchange, relay, fault)
        except Exception as error:  # noqa: BLE001 -- the last resort: a bug becomes a fault, not a dead connection
            finish.log_bug(exchange, error)
            finish.refuse(exchange, relay, Fault(FaultKind.BROKEN, "Internal server error"))
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
            await self._message(exchange, relay, scope, said, receive)
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
        plain = await body.decoded(payload, said.notes.get(b"content-encoding"), bytes_max=settings.body_max_bytes)
        if dialect.check is None:
            asked = request.check(plain, version=version, betas=headers.betas(said), count_tokens=count)
        else:
            asked = dialect.check(plain)
        exchange.stream, exchange.model_asked = asked.stream, asked.model
        target = routing.target(worker, asked.model, dialect)
        upstream = exchange.upstream = worker.upstreams[target.provider.name]
        exchange.model_served = target.model_served
        max_tokens = asked.max_tokens if dialect is ANTHROPIC else routing.output_tokens_max(exchange, asked, target)
        block, path = said.block, exchange.path[upstream.path_cut :]
        if dialect.name in upstream.speaks:
            span = asked.model_span
            if exchange.echoes:
                payload = plain = request.replace_model(plain, span, target.model_served)
                block = headers.without(block, frozenset((b"content-encoding",)))
        elif count:
            del asked
            await self._count_here(exchange, relay, upstream, receive, plain)
            return
        else:
            translation = routing.translate(exchange, asked, target)
            payload = plain = translation.body
            path = translation.path
            block = routing.lines(block, exchange, target)
        del asked  # the parsed body, which may be larger than the body itself; the call may last minutes
        if count:
            admit.other(worker, exchange, relay)
        else:
            admit.message(worker, exchange, relay, plain, max_tokens)
        exchange.credential = upstream.next_credential()
        query = scope["query_string"] if exchange.translation is None else b""
        head = headers.request_head(exchange, upstream, path, query, block, len(payload))
        worker.watch.sent(relay, receive)
        if not count:
            await attempt(exchange, relay, upstream.connections, worker.counters, head, payload)
            return
        try:
            await attempt(exchange, relay, upstream.connections, worker.counters, head, payload)
        except Fault:
            await counting.estimate(worker, exchange, relay, plain)
        else:
            if counting.declined(relay):
                await counting.estimate(worker, exchange, relay, plain)

    async def _count_here(
        self, exchange: Exchange, relay: Passthrough, upstream: Upstream, receive: Receive, plain: bytes
    ) -> None:
        """A count for an upstream that has none to ask for in this dialect."""
        worker = self._worker
        admit.other(worker, exchange, relay)
        relay.home = upstream.connections
        worker.watch.sent(relay, receive)
        await counting.estimate(worker, exchange, relay, plain)

    async def _other(self, exchange: Exchange, relay: Passthrough, scope: Scope, said: Said, receive: Receive) -> None:
        """Every other path of the upstream: authenticated, counted, passed on. Large bodies are passed on as they come."""
        worker = self._worker
        query = scope["query_string"]
        block = said.block
        if exchange.surface is Surface.MODELS:
            upstream, block, query = routing.models(worker, exchange, block, query)
        else:
            upstream = routing.native(worker)
            if exchange.path.startswith(BATCHES) and not exchange.path.endswith("/results"):
                exchange.reshape = partial(batches.point_at, origin=headers.own_origin(scope["headers"], scope["scheme"]))
        exchange.upstream = upstream
        admit.other(worker, exchange, relay)
        exchange.credential = upstream.next_credential()
        if upload.is_large(said):
            await upload.pass_on(worker, exchange, relay, upstream, query, said, receive)
            return
        payload = await body.read(relay, receive, said, bytes_max=upload.HELD_BYTES_MAX)
        exchange.request_bytes = len(payload)
        length = len(payload) if payload or exchange.method in ("POST", "PUT", "PATCH") else None
        head = headers.request_head(exchange, upstream, exchange.path[upstream.path_cut :], query, block, length)
        worker.watch.sent(relay, receive)
        await attempt(exchange, relay, upstream.connections, worker.counters, head, payload)

    async def _relay_to_control(self, exchange: Exchange, relay: Passthrough, scope: Scope, said: Said, receive: Receive) -> None:
        """What is not ours goes to the control plane, over the same relay as everything else."""
        worker = self._worker
        payload = await body.read(relay, receive, said, bytes_max=CONTROL_BODY_BYTES_MAX)
        head = headers.control_head(exchange, scope["query_string"], scope["headers"], len(payload))
        worker.watch.sent(relay, receive)
        try:
            await attempt(exchange, relay, worker.control, worker.counters, head, payload)
        except Fault as fault:
            if fault.kind is not FaultKind.UNREACHABLE:
                raise
            raise Fault(FaultKind.UNAVAILABLE, "The control plane is not available.", retry_after_s=2) from fault
