"""Rollups in the books: sums of what is entered, in the transaction that enters it.

So a request counts once, exactly as its row does: a record seen twice has one row and is in no sum twice. Owns the numbers of
series and the names that models have there, and what is done about rollups from time to time: folding what is new into the tables
that charts read, forgetting what is old, and adding requests that were entered by releases without rollups, piece by piece.

A model has a series of its own only once an upstream has answered for it, and only the first MODELS_MAX have: what names callers
invent must not fill the tables.
"""

import structlog

from gateway.catalog.prices import PriceList
from gateway.control.books.rollup import (
    CACHE_PAID,
    CACHE_READ,
    CACHE_SAVED,
    CACHE_WRITE_1H,
    CACHE_WRITE_5M,
    MINUTE_NS,
    SUCCEEDED,
    Rollup,
)
from gateway.control.jobs import Job
from gateway.control.store import Connection, Store
from gateway.control.store import rollups as rows
from gateway.control.store.rollups import Series
from gateway.core.clock import Clock

MODELS_MAX = 1000
OTHER_MODELS = "(other)"
SERIES_REMEMBERED_MAX = 50_000
FOLD_EVERY_S = 10.0  # what is new is read by every chart as it stands, so it must stay little
MINUTES_KEPT = 2 * 1440
DAYS_KEPT = 400
PIECE_ROWS = 2000  # of requests without rollups, once a second: 20 to 120 ms, in which nothing else is entered


class Rollups:
    """The rollups of one database. Belongs to the thread of its Store."""

    def __init__(self, store: Store, prices: PriceList) -> None:
        self._store = store
        self._prices = prices
        self._series: dict[Series, int] = {}
        self._models: set[str] | None = None
        self._told_at = 0

    def enter(self, connection: Connection, rollup: Rollup) -> None:
        """Adds the sums, in the transaction that is open."""
        if self._models is None:
            self._models = rows.models(connection)
        found = []
        made: dict[Series, int] = {}
        named: set[str] = set()
        for (minute, key_id, workspace_id, name, provider), line in rollup.sums.items():
            if line[CACHE_READ] or line[CACHE_WRITE_5M] or line[CACHE_WRITE_1H]:
                self._value_cache(line, name, minute)
            model = self._label(name, line[SUCCEEDED] > 0, named)
            series = (key_id, workspace_id, model, provider)
            number = self._series.get(series) or made.get(series)
            if number is None:
                number = made[series] = rows.series_id(connection, series)
            found.append((number, minute, *line))
        rows.append(connection, found)
        if made or named:
            # Noted only when they stay: the transaction may yet fail.
            self._store.when_committed(lambda: self._remember(made, named))

    def jobs(self, clock: Clock) -> tuple[Job, ...]:
        """What is to be done from time to time."""
        return (
            Job("forget old figures", 600.0, lambda: self.forget(clock.wall_ns()), needs_steady_clock=True),
            Job("fold figures", FOLD_EVERY_S, self.fold),
            Job("fill in figures", 1.0, self.fill),
        )

    def fold(self) -> int:
        """Moves what is new to where it stays. Returns how many rows that were."""
        with self._store.transaction() as connection:
            return rows.fold(connection)

    def forget(self, now_ns: int) -> None:
        """Deletes what is older than it is kept for."""
        now = now_ns // MINUTE_NS
        with self._store.transaction() as connection:
            rows.forget(connection, (now - MINUTES_KEPT) // 15 * 15, now // 1440 - DAYS_KEPT)

    def fill(self, limit: int = PIECE_ROWS) -> int:
        """Adds one piece of the requests that are in no sum yet, the latest first. Returns how many requests that were."""
        with self._store.transaction() as connection:
            piece = rows.next_unfilled(connection, limit)
            if not piece:
                return 0
            rollup = Rollup()
            rollup.add(row[1:] for row in piece)
            rollup.coarsen(rows.minutes_from(connection))
            self.enter(connection, rollup)
            down_to = piece[-1][0] if len(piece) == limit else 1
            rows.note_filled(connection, down_to)
            rows.fold(connection)
        self._report(down_to - 1)
        return len(piece)

    def _report(self, left: int) -> None:
        """Says how far the filling has come: at its end, and whenever a tenth of what is left was done."""
        if not left or left < self._told_at * 0.9 or not self._told_at:
            self._told_at = left
            structlog.get_logger().info("figures of earlier requests are filled in", requests_left=left)

    def _value_cache(self, line: list[int], model: str, minute: int) -> None:
        """What reading from the cache saved against fresh input, and what writing to it cost beyond that, at the ordinary rate.

        Requests with long prompts cost more at some models, and so did those tokens: the figures are the least that it was.
        """
        rate = self._prices.rate(model, minute * MINUTE_NS)
        if rate is None:
            return
        fresh = rate.input_nanodollars
        line[CACHE_SAVED] = line[CACHE_READ] * (fresh - rate.cache_read_nanodollars)
        line[CACHE_PAID] = line[CACHE_WRITE_5M] * (rate.cache_write_5m_nanodollars - fresh)
        line[CACHE_PAID] += line[CACHE_WRITE_1H] * (rate.cache_write_1h_nanodollars - fresh)

    def _label(self, model: str, answered: bool, named: set[str]) -> str:
        """The name of its series; `named` are those that got one in this transaction."""
        assert self._models is not None
        if model in self._models or model in named:
            return model
        if not answered or not model or len(self._models) + len(named) >= MODELS_MAX:
            return OTHER_MODELS
        named.add(model)
        return model

    def _remember(self, made: dict[Series, int], named: set[str]) -> None:
        assert self._models is not None
        self._models |= named
        if len(self._series) + len(made) > SERIES_REMEMBERED_MAX:
            self._series.clear()
        self._series |= made
