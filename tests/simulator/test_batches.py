import json
from typing import Any

import pytest

from gateway.simulator.batches import Batches
from gateway.simulator.prompt import Refusal

REQUESTS = [{"custom_id": "a", "params": {"ok": 1}}, {"custom_id": "b", "params": {}}]


def _answer(params: dict[str, Any]) -> bytes:
    if not params:
        raise Refusal(400, "max_tokens: Field required")
    return b'{"type":"message"}'


def _results(batches: Batches, batch_id: str) -> dict[str, Any]:
    lines = [json.loads(line) for line in batches.results("t", batch_id).splitlines()]
    return {line["custom_id"]: line["result"] for line in lines}


def test_a_batch_ends_when_it_is_looked_at() -> None:
    batches = Batches()
    created = batches.create("t", {"requests": REQUESTS})
    assert (created["processing_status"], created["request_counts"]["processing"]) == ("in_progress", 2)
    with pytest.raises(Refusal, match="not available yet"):
        batches.results("t", created["id"])
    ended = batches.look("t", created["id"], "http://here", _answer)
    assert ended["request_counts"] == {"processing": 0, "succeeded": 1, "errored": 1, "canceled": 0, "expired": 0}
    assert ended["results_url"] == f"http://here/v1/messages/batches/{created['id']}/results"
    results = _results(batches, created["id"])
    assert results["a"] == {"type": "succeeded", "message": {"type": "message"}}
    assert results["b"]["error"]["error"] == {"type": "invalid_request_error", "message": "max_tokens: Field required"}


def test_a_cancelled_batch_answers_nothing() -> None:
    batches = Batches()
    batch_id = batches.create("t", {"requests": REQUESTS})["id"]
    assert batches.cancel("t", batch_id)["processing_status"] == "canceling"
    assert batches.look("t", batch_id, "http://here", _answer)["request_counts"]["canceled"] == 2
    assert _results(batches, batch_id) == {"a": {"type": "canceled"}, "b": {"type": "canceled"}}


def test_only_an_ended_batch_can_be_deleted() -> None:
    batches = Batches()
    batch_id = batches.create("t", {"requests": REQUESTS})["id"]
    with pytest.raises(Refusal, match="cannot be deleted"):
        batches.delete("t", batch_id)
    batches.look("t", batch_id, "http://here", _answer)
    assert batches.delete("t", batch_id) == {"id": batch_id, "type": "message_batch_deleted"}
    with pytest.raises(Refusal, match="Batch not found"):
        batches.look("t", batch_id, "http://here", _answer)


def test_the_list_is_the_tenants_own_newest_first() -> None:
    batches = Batches()
    first, second = (batches.create("t", {"requests": REQUESTS})["id"] for _ in range(2))
    batches.create("u", {"requests": REQUESTS})
    assert [batch["id"] for batch in batches.listing("t", {})["data"]] == [second, first]
    with pytest.raises(Refusal):
        batches.cancel("u", first)


@pytest.mark.parametrize(
    ("requests", "text"),
    [
        (None, "requests: Field required"),
        ([], "requests: Field required"),
        ([5], "requests.0.params: Field required"),
        ([{"params": {}}], "requests.0.custom_id"),
        ([{"custom_id": "a b", "params": {}}], "requests.0.custom_id"),
        ([{"custom_id": "x" * 65, "params": {}}], "requests.0.custom_id"),
        ([REQUESTS[0], REQUESTS[0]], "requests.1.custom_id: custom_id must be unique"),
    ],
)
def test_a_bad_batch_is_refused(requests: Any, text: str) -> None:
    with pytest.raises(Refusal, match=text.replace(".", r"\.")):
        Batches().create("t", {"requests": requests})
