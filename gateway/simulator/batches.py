"""Batches: an in-memory store in the shape of the message batches endpoints.

A batch is in progress when it is created and ended when it is next looked at, which is enough for clients that poll. Knows no
HTTP; one request of a batch is answered by the function it is given.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.core.ids import fresh_id, text_of
from gateway.simulator import faults
from gateway.simulator.models import page
from gateway.simulator.prompt import Refusal

BATCHES_MAX = 1_000
REQUESTS_MAX = 100_000
_CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")

# Takes the params of one request and gives the message. Raises Refusal.
AnswerOne = Callable[[dict[str, Any]], bytes]


@dataclass(slots=True)
class Batch:
    """One batch. `results` is JSONL, empty until the batch ended."""

    tenant: str
    about: dict[str, Any]
    requests: list[dict[str, Any]]
    results: bytes = b""


class Batches:
    """All batches of a server, oldest first."""

    def __init__(self) -> None:
        self._batches: dict[str, Batch] = {}

    def __repr__(self) -> str:
        return f"<Batches {len(self._batches)}>"

    def create(self, tenant: str, parsed: dict[str, Any]) -> dict[str, Any]:
        """A new batch, in progress. Raises Refusal."""
        if len(self._batches) >= BATCHES_MAX:
            raise Refusal(429, "too many batches")
        requests = _checked(parsed)
        batch_id = text_of("msgbatch", fresh_id())
        about: dict[str, Any] = {
            "id": batch_id,
            "type": "message_batch",
            "processing_status": "in_progress",
            "request_counts": _counts(processing=len(requests)),
            "created_at": _stamp(0),
            "expires_at": _stamp(86_400),
            "ended_at": None,
            "cancel_initiated_at": None,
            "archived_at": None,
            "results_url": None,
        }
        self._batches[batch_id] = Batch(tenant, about, requests)
        return dict(about)

    def look(self, tenant: str, batch_id: str, origin: str, answer: AnswerOne) -> dict[str, Any]:
        """The batch, which has ended by now. `origin` is where its results_url points."""
        batch = self._one(tenant, batch_id)
        if batch.about["processing_status"] != "ended":
            self._end(batch, origin, answer)
        return batch.about

    def listing(self, tenant: str, query: dict[str, list[str]]) -> dict[str, Any]:
        """A page of a tenant's batches, newest first. Raises Refusal."""
        return page([batch.about for batch in reversed(self._batches.values()) if batch.tenant == tenant], query)

    def cancel(self, tenant: str, batch_id: str) -> dict[str, Any]:
        """Begins to cancel: what has not ended will be `canceled` in the results."""
        about = self._one(tenant, batch_id).about
        if about["processing_status"] == "in_progress":
            about |= {"processing_status": "canceling", "cancel_initiated_at": _stamp(0)}
        return dict(about)

    def results(self, tenant: str, batch_id: str) -> bytes:
        """JSONL, one line a request. Raises Refusal."""
        batch = self._one(tenant, batch_id)
        if batch.about["processing_status"] != "ended":
            raise Refusal(404, "the results of this batch are not available yet")
        return batch.results

    def delete(self, tenant: str, batch_id: str) -> dict[str, Any]:
        """Forgets an ended batch. Raises Refusal."""
        if self._one(tenant, batch_id).about["processing_status"] != "ended":
            raise Refusal(400, "a batch in progress cannot be deleted; cancel it first")
        del self._batches[batch_id]
        return {"id": batch_id, "type": "message_batch_deleted"}

    def _one(self, tenant: str, batch_id: str) -> Batch:
        batch = self._batches.get(batch_id)
        if batch is None or batch.tenant != tenant:
            raise Refusal(404, f"Batch not found: {batch_id[:100]}")
        return batch

    def _end(self, batch: Batch, origin: str, answer: AnswerOne) -> None:
        is_canceled = batch.about["processing_status"] == "canceling"
        lines: list[bytes] = []
        counts = _counts()
        for request in batch.requests:
            kind, result = ("canceled", b'{"type":"canceled"}') if is_canceled else _result(request["params"], answer)
            counts[kind] += 1
            lines.append(b'{"custom_id":%b,"result":%b}\n' % (orjson.dumps(request["custom_id"]), result))
        batch.results = b"".join(lines)
        batch.requests = []
        batch.about |= {
            "processing_status": "ended",
            "request_counts": counts,
            "ended_at": _stamp(0),
            "results_url": f"{origin}/v1/messages/batches/{batch.about['id']}/results",
        }


def _result(params: dict[str, Any], answer: AnswerOne) -> tuple[str, bytes]:
    try:
        return "succeeded", b'{"type":"succeeded","message":%b}' % answer(params)
    except Refusal as refusal:
        error = faults.envelope(refusal.status, text_of("req", fresh_id()), refusal.text, refusal.error_code)
        return "errored", b'{"type":"errored","error":%b}' % error


def _checked(parsed: dict[str, Any]) -> list[dict[str, Any]]:
    requests = parsed.get("requests")
    if not isinstance(requests, list) or not requests:
        raise Refusal(400, "requests: Field required")
    if len(requests) > REQUESTS_MAX:
        raise Refusal(400, f"requests: List should have at most {REQUESTS_MAX} items")
    seen: set[str] = set()
    for place, request in enumerate(requests):
        if not isinstance(request, dict) or not isinstance(request.get("params"), dict):
            raise Refusal(400, f"requests.{place}.params: Field required")
        custom_id = request.get("custom_id")
        if not isinstance(custom_id, str) or not _CUSTOM_ID.fullmatch(custom_id):
            raise Refusal(400, f"requests.{place}.custom_id: String should match pattern '^[a-zA-Z0-9_-]{{1,64}}$'")
        if custom_id in seen:
            raise Refusal(400, f"requests.{place}.custom_id: custom_id must be unique")
        seen.add(custom_id)
    return requests


def _counts(processing: int = 0) -> dict[str, int]:
    return {"processing": processing, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}


def _stamp(later_s: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(time.time() + later_s))
