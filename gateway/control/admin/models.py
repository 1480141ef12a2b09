"""Models: what the catalogue knows of them, where they go, and what they have shown."""

from typing import Annotated

import msgspec
from msgspec import Struct

from gateway.catalog.prices import Rate
from gateway.catalog.routes import Target
from gateway.control.admin.endpoint import Call, Endpoint, Nothing
from gateway.control.admin.front import FrontDesk
from gateway.control.speeds import Speeds
from gateway.control.upstreams import Upstreams
from gateway.core.money import dollars

TOKENS_PER_PRICE = 1_000_000


class TargetView(Struct, frozen=True, kw_only=True):
    """One place that is tried, and what was measured there since the control plane started. Null is unknown."""

    target: str
    requests: int
    success: float | None
    ttft_ms: int | None
    tokens_per_s: float | None


class ModelView(Struct, frozen=True, kw_only=True):
    """A model by a name it can be asked for. What only the catalogue knows is null for a name without a row.

    Prices are dollars per million tokens, by token class; empty when the list has none.
    """

    id: str
    display_name: str | None
    line: str
    family: str | None
    max_input_tokens: int | None
    max_tokens: int | None
    capabilities: list[str]
    prices_usd: dict[str, str]
    targets: list[TargetView]


class AliasView(Struct, frozen=True):
    """A name and what it means."""

    alias: str
    model: str


class Models(Struct, frozen=True):
    """All models of the catalogue and all that were answered for; and the names that mean others."""

    data: list[ModelView]
    aliases: list[AliasView]


class ModelsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """`name` is any name a client may ask for, `provider/model` too: then it alone is shown, with where it goes."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=256)] | None = None


def list_models(front: FrontDesk, call: Call[Nothing, ModelsQuery]) -> Models:
    upstreams, wall_ns = front.upstreams(), front.clock.wall_ns()
    if call.query.name is not None:
        return Models([view(upstreams, call.query.name, wall_ns)], [])
    aliases = [AliasView(alias, model) for alias, model in upstreams.aliases]
    return Models([view(upstreams, name, wall_ns) for name in upstreams.models], aliases)


def view(upstreams: Upstreams, name: str, wall_ns: int) -> ModelView:
    """A model as shown to people and scripts."""
    plan = upstreams.routes.plan(name)
    known = plan[0].model
    rate = upstreams.prices.rate(plan[0].model_served, wall_ns)
    return ModelView(
        id=name,
        display_name=known.display_name if known else None,
        line=upstreams.catalogue.line(plan[0].model_served),
        family=known.family if known else None,
        max_input_tokens=known.max_input_tokens if known else None,
        max_tokens=known.max_tokens if known else None,
        capabilities=list(known.capabilities) if known else [],
        prices_usd={} if rate is None else _prices(rate),
        targets=[_target(target, upstreams.speeds) for target in plan],
    )


def _target(target: Target, speeds: Speeds) -> TargetView:
    speed = speeds.find(target.provider.name, target.model_served)
    return TargetView(
        target=target.slug,
        requests=speed.succeeded + speed.failed,
        success=None if speed.success_rate is None else round(speed.success_rate, 4),
        ttft_ms=speed.ttft_ms,
        tokens_per_s=speed.tokens_per_s,
    )


def _prices(rate: Rate) -> dict[str, str]:
    classes = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")
    return {name: dollars(getattr(rate, f"{name}_nanodollars") * TOKENS_PER_PRICE) for name in classes}


ENDPOINTS = (
    Endpoint(
        "GET",
        "/admin/v1/models",
        "List models, with where they go and what they have shown",
        list_models,
        Models,
        query=ModelsQuery,
    ),
)
