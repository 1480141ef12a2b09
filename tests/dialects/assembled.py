"""A stream of neutral events put together to the answer that it tells."""

import orjson

from gateway.dialects.conversation import Block, Refusal, Reply, Text, Thinking, ToolUse
from gateway.dialects.events import (
    BlockEnded,
    BlockStarted,
    Closed,
    Ended,
    Event,
    InputDelta,
    SignatureDelta,
    Started,
    TextDelta,
    ThinkingDelta,
)


def assembled(events: list[Event]) -> Reply:
    """The answer; the order of events is checked on the way."""
    start, *inside, end, close = [event for event in events if type(event).__name__ not in ("Ping", "ExtraDelta")]
    assert isinstance(start, Started)
    assert isinstance(end, Ended)
    assert isinstance(close, Closed)
    blocks: list[Block] = []
    said: list[str] | None = None
    signature = ""
    for event in inside:
        if isinstance(event, BlockStarted):
            assert said is None
            said, signature = [], ""
            blocks.append(event.block)
        elif isinstance(event, TextDelta | ThinkingDelta | InputDelta):
            assert said is not None
            said.append(event.fragment if isinstance(event, InputDelta) else event.text)
        elif isinstance(event, SignatureDelta):
            signature = event.signature
        else:
            assert isinstance(event, BlockEnded)
            assert said is not None
            blocks[-1] = _complete(blocks[-1], "".join(said), signature)
            said = None
    assert said is None
    return Reply(start.id, start.model, blocks, end.stop, end.spent, end.stop_sequence)


def _complete(block: Block, said: str, signature: str) -> Block:
    if isinstance(block, Text | Refusal):
        return type(block)(said)
    if isinstance(block, Thinking):
        return Thinking(said, signature)
    if isinstance(block, ToolUse):
        return ToolUse(block.id, block.name, orjson.loads(said or "{}"))
    return block
