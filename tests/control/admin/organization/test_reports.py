"""Usage and cost reports, over rows that are in the books."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.catalog.prices import Price, PriceList, Rate
from gateway.control.admin.organization import usage_report
from gateway.control.admin.organization.buckets import Span
from gateway.control.admin.organization.cost_report import cents, split
from gateway.control.keys import Order
from gateway.control.store import RequestRow, Store
from gateway.control.store import requests as request_rows
from gateway.control.store.reports import Sums, sums
from gateway.core import ids
from gateway.core.faults import Fault
from gateway.core.usage import Usage
from tests.control.office import Office, shipped_prices
from tests.control.served import ControlPlane, short_dir

DAY = 86400
FIRST_DAY = 20_700  # since the epoch: 2026-09-04
OPUS, HAIKU = "claude-opus-4-5", "claude-haiku-4-5"
LONG = "claude-sonnet-4-5"


def row(started_s: int, model: str, usage: Usage, key_id: int, workspace_id: int, **changes: Any) -> RequestRow:
    rate = shipped_prices().rate(model, started_s * 10**9)
    assert rate is not None
    facts: dict[str, Any] = {
        "request_id": ids.fresh_id(),
        "started_ns": started_s * 10**9,
        "duration_us": 1,
        "ttft_us": 1,
        "key_id": key_id,
        "status": 200,
        "outcome": 1,
        "fault": 0,
        "flags": 0,
        "attempts": 1,
        "credential": 0,
        "surface": 1,
        "input_tokens": usage.input_tokens,
        "cache_read_tokens": usage.cache_read_tokens,
        "cache_write_5m_tokens": usage.cache_write_5m_tokens,
        "cache_write_1h_tokens": usage.cache_write_1h_tokens,
        "output_tokens": usage.output_tokens,
        "request_bytes": 1,
        "response_bytes": 1,
        "model_asked": model,
        "model_served": model,
        "provider": "anthropic",
        "method": "POST",
        "path": "/v1/messages",
        "upstream_request_id": "",
        "cost_nanodollars": rate.cost(usage),
        "price_list_id": 1,
        "workspace_id": workspace_id,
        "held_nanodollars": 0,
        "held_tokens": 0,
        "charges": None,
        "check_sum": 0,
        "posting_id": None,
        "choice": None,
    }
    return RequestRow(**facts | changes)


@dataclass
class Books:
    """A control plane over some rows: `ids` are those of two keys in two workspaces."""

    control: ControlPlane
    keys: list[str]
    workspaces: list[str]
    cost_nanodollars: int

    def ask(self, path: str, *query: tuple[str, str]) -> httpx.Response:
        with self.control.admin as client:
            return client.get(f"/v1/organizations/{path}", params=[("starting_at", "2026-09-04T00:00:00Z"), *query])

    def usage(self, *query: tuple[str, str]) -> dict[str, Any]:
        answer = self.ask("usage_report/messages", *query)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def cost(self, *query: tuple[str, str]) -> dict[str, Any]:
        answer = self.ask("cost_report", *query)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


def enter(store: Store, rows: list[RequestRow]) -> None:
    with store.transaction() as connection:
        request_rows.price_list_id(connection, shipped_prices().version)
        request_rows.insert(connection, rows)


@pytest.fixture(scope="module")
def books() -> Iterator[Books]:
    with short_dir() as folder:
        office = Office(Path(folder))
        one, two = (office.desk().keys.mint(Order(name=name, workspace=name))[0].record for name in ("one", "two"))
        noon = FIRST_DAY * DAY + DAY // 2
        rows = [
            row(noon, OPUS, Usage(100, 20, 3, 4, 50), one.id, one.workspace_id),
            row(noon + 60, OPUS, Usage(1, 0, 0, 0, 1), one.id, one.workspace_id),
            row(noon + 3600, HAIKU, Usage(1000, 0, 0, 0, 10), two.id, two.workspace_id),
            row(noon + 2 * DAY, LONG, Usage(250_000, 0, 0, 0, 5), two.id, two.workspace_id),
            # Entered with other prices than today's, nothing used, and a key that nobody knows.
            row(noon + 2 * DAY, OPUS, Usage(10, 0, 0, 0, 0), one.id, one.workspace_id, cost_nanodollars=7),
            row(noon + 3 * DAY, OPUS, Usage(), one.id, one.workspace_id, status=529),
            row(noon + 4 * DAY, OPUS, Usage(5, 0, 0, 0, 0), 999, 999),
        ]
        enter(office.store, rows)
        office.close()
        with ControlPlane(Path(folder)) as control:
            keys, workspaces = [one.public_id, two.public_id], [one.workspace_public_id, two.workspace_public_id]
            yield Books(control, keys, workspaces, sum(row.cost_nanodollars for row in rows))


END = ("ending_at", "2026-09-09T00:00:00Z")


def test_a_report_without_groups(books: Books) -> None:
    report = books.usage(END)
    assert (report["has_more"], report["next_page"]) == (False, None)
    assert [bucket["starting_at"][:10] for bucket in report["data"]] == [f"2026-09-0{day}" for day in range(4, 9)]
    assert report["data"][0] == {
        "starting_at": "2026-09-04T00:00:00Z",
        "ending_at": "2026-09-05T00:00:00Z",
        "results": [
            {
                "account_id": None,
                "api_key_id": None,
                "cache_creation": {"ephemeral_1h_input_tokens": 4, "ephemeral_5m_input_tokens": 3},
                "cache_read_input_tokens": 20,
                "context_window": None,
                "inference_geo": None,
                "model": None,
                "output_tokens": 61,
                "server_tool_use": {"web_search_requests": 0},
                "service_account_id": None,
                "service_tier": None,
                "uncached_input_tokens": 1101,
                "workspace_id": None,
            }
        ],
    }
    assert [len(bucket["results"]) for bucket in report["data"]] == [1, 0, 1, 0, 1]


def grouped(report: dict[str, Any], *names: str) -> dict[tuple[str | None, ...], int]:
    return {
        (bucket["starting_at"][5:10], *(result[name] for name in names)): result["uncached_input_tokens"]
        for bucket in report["data"]
        for result in bucket["results"]
    }


def test_groups(books: Books) -> None:
    by_key = grouped(books.usage(END, ("group_by[]", "api_key_id"), ("group_by[]", "workspace_id")), "api_key_id", "workspace_id")
    (one, two), (first, second) = books.keys, books.workspaces
    assert by_key == {
        ("09-04", one, first): 101,
        ("09-04", two, second): 1000,
        ("09-06", one, first): 10,
        ("09-06", two, second): 250_000,
        ("09-08", None, None): 5,
    }
    by_model = grouped(books.usage(END, ("group_by[]", "model"), ("group_by[]", "context_window")), "model", "context_window")
    assert by_model[("09-06", LONG, "200k-1M")] == 250_000
    assert by_model[("09-04", OPUS, "0-200k")] == 101
    rest = books.usage(END, *(("group_by[]", name) for name in ("service_tier", "inference_geo", "account_id", "speed")))
    assert grouped(rest, "service_tier", "inference_geo", "account_id")[("09-04", "standard", "not_available", None)] == 1101


def test_filters(books: Books) -> None:
    one, two = books.keys

    def inputs(*query: tuple[str, str]) -> int:
        return sum(result["uncached_input_tokens"] for bucket in books.usage(END, *query)["data"] for result in bucket["results"])

    whole = inputs()
    assert inputs(("api_key_ids[]", one)) + inputs(("api_key_ids[]", two)) + 5 == whole
    assert inputs(("api_key_ids[]", one), ("api_key_ids[]", two)) + 5 == whole
    assert inputs(("workspace_ids[]", books.workspaces[1])) == 251_000
    assert inputs(("models[]", HAIKU)) == inputs(("models", HAIKU)) == 1000
    assert inputs(("context_window[]", "200k-1M")) == 250_000
    assert inputs(("service_tiers[]", "standard"), ("speeds[]", "standard")) == whole
    for nothing in ("service_tiers[]", "batch"), ("account_ids[]", "user_1"), ("speeds[]", "fast"), ("api_key_ids[]", "' OR 1=1"):
        assert inputs(nothing) == 0
    assert inputs(("models[]", OPUS), ("api_key_ids[]", two)) == 0


def test_smaller_buckets_and_pages(books: Books) -> None:
    hours = [("bucket_width", "1h"), ("ending_at", "2026-09-05T00:00:00Z"), ("limit", "10")]
    found, page = [], books.usage(*hours)
    found += page["data"]
    while page["has_more"]:
        page = books.usage(*hours, ("page", page["next_page"]))
        found += page["data"]
    assert [bucket["starting_at"][11:13] for bucket in found] == [f"{hour:02d}" for hour in range(24)]
    assert {bucket["starting_at"][11:13] for bucket in found if bucket["results"]} == {"12", "13"}


def test_money_adds_up(books: Books) -> None:
    for by in ((), ("workspace_id",), ("description",), ("workspace_id", "description")):
        report = books.cost(END, *(("group_by[]", name) for name in by))
        amounts = [Decimal(result["amount"]) for bucket in report["data"] for result in bucket["results"]]
        assert sum(amounts) * 10_000_000 == books.cost_nanodollars
        assert [len(bucket["results"]) > 0 for bucket in report["data"]] == [True, False, True, False, True]


def test_costs_by_description(books: Books) -> None:
    report = books.cost(END, ("group_by[]", "description"))
    first = report["data"][0]["results"]
    rate = shipped_prices().rate(OPUS, FIRST_DAY * DAY * 10**9)
    assert rate is not None
    [line] = [one for one in first if one["model"] == OPUS and one["token_type"] == "uncached_input_tokens"]
    assert line == {
        "amount": cents(101 * rate.input_nanodollars),
        "context_window": "0-200k",
        "cost_type": "tokens",
        "currency": "USD",
        "description": f"{OPUS} Usage - Input Tokens",
        "inference_geo": "not_available",
        "model": OPUS,
        "service_tier": "standard",
        "token_type": "uncached_input_tokens",
        "workspace_id": None,
    }
    assert {one["token_type"] for one in first if one["model"] == OPUS} == {
        "uncached_input_tokens",
        "output_tokens",
        "cache_read_input_tokens",
        "cache_creation.ephemeral_5m_input_tokens",
        "cache_creation.ephemeral_1h_input_tokens",
    }
    third = report["data"][2]["results"]
    assert [one["description"] for one in third if one["token_type"] is None] == [f"{OPUS} Usage - Difference to earlier prices"]
    assert not [one for one in third if one["model"] == LONG and one["token_type"] is None]


@pytest.mark.parametrize("query", [
    ("bucket_width", "1w"), ("group_by[]", "colour"), ("starting_at", "2026-09-05T00:00:00Z"),
    ("limit", "32"), ("page", "x"), ("ending_at", "soon"), ("limit", "many"),
])  # fmt: skip
def test_odd_questions_are_400(books: Books, query: tuple[str, str]) -> None:
    for path in ("usage_report/messages", "cost_report"):
        answer = books.ask(path, query)
        assert answer.status_code == 400
        assert answer.json()["error"]["type"] == "invalid_request_error"


def test_a_beginning_is_needed(books: Books) -> None:
    with books.control.admin as client:
        for path in ("usage_report/messages", "cost_report"):
            answer = client.get(f"/v1/organizations/{path}")
            assert (answer.status_code, "starting_at" in answer.text) == (400, True)


def test_a_page_with_too_many_groups_ends_early(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    start = FIRST_DAY * DAY
    rows = [row(start + hour * 3600, f"m{number}", Usage(1, 0, 0, 0, 0), 1, 1) for hour in range(3) for number in range(4)]
    enter(office.store, rows)
    found = sums(office.store.connection, start, start + DAY, 3600, ["model"], {}, 100)
    assert [one.bucket - start // 3600 for one in found] == [0] * 4 + [1] * 4 + [2] * 4

    class Reader:
        async def ask(self, question: Any) -> Any:
            return question(office.store.connection)

    class Front:
        reader = Reader()

    asked = Span(3600, start // 3600, 3, False)
    monkeypatch.setattr(usage_report, "ROWS_MAX", 9)
    shown, kept = asyncio.run(usage_report.found(Front(), asked, ["model"], {}, empty=False))  # type: ignore[arg-type]
    assert (shown.count, shown.more, len(kept)) == (2, True, 8)
    monkeypatch.setattr(usage_report, "ROWS_MAX", 3)
    with pytest.raises(Fault, match="more than 3 groups"):
        asyncio.run(usage_report.found(Front(), asked, ["model"], {}, empty=False))  # type: ignore[arg-type]


def test_amounts_in_cents() -> None:
    assert [cents(amount) for amount in (0, 1, 10_000_000, 12_345_000, 1_234_500_000, 10**15)] == [
        "0",
        "0.0000001",
        "1",
        "1.2345",
        "123.45",
        "100000000",
    ]


def test_many_short_prompts_are_no_long_one() -> None:
    """Sums of a group are larger than any prompt of it."""
    long = Rate(6, 30, 0, 0, 0)
    prices = PriceList([Price("m", 0, Rate(3, 15, 0, 0, 0, long_above_tokens=200_000, long=long))], "v")
    for window, rate in (("0-200k", 3), ("200k-1M", 6)):
        group = Sums(0, None, None, "m", window, 900_000, 0, 0, 0, 0, 900_000 * rate)
        assert [amount for amount, _ in split(group, prices, 0)] == [900_000 * rate]
