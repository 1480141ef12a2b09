"""Standing: refusals say which limit, how large and until when; headers in the words of three families."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.faults import FaultKind
from gateway.dataplane import standing
from gateway.state.limits import LimitState, Metric, Refused, Scope, Window

NONE = (-1,) * 12
NOON_NS = 1_795_262_400_000_000_000  # 2026-11-21T12:00:00Z


def limit(metric: Metric = Metric.REQUESTS, window: Window = Window.MINUTE, amount: int = 50, **facts: object) -> LimitState:
    given = {"scope": Scope.KEY, "class_bit": 0, "credits": False} | facts
    return LimitState(
        index=1, owner_id=1, limit_id=1, metric=metric, window=window, amount=amount, used=0, held=0, window_start_s=0,
        window_end_s=0, debt_ns=0, **given,  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("refused", "kind", "text", "retry_after_s"),
    [
        (
            Refused(limit(), 1_100_000_000),
            FaultKind.LIMITED,
            "This request would exceed the limit of your key: 50 requests per minute. Try again in 2 s, at 2026-11-21T12:00:02Z.",
            2,
        ),
        (
            Refused(limit(Metric.MESSAGES, Window.FIVE_HOURS, 225_000, scope=Scope.PLAN, class_bit=1), 3_600_000_000_000),
            FaultKind.LIMITED,
            "This request would exceed the limit of your plan: 225 messages per 5 hours, for this class of models. "
            "Try again in 3600 s, at 2026-11-21T13:00:00Z.",
            3600,
        ),
        (
            Refused(limit(Metric.COST, Window.TOTAL, 12_500_000_000, scope=Scope.WORKSPACE), -1),
            FaultKind.LIMITED,
            "This request would exceed the limit of your workspace: 12.50 US dollars in all. "
            "Waiting does not help: this limit has to be raised.",
            None,
        ),
        (
            Refused(limit(Metric.CONCURRENCY, Window.TOTAL, 3), 0),
            FaultKind.LIMITED,
            "This request would exceed the limit of your key: 3 requests at the same time. Try again when one of them has ended.",
            1,
        ),
        (Refused(limit(Metric.COST, Window.TOTAL, 5, credits=True), -1), FaultKind.UNPAID, standing.UNPAID, None),
    ],
)
def test_a_refusal_says_which_limit_and_until_when(
    refused: Refused, kind: FaultKind, text: str, retry_after_s: int | None
) -> None:
    fault = standing.refusal(refused, NOON_NS)
    assert (fault.kind, fault.text, fault.retry_after_s) == (kind, text, retry_after_s)


def test_headers_of_every_family() -> None:
    tightest = (50, 49, 1_200_000_000, -1, -1, -1, 30_000, 29_000, 2_000_000_000, 8_000, 0, 60_000_000_000)
    assert dict(standing.headers(tightest, NOON_NS)) == {
        b"anthropic-ratelimit-requests-limit": b"50",
        b"anthropic-ratelimit-requests-remaining": b"49",
        b"anthropic-ratelimit-requests-reset": b"2026-11-21T12:00:02Z",
        b"anthropic-ratelimit-tokens-limit": b"8000",
        b"anthropic-ratelimit-tokens-remaining": b"0",
        b"anthropic-ratelimit-tokens-reset": b"2026-11-21T12:01:00Z",
        b"anthropic-ratelimit-input-tokens-limit": b"30000",
        b"anthropic-ratelimit-input-tokens-remaining": b"29000",
        b"anthropic-ratelimit-input-tokens-reset": b"2026-11-21T12:00:02Z",
        b"anthropic-ratelimit-output-tokens-limit": b"8000",
        b"anthropic-ratelimit-output-tokens-remaining": b"0",
        b"anthropic-ratelimit-output-tokens-reset": b"2026-11-21T12:01:00Z",
        b"x-ratelimit-limit-requests": b"50",
        b"x-ratelimit-remaining-requests": b"49",
        b"x-ratelimit-reset-requests": b"1.2s",
        b"x-ratelimit-limit-tokens": b"8000",
        b"x-ratelimit-remaining-tokens": b"0",
        b"x-ratelimit-reset-tokens": b"1m0s",
        b"x-ratelimit-limit": b"50",
        b"x-ratelimit-remaining": b"49",
    }


@pytest.mark.parametrize(
    ("fresh", "output", "tokens"),
    [((9, 5, 0), (8, 4, 0), b"4"), ((9, 3, 0), (8, 4, 0), b"3"), ((9, 5, 0), (-1,) * 3, b"5"), ((-1,) * 3, (8, 4, 0), b"4")],
)
def test_without_a_limit_on_all_tokens_the_tighter_part_speaks_for_them(
    fresh: tuple[int, ...], output: tuple[int, ...], tokens: bytes
) -> None:
    told = dict(standing.headers((*NONE[:6], *fresh, *output), NOON_NS))
    assert told[b"x-ratelimit-remaining-tokens"] == told[b"x-ratelimit-remaining"] == tokens


def test_a_refusal_before_the_body_tells_of_the_limit_that_refuses() -> None:
    told = dict(standing.headers(standing.figures_of(Refused(limit(), 2_000_000_000)), NOON_NS))
    assert told[b"x-ratelimit-limit-requests"] == b"50"
    assert told[b"x-ratelimit-remaining-requests"] == told[b"x-ratelimit-remaining"] == b"0"
    assert told[b"x-ratelimit-reset-requests"] == b"2s"
    assert standing.headers(standing.figures_of(Refused(limit(Metric.CONCURRENCY), 0)), NOON_NS) == []


def test_a_caller_without_limits_is_told_nothing() -> None:
    assert standing.headers(NONE, NOON_NS) == []


def test_a_reset_beyond_all_calendars_has_no_date() -> None:
    told = dict(standing.headers((5, 4, 2**63 - 1, *NONE[3:]), NOON_NS))
    assert b"anthropic-ratelimit-requests-reset" not in told
    assert told[b"anthropic-ratelimit-requests-limit"] == b"5"


@given(st.integers(-(2**63), 2**63), st.integers(0, 2**63 - 1))
def test_no_clock_breaks_it(wall_ns: int, reset_ns: int) -> None:
    standing.headers((1, 1, reset_ns) * 4, wall_ns)
    standing.refusal(Refused(limit(), reset_ns), wall_ns)
