"""Verifying the books: requests = postings = balances = limits = figures, and what differs is named.

Two parts, because they need different things. `books` looks at one moment of the database, over a connection of its own, while
the gateway goes on serving. `limit_rows` compares what the books say was used with the shared file, and belongs to the books'
thread: workers go on counting meanwhile, so what is in the shared file must lie between the books before and after.
"""

from collections.abc import Callable, Collection
from typing import Any

from gateway.control.books.differences import Difference, Report, difference
from gateway.control.books.ledger import Seal
from gateway.control.books.walk import Walk
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
            report.differs("database", "gateway.db", "unreadable", problem=str(error))
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
                found = _difference(limit_id, records.get(limit_id), states.get(limit_id), least, most, begun)
                if found is not None:
                    differences.append(found)
            if not differences:
                return
        report.differences += differences


def _difference(
    limit_id: int, record: LimitRecord | None, state: LimitState | None, least: Used, most: Used, begun: Collection[int]
) -> Difference | None:
    """How a limit differs; `begun` are those that are in a window according to the books."""
    if record is None:
        return difference("limit", limit_id, "not_booked")
    if state is None:
        return difference("limit", limit_id, "not_shared")
    if record.amount != state.amount:
        return difference("limit", limit_id, "amount", shared=state.amount, booked=record.amount)
    if not state.is_durable:
        return None
    window = (record.id, state.window_start_s)
    bounds = sorted((least.get(window, 0), most.get(window, 0)))
    if not state.window_start_s and record.id in begun:
        return difference("limit", limit_id, "window")
    if not bounds[0] <= state.used <= bounds[1]:
        since_s = state.window_start_s
        return difference("limit", limit_id, "used_apart", shared=state.used, since_at=since_s, booked=bounds[1])
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
        "differences": [
            {"what": one.what, "which": one.which, "how": one.how, "code": one.code, "values": dict(one.values)}
            for one in report.differences
        ],
    }
