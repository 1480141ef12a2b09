"""Reading a body strictly: what two parsers could read differently is refused, and nothing hostile takes long. [R9]"""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects import body
from gateway.dialects.body import (
    OUTLINED_BYTES_MIN,
    TEXT_CHARS_MAX,
    VALUES_MAX,
    NotAnObject,
    Unreadable,
    outlined,
    read,
    span_of,
)
from native_fastpath import IMPLEMENTATION

# No lone surrogates and no integers beyond 64 bits: Python writes them, the parser refuses or rounds them.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(TEXTS, VALUES, max_size=5), st.booleans(), st.sampled_from([None, 2]))
def test_objects_are_read_with_the_places_of_their_values(
    document: dict[str, object], ascii_only: bool, indent: int | None
) -> None:
    text = json.dumps(document, ensure_ascii=ascii_only, indent=indent).encode()
    parsed, found = read(text)
    assert parsed == document
    assert {name: json.loads(text[slice(*span_of(found, name))]) for name in document} == document


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "Input is a zero-length, empty document"),
        (b" ", "input data is empty"),
        (b'{"a":1', "unexpected end of data"),
        (b'{"a":1}x', "unexpected content after document"),
        (b'{"a":1}\x00', "unexpected content after document"),
        (b'{"a":1}{}', "unexpected content after document"),
        (b'{"a":NaN}', "unexpected character"),
        (b'{"a":Infinity}', "unexpected character"),
        (b'{"a":1e999}', "number is infinity when parsed as double"),
        (b'{"a":' + b"9" * 5000 + b"}", "number is infinity when parsed as double"),
        (b'{"a":"\\ud800"}', "no low surrogate in string"),
        (b'{"a":"\\udc00"}', "invalid high surrogate in string"),
        (b'{"a":"\xff"}', "not valid UTF-8"),
        (b'{"a":"\xed\xa0\x80"}', "not valid UTF-8"),
        (b'{"\xff":1}', "not valid UTF-8"),
        (b'\xef\xbb\xbf{"a":1}', "BOM"),
        (b'{"a":1}'.decode().encode("utf-16"), "not valid UTF-8"),
        (b'{"a":"\x01"}', "unexpected control character in string"),
        (b'{"a":01}', "leading zero"),
        (b"{'a':1}", "unexpected character"),
        (b'{"a":1,}', "trailing comma is not allowed"),
        (b'{"a":' + b"[" * 600 + b"]" * 600 + b"}", "nested too deeply"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "depth limit exceeded"),
        (b'{"a":' + b'{"a":' * 600 + b"1" + b"}" * 601, "nested too deeply"),
        (b'{"a":1,"a":1}', "a top-level key stands in it twice"),
        (b'{"a":1,"b":2,"\\u0061":1}', "a top-level key stands in it twice"),
    ],
)
def test_what_cannot_be_read_alike_is_refused(text: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        read(text)


@pytest.mark.parametrize("text", [b"[]", b'"a"', b"1", b"null", b'[{"a":1}]', b" true "])
def test_what_is_no_object_is_said_so(text: bytes) -> None:
    with pytest.raises(NotAnObject):
        read(text)


def test_an_escaped_key_has_its_name() -> None:
    _, found = read(b'{"mod\\u0065l" : "m"}')
    assert span_of(found, "model") == (16, 19)


def test_doubled_keys_deeper_down_are_the_upstreams_business() -> None:
    assert read(b'{"a":{"b":1,"b":2}}')[0] == {"a": {"b": 2}}


def test_the_reason_holds_nothing_of_the_body() -> None:
    with pytest.raises(Unreadable) as raised:
        read(b'{"canary":"canary" "canary"}')
    error: BaseException | None = raised.value
    while error is not None:
        assert "canary" not in str(error) + repr(getattr(error, "__dict__", {}))
        error = error.__context__


@given(st.binary(max_size=60) | st.text(alphabet='{}[]",:\\ue0019ntfa ', max_size=60).map(str.encode))
def test_any_bytes_are_an_object_or_unreadable(text: bytes) -> None:
    try:
        document, found = read(text)
    except Unreadable:
        return
    assert all(span_of(found, name) for name in document)


MEGABYTE = 1024 * 1024
HOSTILE = {
    "lists": (b"[],", b"[", b"[]]"),
    "dicts": (b"{},", b"[", b"{}]"),
    "integers": (b"1,", b"[", b"1]"),
    "floats": (b"1.5,", b"[", b"1]"),
    "strings": (b'"a",', b"[", b'""]'),
    "arrays of arrays": (b"[[[[]]]],", b"[", b"[]]"),
    "broken strings": (b'"\\",', b"", b""),
    "quotes": (b'"",', b"", b""),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_more_values_than_anyone_can_mean_are_refused_unparsed(kind: str) -> None:
    unit, opening, closing = HOSTILE[kind]
    text = b'{"a":' + opening + unit * (32 * MEGABYTE // len(unit)) + closing + b"}"
    # Refused by their number, before the parser has a word: it would take up to 3 s instead of 0.1.
    with pytest.raises(Unreadable, match=f"more than {VALUES_MAX} values"):
        read(text)


def test_a_string_that_nothing_ends_takes_no_longer_than_its_length() -> None:
    """R9: every quote in it could begin another string; looked at one by one, this body would take an hour."""
    hostile = b'["' + b'\\",' * (VALUES_MAX + 1)
    with pytest.raises(Unreadable):
        read(hostile)


def test_the_longest_conversation_the_api_takes_is_not_refused() -> None:
    message = b'{"role":"user","content":[{"type":"text","text":"a, b [c] {d}"}]},'
    document, _ = read(b'{"messages":[' + (message * 100_000)[:-1] + b"]}")
    assert isinstance(document["messages"], list)
    assert len(document["messages"]) == 100_000


@pytest.mark.parametrize("text", [b"1,2,[3],{4},", b"\\n,", b'\\",', b"\\\\,"])
def test_commas_and_brackets_inside_strings_do_not_count(text: bytes) -> None:
    document, _ = read(b'{"a":"' + text * (3 * MEGABYTE // len(text)) + b'"}')
    assert isinstance(document["a"], str)


def test_the_exact_count_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "VALUES_MAX", 10)
    monkeypatch.setattr(body, "SPARSE_BYTES_MAX", 0)
    # A brace, a bracket, a comma, then one more for each further value.
    read(b'{"a":["\\",[",' + b'"x, [{",' * 7 + b"1]}")
    with pytest.raises(Unreadable, match="more than 10 values"):
        read(b'{"a":["\\",[",' + b'"x, [{",' * 8 + b"1]}")


def test_a_large_body_can_be_read_by_its_outline() -> None:
    long = "a text that nobody reads " * (OUTLINED_BYTES_MIN // 20)
    text = json.dumps({"model": "m", "system": long, "messages": [{"role": "user", "content": long}], "stream": True}).encode()
    shape = outlined(text)
    assert (len(shape) < len(text)) is (IMPLEMENTATION == "native")
    document, found = read(text, shape)
    kept = TEXT_CHARS_MAX if IMPLEMENTATION == "native" else len(long)
    assert document == {"model": "m", "system": long, "messages": [{"role": "user", "content": long[:kept]}], "stream": True}
    assert {key: json.loads(text[start:end]) for key, start, end in found}[b"messages"][0]["content"] == long
    assert read(text)[0]["messages"] == [{"role": "user", "content": long}]
    small = text[:-1].replace(long.encode(), b"short") + b"}"
    assert outlined(small) is small


def test_what_is_broken_is_told_by_its_place_in_the_body_itself() -> None:
    long = "a text that nobody reads " * (OUTLINED_BYTES_MIN // 20)
    text = json.dumps({"messages": [long]}).encode()[:-2] + b",}]}"
    with pytest.raises(Unreadable) as whole:
        read(text)
    with pytest.raises(Unreadable) as outline:
        read(text, outlined(text))
    assert str(outline.value) == str(whole.value)
    for twice in (b'{"a":1,"a":[["' + long.encode() + b'"]]}', b'{"a":1}' + long.encode()):
        with pytest.raises(Unreadable):
            read(twice, outlined(twice))
