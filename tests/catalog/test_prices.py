"""Prices: the right row, the right day, exact sums, and no name for free."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gateway.settings
from gateway.catalog import prices
from gateway.catalog.document import Document
from gateway.core.money import NANODOLLARS_PER_DOLLAR
from gateway.core.usage import TOKENS_MAX, Usage

SHIPPED = (Path(gateway.settings.DEFAULTS) / "prices.toml").read_text("utf-8")
NOW_NS = 1_800_000_000_000_000_000


def row(model: str, price: str, day: str | None = None) -> str:
    begins = f"effective_from = {day}\n" if day else ""
    classes = "".join(f'{name} = "{price}"\n' for name in ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h"))
    return f'[[price]]\nmodel = "{model}"\n{begins}{classes}'


def list_of(*rows: str) -> prices.PriceList:
    document = Document("prices.toml", "".join(rows))
    found = prices.read(document)
    document.root.close()
    assert document.problems == []
    return found


def input_price(price_list: prices.PriceList, model: str, at_ns: int = NOW_NS) -> int | None:
    rate = price_list.rate(model, at_ns)
    return None if rate is None else rate.input_nanodollars


def day_ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000_000


def test_the_most_specific_row_wins() -> None:
    found = list_of(row("*", "1"), row("a-*", "2"), row("a-b*", "3"), row("a-b", "4"))
    assert [input_price(found, name) for name in ("z", "a-z", "a-bc", "a-b", "a-")] == [1000, 2000, 3000, 4000, 2000]


def test_the_order_of_rows_in_the_file_is_free() -> None:
    rows = [row("a-b", "4"), row("*", "1"), row("a-b*", "3"), row("a-*", "2")]
    assert list_of(*rows).prices == list_of(*reversed(rows)).prices


def test_a_row_applies_from_its_day_on() -> None:
    found = list_of(row("m", "1"), row("m", "2", "2026-03-01"), row("m", "3", "2026-10-07"))
    moments = ["2020-01-01", "2026-03-01", "2026-10-06", "2026-10-07", "2030-01-01"]
    assert [input_price(found, "m", day_ns(day)) for day in moments] == [1000, 2000, 2000, 3000, 3000]
    assert input_price(found, "m", day_ns("2026-03-01") - 1) == 1000


def test_a_specific_row_that_has_not_begun_leaves_room_for_a_general_one() -> None:
    found = list_of(row("*", "1"), row("m", "9", "2026-03-01"))
    assert input_price(found, "m", day_ns("2026-02-28")) == 1000


def test_a_list_without_a_default_has_no_rate_for_others() -> None:
    assert list_of(row("m", "1")).rate("n", NOW_NS) is None


def test_cost_is_the_sum_over_the_classes() -> None:
    rate = prices.Rate(3000, 15000, 300, 3750, 6000)
    usage = Usage(input_tokens=7, cache_read_tokens=11, cache_write_5m_tokens=13, cache_write_1h_tokens=17, output_tokens=19)
    assert rate.cost(usage) == 7 * 3000 + 11 * 300 + 13 * 3750 + 17 * 6000 + 19 * 15000
    assert rate.cost(Usage()) == 0


def test_a_million_tokens_cost_the_list_price() -> None:
    rate = list_of(row("*", "3")).rate("m", NOW_NS)
    assert rate is not None
    assert rate.cost(Usage(input_tokens=1_000_000)) == 3 * NANODOLLARS_PER_DOLLAR


def test_a_long_prompt_makes_the_whole_request_dearer() -> None:
    long = '[price.long_prompt]\nabove_input_tokens = 100\ninput = "2"\noutput = "20"\n'
    long += 'cache_read = "2"\ncache_write_5m = "2"\ncache_write_1h = "2"\n'
    rate = list_of(row("*", "1"), long).rate("m", NOW_NS)
    assert rate is not None
    assert rate.cost(Usage(input_tokens=40, cache_read_tokens=60, output_tokens=1)) == 100 * 1000 + 1000
    assert rate.cost(Usage(input_tokens=40, cache_read_tokens=61, output_tokens=1)) == 101 * 2000 + 20000


def test_no_request_costs_more_than_63_bits() -> None:
    most = prices.PRICE_NANODOLLARS_MAX
    assert prices.Rate(most, most, most, most, most).cost(Usage(*[TOKENS_MAX] * 5)) < 2**63


def test_the_version_names_the_exact_list() -> None:
    first, again, other = list_of(row("m", "1")), list_of(row("m", "1")), list_of(row("m", "2"))
    assert first.version == again.version != other.version
    assert len(first.version) == 16
    assert repr(first) == f"<PriceList {first.version} of 1 rows>"


def test_names_of_clients_do_not_fill_the_memory() -> None:
    found = list_of(row("*", "1"))
    for number in range(2 * prices.NAMES_REMEMBERED_MAX + 1):
        assert input_price(found, f"m{number}") == 1000
    assert len(found._remembered) <= prices.NAMES_REMEMBERED_MAX


def test_mistakes_are_reported_with_their_lines() -> None:
    document = Document(
        "prices.toml",
        row("m", "1")
        + row("m", "1")
        + row("a*b", "1")
        + row("n", "cheap")
        + row("o", "1001")
        + '[[price]]\nmodel = "p"\nextra = 1\n',
    )
    prices.read(document)
    problems = document.problems
    assert problems[0] == "prices.toml:9: `m` has two prices from the same day"
    assert problems[1] == "prices.toml:16: `model` must be a name, which may end in one `*`"
    assert problems[2] == "prices.toml:24: `input`: not a price: 'cheap'"
    assert "prices.toml:31: `input` is more than 1000 dollars per million tokens" in problems
    assert "prices.toml:36: `input` is missing" in problems
    assert problems[-1] == "prices.toml:38: unknown key `extra`"


def shipped() -> prices.PriceList:
    return list_of(SHIPPED)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("claude-opus-4-8", (5000, 25000, 500, 6250, 10000)),
        ("claude-opus-4-5-20251101", (5000, 25000, 500, 6250, 10000)),
        ("claude-opus-4-1-20250805", (15000, 75000, 1500, 18750, 30000)),
        ("claude-opus-4-20250514", (15000, 75000, 1500, 18750, 30000)),
        ("claude-opus-5-5", (4000, 20000, 200, 5000, 8000)),
        ("claude-sonnet-4-5-20250929", (3000, 15000, 300, 3750, 6000)),
        ("claude-sonnet-5", (2000, 10000, 200, 2500, 4000)),
        ("claude-sonnet-5-5", (2000, 10000, 100, 2500, 4000)),
        ("claude-haiku-4-5", (1000, 5000, 100, 1250, 2000)),
        ("claude-haiku-5-5", (100, 500, 10, 125, 200)),
        ("claude-fable-5", (10000, 50000, 1000, 12500, 20000)),
        ("claude-fable-5-1", (10000, 50000, 250, 12500, 20000)),
        ("claude-3-haiku-20240307", (250, 1250, 30, 300, 500)),
        ("something-nobody-knows", (5000, 25000, 500, 6250, 10000)),
    ],
)
def test_the_shipped_list(model: str, expected: tuple[int, ...]) -> None:
    rate = shipped().rate(model, NOW_NS)
    assert rate is not None
    found = (rate.input_nanodollars, rate.output_nanodollars, rate.cache_read_nanodollars)
    assert (*found, rate.cache_write_5m_nanodollars, rate.cache_write_1h_nanodollars) == expected


@given(model=st.text(max_size=40), at_ns=st.integers(0, 2**62))
def test_the_shipped_list_gives_nothing_for_free(model: str, at_ns: int) -> None:
    rate = SHIPPED_LIST.rate(model, at_ns)
    assert rate is not None
    assert min(rate.cost(Usage(input_tokens=1)), rate.cost(Usage(output_tokens=1)), rate.cost(Usage(cache_read_tokens=1))) > 0


SHIPPED_LIST = shipped()
