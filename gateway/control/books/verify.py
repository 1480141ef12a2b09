"""Verifying the books: requests = postings = balances = limits = figures, and what differs is named.

Two parts, because they need different things. `books` looks at one moment of the database, over a connection of its own, while
the gateway goes on serving. `limit_rows` compares what the books say was used with the shared file, and belongs to the books'
thread: workers go on counting meanwhile, so what is in the shared file must lie between the books before and after.
"""

from collections.abc import Callable, Collection
from typing import Any

from gateway.control.books.ledger import Seal
from gateway.control.books.walk import Difference, Report, Walk
from gateway.control.limits import Limits, Used
from gateway.control.store import LimitRecord, Reader, StoreError
from gateway.state.limits import LimitState
from gateway.state.pepper import Pepper

__all__ = ["Difference", "Report", "Verifier", "view"]

ATTEMPTS = 3  # a settlement may be under way between the shared file and the journal; the next look finds it in both


class Verifier:
    """Proves the books of one installation. `enter_all` enters everything that the workers have written so far."""

    def __init__(self, reader: Reader, pepper: Pepper, limits: Limits, enter_all: Callable[[], object]) -> None:
        self._reader = reader
        self._seal = Seal(pepper)
        self._limits = limits
        self._enter_all = enter_all

    def books(self) -> Report:
        """Looks through the whole database as it is at one moment. In any thread; changes nothing."""
        try:
            return self._reader.ask_now(lambda connection: Walk(connection, self._seal).run())
        except StoreError as error:
            report = Report()
            report.differs("database", "gateway.db", str(error))
            return report

    def limit_rows(self, report: Report) -> None:
        """Adds to the report what differs between the books and the limits in the shared file. In the books' thread.

        Raises StoreError when the books cannot be written.
        """
        differences: list[Difference] = []
        for _ in range(ATTEMPTS):
            self._enter_all()
            records, least = self._limits.in_books()
            states = self._limits.in_shared_file()
            if states is None:
                return
            self._enter_all()
            _, most = self._limits.in_books()
            begun = self._limits.in_window(records, least)
            report.limits = len(states)
            differences = []
            for limit_id in sorted(records.keys() | states.keys()):
                how = _difference(records.get(limit_id), states.get(limit_id), least, most, begun)
                if how is not None:
                    differences.append(Difference("limit", str(limit_id), how))
            if not differences:
                return
        report.differences += differences


def _difference(
    record: LimitRecord | None, state: LimitState | None, least: Used, most: Used, begun: Collection[int]
) -> str | None:
    """How a limit differs; `begun` are those that are in a window according to the books."""
    if record is None:
        return "is in the shared file and not in the books"
    if state is None:
        return "is in the books and not in the shared file"
    if record.amount != state.amount:
        return f"has an amount of {state.amount} in the shared file and of {record.amount} in the books"
    if not state.is_durable:
        return None
    window = (record.id, state.window_start_s)
    bounds = sorted((least.get(window, 0), most.get(window, 0)))
    if not state.window_start_s and record.id in begun:
        return "is in a window according to the books and in none according to the shared file"
    if not bounds[0] <= state.used <= bounds[1]:
        return f"has {state.used} used since {state.window_start_s} in the shared file and {bounds[1]} in the books"
    return None


def view(report: Report) -> dict[str, Any]:
    """A report as shown to people and scripts."""
    return {
        "proven": report.proven,
        "postings": report.postings,
        "entries": report.entries,
        "requests": report.requests,
        "lots": report.lots,
        "limits": report.limits,
        "figures": report.figures,
        "differences": [{"what": one.what, "which": one.which, "how": one.how} for one in report.differences],
    }
