import pytest

from gateway.control import usage
from gateway.control.store import UsageTotal
from gateway.control.usage import UsageError
from gateway.control.workspaces import WorkspaceOrder
from gateway.core.outcome import Outcome
from gateway.core.usage import Usage
from tests.control.office import STARTED_NS, Office, Worker, settlement

NOW_NS = 1_795_000_000 * 10**9


@pytest.mark.parametrize(("text", "expected_s"), [
    ("30m", 1_795_000_000 - 1800),
    ("24h", 1_795_000_000 - 86400),
    ("7d", 1_795_000_000 - 7 * 86400),
    ("2w", 1_795_000_000 - 14 * 86400),
    ("999999w", 0),
    ("2026-11-18", 1_794_960_000),
    ("2026-11-18T11:06:40", 1_795_000_000),
    ("2026-11-18T12:06:40+01:00", 1_795_000_000),
    ("1960-01-01", 0),
])  # fmt: skip
def test_beginnings_are_read_as_people_write_them(text: str, expected_s: int) -> None:
    assert usage.since_ns(text, NOW_NS) == expected_s * 10**9


@pytest.mark.parametrize(
    "text",
    ["", "7", "d", "7 d", "-7d", "7y", "yesterday", "2026-13-01", "7d\n", "1234567d", "\u0667d", "0001-01-01T00:00:00+23:59"],
)
def test_other_beginnings_are_refused(text: str) -> None:
    if text.startswith("0001"):
        assert usage.since_ns(text, NOW_NS) == 0
        return
    with pytest.raises(UsageError, match="since must be"):
        usage.since_ns(text, NOW_NS)


def test_groups_and_pages_are_checked() -> None:
    assert [usage.group(by) for by in usage.GROUPS] == list(usage.GROUPS)
    for wrong in ("", "keys", "model; DROP TABLE requests"):
        with pytest.raises(UsageError, match="by must be one of key, workspace, model, day"):
            usage.group(wrong)
    assert usage.after("workspace", "12") == 12
    assert (usage.after("key", "12"), usage.after("model", "12"), usage.after("key", None)) == (12, "12", None)
    with pytest.raises(UsageError):
        usage.after("key", "1; DROP TABLE requests")


def test_totals_add_up(office: Office, worker: Worker) -> None:
    worker.settle(
        settlement(usage=Usage(1, 2, 3, 4, 5)),
        settlement(usage=Usage(10, 20, 30, 40, 50)),
        settlement(status=529, outcome=Outcome.REJECTED, usage=Usage(), model_served="other"),
        settlement(outcome=Outcome.CLIENT_GONE, usage=Usage(1, 0, 0, 0, 0), model_served="other"),
        settlement(outcome=Outcome.UPSTREAM_DIED, usage=Usage(), model_served="", model_asked="asked"),
        settlement(status=404, outcome=Outcome.REFUSED, usage=Usage(), model_served="", model_asked=""),
    )
    office.drain().enter_all()
    by_model = {total.label: total for total in office.store.usage("model", 0, None, -1)}
    assert [(name, total.requests, total.errors) for name, total in by_model.items()] == [
        ("(none)", 1, 1), ("asked", 1, 1), ("claude-sonnet-4-5", 2, 0), ("other", 2, 1),
    ]  # fmt: skip
    assert by_model["claude-sonnet-4-5"][5:10] == (11, 22, 33, 44, 55)
    [day] = office.store.usage("day", 0, None, -1)
    assert (day.label, day.requests, day.errors, day.input_tokens) == ("2026-11-18", 6, 3, 12)
    assert day.cost_nanodollars == sum(row["cost_nanodollars"] for row in office.rows())
    assert office.store.usage("day", STARTED_NS + 1, None, -1) == []


def test_totals_by_workspace(office: Office, worker: Worker) -> None:
    blue = office.desk().workspaces.create(WorkspaceOrder(name="blue"))
    worker.settle(settlement(workspace_id=blue.id), settlement(workspace_id=blue.id), settlement(workspace_id=77))
    office.drain().enter_all()
    totals = office.store.usage("workspace", 0, None, -1)
    assert [(total.label, total.name, total.requests) for total in totals] == [
        (blue.public_id, "blue", 2),
        ("workspace 77", "", 1),
    ]
    assert [total.label for total in office.store.usage("workspace", 0, blue.id, 1)] == ["workspace 77"]


def test_a_total_as_it_is_shown() -> None:
    total = UsageTotal(3, "key_a", "me", 1, 0, 1, 2, 3, 4, 5, 1_500_000_000)
    assert usage.view("key", total) == {
        "key": "key_a",
        "name": "me",
        "requests": 1,
        "errors": 0,
        "input_tokens": 1,
        "cache_read_tokens": 2,
        "cache_write_5m_tokens": 3,
        "cache_write_1h_tokens": 4,
        "output_tokens": 5,
        "cost_nanodollars": 1_500_000_000,
        "cost_usd": "1.50",
    }
    assert "name" not in usage.view("model", total._replace(name=None))
