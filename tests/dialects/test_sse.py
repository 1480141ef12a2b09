"""Server-sent events: any chunking, any line end, bounded."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.dialects.sse import Event, OverlongEvent, Parser, frame

GOLDEN = sorted((Path(__file__).parent.parent / "golden" / "anthropic").glob("*.sse"))

LINES = st.sampled_from(
    [
        b"",
        b"data: a",
        b"data:b",
        b"data:  c",
        b"data",
        b"data:",
        b"event: x",
        b"event:",
        b"event",
        b": note",
        b"id: 7",
        b"retry: 1",
    ]
)
STREAMS = st.lists(st.tuples(LINES, st.sampled_from([b"\n", b"\r", b"\r\n"]))).map(
    lambda pairs: b"".join(a + b for a, b in pairs)
)


def parse(*chunks: bytes) -> list[Event]:
    parser = Parser()
    return [event for chunk in chunks for event in parser.feed(chunk)]


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[start:end] for start, end in pairwise(edges)]


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"event: a\ndata: 1\n\n", [(b"a", b"1")]),
        (b"event: a\rdata: 1\r\r", [(b"a", b"1")]),
        (b"event: a\r\ndata: 1\r\n\r\n", [(b"a", b"1")]),
        (b"data: 1\n\ndata: 2\n\n", [(b"", b"1"), (b"", b"2")]),
        (b"data: 1\ndata: 2\n\n", [(b"", b"1\n2")]),
        (b"data:\n\n", [(b"", b"")]),
        (b"data\n\n", [(b"", b"")]),
        (b"data:  two spaces\n\n", [(b"", b" two spaces")]),
        (b"data: a: b\n\n", [(b"", b"a: b")]),
        (b"\xef\xbb\xbfdata: 1\n\n", [(b"", b"1")]),
        (b"\xef\xbb\xbf\xef\xbb\xbfdata: 1\n\n", []),  # only one mark is one
        (b": comment\n\n: ping\ndata: 1\n\n", [(b"", b"1")]),
        (b"event: lost\n\ndata: 1\n\n", [(b"", b"1")]),  # no data, no event, and the name does not stay
        (b"event: a\nevent: b\ndata: 1\n\n", [(b"b", b"1")]),
        (b"id: 5\nretry: 7\nfield\ndata: 1\n\n", [(b"", b"1")]),
        (b"Data: 1\n\n", []),
        (b" data: 1\n\n", []),
        (b"data: 1\n", []),  # cut before its end
        (b"data: 1\n\ndata: 2", [(b"", b"1")]),
        (b"\n\n\n", []),
        (b"", []),
    ],
)
def test_events(stream: bytes, events: list[tuple[bytes, bytes]]) -> None:
    assert parse(stream) == events
    assert parse(*(stream[at : at + 1] for at in range(len(stream)))) == events


@given(stream=STREAMS, places=st.lists(st.integers(0, 1000)))
@example(stream=b"data: a\r\n\r\n", places=[8])
@example(stream=b"\xef\xbb\xbfdata: a\n\n", places=[1, 2])
def test_any_chunking_gives_the_same_events(stream: bytes, places: list[int]) -> None:
    assert parse(*cut(stream, places)) == parse(stream)


@given(stream=st.binary(), places=st.lists(st.integers(0, 1000)))
def test_any_bytes_in_any_chunking_give_the_same_events(stream: bytes, places: list[int]) -> None:
    assert parse(*cut(stream, places)) == parse(stream)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_recorded_streams_survive_reading_and_writing(path: Path) -> None:
    stream = path.read_bytes()
    events = parse(stream)
    assert events
    assert stream.startswith(b"".join(frame(*event) for event in events))
    for at in range(len(stream)):
        assert parse(stream[:at], stream[at:]) == events


@given(name=st.sampled_from([b"", b"message_start", b"ping"]), data=st.binary(max_size=50))
def test_what_is_framed_is_read_back(name: bytes, data: bytes) -> None:
    framed = frame(name, data)
    (event,) = parse(framed)
    assert event == (name, data.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))


def test_the_bytes_of_a_frame() -> None:
    assert frame(b"ping", b'{"type": "ping"}') == b'event: ping\ndata: {"type": "ping"}\n\n'
    assert frame(b"", b"[DONE]") == b"data: [DONE]\n\n"
    assert frame(b"", b"a\nb") == b"data: a\ndata: b\n\n"


@pytest.mark.parametrize("chunk_bytes", [1, 7, 4096])
@pytest.mark.parametrize(
    "stream", [b"data: " + b"x" * 200, b"data: " + b"x" * 200 + b"\n\n", b"data: xxxxx\n" * 20 + b"\n", b":" + b"x" * 200 + b"\n"]
)
def test_what_is_too_long_is_refused_in_any_chunking(stream: bytes, chunk_bytes: int) -> None:
    parser = Parser(event_bytes_max=100)
    chunks = (stream[at : at + chunk_bytes] for at in range(0, len(stream), chunk_bytes))
    with pytest.raises(OverlongEvent, match="longer than 100 bytes"):
        list(map(parser.feed, chunks))


def test_the_bound_is_for_one_event_not_for_the_stream() -> None:
    parser = Parser(event_bytes_max=100)
    events = [event for _ in range(1000) for event in parser.feed(b"data: " + b"x" * 90 + b"\n\n")]
    assert len(events) == 1000
    parser = Parser(event_bytes_max=100)
    assert sum(len(parser.feed(b"x" * 40 + b"\n\ndata: " + b"x" * 40)) for _ in range(1000)) == 999


def test_a_long_line_in_tiny_chunks_is_not_copied_again_and_again() -> None:
    # A megabyte byte by byte: half a second of work when each byte costs the same, minutes when each copies what came before.
    parser = Parser()
    for _ in range(200_000):
        assert parser.feed(b"aaaaa") == []
    assert parser.feed(b"\ndata: 1\n\n") == [(b"", b"1")]
