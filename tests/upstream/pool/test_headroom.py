"""Headroom: headers of both families, odd values, and the room at a later moment."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.upstream.pool.headroom import (
    INPUT,
    OUTPUT,
    REQUESTS,
    RESET_ASSUMED_MS,
    TOKENS,
    limit_of,
    packed,
    read,
    remaining,
)

NOW = 5_000_000
WALL_NS = 1_790_000_000 * 10**9  # 2026-09-21T14:13:20Z


def trio(prefix: str, limit: str, left: str, reset: str) -> list[tuple[bytes, bytes]]:
    return [
        (f"{prefix}-{word}".encode(), value.encode()) for word, value in (("limit", limit), ("remaining", left), ("reset", reset))
    ]


def openai(kind: str, limit: str, left: str, reset: str) -> list[tuple[bytes, bytes]]:
    return [
        (f"x-ratelimit-{word}-{kind}".encode(), value.encode())
        for word, value in (("limit", limit), ("remaining", left), ("reset", reset))
    ]


def test_anthropics_headers() -> None:
    pairs = [(b"content-type", b"x")]
    pairs += trio("anthropic-ratelimit-requests", "1000", "999", "2026-09-21T14:13:50Z")
    pairs += trio("anthropic-ratelimit-input-tokens", "450000", "19", "2026-09-21T14:14:20Z")
    pairs += trio("anthropic-ratelimit-output-tokens", "90000", "90000", "2026-09-21T14:13:20Z")
    pairs += trio("anthropic-ratelimit-tokens", "540000", "90000", "2026-09-21T14:14:20+00:00")
    found = {which: (limit_of(amounts), remaining(amounts, told, NOW)) for which, amounts, told in read(pairs, NOW, WALL_NS)}
    assert found == {REQUESTS: (1000, 999), INPUT: (450_000, 19), OUTPUT: (90_000, 90_000), TOKENS: (540_000, 90_000)}
    (_, amounts, told), *_ = read(pairs, NOW, WALL_NS)
    assert remaining(amounts, told, NOW + 30_100) == 1000


@pytest.mark.parametrize(
    ("reset", "full_after_ms"),
    [
        ("120ms", 120),
        ("3ms", 3),
        ("1s", 1_000),
        ("6m0s", 360_000),
        ("1m26.4s", 86_400),
        ("1h2m3.5s", 3_723_500),
        ("2d", 172_800_000),
        ("33011.382867", 33_011_382),
        ("7", 7_000),
        ("2026-09-21T14:13:30Z", 10_000),
        ("2026-09-21T14:13:00Z", 0),  # past
        ("", RESET_ASSUMED_MS),
        ("soon", RESET_ASSUMED_MS),
        ("Tomorrow", RESET_ASSUMED_MS),
        ("9999999-13-99T00:00:00Z", RESET_ASSUMED_MS),
    ],
)
def test_openais_headers_and_every_form_of_a_reset(reset: str, full_after_ms: int) -> None:
    ((which, amounts, told),) = read(openai("tokens", "30000", "0", reset), NOW, WALL_NS)
    assert which == TOKENS
    assert remaining(amounts, told, NOW) == 0
    assert remaining(amounts, told, NOW + full_after_ms + 100) == 30_000
    if full_after_ms > 1_000:
        assert remaining(amounts, told, NOW + full_after_ms - 200) < 30_000


@pytest.mark.parametrize(
    ("limit", "left"), [("", "5"), ("5", ""), ("x", "5"), ("-1", "5"), ("5", "-1"), ("0", "0"), ("5", "9" * 40), ("NaN", "1")]
)
def test_what_is_no_meter_is_left_out(limit: str, left: str) -> None:
    assert read(openai("requests", limit, left, "1s"), NOW, WALL_NS) == []


def test_the_room_grows_in_a_straight_line() -> None:
    amounts, told = packed(1000, 200, NOW, 60_000)
    at = [remaining(amounts, told, NOW + passed) for passed in (-50, 0, 30_000, 60_100, 10**9)]
    assert at == [200, 200, 599, 1000, 1000]


@given(
    st.integers(1, 10**15),
    st.integers(0, 10**15),
    st.integers(0, 2**40 - 1),
    st.integers(-(10**9), 10**12),
    st.integers(-(10**6), 10**9),
)
def test_any_figures_fit_and_stay_within_the_limit(limit: int, left: int, now_ms: int, reset_ms: int, passed_ms: int) -> None:
    amounts, told = packed(limit, left, now_ms, reset_ms)
    assert amounts < 1 << 62
    assert told < 1 << 62
    assert 0 <= remaining(amounts, told, now_ms + passed_ms) <= limit_of(amounts) <= limit


@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"x-ratelimit-limit-tokens", b"x-ratelimit-remaining-tokens", b"x-ratelimit-reset-tokens"]),
            st.binary(max_size=30),
        )
    )
)
def test_any_bytes_are_read_without_harm(pairs: list[tuple[bytes, bytes]]) -> None:
    for _, amounts, told in read(pairs, NOW, WALL_NS):
        assert 0 <= remaining(amounts, told, NOW) <= limit_of(amounts)
