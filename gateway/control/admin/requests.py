"""Requests: a list with filters, newest first, and the same as CSV, all of it."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from gateway.control import spans
from gateway.control.admin.endpoint import Call, Endpoint, Nothing, Page
from gateway.control.admin.figures import Text, restriction
from gateway.control.admin.front import FrontDesk
from gateway.control.orders import OrderError
from gateway.control.spreadsheet import BOM, lines
from gateway.control.store import Connection, RequestRow, names, request_pages
from gateway.control.store.request_pages import Place, Wanted
from gateway.core import ids
from gateway.core.faults import FaultKind
from gateway.core.money import dollars
from gateway.core.outcome import Outcome
from gateway.state.record import Flags, Surface

PAGE_ROWS_MAX = 500
CSV_PAGE_ROWS = 1000
PAUSE_S_MAX = 0.1
LATE_NS = 60_000_000  # a page shows what it has found by then
_PLACE = re.compile(r"([0-9]{1,19})-([0-9a-f]{0,32})")
_STATUS = r"\A([245]xx|[1-5][0-9]{2})\Z"
_OUTCOMES = {outcome.word: int(outcome) for outcome in Outcome}
_SURFACES = {surface.name.lower(): int(surface) for surface in Surface}
Milliseconds = Annotated[int, Meta(ge=0, le=2**32)]


class RequestsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which requests, newest first. `status` is a number or 2xx, 4xx, 5xx; `model` the one asked for or served; `tz` the zone of
    local times. `after` is an earlier page's `next`."""

    since: Text | None = None
    until: Text = "now"
    tz: Text = "UTC"
    key: Text | None = None
    workspace: Text | None = None
    model: Text | None = None
    provider: Text | None = None
    status: Annotated[str, Meta(pattern=_STATUS)] | None = None
    outcome: Text | None = None
    surface: Text | None = None
    errors: bool = False
    min_duration_ms: Milliseconds | None = None
    min_ttft_ms: Milliseconds | None = None
    after: Text | None = None
    limit: Annotated[int, Meta(ge=1, le=PAGE_ROWS_MAX)] = 50


class CsvQuery(RequestsQuery, frozen=True, forbid_unknown_fields=True):
    """The same; all of them, so `after` and `limit` say nothing. With `bom`, Excel takes it for UTF-8."""

    bom: bool = False


class RequestLine(Struct, frozen=True, kw_only=True):
    """One request. `estimated` when the upstream did not tell all of its tokens."""

    id: str
    started_at_utc: str
    started_at_local: str
    started_ns: int
    key: str
    key_name: str
    workspace: str
    workspace_name: str
    surface: str
    model_asked: str
    model_served: str
    provider: str
    stream: bool
    status: int
    outcome: str
    fault: str | None
    attempts: int
    duration_ms: float
    ttft_ms: float | None
    input_tokens: int
    cache_read_tokens: int
    cache_write_5m_tokens: int
    cache_write_1h_tokens: int
    output_tokens: int
    estimated: bool
    cost_nanodollars: int
    cost_usd: str
    upstream_request_id: str


COLUMNS = RequestLine.__struct_fields__


async def list_requests(front: FrontDesk, call: Call[Nothing, RequestsQuery]) -> Page[RequestLine]:
    query, now_s, within = call.query, front.now_s, call.asker.within
    after = None if query.after is None else place(query.after)

    late_ns = front.clock.monotonic_ns() + LATE_NS

    def look(connection: Connection) -> Page[RequestLine]:
        asked = wanted(connection, query, now_s, within)
        found = request_pages.page(connection, asked, after, query.limit, is_late=lambda: front.clock.monotonic_ns() > late_ns)
        return Page(view(connection, found.rows, query.tz), None if found.next is None else token(found.next))

    return await front.reader.ask(look)


async def download(front: FrontDesk, call: Call[Nothing, CsvQuery]) -> AsyncIterator[bytes]:
    query, now_s, within = call.query, front.now_s, call.asker.within
    # Asked for once, so that requests which come meanwhile move nothing.
    asked = await front.reader.ask(lambda connection: wanted(connection, query, now_s, within))

    async def pieces() -> AsyncIterator[bytes]:
        yield (BOM if query.bom else b"") + lines([COLUMNS])
        after: Place | None = None
        while True:
            began_ns = front.clock.monotonic_ns()
            found = await front.reader.walk(lambda connection, after=after: csv_page(connection, asked, after, query.tz))  # type: ignore[misc]
            took_s = (front.clock.monotonic_ns() - began_ns) / 1e9
            if found[0]:
                yield found[0]
            if found[1] is None:
                return
            after = found[1]
            # Nobody waits for a download as people wait for a page: it leaves every second moment to those.
            await asyncio.sleep(min(took_s, PAUSE_S_MAX))

    return pieces()


def csv_page(connection: Connection, asked: Wanted, after: Place | None, zone: str) -> tuple[bytes, Place | None]:
    """Some lines, and where the next ones go on."""
    found = request_pages.page(connection, asked, after, CSV_PAGE_ROWS)
    return lines(msgspec.structs.astuple(line) for line in view(connection, found.rows, zone)), found.next


def wanted(connection: Connection, query: RequestsQuery, now_s: int, within: frozenset[int] | None = None) -> Wanted:
    """A query as a restriction of rows, of all workspaces or `within` these. Raises OrderError, MissingError, SpanError."""
    spans.zone(query.tz)
    only: dict[str, Any] = restriction(connection, query.key, query.workspace, None, query.provider, within)
    for name, given, known in (("outcome", query.outcome, _OUTCOMES), ("surface", query.surface, _SURFACES)):
        if given:
            if given not in known:
                raise OrderError("field.choice", "{field} must be one of {choices}", field=name, choices=", ".join(known))
            only[name] = known[given]
    return Wanted(
        since_ns=0 if not query.since else spans.moment_s(query.since, now_s, query.tz) * 10**9,
        until_ns=spans.moment_s(query.until, now_s + (query.until == "now"), query.tz) * 10**9,
        model=query.model or None,
        status=query.status,
        errors_only=query.errors,
        duration_us_min=None if query.min_duration_ms is None else query.min_duration_ms * 1000,
        ttft_us_min=None if query.min_ttft_ms is None else query.min_ttft_ms * 1000,
        within=within,
        **only,
    )


def place(text: str) -> Place:
    """The inverse of `token`. Raises OrderError."""
    match = _PLACE.fullmatch(text)
    if match is None or len(match[2]) % 2 or int(match[1]) >= 2**63:
        raise OrderError("list.place", "after must be the next of an earlier page")
    return Place(int(match[1]), bytes.fromhex(match[2]))


def token(after: Place) -> str:
    """A place as text."""
    return f"{after.started_ns}-{after.request_id.hex()}"


def view(connection: Connection, rows: Sequence[RequestRow], zone: str) -> list[RequestLine]:
    """Rows as shown to people and scripts."""
    keys = names.keys(connection, (row.key_id for row in rows))
    workspaces = names.workspaces(connection, (row.workspace_id for row in rows))
    return [_line(row, keys[row.key_id], workspaces[row.workspace_id], zone) for row in rows]


def _line(row: RequestRow, key: tuple[str, str], workspace: tuple[str, str], zone: str) -> RequestLine:
    started_s = row.started_ns // 10**9
    return RequestLine(
        id=ids.text_of("req", row.request_id),
        started_at_utc=spans.iso(started_s),
        started_at_local=spans.iso(started_s, zone),
        started_ns=row.started_ns,
        key=key[0],
        key_name=key[1],
        workspace=workspace[0],
        workspace_name=workspace[1],
        surface=Surface(row.surface).name.lower(),
        model_asked=row.model_asked,
        model_served=row.model_served,
        provider=row.provider,
        stream=bool(row.flags & Flags.STREAM),
        status=row.status,
        outcome=Outcome(row.outcome).word,
        fault=None if row.fault == FaultKind.NONE else FaultKind(row.fault).word,
        attempts=row.attempts,
        duration_ms=row.duration_us / 1000,
        ttft_ms=None if row.ttft_us is None else row.ttft_us / 1000,
        input_tokens=row.input_tokens,
        cache_read_tokens=row.cache_read_tokens,
        cache_write_5m_tokens=row.cache_write_5m_tokens,
        cache_write_1h_tokens=row.cache_write_1h_tokens,
        output_tokens=row.output_tokens,
        estimated=bool(row.flags & (Flags.INPUT_ESTIMATED | Flags.OUTPUT_ESTIMATED)),
        cost_nanodollars=row.cost_nanodollars,
        cost_usd=dollars(row.cost_nanodollars),
        upstream_request_id=row.upstream_request_id,
    )


ENDPOINTS = (
    Endpoint(
        "GET",
        "/admin/v1/requests",
        "List requests, newest first, with filters",
        list_requests,
        Page[RequestLine],
        query=RequestsQuery,
    ),
    Endpoint(
        "GET",
        "/admin/v1/requests.csv",
        "Download all requests that filters leave, as CSV",
        download,
        str,
        query=CsvQuery,
        streams="text/csv",
    ),
)
