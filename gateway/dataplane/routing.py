"""Routing: where a request goes, and in which form it gets there.

Owns the choice of the upstreams for each kind of call, and the form in which a request goes to each: untouched, under another
model's name, or translated. The form for the first target is made before anything is held or sent, that for another one only
when it is tried.
"""

from typing import Final

import orjson

from gateway.catalog.routes import Target
from gateway.core.faults import Fault, FaultKind
from gateway.dataplane import headers, settle
from gateway.dataplane.aside import INLINE_BYTES_MAX
from gateway.dataplane.exchange import Exchange
from gateway.dataplane.worker import Worker
from gateway.dialects.body import OUTLINED_BYTES_MIN
from gateway.dialects.openai_chat.plain import answers
from gateway.dialects.passing import ANTHROPIC, OPENAI_PLAIN, Passing
from gateway.dialects.request import Request, replace_model
from gateway.dialects.translation import Translation
from gateway.upstream.providers import Upstream

# What a client of another dialect cannot say itself. Under this version the fields of sampling are the model's matter.
VERSION_LINE: Final = b"anthropic-version: 2023-06-01\r\n"
NOT_NATIVE: Final = "This path is not served: no upstream of this gateway has it."
NOT_PLAIN: Final = "No upstream of this gateway has this for the model asked for."


class Form:
    """A request as one target takes it: what of it stands in the head, and the body. `head` is the whole of it, once a credential
    is known; `wanted` is what it was made from."""

    __slots__ = ("block", "body", "has_body", "head", "path", "query", "wanted")

    def __init__(
        self, path: str, query: bytes, block: bytes, body: bytes, has_body: bool = True, wanted: "Wanted | None" = None
    ) -> None:
        self.path = path
        self.query = query
        self.block = block
        self.body = body
        self.has_body = has_body
        self.head = b""
        self.wanted = wanted

    def release(self) -> None:
        """Lets go of everything that would be needed to send it again, here or elsewhere."""
        self.head = self.block = self.body = b""
        if self.wanted is not None:
            self.wanted.release()


class Wanted:
    """A request as its client made it, from which the form for each target of its plan is made.

    `answers` is how many of them it asks for. `plain` is the body, `payload` the same as it came, possibly compressed. `document`
    is the parsed body with all its texts, as long as it is there, `shape` the same perhaps without its long ones; who translates
    when there is none parses once more.
    """

    __slots__ = ("answers", "block", "document", "max_tokens", "path", "payload", "plain", "plan", "query", "shape", "span")

    def __init__(
        self, plan: tuple[Target, ...], asked: Request, payload: bytes, plain: bytes, path: str, query: bytes, block: bytes
    ) -> None:
        self.plan = plan
        self.span = asked.model_span
        self.max_tokens = asked.max_tokens
        self.answers = 0  # looked up where it matters
        self.shape: dict[str, object] | None = asked.document
        # A larger one was read by its outline, and has lost what must be translated.
        self.document: dict[str, object] | None = asked.document if len(plain) < OUTLINED_BYTES_MIN else None
        self.payload = payload
        self.plain = plain
        self.path = path
        self.query = query
        self.block = block

    def forget(self) -> None:
        """Lets the parsed body go, which may be larger than the body itself; the call may last minutes."""
        self.shape = self.document = None

    def release(self) -> None:
        """Lets go of the body as well: the request will not be sent again."""
        self.forget()
        self.payload = self.plain = self.block = b""


def plan(worker: Worker, model: str, dialect: Passing) -> tuple[Target, ...]:
    """Where a request to a model goes, in the order in which it is tried. Raises Fault MISSING for what no upstream of it has."""
    targets = worker.routes.plan(model)
    if dialect.name not in OPENAI_PLAIN:
        return targets
    found = tuple(one for one in targets if dialect.name in worker.upstreams[one.provider.name].speaks)
    if not found:
        raise Fault(FaultKind.MISSING, NOT_PLAIN, param="model")
    return found


def form(worker: Worker, exchange: Exchange, wanted: Wanted, target: Target) -> Form:
    """The request as a target takes it; from here on the exchange is with that target. Raises Fault INVALID for what cannot be
    carried there."""
    upstream = exchange.upstream = worker.upstreams[target.provider.name]
    exchange.model_served, exchange.model, exchange.translation = target.model_served, target.model, None
    if exchange.dialect.name in upstream.speaks:
        path = wanted.path[upstream.path_cut :]
        if not exchange.echoes:
            return Form(path, wanted.query, wanted.block, wanted.payload, wanted=wanted)
        block = headers.without(wanted.block, frozenset((b"content-encoding",)))
        return Form(path, wanted.query, block, replace_model(wanted.plain, wanted.span, target.model_served), wanted=wanted)
    document = wanted.document
    if document is None:
        document = orjson.loads(wanted.plain)  # it was checked when it came
    translation = translate(exchange, document, target)
    body, translation.body = translation.body, b""  # the form's from here on
    return Form(translation.path, b"", lines(wanted.block, exchange, target), body, wanted=wanted)


def takes_long(worker: Worker, exchange: Exchange, wanted: Wanted, target: Target) -> bool:
    """Whether `form` would hold the event loop up: a large body that has to be translated."""
    return len(wanted.plain) > INLINE_BYTES_MAX and exchange.dialect.name not in worker.upstreams[target.provider.name].speaks


def terms_elsewhere(exchange: Exchange, wanted: Wanted) -> tuple[tuple[str, int], ...]:
    """The models that may answer when the first target does not, each with the most output it may bring."""
    found = {(one.model_served, output_tokens_max(exchange, wanted, one)): None for one in wanted.plan}
    del found[(wanted.plan[0].model_served, output_tokens_max(exchange, wanted, wanted.plan[0]))]
    return tuple(found)


def output_tokens_max(exchange: Exchange, wanted: Wanted, target: Target) -> int:
    """The most output that a request may bring from a target. Where it names no figure, what the model may give."""
    if exchange.dialect is ANTHROPIC:
        return wanted.max_tokens
    profile = target.profile
    most = wanted.max_tokens or profile.max_tokens_max or profile.max_tokens_default
    if target.provider.dialect == ANTHROPIC.name and not wanted.max_tokens:
        most = profile.max_tokens_default  # the figure that translation writes
    if not wanted.answers and wanted.shape is not None:
        wanted.answers = answers(wanted.shape)
    return most * max(wanted.answers, 1)


def translate(exchange: Exchange, document: dict[str, object], target: Target) -> Translation:
    """The request in the upstream's dialect. Raises Fault INVALID for what cannot be carried."""
    translation = exchange.translation = Translation(
        document,
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
