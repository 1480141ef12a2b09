"""The sheet: what one transaction of the drain enters into the books.

Requests are laid out by workspace, because each workspace gets one posting; charges are summed up by limit and window. Entering
a sheet writes the request rows, their sums in the rollups, the postings, what was used of limits, what was drawn from lots and
how far the rings were read, all or nothing. It decides one thing about money: usage comes from the oldest lot that still holds
something, and what no lot covers goes to the workspace's own account.

Requests of one posting stand one behind the other in the table, so that whoever verifies the books reads them in one walk.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count

from gateway.control.books.entry import (
    CHARGE,
    CHARGES,
    COST,
    KEY_ID,
    WORKSPACE_ID,
    Pricing,
    Row,
    kind_of,
    limit_and_window,
    with_charges,
)
from gateway.control.books.ledger import Draft, Ledger, drawn
from gateway.control.books.rollup import Rollup
from gateway.control.books.rollups import Rollups
from gateway.control.store import Connection, Store
from gateway.control.store import credits as lot_rows
from gateway.control.store import limits as limit_rows
from gateway.control.store import requests as request_rows
from gateway.control.store import workspaces as workspace_rows

# Limit and start of its window (`entry.kind_of`) -> amount, in the unit of the limit's metric.
Amounts = defaultdict[int, int]

CREDITS_WINDOW_START_S = 0  # credits have one window, without an end


class SeenError(Exception):
    """Some of the requests have a row already. Nothing was entered."""


@dataclass(slots=True)
class Page:
    """The requests of one workspace, in the order in which they came."""

    rows: list[Row] = field(default_factory=list)
    facts: list[bytes] = field(default_factory=list)
    cost_nanodollars: int = 0


class Sheet:
    """Made of packed settlements. `rows` has all of them; those without a key (never admitted) are entered nowhere.

    `next_posting` is the number that the first posting will have.
    """

    def __init__(self, pricing: Pricing, records: Iterable[bytes], next_posting: int) -> None:
        self.rows: list[Row] = []
        self.unreadable = 0
        self.mispriced: list[tuple[Page, int, int]] = []  # page, place on it, what the worker took for the cost
        self._pages: defaultdict[int, Page] = defaultdict(Page)
        self._used: Amounts = defaultdict(int)
        charges: list[bytes] = []
        # Workspaces are numbered in the order in which they are met, which is the order of their pages.
        postings: defaultdict[int, int] = defaultdict(count(next_posting).__next__)
        read, rows, pages = pricing.read, self.rows, self._pages
        for record in records:
            try:
                row, facts, told = read(record, postings)
            except ValueError:
                self.unreadable += 1
                continue
            rows.append(row)
            if not row[KEY_ID]:
                continue
            page = pages[row[WORKSPACE_ID]]
            if row[COST] != told:
                self.mispriced.append((page, len(page.rows), told))
            page.rows.append(row)
            page.facts.append(facts)
            page.cost_nanodollars += row[COST]
            if row[CHARGES]:
                charges.append(row[CHARGES])
        used = self._used
        for kind, amount in CHARGE.iter_unpack(b"".join(charges)):
            used[kind] += amount

    @property
    def limits(self) -> set[int]:
        """The limits that something was charged to."""
        return {limit_and_window(kind)[0] for kind in self._used}

    def enter(
        self, store: Store, ledger: Ledger, rollups: Rollups, file_id: int, sequences: Iterable[tuple[int, int]]
    ) -> dict[int, int]:
        """Enters everything and how far each (slot, sequence) has been read.

        Returns what the shared file does not know yet: what is to be added to limits because the books count otherwise than the
        workers did. Raises SeenError, StoreError; then nothing was entered.
        """
        with store.transaction() as connection:
            corrections = self._reprice(connection)
            rollup = Rollup()
            for page in self._pages.values():
                if request_rows.insert(connection, page.rows) != len(page.rows):
                    raise SeenError
                rollup.add(page.rows)
            rollups.enter(connection, rollup)
            ledger.post(*[self._draft(connection, number, page, corrections) for number, page in self._pages.items()])
            limit_rows.add_used(connection, ((*limit_and_window(kind), amount) for kind, amount in self._used.items()))
            request_rows.set_ring_sequences(connection, file_id, sequences)
        return {kind: amount for kind, amount in corrections.items() if amount}

    def _draft(self, connection: Connection, workspace_id: int, page: Page, corrections: Amounts) -> Draft:
        digest = hashlib.blake2b(b"".join(page.facts), digest_size=32).digest()
        draft = Draft("usage", workspace_id, requests=len(page.rows), requests_digest=digest)
        prepaid, credits_id = workspace_rows.payment(connection, workspace_id)
        if page.cost_nanodollars:
            lots = lot_rows.to_draw(connection, workspace_id)
            account = f"owed/{workspace_id}" if prepaid else f"open/{workspace_id}"
            lot_rows.draw(connection, drawn(draft, lots, page.cost_nanodollars, account))
        if credits_id is not None:
            # Credits are what the ledger says. Calls admitted before the workspace paid in advance have no charge against them.
            kind = kind_of(credits_id, CREDITS_WINDOW_START_S)
            corrections[kind] += page.cost_nanodollars - self._used.get(kind, 0)
        return draft

    def _reprice(self, connection: Connection) -> Amounts:
        """Gives mispriced requests charges by the books' cost; returns the differences to what the workers charged."""
        corrections: Amounts = defaultdict(int)
        for page, place, told in self.mispriced:
            row = page.rows[place]
            charges = []
            for kind, amount in CHARGE.iter_unpack(row[CHARGES] or b""):
                limit = limit_rows.find(connection, limit_and_window(kind)[0])
                is_cost = limit is not None and limit.metric == "cost"
                difference = max(row[COST] - told, -amount) if is_cost else 0
                corrections[kind] += difference
                self._used[kind] += difference
                charges.append(CHARGE.pack(kind, amount + difference))
            if charges:
                page.rows[place], page.facts[place] = with_charges(row, b"".join(charges))
        return corrections
