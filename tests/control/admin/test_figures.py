"""Figures over a served control plane: they are the requests' own, whoever groups and restricts them."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.control.admin.figured import HOSTILE, Shown, shown
from tests.control.served import ControlPlane


@pytest.fixture(scope="module")
def books() -> Iterator[Shown]:
    with shown() as made:
        yield made


def test_totals_are_those_of_usage_and_are_proven(books: Shown) -> None:
    figures = books.get("figures", since="24h")
    told = [books.get("usage", since="24h", by=by)["data"] for by in ("key", "model", "workspace")]
    for name in ("requests", "errors", "input_tokens", "cache_read_tokens", "output_tokens", "cost_nanodollars"):
        assert figures["totals"][name] == sum(line[name] for line in told[0])
        assert all(sum(line[name] for line in lines) == figures["totals"][name] for lines in told)
    assert figures["totals"]["requests"] == len(books.settled) == 40
    with books.control.admin as client:
        proof = client.post("/admin/v1/ledger/verify", json={}).json()
    assert proof["differences"] == []
    assert proof["requests"] == 40
    assert proof["figures"] > 5


def test_points_make_the_totals(books: Shown) -> None:
    figures = books.get("figures", since="12h", tz="Asia/Kathmandu")
    points, totals = figures["points"], figures["totals"]
    assert {len(values) for values in points.values()} == {len(points["start_s"])}
    for name, values in points.items():
        if name in totals and not name.startswith("ttft"):
            assert sum(values) == totals[name]
    assert figures["since"].endswith("+05:45")
    assert figures["before"]["requests"] == 0
    assert figures["complete"]


@pytest.mark.parametrize("by", ["status", "model", "key", "workspace", "provider"])
def test_groups_make_the_totals(books: Shown, by: str) -> None:
    for top in (1, 10):
        figures = books.get("figures", since="24h", by=by, top=top)
        groups = figures["groups"]
        assert sum(group["requests"] for group in groups) == 40
        assert all(sum(group["points_requests"]) == group["requests"] for group in groups)
        if by != "status":
            assert sum(group["cost_nanodollars"] for group in groups) == figures["totals"]["cost_nanodollars"]
            assert len(groups) <= top + 1
            assert [group["id"] for group in groups[top:]] == [None] * len(groups[top:])


def test_groups_of_keys_have_their_names(books: Shown) -> None:
    groups = books.get("figures", since="24h", by="key")["groups"]
    assert {(group["id"], group["name"]) for group in groups} == set(zip(books.keys, HOSTILE, strict=True))


@pytest.mark.parametrize("restriction", [{"model": "claude-haiku-4-5"}, {"provider": "anthropic"}, {"workspace": "space 1"}])
def test_restrictions(books: Shown, restriction: dict[str, Any]) -> None:
    figures = books.get("figures", since="24h", by="key", **restriction)
    expected = {"model": 20, "provider": 40, "workspace": 16}[next(iter(restriction))]
    assert figures["totals"]["requests"] == expected == sum(group["requests"] for group in figures["groups"])
    one = books.get("figures", since="24h", key=books.keys[0], **restriction)["totals"]
    [same] = [group for group in figures["groups"] if group["id"] == books.keys[0]] or [{"requests": 0}]
    assert one["requests"] == same["requests"]


def test_what_caches_saved(books: Shown) -> None:
    cache = books.get("figures", since="24h")["cache"]
    used = [one.usage for one in books.settled]
    assert cache["read_tokens"] == sum(one.cache_read_tokens for one in used)
    assert cache["written_tokens"] == sum(one.cache_write_5m_tokens + one.cache_write_1h_tokens for one in used)
    assert 0 < cache["lost_nanodollars"] < cache["saved_nanodollars"]


@pytest.mark.parametrize("query", [
    "tz=Mars", "tz=../../etc/passwd", "since=now", "since=x", "until=1970", "step=1s", "step=1m&since=30d", "by=owner", "top=0",
    "top=51",
    "since=%00", "model=" + "x" * 300, "colour=red", "since=9999w", "since=2026-13-40", "tz=", "limit=5",
])  # fmt: skip
def test_odd_questions_are_400(books: Shown, query: str) -> None:
    with books.control.admin as client:
        answer = client.get(f"/admin/v1/figures?{query}")
    assert answer.status_code == 400, answer.text


@pytest.mark.parametrize("query", ["key=nobody", "workspace=nowhere", "key=%27%20OR%201=1"])
def test_who_is_not_there_is_404(books: Shown, query: str) -> None:
    with books.control.admin as client:
        assert client.get(f"/admin/v1/figures?{query}").status_code == 404


def test_an_empty_installation_has_empty_figures(served: ControlPlane) -> None:
    with served.admin as client:
        for by in ("status", "model", "key", "workspace", "provider"):
            for since in ("15m", "24h", "30d", "now/d"):
                figures = client.get("/admin/v1/figures", params={"since": since, "by": by}).json()
                assert figures["totals"]["requests"] == 0
                assert figures["totals"]["ttft_p50_ms"] is None
                assert set(figures["points"]["succeeded"]) == {0}
