"""The cap of a response's stream: what fits goes on unchanged, and what does not ends as a whole response."""

from pathlib import Path

import orjson
import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from gateway.dialects import sse
from gateway.dialects.events import Closed, Ended, Failed
from gateway.dialects.openai_responses.cap import Cap
from gateway.dialects.openai_responses.reader import Reader
from gateway.dialects.openai_responses.usage_tap import UsageTap

GOLDEN = Path(__file__).parents[2] / "golden" / "openai_responses"
STREAMS = {path.stem: path.read_bytes() for path in sorted(GOLDEN.glob("stream_*.sse"))}
# Streams as the API itself sends them, of which every event must have its own form.
REGULAR = ("text", "tools", "custom_tool", "refusal", "reasoning_hidden", "max_output_tokens")
EVENT: TypeAdapter[ResponseStreamEvent] = TypeAdapter(ResponseStreamEvent)


def payloads(stream: bytes) -> list[bytes]:
    return [event.data for event in sse.Parser().feed(stream)]


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_that_fits_goes_on_unchanged(name: str) -> None:
    cap = Cap(100_000)
    assert payloads(cap.feed(STREAMS[name])) == payloads(STREAMS[name])
    assert not cap.reached


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("most", range(12))
def test_wherever_it_ends_it_is_a_whole_response(name: str, most: int) -> None:
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
    assert (ended.spent.usage.input_tokens, ended.spent.usage.output_tokens) == (7, cap.allowance.output_tokens)
    assert cap.allowance.output_tokens <= most
    tap = UsageTap()
    tap.feed(out)
    assert tap.ended
    assert tap.output_reported
    assert cap.feed(STREAMS[name]) == b""


@pytest.mark.parametrize("name", [f"stream_{name}" for name in REGULAR])
@pytest.mark.parametrize("most", range(10))
def test_the_sdk_takes_it(name: str, most: int) -> None:
    cap = Cap(most)
    out = cap.feed(STREAMS[name])
    if not cap.reached:
        return
    events = [EVENT.validate_json(data) for data in payloads(out)]
    numbers = [event.sequence_number for event in events if hasattr(event, "sequence_number")]
    assert numbers == sorted(set(numbers))
    last = orjson.loads(payloads(out)[-1])["response"]
    response = Response.model_validate(last)
    assert response.status == "incomplete"
    streamed = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert response.output_text == streamed
