"""Credits as a client sees them: without any 402 comes before all else, and no usage that an upstream makes up adds to them."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.contracts.conftest import House

MODEL = "claude-sonnet-5-5"
UNPAID = "Your credit balance is too low to make this request. Please buy credits to continue."
HELLO = {"model": MODEL, "max_tokens": 16, "messages": [{"role": "user", "content": "hello"}]}
PATHS = ("/v1/messages", "/v1/chat/completions", "/v1/responses")
# What would be 400 or 404 if anybody looked at it.
UNREAD = (b"{", b'{"model": "no-such-model"}', b"\xff" * 100_000)
WAIT_S = 10.0
DOLLAR = 10**9  # in nanodollars


@dataclass(frozen=True, slots=True)
class Purse:
    """A prepaid workspace and a key of it."""

    house: House
    admin: httpx.Client
    workspace: str
    key: str

    def buy(self, dollars: str) -> None:
        order = {"workspace": self.workspace, "amount_usd": dollars}
        assert self.admin.post("credits", json=order).status_code == 201

    def balance(self) -> int:
        """In nanodollars; what is owed counts against it."""
        told = self.admin.get(f"workspaces/{self.workspace}/balance").json()
        return int(told["remaining_nanodollars"]) - int(told["owed_nanodollars"])

    def ask(self, path: str, body: dict[str, Any] | bytes, **headers: str) -> httpx.Response:
        """One call, in the way of the clients of that path."""
        own = {"x-api-key": self.key, "anthropic-version": "2023-06-01"}
        sent = own if path == PATHS[0] else {"authorization": f"Bearer {self.key}"}
        sent |= {"content-type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
        content = {"content": body} if isinstance(body, bytes) else {"json": body}
        return httpx.post(self.house.gateway.url + path, headers=sent, timeout=30, **content)

    def receipt(self, number: int) -> dict[str, Any]:
        """What this workspace's request of that number, from 1, came to, once the books have it."""
        deadline = time.monotonic() + WAIT_S
        while len(rows := self.admin.get("requests", params={"workspace": self.workspace}).json()["data"]) < number:
            assert time.monotonic() < deadline, rows
            time.sleep(0.02)
        found: dict[str, Any] = self.admin.get(f"receipts/{rows[-number]['id']}").json()
        return found


@pytest.fixture
def open_purse(house: House) -> Iterator[Callable[[str], Purse]]:
    with house.gateway.admin() as admin:

        def make(name: str) -> Purse:
            workspace = admin.post("workspaces", json={"name": name, "billing": "prepaid"}).json()["id"]
            [key] = admin.post("keys", json={"name": name, "workspace": workspace}).json()["data"]
            return Purse(house, admin, workspace, key["key"])

        yield make


def refused(answer: httpx.Response, path: str) -> None:
    """That it is a refusal for want of credits, in the words of its path's dialect."""
    assert answer.status_code == 402, answer.text
    error = answer.json()["error"]
    assert error["message"] == UNPAID
    if path == PATHS[0]:
        assert error["type"] == "billing_error"
    else:
        assert (error["type"], error["code"]) == ("insufficient_quota", "insufficient_credits")
    # Waiting does not help.
    assert "retry-after" not in answer.headers
    assert answer.headers["x-should-retry"] == "false"


def test_without_credits_nothing_is_read_routed_or_asked(open_purse: Callable[[str], Purse], house: House) -> None:
    """402 in every dialect, whatever the body: before it is read, and so before there is a route."""
    purse = open_purse("empty purse")
    bodies = (HELLO, *UNREAD)
    for path in PATHS:
        for body in bodies:
            refused(purse.ask(path, body, x_request_tag="unpaid"), path)
    receipt = purse.receipt(len(PATHS) * len(bodies))
    assert (receipt["outcome"], receipt["cost_nanodollars"]) == ("refused", 0)
    purse.buy("5")
    # The key works as soon as there is something to pay with, and its call is the first that the upstream has heard of.
    assert purse.ask(PATHS[0], HELLO, x_request_tag="unpaid").status_code == 200
    assert house.tagged("unpaid").status == 200


def test_a_call_that_costs_more_than_there_is_goes_nowhere(open_purse: Callable[[str], Purse], house: House) -> None:
    purse = open_purse("small purse")
    purse.buy("5")
    for path, body in (
        (PATHS[0], HELLO | {"max_tokens": 10**6}),
        (PATHS[1], HELLO | {"max_tokens": 10**6}),
        (PATHS[2], {"model": MODEL, "input": "hello", "max_output_tokens": 10**6}),
    ):
        refused(purse.ask(path, body, x_request_tag="beyond"), path)
    assert not [one for one in house.upstream.truth() if one.tag == "beyond"]
    assert purse.balance() == 5 * DOLLAR


@pytest.mark.parametrize("stream", [False, True])
def test_no_usage_that_an_upstream_makes_up_adds_to_credits(
    open_purse: Callable[[str], Purse], house: House, stream: bool
) -> None:
    """Each call costs something, never more than was held for it, and the balance falls by exactly that."""
    purse = open_purse(f"hostile purse {stream}")
    purse.buy("50")
    left = purse.balance()
    for number, usage in enumerate(("negative", "huge", "string", "fraction", "null", "missing", "weird"), 1):
        answer = purse.ask(PATHS[0], HELLO | {"stream": stream}, x_simulate=f"usage={usage}")
        assert answer.status_code == 200, usage
        receipt = purse.receipt(number)
        assert 0 < receipt["cost_nanodollars"] <= receipt["held_nanodollars"], usage
        now = purse.balance()
        assert left - now == receipt["cost_nanodollars"], usage
        left = now
