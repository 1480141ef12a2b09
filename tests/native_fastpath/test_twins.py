"""Side by side: any sequence of calls gives the same results, the same exceptions and the same bytes in both implementations."""

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.native_fastpath.conftest import load_or_skip

SIZE = 2048
RING, TABLE, ROWS = 0, 512, 1024  # a ring of 4 x 16 bytes, a table of 4 x 48, rows with 16 bytes of payload

words = st.sampled_from([0, 1, 2, 5, 2**63, 2**64 - 1]) | st.integers(-(2**65), 2**65)
offsets = st.sampled_from([RING, TABLE, ROWS, ROWS + 96, 8, 64, 128, 136, 192, 216, SIZE - 64, SIZE - 8, SIZE, 3, -8]) | words
payloads = st.binary(min_size=16, max_size=16) | st.binary(max_size=40)
digests = st.sampled_from([bytes(32), bytes([1]) + bytes(31), bytes([3]) * 32]) | st.binary(max_size=33)
small = st.integers(-1, 6) | words

calls = st.one_of(
    st.tuples(st.just("read"), offsets, small),
    st.tuples(st.just("write"), offsets, payloads | digests),
    st.tuples(st.just("load"), offsets),
    st.tuples(st.just("store"), offsets, words),
    st.tuples(st.just("bump"), offsets, words),
    st.tuples(st.just("add"), offsets, words),
    st.tuples(st.just("compare_swap"), offsets, words, words),
    st.tuples(st.just("find_key"), st.just(TABLE) | offsets, st.just(4) | small, st.just(48) | small, digests),
    st.tuples(st.just("ring_append"), st.just(RING) | offsets, payloads),
    st.tuples(st.just("ring_read"), st.just(RING) | offsets, small),
    st.tuples(st.just("ring_release"), st.just(RING) | offsets, small),
    st.tuples(st.just("ring_free"), st.just(RING) | offsets),
    st.tuples(st.just("row_open"), offsets, small, payloads),
    st.tuples(st.just("row_rewrite"), offsets, payloads),
    st.tuples(st.just("row_progress"), offsets, words, words),
    st.tuples(st.just("row_close"), offsets),
)


def outcome(call: Any, *arguments: Any) -> object:
    try:
        return call(*arguments)
    except (IndexError, ValueError, OverflowError, TypeError) as error:
        return type(error)


@settings(max_examples=150, deadline=None)
@given(st.lists(calls, max_size=40))
def test_regions_agree_on_results_and_bytes(sequence: list[tuple[Any, ...]]) -> None:
    native, pure = load_or_skip("native"), load_or_skip("pure")
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, name) for name in ("native", "pure")]
        for path in paths:
            path.write_bytes(bytes(128) + (4).to_bytes(8, "little") + (16).to_bytes(8, "little") + bytes(SIZE - 144))
        left, right = native.Region(paths[0], SIZE), pure.Region(paths[1], SIZE)
        for name, *arguments in sequence:
            assert outcome(getattr(left, name), *arguments) == outcome(getattr(right, name), *arguments), (name, arguments)
        left.close()
        right.close()
        assert paths[0].read_bytes() == paths[1].read_bytes()


def scanned(members: Any, body: bytes) -> object:
    try:
        return members(body)
    except ValueError as error:
        return str(error)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(st.text(max_size=6), values, max_size=5)
pieces = [
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b"\\",
    b",",
    b":",
    b" ",
    b"\n",
    b"\x0b",
    b"\0",
    b"\xff",
    b"1",
    b"a",
    b"-",
    b'"k":',
    b'\\"',
    b'""',
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(pieces), max_size=14).map(b"".join))
@example(b'{"a":"' + b"\\" * 7 + b'"}')
@example(b'{"a":[' + b'"' + b'\\"' * 9 + b'"]}')
def test_members_agree_on_noise(noise: bytes) -> None:
    native, pure = load_or_skip("native").members, load_or_skip("pure").members
    for body in (noise, b"{" + noise + b"}", b'{"k":' + noise + b"}", b'{"k":[' + noise + b'],"l":1}'):
        assert scanned(native, body) == scanned(pure, body), body


@settings(max_examples=150, deadline=None)
@given(objects, st.sampled_from([(",", ":"), (" ,\n", "\t: ")]), st.booleans(), st.data())
def test_members_agree_on_objects_whole_and_damaged(
    document: dict[str, Any], separators: tuple[str, str], ascii_only: bool, data: st.DataObject
) -> None:
    native, pure = load_or_skip("native").members, load_or_skip("pure").members
    body = json.dumps(document, separators=separators, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    found = native(body)
    assert found == pure(body)
    assert [json.loads(b'"' + key + b'"') for key, _, _ in found] == list(document)
    assert json.dumps([json.loads(body[start:end]) for _, start, end in found]) == json.dumps(list(document.values()))
    start = data.draw(st.integers(0, len(body)))
    end = data.draw(st.integers(start, min(len(body), start + 3)))
    damaged = body[:start] + data.draw(st.sampled_from([b"", *pieces])) + body[end:]
    assert scanned(native, damaged) == scanned(pure, damaged), damaged
