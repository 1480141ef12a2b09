"""What is counted of a request."""

import random
from typing import Any

import pytest

from gateway.control.books.rollup import (
    BROKEN,
    CLIENT_ERROR,
    CLIENT_GONE,
    LIMITED,
    SERVER_ERROR,
    SUCCEEDED,
    TTFT,
    TTFT_BOUNDS_US,
    Rollup,
    ending,
    percentile_us,
)
from gateway.control.store.rollups import SUMS, TTFT_CLASSES
from gateway.core.outcome import Outcome
from gateway.core.usage import Usage
from gateway.state.journal import Settlement
from gateway.state.record import Flags
from tests.control.books.test_sheet import pricing_of
from tests.control.office import STARTED_NS, Office, settlement

MINUTE = STARTED_NS // 60_000_000_000


@pytest.mark.parametrize(("status", "outcome", "place"), [
    (200, Outcome.FINISHED, SUCCEEDED), (200, Outcome.BUDGET_ENDED, SUCCEEDED), (200, Outcome.CLIENT_GONE, CLIENT_GONE),
    (0, Outcome.CLIENT_GONE, CLIENT_GONE), (429, Outcome.REFUSED, LIMITED), (429, Outcome.CLIENT_GONE, LIMITED),
    (400, Outcome.REJECTED, CLIENT_ERROR), (402, Outcome.REFUSED, CLIENT_ERROR), (500, Outcome.REJECTED, SERVER_ERROR),
    (529, Outcome.UPSTREAM_DIED, SERVER_ERROR), (200, Outcome.UPSTREAM_DIED, BROKEN), (200, Outcome.WORKER_KILLED, BROKEN),
])  # fmt: skip
def test_endings(status: int, outcome: Outcome, place: int) -> None:
    assert ending(status, outcome) == place


def summed(office: Office, *settlements: Settlement) -> list[dict[str, int]]:
    pricing = pricing_of(office)
    rollup = Rollup()
    rollup.add(pricing.row(one.pack()) for one in settlements)
    return [{name: value for name, value in zip(SUMS, line, strict=True) if value} for line in rollup.sums.values()]


def test_one_request(office: Office) -> None:
    rollup = Rollup()
    rollup.add([pricing_of(office).row(settlement(usage=Usage(1, 2, 3, 4, 5)).pack())])
    [group] = rollup.sums
    assert group == (MINUTE, 1, 1, "claude-sonnet-4-5", "anthropic")
    [line] = summed(office, settlement(usage=Usage(1, 2, 3, 4, 5)))
    tokens = {
        "input_tokens": 1,
        "cache_read_tokens": 2,
        "cache_write_5m_tokens": 3,
        "cache_write_1h_tokens": 4,
        "output_tokens": 5,
    }
    cost = settlement(usage=Usage(1, 2, 3, 4, 5)).cost_nanodollars
    assert line == {"succeeded": 1, **tokens, "cost_nanodollars": cost, "stream_us": 1_700_000, "stream_tokens": 5, "ttft_9": 1}


def test_what_is_no_stream_has_no_speed(office: Office) -> None:
    [line] = summed(office, settlement(flags=Flags.NONE))
    assert not {name for name in line if name.startswith(("ttft", "stream"))}


def test_a_stream_that_broke_counts_for_its_first_token_only(office: Office) -> None:
    [line] = summed(office, settlement(outcome=Outcome.UPSTREAM_DIED))
    assert line["ttft_9"] == 1
    assert "stream_us" not in line


def test_groups_are_told_apart(office: Office) -> None:
    others: list[dict[str, Any]] = [
        {"key_id": 2},
        {"workspace_id": 2},
        {"model_served": "x"},
        {"provider": "y"},
        {"started_ns": STARTED_NS + 10**11},
    ]
    lines = summed(office, settlement(), settlement(), *[settlement(**one) for one in others])
    assert [line["succeeded"] for line in lines] == [2, 1, 1, 1, 1, 1]


def test_a_model_that_was_not_served_is_named_as_asked(office: Office) -> None:
    rollup = Rollup()
    rollup.add([pricing_of(office).row(settlement(model_served="").pack())])
    assert [group[3] for group in rollup.sums] == ["claude-sonnet-4-5"]


@pytest.mark.parametrize("ttft_us", [0, 1, 16_000, 16_001, 300_000, 185_000_000, 4_000_000_000])
def test_every_time_has_a_class(office: Office, ttft_us: int) -> None:
    [line] = summed(office, settlement(ttft_us=ttft_us))
    [place] = [int(name[5:]) for name in line if name.startswith("ttft_")]
    assert place == TTFT_CLASSES - 1 or ttft_us <= TTFT_BOUNDS_US[place]
    assert place == 0 or ttft_us > TTFT_BOUNDS_US[place - 1]


def test_percentiles_are_near_the_truth(office: Office) -> None:
    random.seed(5)
    times = sorted(round(random.lognormvariate(13, 0.8)) for _ in range(5000))
    rollup = Rollup()
    facts = pricing_of(office).row(settlement().pack())
    rollup.add((*facts[:3], ttft_us, *facts[4:]) for ttft_us in times)
    [line] = rollup.sums.values()
    for share in (0.5, 0.95, 0.99):
        found = percentile_us(line[TTFT:], share)
        assert found is not None
        assert abs(found / times[int(share * 5000)] - 1) < 0.06


def test_percentiles_at_the_edges() -> None:
    none = [0] * TTFT_CLASSES
    assert percentile_us(none, 0.5) is None
    assert percentile_us([*none[:-1], 3], 0.5) == TTFT_BOUNDS_US[-1]
    assert percentile_us([1, *none[1:]], 1.0) == TTFT_BOUNDS_US[0]
