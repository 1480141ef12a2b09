"""Amounts: what a request may use at most, and what it has used, by the metrics of limits.

Pure. The worst case is what is held before anything is sent: a quick bound of the input, all of `max_tokens`, both at the dearest
class of tokens they could fall into. What was really used takes its place in the end.

    requests      1 for what an upstream answered or was asked in vain by a client that left; 0 when it failed us
    input         fresh and cache-written tokens: what is read from a cache does not count, as upstream
    total         tokens of every class
    messages      the model's weight, for a message that was given
"""

from dataclasses import dataclass, replace
from typing import Final

from gateway.catalog.measures import amounts
from gateway.catalog.prices import Rate
from gateway.core.outcome import Outcome
from gateway.core.usage import TOKENS_MAX, Usage
from gateway.state.limits import NOTHING, Amounts, Metric
from gateway.tokens.bound import fast_bound
from gateway.tokens.families import Family

ONE_REQUEST: Final[Amounts] = (0, 1, 0, 0, 0, 0, 1, 0)
ONE_AT_A_TIME: Final[Amounts] = (0, 0, 0, 0, 0, 0, 1, 0)

# Metrics of which a request may not know how much it needs before its body was read.
_BY_TOKENS: Final = 1 << Metric.INPUT_TOKENS | 1 << Metric.OUTPUT_TOKENS | 1 << Metric.TOTAL_TOKENS | 1 << Metric.COST
_COST: Final = 1 << Metric.COST


@dataclass(slots=True, init=False)  # not frozen: compiled, that takes ten times as long to make
class Worst:
    """The worst case of a Messages request. `full` is asked for; `least` is what must be there: of a stream its input and one
    token of output, since it can be ended where the budget ends; of any other call everything.
    """

    full: Amounts
    least: Amounts
    input_nanodollars: int = 0

    def __init__(self, full: Amounts, least: Amounts, input_nanodollars: int = 0) -> None:
        self.full = full
        self.least = least
        self.input_nanodollars = input_nanodollars


@dataclass(slots=True)
class Budget:
    """What a stream may spend when its limits granted less than its worst case. `granted` is by metric, -1 where it was all."""

    granted: Amounts
    input_tokens: int  # the bound, until the upstream tells the truth
    input_nanodollars: int
    rate: Rate | None

    def output_tokens(self, told: Usage | None = None) -> int:
        """How many tokens of output it covers; with the input that the upstream has told, if it has."""
        input_tokens, input_nanodollars = self.input_tokens, self.input_nanodollars
        if told is not None:
            input_tokens = told.total_input_tokens
            if self.rate is not None:
                input_nanodollars = self.rate.cost(replace(told, output_tokens=0))
        fits = [TOKENS_MAX]
        if self.granted[Metric.OUTPUT_TOKENS] >= 0:
            fits.append(self.granted[Metric.OUTPUT_TOKENS])
        if self.granted[Metric.TOTAL_TOKENS] >= 0:
            fits.append(self.granted[Metric.TOTAL_TOKENS] - input_tokens)
        if self.granted[Metric.COST] >= 0 and self.rate is not None:
            price = self.rate.at(input_tokens).output_nanodollars
            if price:
                fits.append((self.granted[Metric.COST] - input_nanodollars) // price)
        return max(min(fits), 0)


def worst_case(
    metrics: int,
    body: bytes,
    max_tokens: int,
    stream: bool,
    family: Family,
    rate: Rate | None,
    weight: int,
    shape: bytes | None = None,
) -> Worst:
    """What a Messages request may use at most. `metrics` has a bit for each metric that the caller's limits count. `shape` is the
    body's outline, which has all its keys and is sooner searched."""
    if not metrics & _BY_TOKENS:
        counted: Amounts = (0, 1, 0, 0, 0, 0, 1, weight)
        return Worst(counted, counted)
    input_tokens = fast_bound(body, family)
    input_cost = output_cost = 0
    if metrics & _COST and rate is not None:
        dear = rate.at(input_tokens)
        per_token = dear.input_nanodollars
        if (body if shape is None else shape).find(b"cache_control") >= 0:  # `in` asks for a number first, and raises
            per_token = max(per_token, dear.cache_write_5m_nanodollars, dear.cache_write_1h_nanodollars)
        input_cost, output_cost = input_tokens * per_token, dear.output_nanodollars
    total, cost = input_tokens + max_tokens, input_cost + max_tokens * output_cost
    full: Amounts = (0, 1, input_tokens, max_tokens, total, cost, 1, weight)
    if not stream:
        return Worst(full, full, input_cost)
    some = min(max_tokens, 1)
    least: Amounts = (0, 1, input_tokens, some, input_tokens + some, input_cost + some * output_cost, 1, weight)
    return Worst(full, least, input_cost)


def dearer(one: Worst, other: Worst) -> Worst:
    """What must be held of a request that may be answered at either of two terms."""
    full: Amounts = _greater(one.full, other.full)
    return Worst(full, _greater(one.least, other.least), max(one.input_nanodollars, other.input_nanodollars))


def _greater(one: Amounts, other: Amounts) -> Amounts:
    a, b, c, d, e, f, g, h = (max(pair) for pair in zip(one, other, strict=True))
    return a, b, c, d, e, f, g, h


def used(outcome: Outcome, billed: bool, usage: Usage, cost_nanodollars: int, weight: int) -> Amounts:
    """What a request that has ended counts for. `billed` says whether its tokens are."""
    if outcome is Outcome.REFUSED or (outcome is Outcome.UPSTREAM_DIED and not billed):
        return NOTHING
    if not billed:
        return (0, 1, 0, 0, 0, 0, 0, 0)
    return amounts(usage, cost_nanodollars, weight)
