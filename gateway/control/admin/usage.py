"""Usage: who used what, in totals over the request rows."""

from typing import Annotated

from msgspec import Meta, Struct

from gateway.control import usage
from gateway.control.admin.endpoint import Call, Endpoint, Nothing
from gateway.control.admin.front import FrontDesk


class UsageQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Over what (`by`: key, workspace, model or day), since when (a span such as 30m, 24h, 7d, 4w, or a date), and which part."""

    since: str = "7d"
    by: str = "key"
    after: str | None = None
    limit: Annotated[int, Meta(ge=1, le=usage.PAGE_ROWS_MAX)] = usage.PAGE_ROWS_MAX


class Total(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The totals of one group. One of `key`, `workspace`, `model` and `day` is there; `name` beside the first two.

    Cost is exact."""

    key: str | None = None
    workspace: str | None = None
    model: str | None = None
    day: str | None = None
    name: str | None = None
    requests: int
    errors: int
    input_tokens: int
    cache_read_tokens: int
    cache_write_5m_tokens: int
    cache_write_1h_tokens: int
    output_tokens: int
    cost_nanodollars: int
    cost_usd: str


class Totals(Struct, frozen=True):
    """A part of the totals. `next` is what to send as `after` for the part behind it; null when this is the last."""

    by: str
    data: list[Total]
    next: str | None


async def show(front: FrontDesk, call: Call[Nothing, UsageQuery]) -> Totals:
    query = call.query
    by, since_ns = usage.group(query.by), usage.since_ns(query.since, front.clock.wall_ns())
    totals = await front.reader.usage(by, since_ns, usage.after(by, query.after), query.limit)
    more = str(totals[-1].after) if len(totals) == query.limit else None
    return Totals(by, [Total(**usage.view(by, total)) for total in totals], more)


ENDPOINTS = (Endpoint("GET", "/admin/v1/usage", "Totals by key, workspace, model or day", show, Totals, query=UsageQuery),)
