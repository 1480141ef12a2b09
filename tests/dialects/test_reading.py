"""What is the same of streams in two dialects: their bad ends, and that nothing is taken after an end."""

import pytest

from gateway.core.faults import FaultKind
from gateway.dialects import sse
from gateway.dialects.anthropic.events import Reader as AnthropicReader
from gateway.dialects.events import Closed, Ended, Failed, Started
from gateway.dialects.openai_chat.events import Reader as ChatReader
from gateway.dialects.reading import GARBLED, TRUNCATED, Reading

STOPPED = {
    AnthropicReader: (
        b'data: {"type":"message_start","message":{"id":"m"}}\n\n',
        b'data: {"type":"message_delta","delta":{"stop_reason":"end_turn"}}\n\n',
    ),
    ChatReader: (
        b'data: {"id":"m","choices":[{"index":0,"delta":{"role":"assistant"}}]}\n\n',
        b'data: {"id":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
    ),
}
readers = pytest.mark.parametrize("kind", STOPPED)


@readers
def test_an_end_after_a_reason_to_stop_is_one(kind: type[AnthropicReader | ChatReader]) -> None:
    start, stop = STOPPED[kind]
    reader = kind({})
    events = reader.feed(start) + reader.feed(stop) + reader.end()
    assert [type(event) for event in events] == [Started, Ended, Closed]
    assert reader.feed(start) == reader.end() == []


@readers
def test_an_end_without_one_is_none(kind: type[AnthropicReader | ChatReader]) -> None:
    reader: Reading = kind({})
    *_, last = reader.feed(STOPPED[kind][0]) + reader.end()
    assert isinstance(last, Failed)
    assert (last.fault.kind, last.fault.text) == (FaultKind.TRUNCATED, TRUNCATED)
    assert reader.feed(STOPPED[kind][1]) == reader.end() == []


@readers
def test_an_event_without_an_end_cannot_be_read(kind: type[AnthropicReader | ChatReader]) -> None:
    reader: Reading = kind({})
    piece = b"data: " + b"x" * sse.EVENT_BYTES_MAX
    (failed,) = reader.feed(piece) + reader.feed(piece)
    assert isinstance(failed, Failed)
    assert (failed.fault.kind, failed.fault.text) == (FaultKind.GARBLED, GARBLED)
    assert reader.end() == []
