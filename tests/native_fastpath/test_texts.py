"""Identifiers and rate-limit headers as text: both twins, every figure."""

from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from native_fastpath import texts as pure
from tests.native_fastpath.conftest import load_or_skip

NONE = (-1,) * 12
NOON_NS = 1_795_262_400_000_000_000  # 2026-11-21T12:00:00Z

figures = st.sampled_from([-1, 0, 1, 59, 999_999, 10**9 - 1, 10**9, 9 * 10**18, 2**63 - 1]) | st.integers(-(2**65), 2**65)


def test_an_identifier_has_22_characters(twin: ModuleType) -> None:
    assert twin.base62(bytes(16)) == "0" * 22
    assert twin.base62(bytes(15) + b"\x3e") == "0" * 20 + "10"
    assert twin.base62(b"\xff" * 16) == "LygHa16AHYF" * 2


@pytest.mark.parametrize("argument", ["a" * 16, bytearray(16), None])
def test_an_identifier_is_bytes(twin: ModuleType, argument: Any) -> None:
    with pytest.raises(TypeError):
        twin.base62(argument)


@pytest.mark.parametrize("length", [0, 15, 17])
def test_an_identifier_of_another_length_is_none(twin: ModuleType, length: int) -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        twin.base62(bytes(length))


@given(st.binary(min_size=16, max_size=16))
def test_the_twins_write_the_same_identifiers(identifier: bytes) -> None:
    assert load_or_skip("native").base62(identifier) == pure.base62(identifier)


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, b"0ms"),
        (1, b"1ms"),
        (119_000_001, b"120ms"),
        (1_000_000_000, b"1s"),
        (1_500_000_000, b"1.5s"),
        (86_400_000_000, b"1m26.4s"),
        (360_000_000_000, b"6m0s"),
        (7_205_300_000_000, b"2h0m5s"),
    ],
)
def test_spans(twin: ModuleType, ns: int, text: bytes) -> None:
    assert dict(twin.tell_limits((1, 1, ns, *NONE[3:]), NOON_NS))[b"x-ratelimit-reset-requests"] == text


def test_what_was_told_before_is_not_told_again(twin: ModuleType) -> None:
    """The native twin keeps the headers of the call before."""
    for limit in (5, 7, 5):
        told = dict(twin.tell_limits((limit, limit - 1, limit * 10**9, *NONE[3:]), NOON_NS))
        assert told[b"x-ratelimit-limit"] == b"%d" % limit
        assert told[b"x-ratelimit-remaining-requests"] == b"%d" % (limit - 1)
        assert told[b"anthropic-ratelimit-requests-reset"] == b"2026-11-21T12:00:%02dZ" % limit


@pytest.mark.parametrize(
    "arguments", [(), (NONE,), (NONE, 0, 0), (list(NONE), 0), (NONE[1:], 0), ((*NONE[1:], "1"), 0), (NONE, "0")]
)
def test_anything_but_twelve_figures_is_a_type_error(twin: ModuleType, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError):
        twin.tell_limits(*arguments)


@given(st.tuples(*[figures] * 12), figures)
def test_the_twins_tell_the_same(told: tuple[int, ...], wall_ns: int) -> None:
    native = load_or_skip("native")
    assert native.tell_limits(told, wall_ns) == pure.tell_limits(told, wall_ns) == native.tell_limits(told, wall_ns)
