"""Limits as a client sees them: exact over all workers, with a clear word, and a budget that ends as a whole message."""

import json
import time
from collections import Counter
from typing import Any

import anthropic
import httpx
import pytest

from gateway import settings
from gateway.core.usage import Usage
from gateway.tokens.bound import fast_bound
from gateway.tokens.families import family_of
from tests.barrier import at_once, request
from tests.contracts.conftest import House

MODEL = "claude-sonnet-5-5"
HELLO = {"model": MODEL, "max_tokens": 16, "messages": [{"role": "user", "content": "hello"}]}


def ask(house: House, key: str, body: dict[str, Any] | None = None, simulate: str = "") -> httpx.Response:
    """One call on a connection of its own, so that the kernel chooses a worker."""
    sent = {"x-api-key": key, "anthropic-version": "2023-06-01"} | ({"x-simulate": simulate} if simulate else {})
    return httpx.post(f"{house.gateway.url}/v1/messages", json=body or HELLO, headers=sent, timeout=30)


def row_of(house: House, request_id: str) -> dict[str, Any]:
    """The log line of a request, once the books have it."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for line in house.gateway.log.read_text().splitlines():
            if request_id in line:
                found: dict[str, Any] = json.loads(line)
                return found
        time.sleep(0.02)
    raise AssertionError(f"{request_id} did not come into the books")


def cost(input_tokens: int, output_tokens: int) -> int:
    """In nanodollars, by the price list."""
    rate = settings.load(None, {}).prices.rate(MODEL, time.time_ns())
    assert rate is not None
    return rate.cost(Usage(input_tokens, 0, 0, 0, output_tokens))


def postings(house: House) -> list[dict[str, Any]]:
    return [json.loads(line) for line in house.gateway.cli("ledger", "show", "--last", "50", "--json").splitlines()]


def test_a_refusal_says_which_limit_and_when_it_ends(house: House) -> None:
    (key,) = house.gateway.mint(1, "--rpm", "1")
    passed, refused = ask(house, key), ask(house, key)
    assert passed.status_code == 200
    assert (passed.headers["anthropic-ratelimit-requests-limit"], passed.headers["x-ratelimit-remaining-requests"]) == ("1", "0")
    assert passed.headers["x-ratelimit-limit"] == "1"
    assert refused.status_code == 429
    error = refused.json()["error"]
    assert error["type"] == "rate_limit_error"
    assert "your key: 1 requests per minute" in error["message"]
    assert 55 <= int(refused.headers["retry-after"]) <= 60
    assert (refused.headers["x-ratelimit-limit-requests"], refused.headers["x-ratelimit-remaining"]) == ("1", "0")
    assert refused.headers["x-should-retry"] == "true"
    row = row_of(house, refused.headers["request-id"])
    assert (row["outcome"], row["fault"], row["input_tokens"]) == ("refused", "limited", 0)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/messages", b"{", 400),
        ("/v1/messages", b'{"model":"claude-sonnet-5-5","max_tokens":16,"messages":[]}', 400),
        ("/v1/chat/completions", b"[]", 400),
        ("/v1/responses", b'{"model":"claude-sonnet-5-5","stream":1}', 400),
    ],
)
def test_what_is_refused_for_another_reason_tells_of_limits_and_takes_nothing(
    house: House, path: str, body: bytes, status: int
) -> None:
    (key,) = house.gateway.mint(1, "--rpm", "2", "--concurrency", "1", "--itpm", "1000")
    sent = {"x-api-key": key, "anthropic-version": "2023-06-01", "content-type": "application/json"}
    for _ in range(3):
        refused = httpx.post(f"{house.gateway.url}{path}", content=body, headers=sent, timeout=30)
        assert refused.status_code == status, refused.text
        told = refused.headers
        assert (told["x-ratelimit-limit-requests"], told["x-ratelimit-remaining-requests"]) == ("2", "2")
        assert (told["anthropic-ratelimit-input-tokens-remaining"], told["x-ratelimit-remaining"]) == ("1000", "2")
    assert [ask(house, key).status_code for _ in range(3)] == [200, 200, 429]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
def test_a_refusal_in_the_other_dialect(house: House, path: str) -> None:
    """The same limit, headers and wait, in the words that OpenAI's clients decide by."""
    (key,) = house.gateway.mint(1, "--rpm", "1")
    prompt = {"messages": HELLO["messages"]} if path.endswith("completions") else {"input": "hello"}
    with httpx.Client(base_url=house.gateway.url, headers={"authorization": f"Bearer {key}"}, timeout=30) as client:
        passed, refused = (client.post(path, json={"model": MODEL, **prompt}) for _ in range(2))
    assert passed.status_code == 200, passed.text
    assert refused.status_code == 429
    error = refused.json()["error"]
    assert error["code"] == "rate_limit_exceeded"
    assert "your key: 1 requests per minute" in error["message"]
    assert 55 <= int(refused.headers["retry-after"]) <= 60
    for answer in (passed, refused):
        told = answer.headers
        assert (told["x-ratelimit-limit-requests"], told["x-ratelimit-remaining-requests"]) == ("1", "0")
        assert (told["anthropic-ratelimit-requests-limit"], told["x-ratelimit-remaining"]) == ("1", "0")
        assert told["x-ratelimit-reset-requests"]


def test_a_limit_of_zero_lets_nothing_pass(house: House) -> None:
    (key,) = house.gateway.mint(1, "--rpm", "5")
    key_id = json.loads(house.gateway.cli("keys", "list", "--json").splitlines()[-1])["id"]
    house.gateway.cli("limits", "set", "--key", key_id, "--metric", "requests", "--window", "minute", "--amount", "0")
    refused = ask(house, key)
    assert refused.status_code == 429
    assert "retry-after" not in refused.headers
    assert refused.headers["x-should-retry"] == "false"


def test_concurrency_is_given_back(house: House) -> None:
    (key,) = house.gateway.mint(1, "--concurrency", "2")
    answers = at_once(house.gateway.port, [request(key, HELLO, x_simulate="ttft_ms=400")] * 5)
    assert Counter(answer.status for answer in answers) == {200: 2, 429: 3}
    assert ask(house, key).status_code == 200


def test_tokens_by_the_minute_hold_the_input_and_settle_to_the_truth(house: House) -> None:
    (key,) = house.gateway.mint(1, "--itpm", "5000", "--otpm", "500")
    first = ask(house, key)
    assert first.status_code == 200
    assert first.headers["anthropic-ratelimit-input-tokens-limit"] == "5000"
    assert int(first.headers["anthropic-ratelimit-input-tokens-remaining"]) < 5000
    # What was held of both and not used came back, or the third of these would be refused.
    assert [ask(house, key).status_code for _ in range(3)] == [200] * 3
    large = ask(house, key, HELLO | {"messages": [{"role": "user", "content": "word " * 8000}]})
    assert large.status_code == 429
    assert "5000 input tokens per minute" in large.json()["error"]["message"]


def test_a_budget_that_ends_in_a_stream_ends_a_whole_message(house: House) -> None:
    (key,) = house.gateway.mint(1, "--budget-tokens", "120")
    with (
        anthropic.Anthropic(api_key=key, base_url=house.gateway.url, max_retries=0) as sdk,
        sdk.messages.stream(
            model=MODEL,
            max_tokens=4000,
            messages=[{"role": "user", "content": "hello"}],
            extra_headers={"x-simulate": "text_tokens=4000;tokens_per_s=500", "x-request-tag": "budget"},
        ) as stream,
    ):
        final = stream.get_final_message()
        request_id = stream.response.headers["request-id"]
    assert final.stop_reason == "max_tokens"
    assert final.content[0].type == "text"
    spent = final.usage.input_tokens + final.usage.output_tokens
    assert 60 < spent <= 120
    row = row_of(house, request_id)
    assert row["outcome"] == "budget_ended"
    assert (row["input_tokens"], row["output_tokens"]) == (final.usage.input_tokens, final.usage.output_tokens)
    assert house.tagged("budget").ending == "client_gone"  # the upstream was closed at once
    receipt = json.loads(house.gateway.cli("ledger", "receipt", row["request_id"], "--json"))
    charge = cost(final.usage.input_tokens, final.usage.output_tokens)
    assert receipt["outcome"] == "budget_ended"
    assert receipt["rule"] == "input as reported, output as streamed"
    assert (receipt["cost_nanodollars"], receipt["held_tokens"]) == (charge, 120)
    # The posting holds this request alone, so its entries are the exact charge.
    [posting] = [one for one in postings(house) if one["id"] == receipt["posting"]["id"]]
    assert posting["requests"] == 1
    assert {entry["account"]: entry["amount_nanodollars"] for entry in posting["entries"]} == {"open/1": -charge, "usage": charge}
    refused = ask(house, key)
    assert refused.status_code == 429
    assert "120 tokens in all" in refused.json()["error"]["message"]


def test_what_does_not_stream_needs_the_whole_hold(house: House) -> None:
    (key,) = house.gateway.mint(1, "--budget-tokens", "300")
    assert ask(house, key, HELLO | {"max_tokens": 4000}).status_code == 429
    assert ask(house, key, HELLO | {"max_tokens": 40}).status_code == 200


def test_a_budget_of_money(house: House) -> None:
    (key,) = house.gateway.mint(1, "--budget-usd", "0.001")
    assert ask(house, key).status_code == 200
    refused = ask(house, key, HELLO | {"max_tokens": 100_000})
    assert refused.status_code == 429
    assert "0.001 US dollars in all" in refused.json()["error"]["message"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_budget_is_overrun_by_what_was_not_known_of_one_input(house: House, stream: bool) -> None:
    """The upstream counts more tokens of input than were held. That is charged, once; a stream brings no output beyond it."""
    body = HELLO | {"stream": stream, "max_tokens": 4000 if stream else 200}
    held = fast_bound(httpx.Request("POST", house.gateway.url, json=body).content, family_of(MODEL))
    amount = held + 200
    key = json.loads(house.gateway.cli("keys", "mint", "--name", "surprised", "--budget-tokens", str(amount), "--json"))
    answer = ask(house, key["key"], body, f"fixture={'stream_tool_use' if stream else 'message_tool_use'}")
    assert answer.status_code == 200
    row = row_of(house, answer.headers["request-id"])
    truth = sum(row[name] for name in ("input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens"))
    assert truth > amount
    assert row["outcome"] == ("budget_ended" if stream else "finished")
    [limit] = [json.loads(line) for line in house.gateway.cli("limits", "list", "--key", key["id"], "--json").splitlines()]
    used, surprise = int(limit["used"]), truth - held
    assert (used, limit["held"]) == (truth + row["output_tokens"], "0")
    assert 0 < used - amount <= surprise
    assert ask(house, key["key"], body).status_code == 429


@pytest.mark.parametrize("usage", ["negative", "huge", "string", "fraction", "null", "missing", "weird"])
def test_hostile_usage_gives_no_budget_back(house: House, usage: str) -> None:
    (key,) = house.gateway.mint(1, "--budget-tokens", "1000000000")
    left = []
    for _ in range(3):
        answer = ask(house, key, simulate=f"usage={usage}")
        assert answer.status_code == 200
        left.append(int(answer.headers["anthropic-ratelimit-tokens-remaining"]))
    assert left == sorted(left, reverse=True)
    assert len(set(left)) == 3
