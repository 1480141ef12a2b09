"""The usage tap: the same bytes out and the same figures, however a stream is cut into chunks."""

import asyncio
from pathlib import Path

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.core.usage import Usage
from gateway.dialects import sse
from gateway.dialects.anthropic import usage_tap
from gateway.dialects.anthropic.usage_tap import HELD_BYTES_MAX, UsageTap, estimated_output_tokens
from gateway.simulator.server import Simulator
from tests.simulator.wire import ask, conversation, simulated

GOLDEN = Path(__file__).parent.parent.parent / "golden" / "anthropic"
STREAMS = {path.stem: path.read_bytes() for path in sorted(GOLDEN.glob("*.sse"))}
START = sse.frame(b"message_start", b'{"type":"message_start","message":{"usage":{"input_tokens":25,"output_tokens":1}}}')
STOP = sse.frame(b"message_stop", b'{"type":"message_stop"}')


def delta(text: str) -> bytes:
    piece = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
    return sse.frame(b"content_block_delta", orjson.dumps(piece))


def usage_event(**usage: object) -> bytes:
    return sse.frame(b"message_delta", orjson.dumps({"type": "message_delta", "delta": {}, "usage": usage}))


def reported(stream: bytes) -> Usage:
    """The usage of a whole stream by a full parse of every event: the last word on each figure counts."""
    figures: dict[str, int] = {}
    for event in sse.Parser().feed(stream):
        decoded = orjson.loads(event.data)
        told = decoded.get("usage") or decoded.get("message", {}).get("usage") or {}
        parts = told.get("cache_creation") or {}
        names = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
        figures |= {name: told[name] for name in names if told.get(name) is not None}
        if parts.get("ephemeral_1h_input_tokens"):
            figures["1h"] = parts["ephemeral_1h_input_tokens"]
    written_1h = figures.get("1h", 0)
    return Usage(
        figures.get("input_tokens", 0),
        figures.get("cache_read_input_tokens", 0),
        figures.get("cache_creation_input_tokens", 0) - written_1h,
        written_1h,
        figures.get("output_tokens", 0),
    )


def fed(stream: bytes, cuts: list[int]) -> tuple[UsageTap, list[bytes]]:
    tap = UsageTap()
    pieces = [tap.feed(stream[start:end]) for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    return tap, pieces


def facts(tap: UsageTap) -> tuple[object, ...]:
    return (
        tap.usage,
        tap.input_reported,
        tap.output_reported,
        tap.ended,
        tap.error,
        tap.content_started,
        tap.deltas,
        tap.output_bytes,
    )


@pytest.mark.parametrize("name", STREAMS)
def test_a_recorded_stream_tells_its_usage(name: str) -> None:
    tap, pieces = fed(STREAMS[name], [])
    assert b"".join(pieces) + tap.rest() == STREAMS[name]
    assert tap.usage == reported(STREAMS[name])
    assert tap.ended == (b"event: message_stop\n" in STREAMS[name])
    assert (tap.error is not None) == (b"event: error\n" in STREAMS[name])
    assert tap.content_started == (b"event: content_block_start" in STREAMS[name])


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("crlf", [False, True])
def test_one_cut_anywhere_changes_nothing(name: str, crlf: bool) -> None:
    stream = STREAMS[name].replace(b"\n", b"\r\n") if crlf else STREAMS[name]
    expected = facts(fed(stream, [])[0])
    for place in range(1, len(stream)):
        tap, pieces = fed(stream, [place])
        assert b"".join(pieces) + tap.rest() == stream, place
        assert facts(tap) == expected, place


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(STREAMS)), st.booleans(), st.data())
def test_any_chunking_gives_whole_events_and_the_same_figures(name: str, crlf: bool, data: st.DataObject) -> None:
    stream = STREAMS[name].replace(b"\n", b"\r\n") if crlf else STREAMS[name]
    cuts = sorted(data.draw(st.sets(st.integers(1, len(stream) - 1), max_size=60)))
    tap, pieces = fed(stream, cuts)
    assert b"".join(pieces) + tap.rest() == stream
    assert facts(tap) == facts(fed(stream, [])[0])
    if not crlf:
        assert all(not piece or piece.endswith(b"\n\n") for piece in pieces)


def test_byte_by_byte() -> None:
    for stream in STREAMS.values():
        tap, pieces = fed(stream, list(range(1, len(stream))))
        assert b"".join(pieces) + tap.rest() == stream
        assert facts(tap) == facts(fed(stream, [])[0])


@pytest.mark.parametrize("name", STREAMS)
def test_both_readers_agree(name: str) -> None:
    """A stream in another framing is read by the general parser, which must not count otherwise."""
    quick, _ = fed(STREAMS[name], [])
    for other in (STREAMS[name].replace(b"\n", b"\r\n"), b": hello\n\n" + STREAMS[name], b"\xef\xbb\xbf" + STREAMS[name]):
        general, pieces = fed(other, [])
        assert b"".join(pieces) == other
        assert facts(general)[:-1] == facts(quick)[:-1]
        assert abs(general.output_bytes - quick.output_bytes) <= 2 * quick.deltas


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.data())
@example(b"event: message_start\n\n", None)
def test_no_bytes_make_it_fail_or_vanish(stream: bytes, data: st.DataObject | None) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(stream) - 1)), max_size=9))) if data and len(stream) > 1 else []
    tap, pieces = fed(stream, cuts)
    assert b"".join(pieces) + tap.rest() == stream


def test_what_waits_is_no_whole_event() -> None:
    tap = UsageTap()
    tap.feed(START)
    assert tap.feed(delta("cut")[:-3]) == b""
    assert tap.between_events
    assert tap.rest() == delta("cut")[:-3]
    assert not tap.between_events


def test_an_event_larger_than_what_is_held_goes_on_in_pieces() -> None:
    stream = START + delta("a" * (2 * HELD_BYTES_MAX)) + delta("b") + usage_event(output_tokens=9) + STOP
    tap = UsageTap()
    out = b""
    most_held = 0
    for start in range(0, len(stream), 50_000):
        fed_bytes = min(start + 50_000, len(stream))
        out += tap.feed(stream[start : start + 50_000])
        most_held = max(most_held, fed_bytes - len(out))
        if len(START) + HELD_BYTES_MAX < len(out) < 2 * HELD_BYTES_MAX:
            assert not tap.between_events
    assert out == stream
    assert most_held <= HELD_BYTES_MAX
    assert tap.between_events
    assert tap.ended
    assert tap.usage.output_tokens == 9


@pytest.mark.parametrize("place", range(-3, 4))
def test_the_end_of_an_oversized_event_may_be_cut_anywhere(monkeypatch: pytest.MonkeyPatch, place: int) -> None:
    monkeypatch.setattr(usage_tap, "HELD_BYTES_MAX", 300)
    large = START + delta("a" * 1000)
    stream = large + usage_event(output_tokens=9) + STOP
    tap, pieces = fed(stream, [len(START), len(START) + 400, len(large) + place])
    assert b"".join(pieces) == stream
    assert tap.ended
    assert tap.output_reported


def test_the_last_word_counts_and_what_is_no_figure_changes_nothing() -> None:
    tap = UsageTap()
    tap.feed(
        sse.frame(
            b"message_start",
            b'{"message":{"usage":{"input_tokens":25,"cache_creation_input_tokens":100,"cache_read_input_tokens":7,"output_tokens":1}}}',
        )
    )
    tap.feed(usage_event(output_tokens=5))
    tap.feed(usage_event(output_tokens=8, input_tokens=30))
    before = Usage(30, 7, 100, 0, 8)
    assert tap.usage == before
    oddities: list[object] = [-1, 2**63, "12", 1.5, None, True, []]
    for odd in oddities:
        tap.feed(usage_event(output_tokens=odd, input_tokens=odd, cache_creation_input_tokens=odd, cache_read_input_tokens=odd))
        assert tap.usage == before
    tap.feed(usage_event(output_tokens=9, cache_creation_input_tokens=120))
    assert tap.usage == Usage(30, 7, 120, 0, 9)


def test_words_of_a_stream_are_not_taken_for_its_events() -> None:
    said = 'event: message_stop\ndata: {"type":"error"}\n\nevent: error\n\n'
    tap, _ = fed(START + delta(said), [])
    assert not tap.ended
    assert tap.error is None
    assert tap.deltas == 1


def test_an_error_event_is_named() -> None:
    for body, kind in ((b'{"error":{"type":"overloaded_error"}}', "overloaded_error"), (b'{"error":5}', "api_error")):
        tap, _ = fed(START + sse.frame(b"error", body), [])
        assert tap.error == kind


def test_without_content_there_is_nothing_to_estimate() -> None:
    tap, _ = fed(START, [])
    tap.estimate_output()
    assert tap.usage.output_tokens == 1


@pytest.mark.parametrize("chunk", [1, 4, 20])
def test_the_estimate_of_a_cut_stream_is_near_the_truth(chunk: int) -> None:
    """The simulator knows how many tokens it has said at each event; its tokens are those of short English words."""

    async def said() -> bytes:
        async with Simulator() as upstream:
            answer = await ask(upstream.url, simulated(f"text_tokens=400;chunk={chunk}", conversation(stream=True)))
            return answer.payload

    stream = asyncio.run(said())
    for share in (0.3, 0.6, 1.0):
        events = [event for event in stream.split(b"\n\n") if event.startswith(b"event: content_block_delta")]
        shown = round(len(events) * share)
        tap, _ = fed(START + b"".join(event + b"\n\n" for event in events[:shown]), [])
        tap.estimate_output()
        assert 0.75 <= tap.usage.output_tokens / (400 * share) <= 1.6


@pytest.mark.parametrize("name", [name for name, stream in STREAMS.items() if b"text_delta" in stream])
def test_framing_is_not_taken_for_output(name: str) -> None:
    """What the recorded streams say, without their frames, to within the padding that upstreams add at random."""
    content = 0
    for event in sse.Parser().feed(STREAMS[name]):
        if event.name == b"content_block_delta":
            piece = orjson.loads(event.data)["delta"]
            content += sum(len(value.encode()) for key, value in piece.items() if key != "type" and isinstance(value, str))
    tap, _ = fed(STREAMS[name], [])
    assert abs(tap.output_bytes - content) <= 45 * tap.deltas


def test_an_estimate_is_at_least_a_token_for_each_delta() -> None:
    assert estimated_output_tokens(0, 7) == 7
    assert estimated_output_tokens(400, 7) == 100
