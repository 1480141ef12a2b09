"""The list of requests, its download, and why."""

import csv
import io
from collections.abc import Iterator
from typing import Any, get_args

import pytest

from gateway.control.admin.requests import COLUMNS
from gateway.control.admin.why import ConsideredState
from gateway.upstream.pool.choice import WORDS
from tests.control.admin.figured import HOSTILE, Shown, shown
from tests.control.office import shipped_prices


@pytest.fixture(scope="module")
def books() -> Iterator[Shown]:
    with shown() as made:
        yield made


def everything(books: Shown, limit: int, **query: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while True:
        page = books.get("requests", limit=limit, **query, **after)
        found += page["data"]
        if page["next"] is None:
            return found
        after = {"after": page["next"]}


def test_pages_are_all_requests_newest_first(books: Shown) -> None:
    found = everything(books, 7)
    assert [line["started_ns"] for line in found] == sorted((one.started_ns for one in books.settled), reverse=True)
    assert found == everything(books, 500)
    assert {(line["key"], line["key_name"]) for line in found} == set(zip(books.keys, HOSTILE, strict=True))


@pytest.mark.parametrize(("query", "count"), [
    ({"errors": "true"}, 10), ({"status": "429"}, 5), ({"status": "4xx"}, 5), ({"status": "2xx"}, 35), ({"status": "5xx"}, 0),
    ({"outcome": "upstream_died"}, 5), ({"model": "claude-haiku-4-5"}, 20), ({"workspace": "space 1"}, 16),
    ({"surface": "chat"}, 0),
    ({"min_duration_ms": "30000"}, 11), ({"min_ttft_ms": "1"}, 35), ({"until": "now-5h"}, 20), ({"since": "5h"}, 20),
])  # fmt: skip
def test_filters(books: Shown, query: dict[str, str], count: int) -> None:
    assert len(everything(books, 500, **query)) == count
    assert len(everything(books, 3, **query)) == count


@pytest.mark.parametrize("query", [
    "after=x", "after=1", "after=-1-00", "after=99999999999999999999-00", "after=5-0", "status=600", "status=3xx", "status=200x",
    "outcome=x", "surface=x", "errors=perhaps", "limit=0", "limit=501", "min_duration_ms=-1", "since=x", "tz=x", "x=1",
    "after=1-zz",
])  # fmt: skip
def test_odd_filters_are_400(books: Shown, query: str) -> None:
    with books.control.admin as client:
        assert client.get(f"/admin/v1/requests?{query}").status_code == 400
        if not query.startswith(("after", "limit")):
            assert client.get(f"/admin/v1/requests.csv?{query}").status_code == 400


def test_a_download_has_all_rows_and_no_formula(books: Shown) -> None:
    with books.control.admin as client:
        answer = client.get("/admin/v1/requests.csv", params={"tz": "Asia/Kolkata"})
    assert answer.headers["content-type"].startswith("text/csv")
    header, *rows = csv.reader(io.StringIO(answer.text, newline=""))
    assert tuple(header) == COLUMNS
    assert len(rows) == 40
    for row in rows:
        line = dict(zip(COLUMNS, row, strict=True))
        assert line["started_at_utc"].endswith("Z")
        assert line["started_at_local"].endswith("+05:30")
        assert not any(cell.startswith(("=", "@", "+", "-")) for cell in row)
    assert {dict(zip(COLUMNS, row, strict=True))["key_name"] for row in rows} == {
        f"'{name}" if name[0] in "=@" else name for name in HOSTILE
    }


def test_a_download_for_excel(books: Shown) -> None:
    with books.control.admin as client:
        answer = client.get("/admin/v1/requests.csv", params={"bom": "true", "status": "429"})
    assert answer.content.startswith(b"\xef\xbb\xbfid,")
    assert answer.content.count(b"\r\n") == 6


def test_why(books: Shown) -> None:
    for line in everything(books, 500):
        why = books.get(f"requests/{line['id']}/why", started_ns=line["started_ns"])
        assert why["request"] == line
        assert why == books.get(f"requests/{line['id']}/why")
        price = why["price"]
        assert price["version"] == shipped_prices().version
        assert sum(part["tokens"] * part["nanodollars_per_token"] for part in price["lines"]) == line["cost_nanodollars"]
        assert all(part["tokens"] * part["nanodollars_per_token"] == part["nanodollars"] for part in price["lines"])
        assert {part["token_class"]: part["tokens"] for part in price["lines"]} == {
            name.removesuffix("_tokens"): line[name] for name in COLUMNS if name.endswith("_tokens") and line[name]
        }
        [charge] = why["limits"]
        assert (charge["metric"], charge["scope"], charge["amount"]) == ("cost", "key", line["cost_nanodollars"])
        assert why["posting"]["requests"] == 1
        entered = {entry["account"]: entry["amount_nanodollars"] for entry in why["posting"]["entries"]}
        assert entered.get("usage", 0) == line["cost_nanodollars"]
        assert why["not_recorded"]
        assert why["route"]["credential"] in ((None,) if line["attempts"] == 0 else (1, 2))
        assert (price["note"], price["note_word"]) == (None, None)
        [candidate] = why["route"]["candidates"]
        assert candidate["target"] == f"simulator/{line['model_asked']}"
        assert (candidate["state"], candidate["answered"]) == ("healthy", False)
        assert candidate["keys"] == [
            {"number": 1, "state": "healthy", "out_s": 0, "drained": False, "in_flight": 0, "score": 1.0}
        ]


def test_why_shows_what_was_compared_as_it_was_then(books: Shown) -> None:
    with_note = {one.started_ns for one in books.settled if one.choice}
    lines = everything(books, 500)
    assert len(with_note) == 5
    for line in lines:
        considered = books.get(f"requests/{line['id']}/why")["route"]["considered"]
        if line["started_ns"] not in with_note:
            assert considered is None
            continue
        assert considered == [
            {"number": 1, "state": "limited", "in_flight": None, "score": None, "warm": False, "chosen": False},
            {"number": 2, "state": "healthy", "in_flight": 3, "score": 1.0938, "warm": True, "chosen": True},
            {"number": 3, "state": "healthy", "in_flight": 0, "score": 0.9, "warm": False, "chosen": False},
        ]


def test_every_word_of_a_note_has_a_state_to_be_shown_as() -> None:
    """A word that is missing would be no member of what the API promises."""
    assert sorted(WORDS.values()) == sorted(get_args(ConsideredState))


def test_a_key_that_is_out_has_no_score(books: Shown) -> None:
    line = everything(books, 500)[0]
    with books.control.admin as client:
        assert client.post("/admin/v1/pool/simulator/1/drain").json()["drained"] is True
        try:
            [candidate] = books.get(f"requests/{line['id']}/why")["route"]["candidates"]
        finally:
            client.post("/admin/v1/pool/simulator/1/resume")
    assert [(key["drained"], key["score"]) for key in candidate["keys"]] == [(True, None)]


@pytest.mark.parametrize(("path", "status"), [
    ("req_0000000000000000000000/why", 404), ("x/why", 400), ("req_0000000000000000000000/why?started_ns=5", 404),
    ("req_0000000000000000000000/why?started_ns=x", 400), ("req_0000000000000000000000/why?started_ns=99999999999999999999", 400),
])  # fmt: skip
def test_nothing_is_explained_that_is_not_there(books: Shown, path: str, status: int) -> None:
    with books.control.admin as client:
        assert client.get(f"/admin/v1/requests/{path}").status_code == status
