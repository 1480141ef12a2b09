"""R1: what is allowed passes, all of it and nothing more, however many calls fall to however many workers at once.

The upstream reports exactly what the gateway has to hold, so a budget for k calls is one for k calls whether the others are still
under way or have settled: neither the order nor the speed of anything decides how many pass.
"""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from gateway import settings
from gateway.core.money import dollars
from gateway.core.usage import Usage
from gateway.simulator import SimulatorProcess
from gateway.state.counters import Counter
from gateway.state.shared import SharedFile
from gateway.tokens.bound import fast_bound
from gateway.tokens.families import family_of
from tests import torture
from tests.barrier import at_once, request
from tests.serving import Gateway, serving, upstream
from tests.workers.clients import wait_for, workers

WORKERS = 3
CALLS = 64
KEYS = 4  # of the workspace whose budget they share
MODEL = "claude-sonnet-5-5"
BODY = {"model": MODEL, "max_tokens": 50, "messages": [{"role": "user", "content": "hello"}]}
SECRET = "sk-ant-upstream-secret"


@dataclass(frozen=True, slots=True)
class House:
    gateway: Gateway
    upstream: SimulatorProcess
    usage: Usage

    @property
    def tokens(self) -> int:
        """What one call takes."""
        return self.usage.input_tokens + self.usage.output_tokens

    @property
    def nanodollars(self) -> int:
        rate = settings.load(None, {}).prices.rate(MODEL, 2**62)
        assert rate is not None
        return rate.cost(self.usage)

    def started(self) -> list[int]:
        """Calls so far by worker."""
        with closing(SharedFile.open(self.gateway.data_dir / "shared.map")) as shared:
            places = [shared.layout.counters_of(slot) + 8 * Counter.REQUESTS_STARTED for slot in range(WORKERS)]
            return [shared.region.load(place) for place in places]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    body = json.dumps(BODY).encode()
    usage = Usage(fast_bound(body, family_of(MODEL)), 0, 0, 0, 50)
    fixtures: Path = tmp_path_factory.mktemp("fixtures")
    told = {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": MODEL, "stop_reason": "end_turn", "usage": told}
    (fixtures / "worst.json").write_text(json.dumps(message | {"content": [{"type": "text", "text": "as much as I could"}]}))
    with (
        SimulatorProcess(keys=[SECRET], script="fixture=worst", fixtures_dir=fixtures) as sim,
        serving(upstream(sim.url, SECRET), workers=WORKERS) as gateway,
    ):
        wait_for(lambda: len(workers(gateway.data_dir)) == WORKERS, "all workers")
        yield House(gateway, sim, usage)


def mint(admin: httpx.Client, **order: Any) -> list[dict[str, Any]]:
    answer = admin.post("keys", json={"name": "round"} | order)
    assert answer.status_code == 201, answer.text
    return list(answer.json()["data"])


@dataclass(frozen=True, slots=True)
class Budget:
    """A fresh budget for `allowed` calls, the keys that share it, and whose limit it is (a query of the limits' list)."""

    keys: list[str]
    owner: dict[str, str]
    unit: int
    allowed: int
    scale: int = 1  # units in one of the limit's written amount


def of_requests(house: House, admin: httpx.Client, allowed: int, spare: int) -> Budget:
    [key] = mint(admin, limits=[{"metric": "requests", "window": "total", "amount": allowed}])
    return Budget([key["key"]], {"key": key["id"]}, 1, allowed)


def of_tokens(house: House, admin: httpx.Client, allowed: int, spare: int) -> Budget:
    amount = allowed * house.tokens + spare % house.tokens
    [key] = mint(admin, limits=[{"metric": "total_tokens", "window": "total", "amount": amount}])
    return Budget([key["key"]], {"key": key["id"]}, house.tokens, allowed)


def of_money(house: House, admin: httpx.Client, allowed: int, spare: int) -> Budget:
    amount = dollars(allowed * house.nanodollars + spare % house.nanodollars)
    workspace = admin.post("workspaces", json={"name": f"round {spare}"}).json()["id"]
    keys = mint(admin, count=KEYS, workspace=workspace)
    limit = {"workspace": workspace, "metric": "cost", "window": "month", "amount": amount}
    assert admin.post("limits", json=limit).status_code < 300
    return Budget([key["key"] for key in keys], {"workspace": workspace}, house.nanodollars, allowed, 10**9)


def figures(admin: httpx.Client, budget: Budget) -> tuple[int, int, int]:
    """Amount, what is used and what is held of a budget."""
    [limit] = admin.get("limits", params=budget.owner).json()["data"]
    amount, used, held = (int(Decimal(limit[name]) * budget.scale) for name in ("amount", "used", "held"))
    return amount, used, held


def play(house: House, admin: httpx.Client, budget: Budget, dice: Random) -> None:
    """One round: all calls at once, and the budget afterwards."""
    calls = [request(budget.keys[number % len(budget.keys)], BODY) for number in range(CALLS)]
    dice.shuffle(calls)
    statuses = [answer.status for answer in at_once(house.gateway.port, calls)]
    assert set(statuses) <= {200, 429}
    assert statuses.count(200) == budget.allowed
    wait_for(lambda: figures(admin, budget)[2] == 0, "nothing to be held")
    amount, used, _ = figures(admin, budget)
    assert used == budget.allowed * budget.unit
    assert used <= amount < used + budget.unit


@pytest.mark.torture
def test_of_so_many_allowed_so_many_pass(house: House) -> None:
    """R1: 64 calls from a barrier on three workers, budgets for exactly so many requests, tokens and dollars; overrun 0."""
    dice, rounds = torture.dice("R1"), torture.rounds(7, 167)  # of each of three kinds
    before, allowed = house.started(), 0
    with house.gateway.admin() as admin:
        for _ in range(rounds):
            for make in (of_requests, of_tokens, of_money):
                budget = make(house, admin, dice.randrange(1, CALLS), dice.randrange(2**60))
                play(house, admin, budget, dice)
                allowed += budget.allowed
    by_worker = [now - then for now, then in zip(house.started(), before, strict=True)]
    assert sum(by_worker) == 3 * rounds * CALLS
    assert min(by_worker) > rounds * CALLS // WORKERS
    # The upstream was asked for what was allowed and for nothing else.
    assert len(house.upstream.wait_truth(allowed)) == allowed
    assert json.loads(house.gateway.cli("ledger", "verify", "--json"))["proven"]
    torture.proved(
        "R1",
        f"{3 * rounds} rounds, of budgets in requests, tokens and dollars in turn, {CALLS} calls at once on {WORKERS} workers "
        f"({'/'.join(map(str, by_worker))}): {allowed} allowed, {allowed} passed, overrun 0",
    )
