"""The walk: one way through all books, in order, that finds what differs and names it.

Requests, postings and entries are read side by side, since all three stand in the order in which they were entered. What is named
is the smallest thing that can be: a request by its check sum, an entry by its own, a posting by its seal; a posting is not named
again for a part of it that was. Nothing is believed to have the type that its column should have: a damaged row is named, not
raised.
"""

import hashlib
import struct
import zlib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from gateway.control.books.differences import Report
from gateway.control.books.entry import CHARGE, CHARGES, COST, POSTING_ID, facts_of, limit_and_window
from gateway.control.books.ledger import CASH, EXPIRED, NO_REQUESTS, USAGE, Seal, entry_check_sum
from gateway.control.books.proof_of_figures import ProofOfFigures
from gateway.control.store import Connection, Posting, audit
from gateway.control.store import credits as lot_rows
from gateway.control.store import ledger as ledger_rows
from gateway.core import ids

# Seals that the next posting may have been made with: one while all is well, one more for each that was changed in a row. More
# than a damaged page of the file holds; with another pepper nothing fits, and the walk must not take ever longer for it.
SEALS_MAX = 50
_SENSELESS = (TypeError, ValueError, OverflowError, struct.error, AttributeError, KeyError)


@dataclass(slots=True)
class Run:
    """Requests that stand one behind the other and name the same posting."""

    posting_id: Any
    first: str
    requests: int = 0
    cost_nanodollars: int = 0
    digest: "hashlib.blake2b" = field(default_factory=lambda: hashlib.blake2b(digest_size=32))
    is_named: bool = False  # one of them is in the report


class Walk:
    """One walk through the books as they are at the moment of a connection's transaction."""

    def __init__(self, connection: Connection, seal: Seal) -> None:
        self._connection = connection
        self._seal = seal
        self.report = Report()
        self._figures = ProofOfFigures(connection)
        self._charges: defaultdict[int, int] = defaultdict(int)
        self._accounts: defaultdict[object, int] = defaultdict(int)
        self._moved: defaultdict[tuple[object, object, object], int] = defaultdict(int)  # kind, workspace, account

    def run(self) -> Report:
        """Raises sqlite3.Error when the file itself cannot be read any further."""
        audit.tolerate(self._connection)
        self._postings()
        self._balances()
        self._lots()
        self._used()
        self.report.differences += self._figures.differences()
        self.report.figures = self._figures.compared
        return self.report

    def _runs(self) -> Iterator[Run]:
        before_ledger = audit.requests_before_ledger(self._connection)
        run: Run | None = None
        for rowid, *row in audit.requests(self._connection):
            with suppress(*_SENSELESS):
                self._figures.add(rowid, row)
            posting_id = row[POSTING_ID]
            if posting_id is None and rowid <= before_ledger:
                continue
            self.report.requests += 1
            if not isinstance(posting_id, int):
                self.report.differs("request", _name(rowid, row), "no_posting")
                continue
            if run is None or run.posting_id != posting_id:
                if run is not None:
                    yield run
                run = Run(posting_id, _name(rowid, row))
            self._add(run, rowid, row)
        if run is not None:
            yield run

    def _add(self, run: Run, rowid: int, row: list[Any]) -> None:
        run.requests += 1
        try:
            facts = facts_of(tuple(row))
            run.cost_nanodollars += row[COST]
            for kind, amount in CHARGE.iter_unpack(row[CHARGES] or b""):
                self._charges[kind] += amount
        except _SENSELESS:
            facts = b""
        run.digest.update(facts)
        if zlib.crc32(facts) != row[CHARGES + 1]:
            run.is_named = True
            self.report.differs("request", _name(rowid, row), "check_sum")

    def _postings(self) -> None:
        runs, entries = _Ahead(self._runs()), _Ahead(audit.entries(self._connection))
        expected, seals = 1, [b""]
        for raw in audit.postings(self._connection):
            posting = Posting(*raw)
            self.report.postings += 1
            if posting.id != expected:
                self.report.differs("posting", expected, "missing", next=str(posting.id))
            expected = posting.id + 1
            amounts: list[tuple[str, int]] = []
            is_named = self._entries(posting, entries, amounts)
            used = None if is_named else dict(amounts).get(USAGE, 0)
            is_named |= self._requests(posting, runs, used)
            try:
                made = [self._seal.of(former, *_facts(posting), amounts) for former in seals]
            except _SENSELESS:
                made = []
            fits = posting.seal in made
            if not fits and not is_named:
                self.report.differs("posting", posting.id, "seal")
            # When a seal itself was changed, the posting behind it was made with the seal as it had been.
            seals = [posting.seal] if fits else [posting.seal, *made][:SEALS_MAX]
        for entry in entries.rest():
            self.report.differs("entry", f"{entry[0]}/{entry[2]}", "stray")
        for run in runs.rest():
            self.report.differs("request", run.first, "posting_gone", posting=str(run.posting_id))

    def _entries(self, posting: Posting, entries: "_Ahead", found: list[tuple[str, int]]) -> bool:
        """Takes a posting's entries as (account, amount). True when one of them was named."""
        is_named = False
        while entries.head is not None and not (isinstance(entries.head[0], int) and entries.head[0] > posting.id):
            posting_id, account_id, account, amount, check_sum = entries.take()
            which = f"{posting_id}/{account}"
            self.report.entries += 1
            try:
                fits = entry_check_sum(posting_id, account_id, amount) == check_sum
            except _SENSELESS:
                fits = False
            if posting_id != posting.id:
                self.report.differs("entry", which, "stray")
                continue
            if not fits or account is None:
                facts = {"amount": amount} if account else {}
                self.report.differs("entry", which, "entry" if account else "no_account", **facts)
                is_named = True
            if isinstance(amount, int):
                self._accounts[account_id] += amount
                self._moved[posting.kind, posting.workspace_id, account] += amount
            found.append((account, amount))
        if not is_named and sum(amount for _, amount in found) != 0:
            self.report.differs("posting", posting.id, "unbalanced")
            return True
        return is_named

    def _requests(self, posting: Posting, runs: "_Ahead", used: int | None) -> bool:
        """Compares a posting, which enters `used` as usage, with the requests that name it. True when something was named."""
        while runs.head is not None and runs.head.posting_id != posting.id and self._is_stray(posting, runs):
            stray = runs.take()
            self.report.differs("request", stray.first, "apart", posting=str(stray.posting_id))
        run = runs.take() if runs.head is not None and runs.head.posting_id == posting.id else Run(posting.id, "")
        digest = run.digest.digest() if run.requests else NO_REQUESTS
        if run.is_named:
            return True
        if run.requests != posting.requests:
            self.report.differs("posting", posting.id, "requests", entered=posting.requests, found=run.requests)
        elif digest != posting.requests_digest:
            self.report.differs("posting", posting.id, "other_requests")
        elif used is not None and run.cost_nanodollars != used:
            self.report.differs("posting", posting.id, "cost", entered=used, cost=run.cost_nanodollars)
        else:
            return False
        return True

    def _is_stray(self, posting: Posting, runs: "_Ahead") -> bool:
        """Whether the next run is in the wrong place: it belongs before, or what follows it does and so its number is wrong."""
        following = runs.after
        is_early = runs.head.posting_id > posting.id
        return not is_early or (following is not None and following.posting_id <= runs.head.posting_id)

    def _balances(self) -> None:
        for account in ledger_rows.accounts(self._connection):
            real = self._accounts.pop(account.id, 0)
            if account.balance != real:
                self.report.differs("account", account.name, "balance", balance=account.balance, made=real)
            elif account.name.startswith("lot/") and real < 0:
                self.report.differs("account", account.name, "overdrawn", balance=real)

    def _lots(self) -> None:
        sums: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
        for lot in audit.lots(self._connection):
            self.report.lots += 1
            held = ledger_rows.balance(self._connection, lot.account)
            if lot.remaining != held:
                self.report.differs("lot", lot.public_id, "left", left=lot.remaining, held=held)
            for place, amount in enumerate((lot.amount, lot.refunded, lot.expired)):
                sums[lot.workspace_id][place] += amount
        kinds = (("purchase", CASH, -1, "bought"), ("refund", CASH, 1, "refunded"), ("expiry", EXPIRED, 1, "expired"))
        for workspace_id, amounts in sums.items():
            for amount, (kind, account, sign, code) in zip(amounts, kinds, strict=True):
                entered = sign * self._moved[kind, workspace_id, account]
                if amount != entered:
                    self.report.differs("workspace", workspace_id, code, amount=amount, entered=entered)
        for limit_id, workspace_id, amount in audit.credit_limits(self._connection):
            credited = lot_rows.credited(self._connection, workspace_id)
            if amount != credited:
                self.report.differs("limit", limit_id, "credits", amount=amount, held=credited)

    def _used(self) -> None:
        for limit_id, start_s, used in audit.used(self._connection):
            self.report.limits += 1
            charged = self._charges.pop(start_s << 32 | limit_id, 0)
            if used != charged:
                self.report.differs("limit", limit_id, "used", used=used, since_at=start_s, charged=charged)
        for kind, charged in self._charges.items():
            if charged:
                limit_id, start_s = limit_and_window(kind)
                self.report.differs("limit", limit_id, "unused", since_at=start_s, charged=charged)


class _Ahead:
    """An iterator whose next item can be seen before it is taken."""

    def __init__(self, items: Iterator[Any]) -> None:
        self._items = items
        self._queue: list[Any] = []

    @property
    def head(self) -> Any:
        return self._see(1)

    def take(self) -> Any:
        self._see(1)
        return self._queue.pop(0)

    def rest(self) -> Iterator[Any]:
        while self.head is not None:
            yield self.take()

    @property
    def after(self) -> Any:
        return self._see(2)

    def _see(self, count: int) -> Any:
        while len(self._queue) < count:
            item = next(self._items, None)
            if item is None:
                return None
            self._queue.append(item)
        return self._queue[count - 1]


def _facts(posting: Posting) -> tuple[int, str, int, int, int, str, bytes]:
    return (
        posting.id,
        posting.kind,
        posting.at_ns,
        posting.workspace_id,
        posting.requests,
        posting.memo,
        posting.requests_digest,
    )


def _name(rowid: int, row: list[Any]) -> str:
    """A request as people know it, or the number of its row when its id is damaged."""
    try:
        return ids.text_of("req", row[0])
    except _SENSELESS:
        return f"row {rowid}"
