"""The cap: what fits goes on unchanged, and what does not ends in a whole message."""

from pathlib import Path

import orjson
import pytest
from anthropic.types import RawMessageStreamEvent
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from gateway.core.usage import Usage
from gateway.dialects import sse
from gateway.dialects.anthropic.cap import Cap
from gateway.dialects.anthropic.usage_tap import UsageTap

GOLDEN = Path(__file__).parent.parent.parent / "golden" / "anthropic"
STREAMS = {path.stem: path.read_bytes() for path in sorted(GOLDEN.glob("stream_*.sse"))}
EVENT: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)


def piece(text: str, index: int = 0) -> bytes:
    delta = {"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": text}}
    return sse.frame(b"content_block_delta", orjson.dumps(delta))


def opened(index: int) -> bytes:
    block = {"type": "content_block_start", "index": index, "content_block": {"type": "text", "text": ""}}
    return sse.frame(b"content_block_start", orjson.dumps(block))


def started() -> bytes:
    usage = {"input_tokens": 25, "cache_read_input_tokens": 3, "output_tokens": 1}
    return sse.frame(b"message_start", orjson.dumps({"type": "message_start", "message": {"usage": usage}}))


def names(stream: bytes) -> list[bytes]:
    return [event.name for event in sse.Parser().feed(stream)]


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_that_fits_goes_on_unchanged(name: str) -> None:
    cap = Cap(100_000)
    assert cap.feed(STREAMS[name]) == STREAMS[name]
    assert not cap.reached


def test_the_end_of_the_budget_is_a_whole_message() -> None:
    cap = Cap(2)
    out = cap.feed(started() + opened(0) + piece("a") + piece("b") + piece("c") + piece("d"))
    assert cap.reached
    assert out.startswith(started() + opened(0) + piece("a") + piece("b"))
    assert names(out)[4:] == [b"content_block_stop", b"message_delta", b"message_stop"]
    told = orjson.loads(sse.Parser().feed(out)[-2].data)
    assert told["delta"] == {"stop_reason": "max_tokens", "stop_sequence": None}
    assert told["usage"] == {"input_tokens": 25, "cache_read_input_tokens": 3, "output_tokens": 2}
    assert cap.feed(piece("e")) == b""


def test_the_true_input_revises_how_much_fits() -> None:
    told: list[Usage] = []

    def revise(usage: Usage) -> int:
        told.append(usage)
        return 3

    out = Cap(0, revise).feed(started() + opened(0) + piece("a") * 9)
    assert told == [Usage(25, cache_read_tokens=3, output_tokens=1)]
    assert names(out).count(b"content_block_delta") == 3


def test_every_open_block_is_stopped_and_no_closed_one() -> None:
    stop = sse.frame(b"content_block_stop", b'{"type":"content_block_stop","index":0}')
    out = Cap(1).feed(started() + opened(0) + stop + opened(1) + opened(2) + piece("a", 1) + piece("b", 1))
    stopped = [orjson.loads(event.data)["index"] for event in sse.Parser().feed(out) if event.name == b"content_block_stop"]
    assert stopped == [0, 1, 2]


def test_long_pieces_count_by_their_length() -> None:
    cap = Cap(10)
    assert names(cap.feed(opened(0) + piece("word" * 10)))[-1] == b"content_block_delta"
    assert not cap.reached
    assert names(cap.feed(piece("word")))[-1] == b"message_stop"
    assert cap.allowance.output_tokens == 10


def test_no_budget_at_all_ends_before_the_first_piece() -> None:
    assert names(Cap(0).feed(started() + opened(0) + piece("a"))) == [
        b"message_start",
        b"content_block_start",
        b"content_block_stop",
        b"message_delta",
        b"message_stop",
    ]


def test_events_that_cannot_be_read_go_on() -> None:
    odd = b"event: content_block_delta\ndata: {broken\n\n" + b"event: content_block_start\ndata: [1]\n\nevent: new\ndata: x\n\n"
    assert Cap(5).feed(odd) == odd


@given(st.data(), st.sampled_from(sorted(STREAMS)), st.integers(0, 60))
def test_any_chunking_gives_the_same_bytes_and_a_readable_message(data: st.DataObject, name: str, tokens_max: int) -> None:
    stream = STREAMS[name]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    whole, cap = Cap(tokens_max), Cap(tokens_max)
    expected = whole.feed(stream)
    out = b"".join(cap.feed(stream[start:end]) for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True))
    assert out == expected
    if not cap.reached:
        return
    assert cap.allowance.output_tokens <= tokens_max
    for event in sse.Parser().feed(out)[-2:]:
        EVENT.validate_json(event.data)
    tap = UsageTap()
    tap.feed(out)
    assert tap.ended
    assert tap.usage.output_tokens == cap.allowance.output_tokens
