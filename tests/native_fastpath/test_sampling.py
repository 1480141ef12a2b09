"""The weigher: both twins, every shape of body."""

import struct
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from native_fastpath.sampling import weigh as pure
from tests.native_fastpath.conftest import load_or_skip

ONES = struct.pack("<256H", *[1] * 256)
INDEX = struct.pack("<256H", *range(256))


def test_a_small_body_is_weighed_whole(twin: ModuleType) -> None:
    assert twin.weigh(b"", ONES, 4, 8) == (0, 0, False)
    assert twin.weigh(b"\x01\x02 \x03", INDEX, 4, 8) == (1 + 2 + 32 + 3, 4, False)


def test_a_large_body_is_sampled_from_its_first_to_its_last_byte(twin: ModuleType) -> None:
    body = b"\x01" + b"\x00" * 98 + b"\x05"
    assert twin.weigh(body, INDEX, 4, 8) == (6, 32, False)
    assert twin.weigh(body, INDEX, 2, 1) == (6, 2, False)


def test_an_escape_counts_as_one_byte(twin: ModuleType) -> None:
    assert twin.weigh(rb"\u00e4", INDEX, 4, 8) == (0xEA, 6, False)
    assert twin.weigh(rb"\u00g4", ONES, 4, 8) == (6, 6, False)
    assert twin.weigh(rb"\u00e", ONES, 4, 8) == (5, 5, False)


def test_a_window_of_base64_letters_is_a_blob(twin: ModuleType) -> None:
    assert twin.weigh(b"QUJD+/=", ONES, 4, 8)[2]
    assert not twin.weigh(b"QUJD QUJD", ONES, 4, 8)[2]
    assert twin.weigh(b" " * 64 + b"A" * 64, ONES, 4, 8)[2]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((b"", ONES, 4), TypeError),
        (("", ONES, 4, 8), TypeError),
        ((b"", bytearray(ONES), 4, 8), TypeError),
        ((b"", ONES, "4", 8), TypeError),
        ((b"", ONES[1:], 4, 8), ValueError),
        ((b"", ONES, 1, 8), ValueError),
        ((b"", ONES, 4, 0), ValueError),
        ((b"", ONES, 1 << 21, 8), ValueError),
    ],
)
def test_anything_else_is_refused(twin: ModuleType, arguments: tuple[Any, ...], error: type[Exception]) -> None:
    with pytest.raises(error):
        twin.weigh(*arguments)


BODIES = st.one_of(st.binary(max_size=400), st.text('Aa0+/= \\\\u"e', max_size=400).map(str.encode))


@given(BODIES, st.binary(min_size=512, max_size=512), st.integers(2, 9), st.integers(1, 20))
def test_the_twins_agree(body: bytes, weights: bytes, windows: int, window_bytes: int) -> None:
    assert load_or_skip("native").weigh(body, weights, windows, window_bytes) == pure(body, weights, windows, window_bytes)
