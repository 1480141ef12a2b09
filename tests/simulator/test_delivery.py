import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.simulator.delivery import NOT_HTTP, Delivery, Ending, Reply, edit_frames, plan, split, truncated
from gateway.simulator.events import Frames
from gateway.simulator.script import Script, read_header

HEAD = b"HEAD\r\n\r\n"
STREAM = [(b"start\n\n", 0), (b"one\n\n", 1), (b"two\n\n", 2), (b"delta\n\n", 2), (b"stop\n\n", 2)]


def _frames(rows: list[tuple[bytes, int]] = STREAM) -> Frames:
    return Frames([row[0] for row in rows], [row[1] for row in rows])


def _plan(script: str = "", *, chunked: bool = True) -> Delivery:
    read = read_header(script, Script())
    reply = Reply(200, "text/event-stream", edit_frames(_frames(), read, "req_1", True), streamed=True)
    return plan(reply, HEAD, read, chunked=chunked, request_id="req_1")


def _payload(delivery: Delivery) -> bytes:
    return b"".join(delivery.frames.bytes_of)


WHOLE = b"".join(_plan().segments)


def test_chunks_frame_each_event() -> None:
    assert _plan().segments == [
        HEAD,
        b"7\r\nstart\n\n\r\n",
        b"5\r\none\n\n\r\n",
        b"5\r\ntwo\n\n\r\n",
        b"7\r\ndelta\n\n\r\n",
        b"6\r\nstop\n\n\r\n",
        b"0\r\n\r\n",
    ]
    assert (_plan().due_s, _plan().ending) == (None, Ending.FINISH)


def test_a_body_with_a_length_has_no_chunks() -> None:
    assert b"".join(_plan(chunked=False).segments) == HEAD + _payload(_plan())


@pytest.mark.parametrize("limit", range(len(WHOLE) + 2))
def test_a_cut_counts_every_byte_of_the_wire(limit: int) -> None:
    delivery = _plan(f"cut_at={limit};cut=rst")
    assert b"".join(delivery.segments) == WHOLE[:limit]
    assert delivery.ending is (Ending.CUT_RST if limit < len(WHOLE) else Ending.FINISH)


@pytest.mark.parametrize("limit", range(len(b"".join(frame for frame, _ in STREAM)) + 2))
def test_a_cut_can_count_payload_only(limit: int) -> None:
    delivery = _plan(f"hang_at={limit};count=body", chunked=False)
    payload = _payload(_plan())
    assert b"".join(delivery.segments) == HEAD + payload[:limit]
    assert delivery.ending is (Ending.HANG if limit < len(payload) else Ending.FINISH)
    sent = delivery.frames_within(len(HEAD) + limit)
    assert len(b"".join(delivery.frames.bytes_of[:sent])) <= limit


def test_a_chunked_payload_cut_has_no_terminal_chunk() -> None:
    assert b"".join(_plan("cut_at=9;count=body").segments) == HEAD + b"7\r\nstart\n\n\r\n2\r\non\r\n"


def test_frames_are_counted_when_their_last_byte_is_out() -> None:
    delivery = _plan()
    second = len(HEAD) + 12 + 10
    assert [delivery.frames_within(n) for n in (0, len(HEAD) + 11, len(HEAD) + 12, second - 1, second, len(WHOLE))] == [
        0,
        0,
        1,
        1,
        2,
        5,
    ]


@pytest.mark.parametrize(
    ("script", "due_s"),
    [
        ("tokens_per_s=10", [0.0, 0.0, 0.0, 0.1, 0.1, 0.1, 0.1]),
        ("ttft_ms=500", [0.0, 0.0, 0.5, 0.5, 0.5, 0.5, 0.5]),
        ("ttft_ms=500;tokens_per_s=2;head_ms=100", [0.1, 0.1, 0.6, 1.1, 1.1, 1.1, 1.1]),
        ("late_end=250", [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.25]),
    ],
)
def test_what_is_due_when(script: str, due_s: list[float]) -> None:
    assert _plan(script).due_s == pytest.approx(due_s)


def test_a_body_waits_as_a_whole() -> None:
    script = read_header("ttft_ms=500;tokens_per_s=4;head_ms=100", Script())
    assert plan(Reply.of(200, "application/json", b"{}", 8), HEAD, script, chunked=False, request_id="r").due_s == pytest.approx(
        [2.6, 2.6]
    )


def test_the_last_byte_of_a_body_can_be_late() -> None:
    delivery = plan(
        Reply.of(200, "application/json", b"{}", 8), HEAD, read_header("late_end=90", Script()), chunked=False, request_id="r"
    )
    assert delivery.segments == [HEAD, b"{", b"}"]
    assert delivery.due_s == pytest.approx([0.0, 0.0, 0.09])


def test_an_error_takes_the_place_of_later_events() -> None:
    frames = _plan("error_at=2;message=gone").frames
    assert frames.bytes_of[:2] == [b"start\n\n", b"one\n\n"]
    assert frames.bytes_of[2].startswith(
        b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"gone"}'
    )
    assert frames.tokens == [0, 1, 1]
    assert _plan("error_at=0").frames.tokens == [0]
    assert _plan("error_at=5").frames.bytes_of == _frames().bytes_of


@pytest.mark.parametrize(("script", "left"), [("no_stop", 4), ("no_stop=message_delta", 3)])
def test_the_end_can_be_left_out(script: str, left: int) -> None:
    assert _plan(script).frames.bytes_of == _frames().bytes_of[:left]
    assert _plan(script).segments[-1] == b"0\r\n\r\n"


def test_malformed_payloads() -> None:
    assert _plan("malformed=json").frames.bytes_of[2] == b"tw\n\n"
    assert _plan("malformed=sse").frames.bytes_of[2].startswith(b"this line has no colon\n")
    assert b"zz\r\n" in _plan("malformed=chunk").segments[3]
    assert _plan("malformed=http").segments == [NOT_HTTP]


def test_empty_is_no_payload_at_all() -> None:
    assert _plan("empty").segments == [HEAD, b"0\r\n\r\n"]


def test_gzip_can_be_read_frame_by_frame() -> None:
    frames = _plan("gzip").frames.bytes_of
    squeeze = zlib.decompressobj(wbits=31)
    assert [squeeze.decompress(frame) for frame in frames] == _frames().bytes_of
    assert gzip.decompress(b"".join(frames)) == b"".join(_frames().bytes_of)


@given(st.lists(st.binary(min_size=1, max_size=9), min_size=1), st.integers(1, 20))
def test_splitting_keeps_bytes_and_sends_nothing_early(segments: list[bytes], size: int) -> None:
    due_s = [float(place) for place in range(len(segments))]
    cuts, times = split(segments, due_s, size)
    assert b"".join(cuts) == b"".join(segments)
    assert all(len(cut) == size for cut in cuts[:-1])
    assert times is not None
    owner = [place for place, segment in enumerate(segments) for _ in segment]
    end = 0
    for cut, at_s in zip(cuts, times, strict=True):
        end += len(cut)
        assert at_s == owner[end - 1]


@given(st.lists(st.binary(max_size=9)), st.integers(0, 60))
def test_truncating_keeps_a_prefix_and_tells_whether_it_cut(parts: list[bytes], limit: int) -> None:
    kept, is_cut = truncated(parts, limit)
    whole = b"".join(parts)
    assert b"".join(kept) == whole[:limit]
    assert is_cut is (len(whole) > limit)
