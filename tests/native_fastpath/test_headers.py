"""The header sorter: both twins, every shape of argument."""

from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from native_fastpath.headers import sort_headers as pure
from tests.native_fastpath.conftest import load_or_skip

KEPT_BACK = frozenset((b"host", b"x-api-key"))
NOTED = frozenset((b"host", b"anthropic-beta"))
NAMES = st.sampled_from([b"host", b"x-api-key", b"anthropic-beta", b"accept", b""]) | st.binary(max_size=6)


def test_lines_travel_in_order_and_notes_are_taken(twin: ModuleType) -> None:
    pairs = [(b"host", b"h"), (b"accept", b"a"), (b"anthropic-beta", b"one"), (b"x-api-key", b"k"), (b"anthropic-beta", b"two")]
    block, notes = twin.sort_headers(pairs, KEPT_BACK, NOTED)
    assert block == b"accept: a\r\nanthropic-beta: one\r\nanthropic-beta: two\r\n"
    assert notes == {b"host": b"h", b"anthropic-beta": b"one, two"}


def test_nothing_gives_nothing(twin: ModuleType) -> None:
    assert twin.sort_headers([], KEPT_BACK, NOTED) == (b"", {})


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ([],),
        ([], KEPT_BACK),
        ([], KEPT_BACK, NOTED, NOTED),
        ((), KEPT_BACK, NOTED),
        ([], set(KEPT_BACK), NOTED),
        ([], KEPT_BACK, None),
        ([b"ab"], KEPT_BACK, NOTED),
        ([(b"a",)], KEPT_BACK, NOTED),
        ([(b"a", b"b", b"c")], KEPT_BACK, NOTED),
        ([("a", b"b")], KEPT_BACK, NOTED),
        ([(b"a", bytearray(b"b"))], KEPT_BACK, NOTED),
        ([[b"a", b"b"]], KEPT_BACK, NOTED),
    ],
)
def test_anything_else_is_a_type_error(twin: ModuleType, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError):
        twin.sort_headers(*arguments)


@given(st.lists(st.tuples(NAMES, st.binary(max_size=300)), max_size=40), st.frozensets(NAMES), st.frozensets(NAMES))
def test_the_twins_agree(pairs: list[tuple[bytes, bytes]], kept_back: frozenset[bytes], noted: frozenset[bytes]) -> None:
    assert load_or_skip("native").sort_headers(pairs, kept_back, noted) == pure(pairs, kept_back, noted)
