"""Amounts: the worst case covers what may happen, and what happened is counted by the written rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog.prices import Rate
from gateway.core.outcome import Outcome
from gateway.core.usage import Usage
from gateway.dataplane.amounts import Budget, Worst, dearer, used, worst_case
from gateway.state.limits import NOTHING, Amounts, Metric
from gateway.tokens.families import Family

RATE = Rate(3000, 15000, 300, 3750, 6000)
ALL = 0xFF
BODY = b'{"messages":[{"role":"user","content":"Some words to be counted, and not too few of them."}]}'
NONE_PARTIAL: Amounts = (-1,) * 8


def worst(
    body: bytes = BODY, *, max_tokens: int = 1000, stream: bool = True, rate: Rate | None = RATE, metrics: int = ALL
) -> Worst:
    return worst_case(metrics, body, max_tokens, stream, Family.V5, rate, 2000)


def granted(**parts: int) -> Amounts:
    numbers = list(NONE_PARTIAL)
    for name, amount in parts.items():
        numbers[Metric[name]] = amount
    return tuple(numbers)  # type: ignore[return-value]


def test_the_worst_case_is_the_bound_of_the_input_and_all_of_max_tokens() -> None:
    found = worst()
    tokens = found.full[Metric.INPUT_TOKENS]
    assert 16 < tokens < 200
    assert found.full == (0, 1, tokens, 1000, tokens + 1000, tokens * 3000 + 1000 * 15000, 1, 2000)
    assert found.least == (0, 1, tokens, 1, tokens + 1, tokens * 3000 + 15000, 1, 2000)


def test_what_does_not_stream_needs_the_whole_hold() -> None:
    found = worst(stream=False)
    assert found.least == found.full


def test_a_body_that_may_write_a_cache_is_held_at_the_dearest_price_of_input() -> None:
    found = worst(BODY[:-1] + b',"cache_control":{"type":"ephemeral"}}')
    assert found.input_nanodollars == found.full[Metric.INPUT_TOKENS] * 6000


def test_a_long_prompt_is_held_at_the_price_of_long_prompts() -> None:
    long = Rate(6000, 22500, 600, 7500, 12000)
    found = worst(rate=Rate(3000, 15000, 300, 3750, 6000, long_above_tokens=10, long=long))
    tokens = found.full[Metric.INPUT_TOKENS]
    assert (found.input_nanodollars, found.full[Metric.COST]) == (tokens * 6000, tokens * 6000 + 1000 * 22500)


def test_callers_whose_limits_count_no_tokens_pay_no_bound() -> None:
    found = worst(metrics=1 << Metric.REQUESTS | 1 << Metric.MESSAGES)
    assert found.full == found.least == (0, 1, 0, 0, 0, 0, 1, 2000)


def test_a_model_without_a_price_costs_nothing() -> None:
    assert worst(rate=None).full[Metric.COST] == 0


@pytest.mark.parametrize(
    ("partial", "covered"),
    [
        (granted(OUTPUT_TOKENS=70), 70),
        (granted(TOTAL_TOKENS=500), 400),
        (granted(COST=100 * 3000 + 15000 * 20 + 14999), 20),
        (granted(COST=100 * 3000 + 15000 * 20, TOTAL_TOKENS=110), 10),
        (granted(TOTAL_TOKENS=50), 0),
    ],
)
def test_a_partial_hold_covers_so_many_tokens_of_output(partial: Amounts, covered: int) -> None:
    assert Budget(partial, 100, 100 * 3000, RATE).output_tokens() == covered


def test_the_true_input_takes_the_place_of_the_bound() -> None:
    told = Usage(10, cache_read_tokens=30, output_tokens=5)
    assert Budget(granted(TOTAL_TOKENS=500), 100, 0, RATE).output_tokens(told) == 460
    assert Budget(granted(COST=10 * 3000 + 30 * 300 + 15000 * 7), 100, 100 * 3000, RATE).output_tokens(told) == 7
    assert Budget(granted(TOTAL_TOKENS=500), 100, 0, None).output_tokens(Usage(2**31 - 1)) == 0


USAGE = Usage(10, 100, 20, 30, 7)


@pytest.mark.parametrize(
    ("outcome", "billed", "counted"),
    [
        (Outcome.FINISHED, True, (0, 1, 60, 7, 167, 999, 0, 2000)),
        (Outcome.CLIENT_GONE, True, (0, 1, 60, 7, 167, 999, 0, 2000)),
        (Outcome.BUDGET_ENDED, True, (0, 1, 60, 7, 167, 999, 0, 2000)),
        (Outcome.UPSTREAM_DIED, True, (0, 1, 60, 7, 167, 999, 0, 2000)),
        (Outcome.UPSTREAM_DIED, False, NOTHING),
        (Outcome.REFUSED, False, NOTHING),
        (Outcome.REJECTED, False, (0, 1, 0, 0, 0, 0, 0, 0)),
    ],
)
def test_every_ending_counts_by_its_rule(outcome: Outcome, billed: bool, counted: Amounts) -> None:
    assert used(outcome, billed, USAGE, 999, 2000) == counted


@given(st.binary(max_size=2000), st.integers(0, 2**31), st.booleans())
def test_least_never_passes_full(body: bytes, max_tokens: int, stream: bool) -> None:
    found = worst(body, max_tokens=max_tokens, stream=stream)
    assert all(0 <= least <= full for least, full in zip(found.least, found.full, strict=True))


def test_the_dearer_of_two_terms_is_held() -> None:
    one = Worst((0, 1, 10, 50, 60, 900, 1, 1000), (0, 1, 10, 1, 11, 30, 1, 1000), 20)
    other = Worst((0, 1, 12, 40, 52, 950, 1, 200), (0, 1, 12, 1, 13, 20, 1, 200), 10)
    assert dearer(one, other) == Worst((0, 1, 12, 50, 60, 950, 1, 1000), (0, 1, 12, 1, 13, 30, 1, 1000), 20)
    assert dearer(one, one) == one
