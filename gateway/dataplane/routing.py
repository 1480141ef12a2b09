"""Routing: where a request goes, and in which form it gets there.

Owns the choice of the upstream for each kind of call and the translation of what it does not speak. Everything here happens once
for a request, before anything is held or sent; a call that is passed on to the upstream of its model does not come by but for
the choice itself.
"""

from gateway.catalog.routes import Target
from gateway.core.faults import Fault, FaultKind
from gateway.dataplane import headers, settle
from gateway.dataplane.exchange import Exchange
from gateway.dataplane.worker import Worker
from gateway.dialects.anthropic import models as model_lists
from gateway.dialects.openai_chat.plain import answers
from gateway.dialects.passing import ANTHROPIC, OPENAI_CHAT, OPENAI_PLAIN, Passing
from gateway.dialects.request import Request
from gateway.dialects.translation import Translation
from gateway.upstream.providers import Upstream

# What a client of another dialect cannot say itself. Under this version the fields of sampling are the model's matter.
VERSION_LINE = b"anthropic-version: 2023-06-01\r\n"
NOT_NATIVE = "This path is not served: no upstream of this gateway has it."
NOT_PLAIN = "No upstream of this gateway has this for the model asked for."


def target(worker: Worker, model: str, dialect: Passing) -> Target:
    """Where a request to a model goes. Raises Fault MISSING for what no upstream of the model has."""
    plan = worker.routes.plan(model)
    if dialect.name not in OPENAI_PLAIN:
        return plan[0]
    for candidate in plan:
        if dialect.name in worker.upstreams[candidate.provider.name].speaks:
            return candidate
    raise Fault(FaultKind.MISSING, NOT_PLAIN, param="model")


def output_tokens_max(exchange: Exchange, asked: Request, target: Target) -> int:
    """The most output that a request in one of OpenAI's dialects may bring. Where it names no figure, what its model may give."""
    profile = target.profile
    most = asked.max_tokens or profile.max_tokens_max or profile.max_tokens_default
    if target.provider.dialect == ANTHROPIC.name and not asked.max_tokens:
        most = profile.max_tokens_default  # the figure that translation writes
    return most * answers(asked.document)


def translate(exchange: Exchange, asked: Request, target: Target) -> Translation:
    """The request in the upstream's dialect. Raises Fault INVALID for what cannot be carried."""
    translation = exchange.translation = Translation(
        asked.document,
        client=exchange.dialect.name,
        upstream=target.provider.dialect,
        model=target.model_served,
        profile=target.profile,
        request_id=exchange.id_text,
        created_s=exchange.started_ns // 1_000_000_000,
    )
    translation.input_tokens_estimated = settle.estimated_input_tokens(exchange)
    return translation


def lines(block: bytes, exchange: Exchange, target: Target) -> bytes:
    """The client's header lines for an upstream of another dialect."""
    kept = headers.for_another(block, streams=exchange.stream)
    return kept + VERSION_LINE if target.provider.dialect == ANTHROPIC.name else kept


def native(worker: Worker) -> Upstream:
    """The upstream for paths that only Anthropic has. Raises Fault MISSING."""
    if worker.native is None:
        raise Fault(FaultKind.MISSING, NOT_NATIVE)
    return worker.native


def models(worker: Worker, exchange: Exchange, block: bytes, query: bytes) -> tuple[Upstream, bytes, bytes]:
    """The upstream for a list of models, or for one by its name, with the lines and the query to send there.

    The list is that of the default upstream; it is written anew where the client speaks otherwise than that one.
    """
    name = exchange.path.removeprefix("/v1/models").lstrip("/")
    provider = worker.routes.plan(name)[0].provider if name else worker.routes.default
    upstream = worker.upstreams[provider.name]
    theirs = provider.dialect == ANTHROPIC.name
    if theirs and exchange.dialect is OPENAI_CHAT:
        exchange.reshape = model_lists.as_openai
        return upstream, block + VERSION_LINE, query or b"limit=1000"
    if not theirs and exchange.dialect is ANTHROPIC:
        exchange.reshape = model_lists.as_anthropic
        return upstream, headers.for_another(block, streams=False), b""
    return upstream, block, query
