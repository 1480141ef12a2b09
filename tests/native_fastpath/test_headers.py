"""The header functions: both twins, every shape of argument."""

from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from native_fastpath import headers
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


def test_what_is_kept(twin: ModuleType) -> None:
    pairs = [(b"server", b"s"), (b"cf-ray", b"r"), (b"cf", b"c"), (b"date", b"d"), (b"x-a", b"1"), (b"x-a", b"2")]
    assert twin.keep_headers(pairs, frozenset((b"server", b"date")), (b"cf-", b"via-")) == [
        (b"cf", b"c"),
        (b"x-a", b"1"),
        (b"x-a", b"2"),
    ]
    assert twin.keep_headers(pairs, frozenset(), ()) == pairs
    assert twin.keep_headers([], frozenset((b"a",)), (b"b",)) == []


def test_names_are_folded_in_place(twin: ModuleType) -> None:
    lower = (b"x-a", b"Value")
    pairs = [(b"Content-TYPE", b"Text/HTML"), lower, (b"", b""), (b"\xc0[@Z", b"z")]
    assert twin.fold_names(pairs) is None
    assert pairs == [(b"content-type", b"Text/HTML"), (b"x-a", b"Value"), (b"", b""), (b"\xc0[@z", b"z")]


def test_folding_a_letter_leaves_the_shared_one_alone(twin: ModuleType) -> None:
    """Python keeps one object for every single byte."""
    pairs = [(bytes((0x5A,)), b"")]
    twin.fold_names(pairs)
    assert pairs == [(b"z", b"")]
    assert bytes((0x5A,))[0] == 0x5A


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ([], frozenset()),
        ([], frozenset(), (), ()),
        ((), frozenset(), ()),
        ([], {b"a"}, ()),
        ([], frozenset(), [b"a"]),
        ([], frozenset(), ("a",)),
        ([(b"a",)], frozenset(), ()),
        ([("a", b"b")], frozenset(), ()),
        ([[b"a", b"b"]], frozenset(), ()),
    ],
)
def test_keep_headers_takes_nothing_else(twin: ModuleType, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError):
        twin.keep_headers(*arguments)


@pytest.mark.parametrize("arguments", [(), ([], []), ((),), ([(b"a",)],), ([(b"a", "b")],), ([b"ab"],)])
def test_fold_names_takes_nothing_else(twin: ModuleType, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError):
        twin.fold_names(*arguments)


@given(
    st.lists(st.tuples(NAMES, st.binary(max_size=20)), max_size=20),
    st.frozensets(NAMES),
    st.lists(st.binary(max_size=3), max_size=3).map(tuple),
)
def test_the_twins_keep_the_same(
    pairs: list[tuple[bytes, bytes]], names: frozenset[bytes], beginnings: tuple[bytes, ...]
) -> None:
    kept = load_or_skip("native").keep_headers(pairs, names, beginnings)
    assert kept == headers.keep_headers(pairs, names, beginnings)


@given(st.lists(st.tuples(st.binary(max_size=8), st.binary(max_size=8)), max_size=20))
def test_the_twins_fold_the_same(pairs: list[tuple[bytes, bytes]]) -> None:
    one, other = list(pairs), list(pairs)
    load_or_skip("native").fold_names(one)
    headers.fold_names(other)
    assert one == other
