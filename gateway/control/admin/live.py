"""Live: what changes from second to second, in one small answer, asked for again and again or sent by events.

One answer holds the tiles, the requests behind the cursor, streams in flight and the pool, so that a page asks one question and
not one for each of its parts. Nothing in it changes by itself: whoever has the same answer already is told so by its tag. Events
carry the same answers; a stream ends after STREAM_S, so that whoever may no longer look loses it, and its client comes again
with the cursor that it has.
"""

import asyncio
from collections.abc import AsyncIterator, Collection
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from gateway.control import charts, spans
from gateway.control.admin.endpoint import Call, Endpoint, Nothing
from gateway.control.admin.figures import Line, Text, line
from gateway.control.admin.front import FrontDesk
from gateway.control.admin.requests import RequestLine, view
from gateway.control.orders import OrderError
from gateway.control.store import Connection
from gateway.control.store import requests as request_rows
from gateway.control.store import rollups as rows
from gateway.control.store.rollups import SUMS, Choice
from gateway.core.faults import FaultKind
from gateway.core.refusals import Refusal
from gateway.state.credentials import Tally

ROWS_MAX = 50
LOOK_EVERY_S = 2.0
HEARTBEAT_S = 15.0
STREAM_S = 900.0
STREAMS_MAX = 16  # over all; each asker has at most STREAMS_PER_ASKER of them
STREAMS_PER_ASKER = 4
SPANS = ("15m", "1h", "24h", "now/d", "7d", "30d", "now/M")

_open: dict[str, int] = {}


class LiveQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Of which span the tiles are, and which requests are known: the `cursor` of an earlier answer."""

    since: Text = "1h"
    tz: Text = "UTC"
    cursor: Annotated[int, Meta(ge=0, lt=2**62)] = 0


class Seat(Struct, frozen=True):
    """An upstream key, as far as a strip of the pool shows it. `until_s` is when its state ends, Unix seconds; 0 is never."""

    provider: str
    number: int
    state: str
    drained: bool
    in_flight: int
    until_s: int


class Live(Struct, frozen=True, kw_only=True):
    """`requests` are those entered behind the cursor, the latest first, at most 50; `streams_open` is now.

    Streams and the pool are the whole gateway's: a member is told null, and an empty list."""

    cursor: str
    totals: Line
    before: Line
    streams_open: int | None
    books_failing: bool
    requests: list[RequestLine]
    pool: list[Seat]


async def show(front: FrontDesk, call: Call[Nothing, LiveQuery]) -> Live:
    query = call.query
    if query.since not in SPANS:
        raise OrderError("field.choice", "{field} must be one of {choices}", field="since", choices=", ".join(SPANS))
    health, now_s = front.health(), front.now_s
    within = call.asker.within
    totals, before, found, cursor = await front.reader.ask(lambda connection: look(connection, query, now_s, within))
    return Live(
        cursor=str(cursor),
        totals=line(totals),
        before=line(before),
        streams_open=health.get("streams_open", 0) if within is None else None,
        books_failing=health.get("books", {}).get("failing", False),
        requests=found,
        pool=strip(front, now_s) if within is None else [],
    )


def look(
    connection: Connection, query: LiveQuery, now_s: int, within: Collection[int] | None
) -> tuple[list[int], list[int], list[RequestLine], int]:
    """Sums of the span and of the one before, new requests, and the cursor behind them. Raises SpanError."""
    span = spans.span(query.since, "now", None, query.tz, now_s, rows.minutes_from(connection) * 60)
    nothing, choice = [0] * len(SUMS), Choice(within=within)
    totals = charts.totals(connection, choice, span.start_s, span.end_s).get(None, nothing)
    before = charts.totals(connection, choice, *span.before).get(None, nothing)
    new, cursor = request_rows.entered_since(connection, query.cursor, ROWS_MAX, within)
    return totals, before, view(connection, new, query.tz), cursor


def strip(front: FrontDesk, now_s: int) -> list[Seat]:
    """Every upstream key, as it stands now. Ends of states are told to five seconds, so that they do not change by themselves."""
    pool = front.upstreams().pool
    found = []
    for credential in pool:
        standing = pool.standing(credential)
        until_s = -(-(now_s + standing.out_ms // 1000) // 5) * 5 if standing.out_ms else 0
        in_flight = pool.totals(credential)[Tally.IN_FLIGHT]
        drained = pool.is_drained(credential)
        found.append(Seat(credential.provider.name, credential.number, standing.word, drained, in_flight, until_s))
    return found


async def follow(front: FrontDesk, call: Call[Nothing, LiveQuery]) -> AsyncIterator[bytes]:
    """Events of kind `live`, each named by its cursor; comments in between. Raises Fault LIMITED when there are too many."""
    asker = call.asker.name
    if sum(_open.values()) >= STREAMS_MAX or _open.get(asker, 0) >= STREAMS_PER_ASKER:
        full = Refusal("live.too_many", "Too many live streams are open: ask for /admin/v1/live instead")
        raise full.fault(FaultKind.LIMITED, retry_after_s=5)
    query = call.query
    if call.resumed.isascii() and call.resumed.isdigit() and len(call.resumed) < 19:
        query = msgspec.structs.replace(query, cursor=int(call.resumed))
    _open[asker] = _open.get(asker, 0) + 1  # before anything is waited for: many may ask at the same moment
    try:
        first = await show(front, Call(call.asker, call.path, query, call.body))
    except BaseException:
        _close(asker)
        raise

    async def events() -> AsyncIterator[bytes]:
        try:
            told = first
            yield event(told)
            quiet_s = 0.0
            for _ in range(round(STREAM_S / LOOK_EVERY_S)):
                await asyncio.sleep(LOOK_EVERY_S)
                asked = msgspec.structs.replace(query, cursor=int(told.cursor))
                now = await show(front, Call(call.asker, call.path, asked, call.body))
                quiet_s += LOOK_EVERY_S
                if now != msgspec.structs.replace(told, requests=[]):
                    told, quiet_s = now, 0.0
                    yield event(told)
                elif quiet_s >= HEARTBEAT_S:
                    quiet_s = 0.0
                    yield b": still here\n\n"
        finally:
            _close(asker)

    return events()


def _close(asker: str) -> None:
    _open[asker] -= 1
    if not _open[asker]:
        del _open[asker]


def event(live: Live) -> bytes:
    """An answer as an event of server-sent events."""
    return b"event: live\nid: " + live.cursor.encode() + b"\ndata: " + msgspec.json.encode(live) + b"\n\n"


ENDPOINTS = (
    Endpoint("GET", "/admin/v1/live", "What is new, in one small answer", show, Live, query=LiveQuery, tagged=True),
    Endpoint("GET", "/admin/v1/live/events", "The same, by events", follow, str, query=LiveQuery, streams="text/event-stream"),
)
