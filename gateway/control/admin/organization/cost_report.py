"""The cost report: money by day, as the books have it.

Amounts are what was entered when each request was settled. Split up by description they are computed from the price list in
force; what a list that has been replaced since had charged otherwise stands in a line of its own, so that the lines of a day
always add up to what was entered.
"""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from gateway.catalog.prices import PriceList
from gateway.control.admin.endpoint import Call, Endpoint, Nothing
from gateway.control.admin.front import FrontDesk
from gateway.control.admin.organization import buckets
from gateway.control.admin.organization.usage_report import CONSTANT, found
from gateway.control.store.reports import Sums
from gateway.core.money import NANODOLLARS_PER_DOLLAR
from gateway.core.usage import Usage

LONG_PROMPT = "200k-1M"
NANODOLLARS_PER_CENT = NANODOLLARS_PER_DOLLAR // 100

GroupBy = Literal["workspace_id", "description", "inference_geo"]
# Anthropic's word for a class of tokens -> words for people, and the class itself.
TOKEN_TYPES = {
    "uncached_input_tokens": ("Input Tokens", "input_tokens"),
    "cache_read_input_tokens": ("Input Tokens, Cache Hit", "cache_read_tokens"),
    "cache_creation.ephemeral_5m_input_tokens": ("Input Tokens, Cache Write (5m)", "cache_write_5m_tokens"),
    "cache_creation.ephemeral_1h_input_tokens": ("Input Tokens, Cache Write (1h)", "cache_write_1h_tokens"),
    "output_tokens": ("Output Tokens", "output_tokens"),
}


class CostQuery(Struct, frozen=True, kw_only=True):
    """As Anthropic has it. Lists are written `group_by[]=a&group_by[]=b`; parameters that are not known here are passed over."""

    starting_at: str
    ending_at: str | None = None
    bucket_width: Literal["1d"] = "1d"
    limit: int | None = None
    page: str | None = None
    group_by: Annotated[list[GroupBy], Meta(max_length=20)] = field(default_factory=list, name="group_by[]")


class CostResult(Struct, frozen=True, kw_only=True):
    """An amount in cents, with as many places as it takes. What was not grouped by is null."""

    amount: str
    context_window: str | None = None
    cost_type: str | None = None
    currency: str = "USD"
    description: str | None = None
    inference_geo: str | None = None
    model: str | None = None
    service_tier: str | None = None
    token_type: str | None = None
    workspace_id: str | None = None


class CostBucket(Struct, frozen=True):
    starting_at: str
    ending_at: str
    results: list[CostResult]


class CostReport(Struct, frozen=True):
    """Days in order, also those that cost nothing."""

    data: list[CostBucket]
    has_more: bool
    next_page: str | None


async def show(front: FrontDesk, call: Call[Nothing, CostQuery]) -> CostReport:
    query = call.query
    asked = buckets.span(query.bucket_width, query.starting_at, query.ending_at, query.limit, query.page, front.now_s)
    described = "description" in query.group_by
    by = [*(("workspace_id",) if "workspace_id" in query.group_by else ()), *(("model", "context_window") if described else ())]
    shown, rows = await found(front, asked, by, {}, empty=False)
    geo = CONSTANT["inference_geo"] if "inference_geo" in query.group_by or described else None
    results: dict[int, list[CostResult]] = {}
    for row in rows:
        lines = (
            split(row, front.prices, row.bucket * asked.width_s * 1_000_000_000) if described else [(row.cost_nanodollars, {})]
        )
        results.setdefault(row.bucket, []).extend(
            CostResult(amount=cents(amount), inference_geo=geo, workspace_id=row.workspace_id, **facts) for amount, facts in lines
        )
    numbers = range(shown.first, shown.first + shown.count)
    data = [CostBucket(*shown.bounds(number), results.get(number, [])) for number in numbers]
    return CostReport(data, shown.more, shown.next_page)


def split(row: Sums, prices: PriceList, day_ns: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """What a group cost, class by class: (nanodollars, members of CostResult). The amounts add up to what was entered."""
    rest = row.cost_nanodollars
    model = row.model or ""
    rate = prices.rate(model, day_ns)
    facts = {
        "model": model,
        "context_window": row.context_window,
        "service_tier": CONSTANT["service_tier"],
        "cost_type": "tokens",
    }
    if rate is not None:
        # The rate of the group: by its sums every group would be one long prompt.
        rate = rate.long if rate.long is not None and row.context_window == LONG_PROMPT else replace(rate, long=None)
        for token_type, (words, name) in TOKEN_TYPES.items():
            amount = rate.cost(Usage(**{name: getattr(row, name)}))
            if amount:
                rest -= amount
                yield amount, facts | {"token_type": token_type, "description": f"{model} Usage - {words}"}
    if rest:
        yield rest, facts | {"description": f"{model} Usage - Difference to earlier prices"}


def cents(nanodollars: int) -> str:
    """An amount as Anthropic writes it: 1234500000 -> "123.45"."""
    exact = Decimal(nanodollars) / NANODOLLARS_PER_CENT
    return f"{exact:.7f}".rstrip("0").rstrip(".") if exact != exact.to_integral_value() else f"{int(exact)}"


ENDPOINTS = (Endpoint("GET", "/v1/organizations/cost_report", "Cost by day", show, CostReport, query=CostQuery),)
