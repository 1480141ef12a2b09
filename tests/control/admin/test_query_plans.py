"""What pages ask of the database does not grow with the receipts: sums never read one, lists go along the index of time."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gateway.control.admin import figures, live, requests
from gateway.control.admin.figures import FiguresQuery
from gateway.control.admin.live import LiveQuery
from gateway.control.admin.requests import RequestsQuery
from gateway.control.store import Connection, request_pages
from tests.control.office import STARTED_NS, Office, Worker, settlement

NOW_S = STARTED_NS // 10**9 + 3600
WITHIN = frozenset({1, 2})


@pytest.fixture
def connection(office: Office, worker: Worker) -> Iterator[Connection]:
    """Some receipts, of which the last are not folded; the plans do not depend on how many there are."""
    drain = office.drain()
    for number in range(60):
        worker.settle(
            settlement(started_ns=STARTED_NS - number * 3600 * 10**9, key_id=1 + number % 3, workspace_id=1 + number % 2)
        )
        drain.enter_all()
        if number == 50:
            drain.rollups.fold()
    with office.store.reading() as connection:
        yield connection


def plans(connection: Connection, ask: Callable[[], Any]) -> list[tuple[str, str]]:
    """(statement, step of its plan) of everything that is asked for."""
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    try:
        ask()
    finally:
        connection.set_trace_callback(None)
    selects = [one for one in statements if one.lstrip().startswith(("SELECT", "WITH"))]
    assert selects
    return [(one, row[3]) for one in selects for row in connection.execute(f"EXPLAIN QUERY PLAN {one}")]


@pytest.mark.parametrize("by", ["status", "model", "key", "workspace", "provider"])
@pytest.mark.parametrize("since", ["1h", "24h", "30d"])
@pytest.mark.parametrize("within", [None, WITHIN])
def test_figures_read_no_receipt(connection: Connection, by: Any, since: str, within: frozenset[int] | None) -> None:
    query = FiguresQuery(since=since, by=by, tz="Asia/Kathmandu")
    for statement, step in plans(connection, lambda: figures.look(connection, query, NOW_S, within)):
        assert "FROM requests" not in statement
        assert step.split()[1] not in ("kept", "rollup_minutes", "rollup_quarters", "rollup_days") or step.startswith("SEARCH"), (
            step
        )


@pytest.mark.parametrize("within", [None, WITHIN])
@pytest.mark.parametrize("cursor", [0, 30])
def test_what_is_live_is_read_from_the_end(connection: Connection, within: frozenset[int] | None, cursor: int) -> None:
    found = plans(connection, lambda: live.look(connection, LiveQuery(since="24h", cursor=cursor), NOW_S, within))
    steps = {step for statement, step in found if "FROM requests" in statement}
    assert steps <= {"SEARCH requests USING INTEGER PRIMARY KEY (rowid>?)", "SEARCH requests"}, steps


@pytest.mark.parametrize("query", [
    {}, {"errors": "true"}, {"status": "5xx"}, {"model": "none"}, {"min_duration_ms": 10**6}, {"provider": "anthropic"},
    {"since": "24h"}, {"outcome": "finished", "surface": "messages"},
])  # fmt: skip
@pytest.mark.parametrize("within", [None, WITHIN])
def test_lists_go_along_the_index_of_time(connection: Connection, query: dict[str, Any], within: frozenset[int] | None) -> None:
    wanted = requests.wanted(connection, RequestsQuery(**query), NOW_S, within)
    found = plans(connection, lambda: request_pages.page(connection, wanted, None, 50))
    for statement, step in found:
        if "FROM requests" in statement:
            assert "requests_by_time (started_ns" in step, step
            assert "TEMP B-TREE" not in step
