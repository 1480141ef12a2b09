"""The calculator: its sums, its bounds, and that it keeps nothing."""

import asyncio
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway import settings
from gateway.catalog.models import Catalogue
from gateway.catalog.prices import PriceList
from gateway.console import count as calculator
from gateway.console.count import PATH, Calculator, Count, Question, counted, read_question
from gateway.control.app import build
from gateway.control.permissions import RELAYED, Access
from gateway.control.process import listening
from gateway.core.clock import ManualClock
from gateway.core.faults import Fault
from tests.control.served import WITH_CONSOLE, ControlPlane, short_dir
from tests.control.test_counting import until

SETTINGS = settings.load(None, {})
NOW_NS = 1_795_000_000_000_000_000  # November 2026
TEXT = "The harbour master closed the gates at six and walked home along the quay.\n港の門は閉まった。"
CANARY = "canary-prompt-7731"


def answer(text: str = TEXT, output_tokens: int = 500, cached_percent: int = 0) -> Count:
    return counted(Question(text, output_tokens, cached_percent), SETTINGS.catalogue, SETTINGS.prices, NOW_NS)


def test_every_model_of_the_catalogue_has_a_cost_that_adds_up() -> None:
    count = answer(output_tokens=1000)
    assert [model.id for model in count.models] == [model.id for model in SETTINGS.catalogue]
    tokens = {one.family: one.tokens for one in count.families}
    for model in count.models:
        prices = {name: Decimal(price) for name, price in model.prices_usd.items()}
        assert model.input_tokens == pytest.approx(tokens[model.family] + 8, abs=4)
        assert Decimal(model.cost_usd) == (model.input_tokens * prices["input"] + 1000 * prices["output"]) / 1_000_000
        assert Decimal(model.cost_usd) == sum(Decimal(part) for part in (model.input_usd, model.cached_usd, model.output_usd))
        assert Decimal(model.low_usd) <= Decimal(model.cost_usd) <= Decimal(model.high_usd)
    assert (count.characters, count.words, count.bytes) == (len(TEXT), 15, len(TEXT.encode()))
    assert count.price_list == SETTINGS.prices.version


def test_the_cached_share_is_priced_as_read_from_the_cache() -> None:
    fresh, cached = answer(output_tokens=0).models[0], answer(output_tokens=0, cached_percent=100).models[0]
    rate = SETTINGS.prices.rate(fresh.id, NOW_NS)
    assert rate is not None
    assert Decimal(fresh.cost_usd) == Decimal(fresh.input_tokens * rate.input_nanodollars) / 10**9
    assert Decimal(cached.cost_usd) == Decimal(fresh.input_tokens * rate.cache_read_nanodollars) / 10**9
    half = answer(output_tokens=0, cached_percent=50).models[0]
    assert Decimal(cached.cost_usd) < Decimal(half.cost_usd) < Decimal(fresh.cost_usd)


def test_where_a_price_comes_from_is_told() -> None:
    models = {model.id: model for model in answer().models}
    assert (models["claude-opus-5-5"].price_row, models["claude-opus-5-5"].assumed) == ("claude-opus-5-5*", False)
    star = SETTINGS.prices.row("somebody-elses-model", NOW_NS)
    assert star is not None
    assert (star.model, star.assumed) == ("*", True)


def test_methods_and_bands_are_stated() -> None:
    families = {one.family: one for one in answer().families}
    assert set(families) == {"v3", "v4.7", "v5", "o200k"}
    assert families["o200k"].method == "vocabulary"
    assert families["o200k"].low == families["o200k"].high
    assert families["v3"].method == "estimate"
    assert families["v3"].low < families["v3"].tokens < families["v3"].high
    assert {model.family for model in answer().models} <= set(families)


@pytest.mark.parametrize("text", ["", " ", "\u0000", "\u202eabc", "a" * 10_000, "\U0001f600" * 100])
def test_any_text_is_counted(text: str) -> None:
    count = answer(text)
    assert count.characters == len(text)
    assert all(one.low <= one.tokens <= one.high for one in count.families)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b"{}", 400),
        (b"[" * 100_000, 400),
        (b'{"text": 5}', 400),
        (b'{"text": "a", "output_tokens": -1}', 400),
        (b'{"text": "a", "output_tokens": 1.5}', 400),
        (b'{"text": "a", "cached_percent": 101}', 400),
        (b'{"text": "a", "canary-prompt-7731": 1}', 400),
        (b'{"text": "\xff"}', 400),
        (b'{"text": "\\ud800"}', 400),
        (b'{"text": "%b"}' % (b"a" * (calculator.TEXT_CHARS_MAX + 1)), 400),
    ],
)
def test_hostile_bodies_are_refused(body: bytes, status: int) -> None:
    with pytest.raises(Fault) as refused:
        read_question(body, "application/json")
    assert refused.value.status == status


def test_a_form_of_another_site_is_refused() -> None:
    with pytest.raises(Fault) as refused:
        read_question(b'{"text": "a"}', "text/plain; charset=utf-8")
    assert refused.value.status == 415


def slow(gate: threading.Event) -> Any:
    def count(question: Question, catalogue: Catalogue, prices: PriceList, wall_ns: int) -> Count:
        assert gate.wait(10)
        return counted(Question("a"), catalogue, prices, wall_ns)

    return count


def test_a_full_queue_and_an_eager_address_are_refused_at_once() -> None:
    gate = threading.Event()
    clock = ManualClock(NOW_NS)
    counter = Calculator(SETTINGS.catalogue, SETTINGS.prices, clock.wall_ns, clock.monotonic_ns, count=slow(gate))

    async def ask(client: httpx.AsyncClient, address: str) -> httpx.Response:
        return await client.post(PATH, json={"text": "a"}, headers={"x-sluice-peer": address})

    async def main() -> None:
        with short_dir() as directory:
            socket = Path(directory) / "control.sock"
            async with listening({socket: build(counter.routes(), RELAYED, {f"POST {PATH}": Access.PUBLIC})}):
                transport = httpx.AsyncHTTPTransport(uds=str(socket), limits=httpx.Limits(max_connections=None))
                async with httpx.AsyncClient(transport=transport, base_url="http://gateway", timeout=20) as client:
                    waiting = [asyncio.create_task(ask(client, "192.0.2.1")) for _ in range(calculator.WAITING_MAX)]
                    await until(lambda: counter.waiting == calculator.WAITING_MAX)
                    full = await ask(client, "192.0.2.2")
                    assert (full.status_code, full.headers["retry-after"]) == (503, "2")
                    gate.set()
                    assert {response.status_code for response in await asyncio.gather(*waiting)} == {200}
                    assert counter.waiting == 0
                    statuses = [(await ask(client, "192.0.2.1")).status_code for _ in range(calculator.BURST)]
                    assert statuses == [200] * (calculator.BURST - calculator.WAITING_MAX) + [429] * calculator.WAITING_MAX
                    assert (await ask(client, "192.0.2.3")).status_code == 200
                    clock.advance(60 / calculator.PER_MINUTE)
                    assert (await ask(client, "192.0.2.1")).status_code == 200
                    large = await client.post(PATH, content=b" " * (calculator.BODY_BYTES_MAX + 1))
                    assert large.status_code == 413
        counter.close()

    asyncio.run(main())


def test_the_text_is_in_no_log_and_no_error() -> None:
    with short_dir() as data_dir, ControlPlane(Path(data_dir), start=WITH_CONSOLE) as control:
        with control.public as client:
            found = client.post(PATH, json={"text": CANARY, "output_tokens": 10}, timeout=30)
            assert found.status_code == 200
            assert found.headers["cache-control"] == "no-store"
            wrong = [{"text": CANARY, "output_tokens": CANARY}, {"text": [CANARY]}, {"text": "a", "cached_percent": CANARY}]
            answers = [found, *(client.post(PATH, json=body) for body in wrong)]
        assert [response.status_code for response in answers] == [200, 400, 400, 400]
        assert all(CANARY not in response.text for response in answers)
        assert control.stop() == 0
        assert all(CANARY.encode() not in path.read_bytes() for path in Path(data_dir).rglob("*") if path.is_file())
    assert CANARY not in repr(Question(CANARY))
