"""The usage report for Messages: tokens of each class in buckets of time."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from gateway.control.admin.endpoint import Call, Endpoint, Nothing
from gateway.control.admin.front import FrontDesk
from gateway.control.admin.organization import buckets
from gateway.control.admin.organization.buckets import Span
from gateway.control.store import reports
from gateway.control.store.reports import Sums
from gateway.core.faults import FaultKind
from gateway.core.refusals import Refusal

ROWS_MAX = 20_000  # on a page, whatever is grouped by; about 10 MB of JSON

GroupBy = Literal[
    "account_id",
    "api_key_id",
    "context_window",
    "inference_geo",
    "model",
    "service_account_id",
    "service_tier",
    "speed",
    "workspace_id",
]
Values = Annotated[list[str], Meta(max_length=100)]
# What every request here was: the dimensions that this installation does not tell apart.
CONSTANT = {"inference_geo": "not_available", "service_tier": "standard", "speed": "standard"}


def _values(name: str) -> Any:
    return field(default_factory=list, name=f"{name}[]")


class UsageQuery(Struct, frozen=True, kw_only=True):
    """As Anthropic has it. Lists are written `models[]=a&models[]=b`; parameters that are not known here are passed over."""

    starting_at: str
    ending_at: str | None = None
    bucket_width: Literal["1d", "1h", "1m"] = "1d"
    limit: int | None = None
    page: str | None = None
    group_by: Annotated[list[GroupBy], Meta(max_length=20)] = _values("group_by")
    account_ids: Values = _values("account_ids")
    api_key_ids: Values = _values("api_key_ids")
    context_window: Values = _values("context_window")
    inference_geos: Values = _values("inference_geos")
    models: Values = _values("models")
    service_account_ids: Values = _values("service_account_ids")
    service_tiers: Values = _values("service_tiers")
    speeds: Values = _values("speeds")
    workspace_ids: Values = _values("workspace_ids")


class CacheCreation(Struct, frozen=True):
    ephemeral_1h_input_tokens: int
    ephemeral_5m_input_tokens: int


class ServerToolUse(Struct, frozen=True):
    web_search_requests: int


class UsageResult(Struct, frozen=True, kw_only=True):
    """Tokens of one group. A dimension that was not grouped by is null, and so is one that nobody here has: accounts."""

    account_id: str | None = None
    api_key_id: str | None
    cache_creation: CacheCreation
    cache_read_input_tokens: int
    context_window: str | None
    inference_geo: str | None
    model: str | None
    output_tokens: int
    server_tool_use: ServerToolUse
    service_account_id: str | None = None
    service_tier: str | None
    uncached_input_tokens: int
    workspace_id: str | None


class UsageBucket(Struct, frozen=True):
    starting_at: str
    ending_at: str
    results: list[UsageResult]


class UsageReport(Struct, frozen=True):
    """Buckets in order of time, also those in which nothing was used."""

    data: list[UsageBucket]
    has_more: bool
    next_page: str | None


async def show(front: FrontDesk, call: Call[Nothing, UsageQuery]) -> UsageReport:
    query = call.query
    asked = buckets.span(query.bucket_width, query.starting_at, query.ending_at, query.limit, query.page, front.now_s)
    only = {"api_key_id": query.api_key_ids, "model": query.models}
    only |= {"workspace_id": query.workspace_ids, "context_window": query.context_window}
    shown, rows = await found(front, asked, query.group_by, only, empty=_excludes_all(query))
    results: dict[int, list[UsageResult]] = {}
    for row in rows:
        results.setdefault(row.bucket, []).append(_result(row, query.group_by))
    numbers = range(shown.first, shown.first + shown.count)
    data = [UsageBucket(*shown.bounds(number), results.get(number, [])) for number in numbers]
    return UsageReport(data, shown.more, shown.next_page)


async def found(
    front: FrontDesk, asked: Span, by: list[Any], only: dict[str, list[str]], *, empty: bool
) -> tuple[Span, list[Sums]]:
    """The rows of a page, and the page: shorter than asked for when the rows are too many. `empty` when none can fit."""
    if empty or not asked.count:
        return asked, []
    used = {name: values for name, values in only.items() if values}
    rows = await front.reader.ask(
        lambda connection: reports.sums(connection, asked.start_s, asked.end_s, asked.width_s, by, used, ROWS_MAX + 1)
    )
    if len(rows) <= ROWS_MAX:
        return asked, rows
    # The last bucket may be in part only.
    last = rows[-1].bucket
    if last == asked.first:
        full = Refusal(
            "report.groups",
            "group_by: more than {count} groups in one bucket; restrict them or use smaller buckets",
            count=ROWS_MAX,
        )
        raise full.fault(FaultKind.INVALID)
    return asked.cut(last - asked.first), [row for row in rows if row.bucket != last]


def _excludes_all(query: UsageQuery) -> bool:
    """Whether the filters leave nothing: by accounts, which nobody here has, or by what no request here was."""
    if query.account_ids or query.service_account_ids:
        return True
    filters = {"inference_geo": query.inference_geos, "service_tier": query.service_tiers, "speed": query.speeds}
    return any(values and CONSTANT[name] not in values for name, values in filters.items())


def _result(row: Sums, by: list[GroupBy]) -> UsageResult:
    return UsageResult(
        api_key_id=row.api_key_id,
        cache_creation=CacheCreation(row.cache_write_1h_tokens, row.cache_write_5m_tokens),
        cache_read_input_tokens=row.cache_read_tokens,
        context_window=row.context_window,
        inference_geo=CONSTANT["inference_geo"] if "inference_geo" in by else None,
        model=row.model,
        output_tokens=row.output_tokens,
        server_tool_use=ServerToolUse(0),
        service_tier=CONSTANT["service_tier"] if "service_tier" in by else None,
        uncached_input_tokens=row.input_tokens,
        workspace_id=row.workspace_id,
    )


ENDPOINTS = (
    Endpoint("GET", "/v1/organizations/usage_report/messages", "Tokens in buckets of time", show, UsageReport, query=UsageQuery),
)
