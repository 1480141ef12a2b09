"""The models that a caller may ask for: one list over all upstreams, in the caller's dialect, without asking an upstream.

Owns the answer to `/v1/models` and to one model below it. What is offered is the catalogue's matter (`offers`), how it is written
the dialects'. What upstreams say they have is asked of the control plane, which keeps it; without it, what is written down in our
own files is offered all the same.
"""

from functools import partial
from urllib.parse import unquote

import orjson

from gateway.catalog.offers import Listed, Offer, find, offers
from gateway.core.faults import Fault, FaultKind
from gateway.core.outcome import Outcome
from gateway.dataplane import admit, allowed, internal
from gateway.dataplane.exchange import Exchange
from gateway.dataplane.passthrough import Passthrough
from gateway.dataplane.worker import Worker
from gateway.dialects.anthropic import models as anthropic_models
from gateway.dialects.models import ModelRow
from gateway.dialects.openai_chat import models as chat_models
from gateway.dialects.passing import ANTHROPIC

LIST_PATH = "/v1/models"
# The control plane answers sooner by itself; Claude Code gives up after 3 s.
WAIT_S = 2.0
UNKNOWN = "What the upstream of this model has is not known at the moment."

_ASKED = b"GET /internal/models HTTP/1.1\r\nhost: localhost\r\n\r\n"


async def answer(worker: Worker, exchange: Exchange, relay: Passthrough, query: bytes) -> None:
    """Answers with the list, or with one model. Raises Fault: INVALID, MISSING, UNAVAILABLE, LIMITED; ClientGone."""
    admit.other(worker, exchange, relay)
    relay.home = worker.internal
    lists = await _lists(worker, relay)
    writer = anthropic_models if exchange.dialect is ANTHROPIC else chat_models
    caller = exchange.caller
    bits = 0 if caller is None else caller.allowed
    usable = partial(allowed.usable, bits, worker.tariff)
    offered = offers(worker.routes, lists, usable)
    name = unquote(exchange.path.removeprefix(LIST_PATH).lstrip("/"), errors="replace")
    if not name:
        body = writer.write_list([_row(offer) for offer in offered], query.decode("latin-1"))
    else:
        offer = find(name, worker.routes, offered)
        if offer is None:
            left = usable(name, worker.routes.plan(name))
            if left and left[0].provider.name not in lists:
                raise Fault(FaultKind.UNAVAILABLE, UNKNOWN, retry_after_s=2)
            raise writer.missing(name)
        body = writer.write_one(_row(offer))
    exchange.end(Outcome.FINISHED)
    exchange.status = 200
    pairs = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (exchange.dialect.id_header, exchange.id_text.encode("ascii")),
    ]
    relay.flow.start(200, pairs)
    relay.flow.body(b"" if exchange.method == "HEAD" else body, more=False)


async def _lists(worker: Worker, relay: Passthrough) -> dict[str, list[Listed]]:
    """What each upstream says it has; nothing while the control plane is away."""
    status, body = await internal.ask(worker, relay, _ASKED, b"", WAIT_S)
    if status != 200:
        return {}
    return {provider: [Listed(*row) for row in rows] for provider, rows in orjson.loads(body).items()}


def _row(offer: Offer) -> ModelRow:
    model, listed = offer.plan[0].model, offer.listed
    facts: dict[str, object] = {}
    if model is not None:
        facts = {"max_input_tokens": model.max_input_tokens, "max_tokens": model.max_tokens}
    if listed is not None:
        facts |= listed.facts
    return ModelRow(
        offer.name,
        offer.display_name,
        0 if listed is None else listed.created_s,
        offer.plan[0].provider.name,
        facts,
    )
