"""Keys with a list of models: what is left of a plan, and what a client of such a key sees."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gateway import settings
from gateway.catalog.aliases import Aliases
from gateway.catalog.routes import Routes, Rows, Way
from gateway.core.faults import Fault, FaultKind
from gateway.dataplane import allowed
from gateway.dataplane.tariff import Tariff
from gateway.simulator.server import Simulator
from gateway.state.keys import KeyRow, KeyState
from gateway.state.limits import CLASS_BITS, ClassMasks, LimitTable
from gateway.state.shared import SharedFile
from tests.catalog.test_routes import ANTHROPIC, ROUTER
from tests.dataplane.house import KEY, KEY_ID, LAYOUT, Client, House, conversation, house, question
from tests.dataplane.test_failover import PROVIDERS, SECOND

ROUTES = Routes(
    (ANTHROPIC, ROUTER),
    Aliases({"fast": "claude-haiku-5-5", "claude-haiku-big": "claude-opus-5"}),
    rows=Rows({"mixed": (Way("anthropic", "claude-opus-5"), Way("router", "claude-haiku-5-5"))}, {}),
)
MODELS = """
[aliases]
"quick" = "claude-haiku-5-5"
[[route]]
models = ["claude-opus-*"]
targets = ["first", "second/claude-haiku-5-5"]
[[route]]
models = ["claude-*"]
targets = ["first"]
"""


def bits(shared: SharedFile, names: tuple[str, ...]) -> int:
    table, found = LimitTable(shared), 0
    for name in names:
        found |= 1 << (CLASS_BITS[name] if name in CLASS_BITS else table.pattern_bit(name))
    return found


@pytest.fixture
def shared(tmp_path: Any) -> Any:
    made = SharedFile.create(tmp_path / "shared.map", LAYOUT)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("listed", "asked", "left"),
    [
        ((), "anything", ["anthropic/anything"]),
        (("all",), "anything", ["anthropic/anything"]),
        (("haiku",), "claude-haiku-5-5", ["anthropic/claude-haiku-5-5"]),
        (("haiku",), "fast", ["anthropic/claude-haiku-5-5"]),
        (("haiku",), "claude-opus-5", []),
        (("haiku",), "claude-haiku-big", []),  # its name says Haiku, but it leads to Opus
        (("haiku",), "mixed", ["router/claude-haiku-5-5"]),
        (("opus", "haiku"), "mixed", ["anthropic/claude-opus-5", "router/claude-haiku-5-5"]),
        (("other",), "gpt-4o", ["anthropic/gpt-4o"]),
        (("claude-haiku-5*",), "claude-haiku-5-5[1m]", ["anthropic/claude-haiku-5-5"]),
        (("claude-haiku-5*",), "fast", ["anthropic/claude-haiku-5-5"]),
        (("claude-haiku-5*",), "anthropic/claude-haiku-5-5", ["anthropic/claude-haiku-5-5"]),
        (("claude-haiku-5*",), "router/claude-opus-5", []),
        (("claude-haiku-5*",), "mixed", ["router/claude-haiku-5-5"]),
        (("mixe*",), "mixed", ["anthropic/claude-opus-5", "router/claude-haiku-5-5"]),
        (("router/*",), "router/anything", ["router/anything"]),
        (("router/*",), "mixed", ["router/claude-haiku-5-5"]),
        (("claude-haiku-big",), "claude-haiku-big", ["anthropic/claude-opus-5"]),  # the operator's own alias, written down
        (("claude-opus-5",), "claude-haiku-big", ["anthropic/claude-opus-5"]),
    ],
)
def test_what_is_left_of_a_plan(shared: SharedFile, listed: tuple[str, ...], asked: str, left: list[str]) -> None:
    masks, chosen = ClassMasks(shared.region, shared.layout), settings.load(None, {})
    tariff = Tariff(chosen.catalogue, chosen.plans, chosen.prices, masks)
    found = allowed.usable(bits(shared, listed), tariff, asked, ROUTES.plan(asked))
    assert [target.slug for target in found] == left


@pytest.mark.parametrize(
    ("method", "path", "passes"),
    [
        ("GET", "/v1/messages/batches", True),
        ("DELETE", "/v1/files/file_1", True),
        ("POST", "/v1/files", True),
        ("POST", "/v1/messages/batches/msgbatch_1/cancel", True),
        ("POST", "/v1/messages/batches", False),
        ("POST", "/v1/messages/batches/", False),
        ("POST", "/v1/files/../messages/batches", False),
        ("POST", "/v1/messages/batches/../batches/cancel", False),
        ("PUT", "/v1/anything", False),
    ],
)
def test_paths_whose_body_is_not_read(method: str, path: str, passes: bool) -> None:
    allowed.check_other(0, method, path)
    if passes:
        allowed.check_other(2, method, path)
    else:
        with pytest.raises(Fault, match="some models only") as caught:
            allowed.check_other(2, method, path)
        assert caught.value.kind is FaultKind.FORBIDDEN


@pytest.mark.parametrize(
    ("document", "refused"),
    [
        ({}, ""),
        ({"fallbacks": None, "models": None, "tools": None}, ""),
        ({"fallbacks": [{"model": "claude-haiku-4-5"}], "models": ["gpt-4o", "x/claude-haiku-5"]}, ""),
        ({"tools": [{"name": "a"}, {"model": "claude-haiku-5-5"}, {"model": 5}, 7]}, ""),
        ({"fallbacks": "default"}, "name the models"),
        ({"fallbacks": [{"model": "claude-haiku-5-5"}, {"model": "claude-opus-5"}]}, "claude-opus-5"),
        ({"models": ["gpt-4o", "anthropic/claude-opus-5"]}, "anthropic/claude-opus-5"),
        ({"tools": [{"type": "advisor", "model": "claude-opus-5"}]}, "claude-opus-5"),
        ({"models": ["fast"]}, "fast"),  # an upstream knows no alias of ours
    ],
)
def test_models_that_a_body_names_beside_its_own(shared: SharedFile, document: dict[str, object], refused: str) -> None:
    masks, chosen = ClassMasks(shared.region, shared.layout), settings.load(None, {})
    tariff = Tariff(chosen.catalogue, chosen.plans, chosen.prices, masks)
    mask = bits(shared, ("haiku", "gpt-4*"))
    if refused:
        with pytest.raises(Fault, match=refused) as caught:
            allowed.check_body(mask, tariff, document)
        assert caught.value.kind is FaultKind.FORBIDDEN
    else:
        allowed.check_body(mask, tariff, document)


def run(listed: tuple[str, ...], test: Callable[[House, Simulator, Simulator], Awaitable[None]]) -> None:
    """A worker with two upstreams, and a caller with a list of models."""

    async def main() -> None:
        async with Simulator() as first, Simulator() as second:
            providers = PROVIDERS.format(first.url, "anthropic", second.url)
            async with house(first.url, providers=providers, models=MODELS, pooled=True, SECOND_KEY=SECOND) as worker:
                row = KeyRow(KEY_ID, 1, KeyState.ACTIVE, 0, 0, bits(worker.shared, listed))
                worker.shared.keys.put(worker.worker.pepper.digest(KEY), row)
                await test(worker, first, second)

    asyncio.run(main())


def test_a_model_that_is_not_allowed_is_refused_in_the_dialect_of_its_client() -> None:
    async def refused(worker: House, first: Simulator, second: Simulator) -> None:
        answer = await worker.ask(Client(conversation(model="claude-sonnet-5", stream=True)))
        assert (answer.status, answer.error["type"]) == (403, "permission_error")
        assert answer.error["message"] == "This API key may not use the model claude-sonnet-5."
        settled = worker.one_settled()
        assert (settled.status, settled.cost_nanodollars, settled.model_asked) == (403, 0, "claude-sonnet-5")
        answer = await worker.ask(Client(question(model="claude-sonnet-5")), path="/v1/chat/completions")
        error = json.loads(answer.body)["error"]
        assert (answer.status, error["param"], error["type"]) == (403, "model", "invalid_request_error")
        answer = await worker.ask(Client(question(model="claude-sonnet-5")), path="/v1/messages/count_tokens")
        assert (answer.status, answer.error["type"]) == (403, "permission_error")
        answer = await worker.ask(
            Client(question(model="claude-haiku-5-5", models=["claude-opus-5"])), path="/v1/chat/completions"
        )
        assert answer.status == 403
        answer = await worker.ask(Client(b"{}"), path="/v1/messages/batches")
        assert (answer.status, answer.error["type"]) == (403, "permission_error")
        assert not first.truth
        assert not second.truth
        worker.settled()
        worker.assert_nothing_held()

    run(("haiku", "gpt-4*"), refused)


def test_an_allowed_model_passes_under_any_of_its_names_and_a_change_counts_at_once() -> None:
    async def passes(worker: House, first: Simulator, second: Simulator) -> None:
        for model in ("claude-haiku-5-5", "quick"):
            answer = await worker.ask(Client(conversation(model=model)))
            assert answer.status == 200, answer.body
        digest = worker.worker.pepper.digest(KEY)
        worker.shared.keys.put(digest, KeyRow(KEY_ID, 1, KeyState.ACTIVE, 0, 0, bits(worker.shared, ("opus",))))
        assert (await worker.ask(Client(conversation(model="quick")))).status == 403
        worker.shared.keys.put(digest, KeyRow(KEY_ID, 1, KeyState.ACTIVE, 0))
        assert (await worker.ask(Client(conversation(model="quick")))).status == 200

    run(("haiku",), passes)


def test_a_target_that_is_not_allowed_falls_out_of_the_plan() -> None:
    async def falls(worker: House, first: Simulator, second: Simulator) -> None:
        answer = await worker.ask(Client(conversation(model="claude-opus-5")))
        assert (answer.status, answer.headers["x-gateway-provider"]) == (200, "second")
        assert not first.truth

    run(("haiku",), falls)

    async def does_not_fall_back(worker: House, first: Simulator, second: Simulator) -> None:
        answer = await worker.ask(Client(conversation(model="claude-opus-5")), x_simulate="status=500")
        assert answer.status >= 500
        assert not second.truth

    run(("opus",), does_not_fall_back)
