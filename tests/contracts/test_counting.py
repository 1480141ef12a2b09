"""count_tokens: the upstream's figure while it gives one, else an estimate, and the answer says which."""

import http.client
import json
import time
from typing import Any

import pytest

from tests.contracts.conftest import House


def count(house: House, text: str, **headers: str) -> tuple[int, dict[str, str], Any]:
    connection = http.client.HTTPConnection("127.0.0.1", house.gateway.port, timeout=20)
    body = json.dumps({"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": text}]})
    own = {"x-api-key": house.key, "anthropic-version": "2023-06-01", "content-type": "application/json"}
    connection.request("POST", "/v1/messages/count_tokens?beta=true", body, own | headers)
    answer = connection.getresponse()
    told = {name.lower(): value for name, value in answer.getheaders()}
    document = json.loads(answer.read())
    connection.close()
    return answer.status, told, document


def test_the_upstreams_own_figure(house: House) -> None:
    """A5"""
    status, headers, document = count(house, "hello " * 100)
    assert (status, headers["x-token-count-method"]) == (200, "upstream")
    assert document["input_tokens"] > 0
    assert headers["request-id"].startswith("req_")


@pytest.mark.parametrize(
    "script", ["status=404", "status=405", "status=429", "status=500", "status=529", "html", "cut_at=0", "cut_at=30"]
)
def test_an_estimate_when_the_upstream_has_none(house: House, script: str) -> None:
    """A5: whatever the reason; the figure is that of the estimator for the model's tokenizer."""
    status, headers, document = count(house, "The quick brown fox jumps over the lazy dog. " * 40, **{"x-simulate": script})
    assert (status, headers["x-token-count-method"]) == (200, "estimate")
    assert list(document) == ["input_tokens"]
    assert 380 <= document["input_tokens"] <= 480
    assert headers["request-id"].startswith("req_")
    assert headers["content-type"] == "application/json"


@pytest.mark.parametrize("script", ["status=400", "status=403", "status=413"])
def test_a_refusal_is_no_reason_to_estimate(house: House, script: str) -> None:
    """A5: what is wrong with the request is told, for the call itself would be refused too."""
    status, headers, document = count(house, "hello", **{"x-simulate": f"{script};message=not so"})
    assert status == int(script[-3:])
    assert document["error"]["message"] == "not so"
    assert "x-token-count-method" not in headers


def test_a_count_is_not_billed(house: House) -> None:
    """A count leaves a row without tokens and without cost."""
    key = house.gateway.mint()[0]
    connection = http.client.HTTPConnection("127.0.0.1", house.gateway.port, timeout=20)
    body = json.dumps({"model": "claude-only-counted", "messages": [{"role": "user", "content": "hello"}]})
    connection.request("POST", "/v1/messages/count_tokens", body, {"x-api-key": key, "anthropic-version": "2023-06-01"})
    assert connection.getresponse().status == 200
    connection.close()
    row = _row(house, "claude-only-counted")
    assert row["requests"] == 1
    assert row["input_tokens"] == row["output_tokens"] == row["cost_nanodollars"] == 0


def _row(house: House, model: str) -> dict[str, Any]:
    """The usage of a model, once it is booked."""
    deadline_s = time.monotonic() + 10
    while True:
        rows = json.loads(house.gateway.cli("usage", "--by", "model", "--since", "1d", "--json"))["rows"]
        found = [row for row in rows if row["model"] == model]
        if found:
            return dict(found[0])
        assert time.monotonic() < deadline_s, rows
