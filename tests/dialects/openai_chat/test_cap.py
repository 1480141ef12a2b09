"""The cap of chat streams: what fits goes on unchanged, and what does not ends as a whole answer."""

from pathlib import Path

import orjson
import pytest
from openai.types.chat import ChatCompletionChunk

from gateway.dialects import sse
from gateway.dialects.events import Closed, Ended, Failed
from gateway.dialects.openai_chat.cap import Cap
from gateway.dialects.openai_chat.events import Reader
from gateway.dialects.openai_chat.usage_tap import UsageTap

GOLDEN = Path(__file__).parents[2] / "golden" / "openai_chat"
STREAMS = {path.stem: path.read_bytes() for path in sorted(GOLDEN.glob("stream_*.sse"))}


def payloads(stream: bytes) -> list[bytes]:
    return [event.data for event in sse.Parser().feed(stream)]


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_that_fits_goes_on_unchanged(name: str) -> None:
    cap = Cap(100_000)
    assert payloads(cap.feed(STREAMS[name])) == payloads(STREAMS[name])
    assert not cap.reached


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("most", range(12))
def test_wherever_it_ends_it_is_a_whole_answer(name: str, most: int) -> None:
    cap = Cap(most, input_tokens=7)
    out = cap.feed(STREAMS[name])
    if not cap.reached:
        return
    events = Reader({}).feed(out)
    assert not any(isinstance(event, Failed) for event in events)
    *_, ended, closed = events
    assert isinstance(closed, Closed)
    assert isinstance(ended, Ended)
    assert ended.stop == "max_tokens"
    assert cap.allowance.output_tokens <= most
    tap = UsageTap()
    tap.feed(out)
    assert tap.ended
    assert cap.feed(STREAMS[name]) == b""
    chunks = [orjson.loads(data) for data in payloads(out)[:-1]]
    if name != "stream_odd_types":
        ChatCompletionChunk.model_validate(next(chunk for chunk in reversed(chunks) if chunk["choices"]))
    told = [chunks[-1]["usage"]] if chunks[-1].get("usage") else []
    asked = any(b'"usage":null' in data.replace(b" ", b"") for data in payloads(out))
    assert bool(told) is asked
    assert all((usage["prompt_tokens"], usage["completion_tokens"]) == (7, cap.allowance.output_tokens) for usage in told)


def test_every_choice_that_is_open_is_ended() -> None:
    def piece(index: int, finish: str | None = None) -> bytes:
        choice = {"index": index, "delta": {"content": "a"}, "finish_reason": finish}
        return sse.frame(b"", orjson.dumps({"id": "c", "choices": [choice]}))

    cap = Cap(3)
    out = cap.feed(piece(0) + piece(1) + piece(0, "stop") + piece(1))
    ends = [choice for data in payloads(out)[:-1] for choice in orjson.loads(data)["choices"] if choice["finish_reason"]]
    assert [(choice["index"], choice["finish_reason"]) for choice in ends] == [(0, "stop"), (1, "length")]


def test_a_legacy_completion_is_ended_as_one() -> None:
    piece = sse.frame(b"", b'{"id":"c","choices":[{"index":0,"text":"four","finish_reason":null}]}')
    out = Cap(2).feed(piece * 3)
    last = orjson.loads(payloads(out)[-2])
    assert last["choices"] == [{"index": 0, "text": "", "logprobs": None, "finish_reason": "length"}]
