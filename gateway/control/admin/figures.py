"""Figures: what charts and tiles show of a span of time, from the rollups alone. What caches saved: `control.caches`."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from gateway.control import caches, charts, spans
from gateway.control.admin.endpoint import Call, Endpoint, Nothing
from gateway.control.admin.front import FrontDesk
from gateway.control.charts import ttft_ms
from gateway.control.orders import MissingError
from gateway.control.spans import Span
from gateway.control.store import Connection, names
from gateway.control.store import rollups as rows
from gateway.control.store.rollups import ENDINGS, HISTOGRAM, SUMS, TOKENS, Choice
from gateway.core.money import dollars

ERRORS = ENDINGS[2:]
By = Literal["status", "model", "key", "workspace", "provider"]
_DIMENSION = {"model": "model", "key": "key_id", "workspace": "workspace_id", "provider": "provider"}
_PLACES = {name: place for place, name in enumerate(SUMS)}
_GROUPED = (*ENDINGS, *TOKENS, "cost_nanodollars")
GROUPS_MAX = 50

Text = Annotated[str, Meta(max_length=256)]


class FiguresQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """From when to when (`24h`, `now/d`, a date, a time), in which zone days begin, by what, and of which requests only.

    `step` is chosen so that there are at most 200 points. `top` groups have lines of their own, the others are one."""

    since: Text = "24h"
    until: Text = "now"
    tz: Text = "UTC"
    step: Text | None = None
    by: By = "status"
    top: Annotated[int, Meta(ge=1, le=GROUPS_MAX)] = 10
    key: Text | None = None
    workspace: Text | None = None
    model: Text | None = None
    provider: Text | None = None


class Line(Struct, frozen=True, kw_only=True):
    """Sums over some requests. How requests ended adds up to `requests`; `errors` are the last four. Cost is exact.

    `streams` are those that brought a first token; its percentiles are right within a few per cent, null without streams."""

    requests: int
    errors: int
    succeeded: int
    client_gone: int
    limited: int
    client_error: int
    server_error: int
    broken: int
    input_tokens: int
    cache_read_tokens: int
    cache_write_5m_tokens: int
    cache_write_1h_tokens: int
    output_tokens: int
    cost_nanodollars: int
    cost_usd: str
    streams: int
    ttft_p50_ms: int | None
    ttft_p95_ms: int | None
    tokens_per_s: float | None


class Points(Struct, frozen=True, kw_only=True):
    """One list for each sum, all as long as `start_s`: when the points begin, Unix seconds."""

    start_s: list[int]
    succeeded: list[int]
    client_gone: list[int]
    limited: list[int]
    client_error: list[int]
    server_error: list[int]
    broken: list[int]
    input_tokens: list[int]
    cache_read_tokens: list[int]
    cache_write_5m_tokens: list[int]
    cache_write_1h_tokens: list[int]
    output_tokens: list[int]
    cost_nanodollars: list[int]
    ttft_p50_ms: list[int | None]
    ttft_p95_ms: list[int | None]


class Group(Struct, frozen=True, kw_only=True):
    """One group and its points. `id` is null for all groups that have no line of their own; `name` keys and workspaces have.

    By status there are requests only, and the rest is 0."""

    id: str | None
    name: str
    requests: int
    errors: int
    tokens: int
    cost_nanodollars: int
    cost_usd: str
    points_requests: list[int]
    points_tokens: list[int]
    points_cost_nanodollars: list[int]


class Cache(Struct, frozen=True, kw_only=True):
    """Prompt caches, as far as usage shows it: see the manual for what each figure is."""

    read_tokens: int
    written_tokens: int
    saved_nanodollars: int
    saved_usd: str
    lost_nanodollars: int
    lost_usd: str
    affinity_nanodollars: int
    affinity_usd: str


class Figures(Struct, frozen=True, kw_only=True):
    """`before` is the window of the same length before. `complete` is false while earlier requests are still filled in."""

    since: str
    until: str
    tz: str
    step: str
    by: str
    complete: bool
    totals: Line
    before: Line
    points: Points
    groups: list[Group]
    cache: Cache


@dataclass(frozen=True, slots=True)
class Found:
    """What the database says."""

    span: Span
    complete: bool
    totals: list[int]
    before: list[int]
    points: list[list[int]]
    groups: list[Group]
    cache: list[tuple[int, str, str, list[int]]]


async def show(front: FrontDesk, call: Call[Nothing, FiguresQuery]) -> Figures:
    query, now_s, within = call.query, front.now_s, call.asker.within
    found = await front.reader.ask(lambda connection: look(connection, query, now_s, within))
    span, seats = found.span, {one.name: len(one.credentials) for one in front.upstreams().pool.providers}
    return Figures(
        since=spans.iso(span.start_s, query.tz),
        until=spans.iso(span.end_s, query.tz),
        tz=query.tz,
        step=span.step,
        by=query.by,
        complete=found.complete,
        totals=line(found.totals),
        before=line(found.before),
        points=columns(span, found.points),
        groups=found.groups,
        cache=cache(found.cache, seats),
    )


def look(connection: Connection, query: FiguresQuery, now_s: int, within: Collection[int] | None = None) -> Found:
    """All sums of one moment, of all workspaces or `within` these. Raises SpanError, MissingError."""
    span = spans.span(query.since, query.until, query.step, query.tz, now_s, rows.minutes_from(connection) * 60)
    choice = Choice(restriction(connection, query.key, query.workspace, query.model, query.provider, within), within=within)
    nothing = [0] * len(SUMS)
    points = charts.points(connection, choice, span).get(None) or [nothing for _ in span.edges[1:]]
    totals = [sum(sums) for sums in zip(*points, strict=True)]
    before = charts.totals(connection, choice, *span.before).get(None, nothing)
    groups = by_ending(points) if query.by == "status" else by_dimension(connection, query, choice, span, points)
    cached = charts.totals(connection, replace(choice, by="series"), span.start_s, span.end_s, caches.COLUMNS)
    cached = {number: sums for number, sums in cached.items() if any(sums)}
    owners = rows.series(connection, cached)
    by_owner = [(key_id, model, provider, cached[number]) for number, (key_id, _, model, provider) in owners.items()]
    return Found(span, not rows.unfilled(connection), totals, before, points, groups, by_owner)


def restriction(
    connection: Connection,
    key: str | None,
    workspace: str | None,
    model: str | None,
    provider: str | None,
    within: Collection[int] | None,
) -> dict[str, int | str]:
    """What people write as what series are chosen by. Raises MissingError, also for what is not `within` these workspaces."""
    only: dict[str, int | str] = {}
    for name, text, find in (("key_id", key, names.key_number), ("workspace_id", workspace, names.workspace_number)):
        if text:
            number = find(connection, text, within)
            if number is None:
                thing = "key" if name == "key_id" else "workspace"
                raise MissingError("list.missing", "no {thing} with this id", thing=thing)
            only[name] = number
    return only | {name: text for name, text in (("model", model), ("provider", provider)) if text}


def by_ending(points: Sequence[Sequence[int]]) -> list[Group]:
    """A group for every way to end."""
    found = []
    for place, name in enumerate(ENDINGS):
        counts = [sums[place] for sums in points]
        found.append(group(name, "", sum(counts), sum(counts) if name in ERRORS else 0, 0, 0, counts, [], []))
    return found


def by_dimension(
    connection: Connection, query: FiguresQuery, choice: Choice, span: Span, points: Sequence[Sequence[int]]
) -> list[Group]:
    """The groups with the most requests, those with the highest cost first, and all others as one."""
    grouped = replace(choice, by=_DIMENSION[query.by])
    sums = charts.totals(connection, grouped, span.start_s, span.end_s, _GROUPED)
    ranked = sorted((what for what, line in sums.items() if any(line)), key=lambda what: _rank(sums[what], what))
    shown = ranked[: query.top]
    lines = charts.points(connection, grouped, span, _GROUPED, shown) if shown else {}
    labels = _labels(connection, query.by, shown)
    found = [_group(*labels[what], lines[what]) for what in shown if what in lines]
    if len(ranked) > len(shown):
        width = len(_GROUPED)
        rest = [[a - sum(other[place][at] for other in lines.values()) for at, a in enumerate(sums_[:width])]
                for place, sums_ in enumerate(_cut(points))]  # fmt: skip
        found.append(_group(None, "", rest))
    return found


def _rank(sums: Sequence[int], what: Any) -> tuple[int, int, str]:
    return (-sums[-1], -sum(sums[: len(ENDINGS)]), str(what))


def _labels(connection: Connection, by: str, shown: Sequence[Any]) -> dict[Any, tuple[str, str]]:
    if by == "key":
        return names.keys(connection, shown)
    if by == "workspace":
        return names.workspaces(connection, shown)
    return {what: (what or "(none)", "") for what in shown}


def _cut(points: Sequence[Sequence[int]]) -> list[list[int]]:
    """Points of all sums as points of those that groups have."""
    return [[sums[_PLACES[name]] for name in _GROUPED] for sums in points]


def _group(public_id: str | None, name: str, points: Sequence[Sequence[int]]) -> Group:
    endings, tokens = len(ENDINGS), len(ENDINGS) + len(TOKENS)
    requests = [sum(sums[:endings]) for sums in points]
    used = [sum(sums[endings:tokens]) for sums in points]
    cost = [sums[-1] for sums in points]
    errors = sum(sum(sums[2:endings]) for sums in points)
    return group(public_id, name, sum(requests), errors, sum(used), sum(cost), requests, used, cost)


def group(
    public_id: str | None, name: str, requests: int, errors: int, tokens: int, cost: int,
    points_requests: list[int], points_tokens: list[int], points_cost: list[int],
) -> Group:  # fmt: skip
    return Group(
        id=public_id,
        name=name,
        requests=requests,
        errors=errors,
        tokens=tokens,
        cost_nanodollars=cost,
        cost_usd=dollars(cost),
        points_requests=points_requests,
        points_tokens=points_tokens,
        points_cost_nanodollars=points_cost,
    )


def line(sums: Sequence[int]) -> Line:
    """Sums in the order of SUMS as shown to people and scripts."""
    named = dict(zip(SUMS, sums, strict=True))
    return Line(
        requests=sum(named[name] for name in ENDINGS),
        errors=sum(named[name] for name in ERRORS),
        cost_usd=dollars(named["cost_nanodollars"]),
        streams=sum(named[name] for name in HISTOGRAM),
        ttft_p50_ms=ttft_ms(sums, 0.5),
        ttft_p95_ms=ttft_ms(sums, 0.95),
        tokens_per_s=round(named["stream_tokens"] * 1e6 / named["stream_us"], 1) if named["stream_us"] else None,
        **{name: named[name] for name in (*ENDINGS, *TOKENS, "cost_nanodollars")},
    )


def columns(span: Span, points: Sequence[Sequence[int]]) -> Points:
    """Points as one list for each sum."""
    return Points(
        start_s=list(span.edges[:-1]),
        ttft_p50_ms=[ttft_ms(sums, 0.5) for sums in points],
        ttft_p95_ms=[ttft_ms(sums, 0.95) for sums in points],
        **{name: [sums[_PLACES[name]] for sums in points] for name in (*ENDINGS, *TOKENS, "cost_nanodollars")},
    )


def cache(sums: Sequence[tuple[int, str, str, list[int]]], credentials: dict[str, int]) -> Cache:
    """What caches saved and lost, as shown to people and scripts."""
    found = caches.cached(sums, credentials)
    return Cache(
        read_tokens=found.read_tokens,
        written_tokens=found.written_tokens,
        saved_nanodollars=found.saved,
        saved_usd=dollars(found.saved),
        lost_nanodollars=found.lost,
        lost_usd=dollars(found.lost),
        affinity_nanodollars=found.affinity,
        affinity_usd=dollars(found.affinity),
    )


ENDPOINTS = (
    Endpoint(
        "GET", "/admin/v1/figures", "Sums and percentiles over a span of time, point by point", show, Figures, query=FiguresQuery
    ),
)
