"""Payloads of events: the fast way gives what the general parser gives."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.dialects.payloads import Payloads, object_in, parse
from gateway.dialects.sse import OverlongEvent, Parser

GOLDEN = sorted((Path(__file__).parents[1] / "golden").rglob("*.sse"))
LINES = st.sampled_from([b"", b"", b"data: a", b"data:b", b"data", b"event: x", b": note", b"id: 7", b"\xef\xbb\xbfdata: c"])
ENDS = st.sampled_from([b"\n", b"\n", b"\n", b"\r\n", b"\r"])
FRAMED = st.lists(st.tuples(LINES, ENDS), max_size=20).map(lambda pairs: b"".join(a + b for a, b in pairs))


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[start:end] for start, end in pairwise(edges)]


@settings(max_examples=200)
@given(st.one_of(FRAMED, st.sampled_from([path.read_bytes() for path in GOLDEN])), st.lists(st.integers(0, 10_000), max_size=30))
@example(b"\xef\xbb\xbfdata: 1\n\ndata: 2\n\n", [1, 2, 3, 4])
@example(b"\n\n\xef\xbb\xbfdata: c\n\n", [])
@example(b"\n\n\xef\xbb\xbfdata: c\n\r\n", [2])
@example(b"data: 1\n\ndata: 2\rdata: 3\n\n", [9])
@example(b"data: 1\n\n\n\ndata: 2\r\n\r\ndata: 3\n\n", [9, 10])
@example(b"\n\n\xef\xbb\xbfdata: 1\n\ndata: 2\n\n", [1])
@example(b"\n\n\xef\xbb\xbfdata: 1\n\r\n", [2])
def test_any_stream_in_any_pieces(stream: bytes, places: list[int]) -> None:
    payloads = Payloads()
    found = [payload for piece in cut(stream, places) for payload in payloads.feed(piece)]
    assert found == [event.data for event in Parser().feed(stream)]


def test_an_event_without_end_is_bounded() -> None:
    payloads = Payloads(bytes_max=1000)
    with pytest.raises(OverlongEvent):
        assert [payloads.feed(b"data: abc") for _ in range(200)] == []


@pytest.mark.parametrize(
    ("payload", "value"),
    [
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b'"\\ud83d"', "\ufffd"),
        (b'"a\\ude00b\\ud83d\\n"', "a\ufffdb\ufffd\n"),
        (b'"\\\\ud83d \\ud83d"', "\\ud83d \ufffd"),
        (b'"\xf0\x9f"', "\ufffd"),
        (b"{}", {}),
    ],
)
def test_half_characters(payload: bytes, value: object) -> None:
    assert parse(payload) == value


@pytest.mark.parametrize("payload", [b"", b"<html>", b"{", b'"\\ud83d'])
def test_what_is_no_json(payload: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(payload)


def test_the_object_of_a_payload() -> None:
    assert object_in(b'{"a": 1}') == {"a": 1}
    assert [object_in(payload) for payload in (b"", b"[1]", b"{", b"[DONE]", b'"{}"')] == [{}] * 5
