"""The outline of a JSON text, in both implementations, beside a parser that reads all of it."""

import json
from types import ModuleType
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from native_fastpath.outlines import outline as pure
from tests.native_fastpath.conftest import load_or_skip

CUT = [
    (b'[["abcdef"]]', b'[["abcd"]]'),
    (b'[["abcd"]]', b'[["abcd"]]'),
    (b'[["abc"]]', b'[["abc"]]'),
    (b'[{"abcdef":"abcdef"}]', b'[{"abcdef":"abcd"}]'),
    (b'[{"abcdef" \n:"abcdef"}]', b'[{"abcdef" \n:"abcd"}]'),
    (b'{"a":{"b":["abcdef","abcdefghijklmnopqrstuvwxyz",1]}}', b'{"a":{"b":["abcd","abcd",1]}}'),
    (rb'[["\n\"\\\u00e9ef"]]', rb'[["\n\"\\\u00e9"]]'),
    (rb'[["ab\ud83d\ude00\t\t"]]', rb'[["ab\ud83d\ude00\t"]]'),
    ('[["é—\U0001f600aef"]]'.encode(), '[["é—\U0001f600a"]]'.encode()),
    ('[["abcd\U0001f600"]]'.encode(), b'[["abcd"]]'),
]

KEPT = [
    b"",
    b'"abcdef"',
    b'["abcdef"]',
    b'{"system":"abcdef","b":[]}',
    b'[["abcdef',
    b'[["abcdef\\',
    b'[["abcdef\\"]]',
    b'[["abcdef\n"]]',
    b'[["abcdef\x00"]]',
    rb'[["abcdef\x"]]',
    rb'[["abcdef\u12"]]',
    rb'[["abcdef\u12g4"]]',
    rb'[["abcdef\ud83d"]]',
    rb'[["abcdef\ud83dx"]]',
    rb'[["abcdef\ud83d\n"]]',
    rb'[["abcdef\ud83d\u0041"]]',
    rb'[["abcdef\ude00"]]',
    b'[["abcdef\x80"]]',
    b'[["abcdef\xc1\xbf"]]',
    b'[["abcdef\xc3"]]',
    b'[["abcdef\xe0\x9f\xbf"]]',
    b'[["abcdef\xed\xa0\x80"]]',
    b'[["abcdef\xf0\x8f\xbf\xbf"]]',
    b'[["abcdef\xf4\x90\x80\x80"]]',
    b'[["abcdef\xf5\x80\x80\x80"]]',
    b'[["abcdef\xe2\x80',
    b'[["abcdef"], ["\xff"]]',
]


@pytest.mark.parametrize(("body", "expected"), CUT)
def test_long_strings_inside_are_cut(twin: ModuleType, body: bytes, expected: bytes) -> None:
    assert twin.outline(body, 4) == expected
    orjson.loads(expected)


@pytest.mark.parametrize("body", KEPT)
def test_what_stands_outside_and_what_is_broken_stays(twin: ModuleType, body: bytes) -> None:
    assert twin.outline(body, 4) is body


@pytest.mark.parametrize("at", range(20))
def test_a_broken_character_is_seen_wherever_it_stands(twin: ModuleType, at: int) -> None:
    for broken in (b"\xff", b"\x1f", b"\\", b"\xed\xa0\x80"):
        body = b'[["' + b"a" * at + broken + b"a" * (20 - at) + b'"]]'
        assert twin.outline(body, 4) is body


@pytest.mark.parametrize(
    ("arguments", "error"),
    [(("", 1), TypeError), ((b"", "1"), TypeError), ((b"",), TypeError), ((b"", -1), ValueError), ((bytearray(), 1), TypeError)],
)
def test_anything_else_is_refused(twin: ModuleType, arguments: tuple[Any, ...], error: type[Exception]) -> None:
    with pytest.raises(error):
        twin.outline(*arguments)


def cut(value: object, chars_max: int, depth: int = 0) -> object:
    """What a parser makes of an outline, by what it makes of the whole."""
    if isinstance(value, dict):
        return {key: cut(inner, chars_max, depth + 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [cut(inner, chars_max, depth + 1) for inner in value]
    return value[:chars_max] if isinstance(value, str) and depth > 1 else value


def parsed(body: bytes) -> tuple[bool, object]:
    try:
        return True, orjson.loads(body)
    except orjson.JSONDecodeError:
        return False, None


LETTERS = st.text(st.sampled_from('ab"\\\n\t/\x7f\x1fé—ß漢\U0001f600\u2028'), max_size=30) | st.text(max_size=12)
VALUES = st.recursive(
    LETTERS | st.integers() | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(LETTERS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=400)
@given(VALUES, st.integers(0, 12), st.booleans(), st.booleans())
def test_an_outline_is_the_value_with_its_texts_cut(value: object, chars_max: int, ascii_only: bool, spaced: bool) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only, indent=1 if spaced else None).encode("utf-8", "surrogatepass")
    whole, expected = parsed(body)
    written = pure(body, chars_max)
    assert parsed(written) == (whole, cut(expected, chars_max))
    assert load_or_skip("native").outline(body, chars_max) == written


@settings(max_examples=400)
@given(VALUES, st.integers(0, 6), st.data())
@example('"', 0, None)
def test_a_damaged_text_is_as_broken_in_outline(value: object, chars_max: int, data: Any) -> None:
    body = bytearray(json.dumps([[value]], ensure_ascii=False).encode("utf-8", "surrogatepass"))
    if data is not None:
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 2))] = data.draw(
            st.binary(max_size=2) | st.sampled_from([b'"', b"\\", b"\xc3", b"\\u"])
        )
    whole, expected = parsed(bytes(body))
    written = pure(bytes(body), chars_max)
    assert parsed(written) == (whole, cut(expected, chars_max))
    assert load_or_skip("native").outline(bytes(body), chars_max) == written
