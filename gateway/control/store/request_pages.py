"""Pages of requests, newest first, by any restriction, with a bound on the rows that one page looks at.

There is no index for any restriction: each would cost every request that is entered. Rows are found by their start alone, and
where nothing can be, the rollups say so: quarters of an hour in which the key or the error asked for does not occur are passed
over. What the rollups cannot tell (a duration, a path) is looked for row by row, at most SCAN_ROWS_MAX of them a page; a page
that ends there is shorter than asked for and says where the next one goes on. On a busy machine it ends earlier, by the clock.
"""

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from gateway.control.store import rollups
from gateway.control.store.requests import RequestRow
from gateway.control.store.rollups import Choice

SCAN_ROWS_MAX = 40_000  # a page; 50 to 100 ms
PIECE_ROWS = 4_000
DAYS_AT_ONCE = 31
_MINUTE_NS = 60_000_000_000
_QUARTER_NS, _DAY_NS = 15 * _MINUTE_NS, 1440 * _MINUTE_NS
_BEFORE_ALL = b""
ERRORS = "(outcome NOT IN (1, 4, 7) OR status >= 400)"
# What must occur in a bucket of the rollups for such a request to be in it.
_STATUS_SUMS = {"4xx": ("limited", "client_error"), "429": ("limited",), "5xx": ("server_error",)}


class Place(NamedTuple):
    """Where a page goes on: behind this start and id."""

    started_ns: int
    request_id: bytes


@dataclass(frozen=True, slots=True)
class Wanted:
    """A restriction; None is none. `status` is `2xx`, `4xx`, `5xx` or a number; `model` was asked for or served; `within` are
    the numbers of the only workspaces that may be looked into."""

    since_ns: int
    until_ns: int
    key_id: int | None = None
    workspace_id: int | None = None
    model: str | None = None
    provider: str | None = None
    status: str | None = None
    outcome: int | None = None
    surface: int | None = None
    errors_only: bool = False
    duration_us_min: int | None = None
    ttft_us_min: int | None = None
    within: frozenset[int] | None = None

    @property
    def conditions(self) -> tuple[list[str], list[int | str]]:
        """Conditions on request rows, and their values."""
        texts: list[str] = []
        values: list[int | str] = []
        for condition, value in (
            ("key_id = ?", self.key_id),
            ("workspace_id = ?", self.workspace_id),
            ("provider = ?", self.provider),
            ("outcome = ?", self.outcome),
            ("surface = ?", self.surface),
            ("duration_us >= ?", self.duration_us_min),
            ("ttft_us >= ?", self.ttft_us_min),
        ):
            if value is not None:
                texts.append(condition)
                values.append(value)
        if self.within is not None:
            texts.append(f"workspace_id IN ({', '.join('?' * len(self.within))})")
            values += self.within
        if self.model is not None:
            texts.append("(model_served = ? OR model_asked = ?)")
            values += [self.model, self.model]
        if self.status is not None:
            low = int(self.status[0]) * 100 if self.status.endswith("xx") else int(self.status)
            texts.append("status BETWEEN ? AND ?")
            values += [low, low + 99 if self.status.endswith("xx") else low]
        if self.errors_only:
            texts.append(ERRORS)
        return texts, values

    @property
    def choice(self) -> Choice:
        """The series in which such requests can be. Of models the rollups know only what was served, so they say nothing here."""
        named = (("key_id", self.key_id), ("workspace_id", self.workspace_id), ("provider", self.provider))
        return Choice({name: value for name, value in named if value is not None}, within=self.within)

    @property
    def sums(self) -> tuple[str, ...]:
        """The sums of which one must not be 0."""
        if self.status is not None and self.status[0] in "45":
            return _STATUS_SUMS.get(self.status) or (("client_error",) if self.status[0] == "4" else ("server_error",))
        return rollups.ENDINGS[2:] if self.errors_only else rollups.ENDINGS

    @property
    def is_in_rollups(self) -> bool:
        """Whether the rollups can tell where such requests are not."""
        return bool(self.choice.only) or self.within is not None or self.sums != rollups.ENDINGS


class Page(NamedTuple):
    """Rows, newest first. `next` is where the next page goes on; None when there is nothing behind."""

    rows: list[RequestRow]
    next: Place | None


def page(
    connection: sqlite3.Connection,
    wanted: Wanted,
    after: Place | None,
    limit: int,
    scan: int = SCAN_ROWS_MAX,
    is_late: Callable[[], bool] = lambda: False,
) -> Page:
    """At most `limit` requests that are wanted, those behind `after`; ends after `scan` rows or at the first piece after which
    `is_late` says so."""
    texts, values = wanted.conditions
    found: list[RequestRow] = []
    for end, start_ns in _ranges(connection, wanted, after or Place(wanted.until_ns, _BEFORE_ALL)):
        place = end
        while True:
            piece_ns = _piece(connection, place, start_ns) if texts else start_ns
            found += _rows(connection, place, piece_ns, texts, values, limit - len(found))
            if len(found) >= limit:
                return Page(found, Place(found[-1].started_ns, found[-1].request_id))
            place = Place(piece_ns, _BEFORE_ALL)
            scan -= PIECE_ROWS if piece_ns > start_ns else PIECE_ROWS // 20
            if (scan <= 0 or is_late()) and piece_ns > wanted.since_ns:
                return Page(found, place)
            if piece_ns <= start_ns:
                break
    return Page(found, None)


def _rows(
    connection: sqlite3.Connection, place: Place, start_ns: int, texts: list[str], values: list[int | str], limit: int
) -> list[RequestRow]:
    wheres = ["started_ns >= ?", "(started_ns, request_id) < (?, ?)", *texts]
    statement = f"""
SELECT * FROM requests INDEXED BY requests_by_time WHERE {" AND ".join(wheres)} ORDER BY started_ns DESC, request_id DESC LIMIT ?
"""  # noqa: S608 (texts of this module; every value is a parameter)
    return [RequestRow(*row) for row in connection.execute(statement, [start_ns, *place, *values, limit])]


def _piece(connection: sqlite3.Connection, place: Place, start_ns: int) -> int:
    """Where the last PIECE_ROWS requests before `place` begin, or the whole range if it has fewer."""
    row = connection.execute(
        "SELECT started_ns FROM requests WHERE started_ns >= ? AND (started_ns, request_id) < (?, ?) "
        "ORDER BY started_ns DESC, request_id DESC LIMIT 1 OFFSET ?",
        (start_ns, *place, PIECE_ROWS),
    ).fetchone()
    return start_ns if row is None else int(row[0])


def _ranges(connection: sqlite3.Connection, wanted: Wanted, place: Place) -> Iterator[tuple[Place, int]]:
    """The ranges before `place` in which wanted requests can be, the latest first: where each ends, and when it starts."""
    since_ns = wanted.since_ns
    kept_ns = max(since_ns, rollups.days_from(connection) * _DAY_NS)
    if place.started_ns <= kept_ns or rollups.unfilled(connection) or not wanted.is_in_rollups:
        yield place, since_ns
        return
    # `place` may stand within the moment that is a quarter's first: the rest of it is in there.
    for quarter in _busy_quarters(connection, wanted, kept_ns // _QUARTER_NS, place.started_ns // _QUARTER_NS):
        yield min(place, Place((quarter + 1) * _QUARTER_NS, _BEFORE_ALL)), max(since_ns, quarter * _QUARTER_NS)
    if since_ns < kept_ns:
        yield Place(kept_ns, _BEFORE_ALL), since_ns


def _busy_quarters(connection: sqlite3.Connection, wanted: Wanted, first: int, last: int) -> Iterator[int]:
    """Quarters of an hour since 1970 in which such requests are, from the last to the first."""
    for days in _busy(connection, wanted, "days", first // 96, last // 96, DAYS_AT_ONCE):
        for day in days:
            for quarters in _busy(connection, wanted, "quarters", max(first, day * 96), min(last, day * 96 + 95), 96):
                yield from quarters


def _busy(connection: sqlite3.Connection, wanted: Wanted, level: str, first: int, last: int, at_once: int) -> Iterator[list[int]]:
    series, values = wanted.choice.series
    occurs = " OR ".join(f"{name} > 0" for name in wanted.sums)
    minutes = rollups.LEVELS[level]
    statement = f"""
WITH chosen AS MATERIALIZED ({series})
SELECT bucket FROM chosen CROSS JOIN rollup_{level} AS kept ON kept.series_id = chosen.id AND bucket BETWEEN ? AND ?
WHERE {occurs}
UNION SELECT bucket / {minutes} FROM rollup_fresh WHERE bucket BETWEEN ? AND ? ORDER BY 1 DESC
"""  # noqa: S608 (texts of this module; every value is a parameter)
    while last >= first:
        low = max(first, last - at_once + 1)
        bounds = [low, last, low * minutes, last * minutes + minutes - 1]
        yield [row[0] for row in connection.execute(statement, [*values, *bounds])]
        last = low - 1
