"""Verifying the books: requests = postings = balances = limits, and what differs is named.

Two parts, because they need different things. `books` looks at one moment of the database, over a connection of its own, while
the gateway goes on serving. `limit_rows` compares what the books say was used with the shared file, and belongs to the books'
thread.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gateway.control.books.ledger import Seal
from gateway.control.limits import Limits
from gateway.control.store import Connection, Reader
from gateway.control.store import ledger as ledger_rows
from gateway.state.pepper import Pepper


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not as it should be: `what` kind of thing, `which` one, and how it differs."""

    what: str
    which: str
    how: str


@dataclass(slots=True)
class Report:
    """What was looked at, and what differs. Nothing differs: the books are proven."""

    postings: int = 0
    entries: int = 0
    requests: int = 0
    lots: int = 0
    limits: int = 0
    differences: list[Difference] = field(default_factory=list)

    @property
    def proven(self) -> bool:
        return not self.differences


class Verifier:
    """Proves the books of one installation. `enter_all` enters everything that the workers have written so far."""

    def __init__(self, reader: Reader, pepper: Pepper, limits: Limits, enter_all: Callable[[], object]) -> None:
        self._reader = reader
        self._seal = Seal(pepper)
        self._limits = limits
        self._enter_all = enter_all

    def books(self) -> Report:
        """Looks through the whole database as it is at one moment. In any thread; changes nothing. Raises StoreError."""
        return self._reader.ask_now(self._look_through)

    def limit_rows(self, report: Report) -> None:
        """Adds to the report what differs between the books and the limits in the shared file. In the books' thread."""
        self._enter_all()

    def _look_through(self, connection: Connection) -> Report:
        report = Report()
        for account in ledger_rows.accounts(connection):
            summed = connection.execute("SELECT coalesce(sum(amount), 0) FROM entries WHERE account_id = ?", (account.id,))
            if (real := summed.fetchone()[0]) != account.balance:
                report.differences.append(
                    Difference("account", account.name, f"balance {account.balance}, its entries sum up to {real}")
                )
        return report


def view(report: Report) -> dict[str, Any]:
    """A report as shown to people and scripts."""
    return {
        "proven": report.proven,
        "postings": report.postings,
        "entries": report.entries,
        "requests": report.requests,
        "lots": report.lots,
        "limits": report.limits,
        "differences": [{"what": one.what, "which": one.which, "how": one.how} for one in report.differences],
    }
