import json
from typing import Any

import pytest

from loadtest.scenarios.message_streams import BrokenStreamError, MessageStream


def event(name: str, **fields: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'type': name} | fields)}\n\n".encode()


START = event("message_start", message={})
OPEN = event("content_block_start", index=0, content_block={"type": "text", "text": ""})
PING = event("ping")
WORD = event("content_block_delta", index=0, delta={"type": "text_delta", "text": "w\u00f6rd "})
CLOSE = event("content_block_stop", index=0)
DELTA = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 3})
STOP = event("message_stop")
WHOLE = [START, OPEN, PING, WORD, WORD, CLOSE, DELTA, STOP]


def read(*pieces: bytes) -> MessageStream:
    stream = MessageStream()
    for piece in pieces:
        stream.feed(piece)
    stream.finish()
    return stream


def test_a_whole_stream_however_it_is_cut() -> None:
    wire = b"".join(WHOLE)
    expected = read(wire)
    assert (expected.events, expected.output_tokens, expected.has_content) == (8, 3, True)
    for cut in range(1, len(wire)):
        assert read(wire[:cut], wire[cut:]).text_sha256 == expected.text_sha256


def test_a_stream_may_have_several_blocks_and_events_nobody_knows() -> None:
    second = [frame.replace(b'"index": 0', b'"index": 1') for frame in (OPEN, WORD, CLOSE)]
    read(START, OPEN, WORD, CLOSE, *second, event("a_new_thing"), DELTA, STOP)


def test_other_words_have_another_digest() -> None:
    other = WORD.replace(b"rd", b"rt")
    assert read(*WHOLE).text_sha256 != read(*[other if frame is WORD else frame for frame in WHOLE]).text_sha256


@pytest.mark.parametrize("missing", [START, OPEN, CLOSE, DELTA, STOP])
def test_a_stream_that_lacks_an_event_is_broken(missing: bytes) -> None:
    with pytest.raises(BrokenStreamError):
        read(*[frame for frame in WHOLE if frame is not missing])


def test_a_stream_that_is_cut_anywhere_is_broken() -> None:
    wire = b"".join(WHOLE)
    for cut in range(len(wire)):
        with pytest.raises(BrokenStreamError):
            read(wire[:cut])


@pytest.mark.parametrize(
    ("frames", "what"),
    [
        ([START, OPEN, OPEN], "content_block_start in state block"),
        ([START, START], "message_start in state between"),
        ([*WHOLE, STOP], "message_stop in state over"),
        ([START, event("content_block_start", index=1)], "block 1 while block 0"),
        ([START, event("error", error={})], "error in state"),
        ([START, b"event: ping\ndata: {\n\n"], "without JSON"),
        ([START, b"event: ping\ndata: {}\n\n"], "something else"),
        ([START, b"data: {}\n\n"], "not an event"),
        ([START, event("message_delta", delta={})], "lacks what it must carry"),
        ([*WHOLE[:-2], DELTA.replace(b"3", b"0"), STOP], "no output tokens"),
        ([*WHOLE[:-2], DELTA.replace(b'"end_turn"', b"null"), STOP], "no stop reason"),
    ],
)
def test_what_is_wrong_is_named(frames: list[bytes], what: str) -> None:
    with pytest.raises(BrokenStreamError, match=what):
        read(*frames)


def test_no_text_of_the_answer_is_in_an_error_or_repr() -> None:
    with pytest.raises(BrokenStreamError) as caught:
        read(START, OPEN, WORD, STOP)
    assert "rd" not in str(caught.value).replace("order", "")
    assert "rd" not in repr(MessageStream())
