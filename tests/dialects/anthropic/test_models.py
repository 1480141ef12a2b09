"""Models as Anthropic writes them: pages as the SDK turns them, and cursors that lead nowhere."""

import json
from typing import Any

import pytest
from anthropic.types import ModelInfo

from gateway.core.faults import Fault, FaultKind
from gateway.dialects.anthropic.models import missing, write_list, write_one
from gateway.dialects.models import ModelRow

ROWS = [ModelRow(f"model-{at}", f"Model {at}", 1_780_000_000, "anthropic", {}) for at in range(7)]


def page(query: str, rows: list[ModelRow] = ROWS) -> dict[str, Any]:
    return dict(json.loads(write_list(rows, query)))


def ids(query: str) -> list[str]:
    return [row["id"].removeprefix("model-") for row in page(query)["data"]]


@pytest.mark.parametrize(
    ("query", "shown", "more"),
    [
        ("", "0123456", False),
        ("limit=3", "012", True),
        ("limit=7", "0123456", False),
        ("limit=3&after_id=model-2", "345", True),
        ("limit=3&after_id=model-3", "456", False),
        ("after_id=model-6", "", False),
        ("limit=2&before_id=model-4", "23", True),
        ("limit=2&before_id=model-2", "01", False),
        ("before_id=model-0", "", False),
        ("after_id=model-1&before_id=model-4", "23", False),
        ("limit=1000&beta=true", "0123456", False),
        ("lifecycle%5B%5D=active&lifecycle%5B%5D=retired", "0123456", False),
        ("lifecycle%5B%5D=retired", "", False),
    ],
)
def test_pages(query: str, shown: str, more: bool) -> None:
    assert "".join(ids(query)) == shown
    found = page(query)
    assert found["has_more"] is more
    assert (found["first_id"], found["last_id"]) == ((f"model-{shown[0]}", f"model-{shown[-1]}") if shown else (None, None))


def test_a_page_has_twenty_rows_unless_more_are_asked_for() -> None:
    many = [ModelRow(f"m{at}", "", 0, "", {}) for at in range(30)]
    assert len(page("", many)["data"]) == 20
    assert len(page("limit=25", many)["data"]) == 25


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=-1", "limit=", "limit=ten", "limit=\u0663", f"limit={'9' * 5000}"]
)
def test_limits_that_are_none(query: str) -> None:
    with pytest.raises(Fault, match=r"^limit: Input should be between 1 and 1000$") as refused:
        write_list(ROWS, query)
    assert refused.value.kind is FaultKind.INVALID


@pytest.mark.parametrize("cursor", ["after_id", "before_id"])
def test_cursors_that_lead_nowhere(cursor: str) -> None:
    with pytest.raises(Fault, match=rf"^{cursor}: ") as refused:
        write_list(ROWS, f"{cursor}=nobody")
    assert "nobody" not in refused.value.text


def test_one_is_as_the_sdk_takes_it() -> None:
    facts = {"max_tokens": 64000, "id": "as-upstream", "display_name": "As Upstream", "lifecycle": "deprecated", "new_field": 1}
    info = ModelInfo.model_validate_json(write_one(ModelRow("fast", "fast", 1_780_000_000, "anthropic", facts)))
    assert (info.id, info.type, info.display_name, info.max_tokens) == ("fast", "model", "fast", 64000)
    assert info.created_at.isoformat() == "2026-05-28T20:26:40+00:00"
    assert json.loads(write_one(ROWS[0]))["lifecycle"] == "active"
    assert json.loads(write_one(ModelRow("m", "m", 0, "", {})))["created_at"] == "1970-01-01T00:00:00Z"


def test_one_that_is_not_there() -> None:
    fault = missing("nobody")
    assert (fault.kind, fault.text) == (FaultKind.MISSING, "model: nobody")
