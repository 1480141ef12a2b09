"""A streamed chat completion to neutral events and back.

Owns the way between chunks, which only ever add to one message, and blocks, which begin and end. Reading keeps the kind of the
block that is open; a piece of another kind ends it. The reason to stop and the usage come in any order and more than once; both
are told when the stream has ended, since nothing may follow them. Tool calls have their own module.

Writing computes the beginning and the end of a chunk once, and puts each text between them.

Measured per delta: reading 1.6 us with its framing, writing 0.3 us.
"""

from collections.abc import Callable

import orjson

from gateway.core.faults import Fault, FaultKind
from gateway.core.usage import Usage
from gateway.dialects import freeform
from gateway.dialects.codec import ToolNames
from gateway.dialects.conversation import Block, Conversation, RedactedThinking, Refusal, Spent, Text, Thinking, ToolUse
from gateway.dialects.events import (
    BlockEnded,
    BlockStarted,
    Closed,
    Ended,
    Event,
    InputDelta,
    Ping,
    SignatureDelta,
    Started,
    TextDelta,
    ThinkingDelta,
)
from gateway.dialects.openai_chat import chunk as chunks
from gateway.dialects.openai_chat import fault, message, reasoning, usage
from gateway.dialects.openai_chat.calls import Call, Calls
from gateway.dialects.openai_chat.chunk import Chunk, Delta, Function
from gateway.dialects.reading import GARBLED, TRUNCATED, Reading

_DONE = b"[DONE]"
_TEXT, _THINKING, _REFUSAL = "text", "thinking", "refusal"
_BLOCKS: dict[str, Callable[[], Block]] = {
    _TEXT: lambda: Text(""),
    _THINKING: lambda: Thinking(""),
    _REFUSAL: lambda: Refusal(""),
}


class Reader(Reading):
    """One stream from an upstream."""

    def __init__(self, tool_names: ToolNames) -> None:
        super().__init__()
        self._tool_names = tool_names
        self._calls = Calls(self._begin_call)
        self._open = ""  # the kind of the open block that is no call
        self._grown = False  # the open thoughts have words
        self._signature = reasoning.UNSIGNED
        self._late: list[tuple[str, str]] = []  # words that came amid a call
        self._id = ""
        self._started = False
        self._finish: str | None = None
        self._usage: object = None

    def _has_stopped(self) -> bool:
        return self._finish is not None

    def _take(self, payload: bytes, events: list[Event]) -> None:
        if self._over or not payload:
            return
        if payload.startswith(_DONE):
            self._take_done(events)
            return
        try:
            chunk = chunks.read(payload)
        except ValueError:
            self._fail(Fault(FaultKind.GARBLED, GARBLED), events)
            return
        if chunk.error is not None:
            self._fail(fault.read_error(0, {"error": chunk.error}), events)
            return
        if not self._started:
            self._start(chunk, events)
        if chunk.usage is not None:
            self._usage = chunk.usage
        for choice in chunk.choices or ():
            if choice.index == 0:
                delta = choice.delta
                if delta is not None:
                    if delta.content and self._open == _TEXT:
                        events.append(TextDelta(delta.content))
                        delta.content = None
                    self._take_delta(delta, events)
                if choice.finish_reason:
                    self._finish = choice.finish_reason
                    self._end_all(events)

    def _start(self, chunk: Chunk, events: list[Event]) -> None:
        self._started = True
        self._id = chunk.id or ""
        events.append(Started(self._id, chunk.model or "", Spent(Usage())))

    def _take_delta(self, delta: Delta, events: list[Event]) -> None:
        thought = delta.reasoning_content or delta.reasoning
        if thought:
            self._say(_THINKING, thought, events)
        if delta.reasoning_details is not None:
            self._take_details(delta, bool(thought), events)
        if delta.content:
            self._say(_TEXT, delta.content, events)
        if delta.refusal:
            self._say(_REFUSAL, delta.refusal, events)
        for call in delta.tool_calls or ():
            self._end_block(events)
            if call.custom is not None:
                self._calls.take(call.index, call.id, call.custom.name, call.custom.input, True, events)
            else:
                function = call.function or Function()
                self._calls.take(call.index, call.id, function.name, function.arguments, False, events)
        if delta.function_call is not None:
            self._end_block(events)
            self._calls.take(0, None, delta.function_call.name, delta.function_call.arguments, False, events)

    def _say(self, kind: str, text: str, events: list[Event]) -> None:
        if self._open != kind:
            if self._calls.open:
                self._late.append((kind, text))
                return
            self._end_all(events)
            self._open = kind
            self._grown = False
            self._signature = reasoning.UNSIGNED
            events.append(BlockStarted(_BLOCKS[kind]()))
        if kind == _THINKING:
            self._grown = True
            events.append(ThinkingDelta(text))
        else:
            events.append(TextDelta(text))

    def _take_details(self, delta: Delta, told: bool, events: list[Event]) -> None:
        """Signed and encrypted thoughts. A text beside its bare form, or again with its signature, is one text."""
        for thought, _, _ in reasoning.read(delta.reasoning_details, foreign=True):
            if isinstance(thought, RedactedThinking):
                self._end_all(events)
                events += (BlockStarted(thought), BlockEnded())
                continue
            signed = thought.signature != reasoning.UNSIGNED
            if thought.text and not told and not (signed and self._open == _THINKING and self._grown):
                self._say(_THINKING, thought.text, events)
            if signed:
                if self._open != _THINKING:
                    self._end_all(events)
                    self._open = _THINKING
                    events.append(BlockStarted(Thinking("")))
                self._signature = thought.signature

    def _begin_call(self, call: Call) -> ToolUse:
        name = self._tool_names.get(call.name, call.name)
        return ToolUse(message.call_id(call.id, self._id, call.place), name, {})

    def _end_block(self, events: list[Event]) -> None:
        if self._open:
            if self._open == _THINKING:
                events.append(SignatureDelta(self._signature))
            self._open = ""
            events.append(BlockEnded())

    def _end_all(self, events: list[Event]) -> None:
        self._end_block(events)
        self._calls.finish(events)
        late, self._late = self._late, []
        for kind, text in late:
            self._say(kind, text, events)
        if late:
            self._end_block(events)

    def _take_done(self, events: list[Event]) -> None:
        if self._started:
            self._close(events)
        else:
            self._fail(Fault(FaultKind.TRUNCATED, TRUNCATED), events)

    def _close(self, events: list[Event]) -> None:
        self._end_all(events)
        self._over = True
        spent = Spent(Usage())
        usage.tell(spent, self._usage)
        events += (Ended(message.stop_of(self._finish, called=self._calls.any), spent), Closed())


_PING = b": ping\n\n"
_CLOSE = b"data: [DONE]\n\n"


class Writer:
    """One stream to a client. `created_s` is wall-clock seconds."""

    def __init__(self, conversation: Conversation, created_s: int) -> None:
        self._model = conversation.model
        self._created_s = created_s
        self._include_usage = conversation.include_usage
        self._legacy = message.is_legacy(conversation)
        self._freeform = message.freeform_names(conversation)
        self._head = b""  # the beginning of every chunk, up to its delta
        self._tail = b""
        self._kind: type | None = None  # the open block's
        self._apart = ""  # what stands between the last words of this kind and the next
        self._text_chars = 0
        self._thoughts = 0
        self._thought: list[str] = []
        self._calls = 0
        self._call_head = b""  # the beginning of the open call's pieces
        self._call_tail = b""
        self._call_grown = False
        self._unwrapping: freeform.Unwrapping | None = None
        self._last: type | None = None
        self._thought_said = False
        self._over = False

    def write(self, events: list[Event]) -> bytes:
        """The frames of these events."""
        frames: list[bytes] = []
        for event in events:
            if self._over:
                break
            writer = _WRITERS.get(type(event))
            if writer is not None:
                frames.append(writer(self, event))
        return b"".join(frames)

    def fail(self, why: Fault, request_id: str) -> bytes:
        """The data line with the error, and no `[DONE]`."""
        if self._over:
            return b""
        self._over = True
        return fault.frame(why)

    def _chunk(self, delta: dict[str, object]) -> bytes:
        return self._head + orjson.dumps(delta)[1:-1] + self._tail

    def _start(self, event: Started) -> bytes:
        about = {
            "id": message.completion_id(event.id),
            "object": "chat.completion.chunk",
            "created": self._created_s,
            "model": self._model,
            "service_tier": "default",
            "system_fingerprint": None,
        }
        self._head = b"data: " + orjson.dumps(about)[:-1] + b',"choices":[{"index":0,"delta":{'
        figures = b',"usage":null' if self._include_usage else b""
        self._tail = b'},"logprobs":null,"finish_reason":null}]' + figures + b"}\n\n"
        return self._chunk({"role": "assistant", "content": "", "refusal": None})

    def _start_block(self, event: BlockStarted) -> bytes:
        block = event.block
        kind = self._kind = type(block)
        self._apart = ""
        if kind is Text:
            if self._text_chars and self._last is not Text:
                self._apart = reasoning.BREAK
        elif kind is Thinking:
            self._apart = reasoning.BREAK if self._thought_said else ""
            self._thought = []
        elif isinstance(block, RedactedThinking):
            return self._tell(block)
        elif isinstance(block, ToolUse):
            return self._start_call(block)
        return b""

    def _grow_text(self, event: TextDelta) -> bytes:
        text = event.text
        if self._apart and text:
            text, self._apart = self._apart + text, ""
        if self._kind is Refusal:
            return self._head + b'"refusal":' + orjson.dumps(text) + self._tail
        self._text_chars += len(text)
        return self._head + b'"content":' + orjson.dumps(text) + self._tail

    def _grow_thought(self, event: ThinkingDelta) -> bytes:
        text = event.text
        self._thought.append(text)
        if text:
            self._thought_said = True
            text, self._apart = self._apart + text, ""
        return self._head + b'"reasoning_content":' + orjson.dumps(text) + self._tail

    def _sign(self, event: SignatureDelta) -> bytes:
        return self._tell(Thinking("".join(self._thought), event.signature))

    def _tell(self, thought: reasoning.Thought) -> bytes:
        if not reasoning.is_signed(thought):
            return b""
        entry = reasoning.write(thought, self._thoughts, self._text_chars, self._calls)
        self._thoughts += 1
        return self._chunk({"reasoning_details": [entry]})

    def _start_call(self, block: ToolUse) -> bytes:
        index = self._calls
        self._calls += 1
        self._call_grown = False
        self._unwrapping = None
        if self._legacy:
            if index:
                self._kind = None
                return b""
            self._call_head, self._call_tail = b'"function_call":{"arguments":', b"}"
            return self._chunk({"function_call": {"name": block.name, "arguments": ""}})
        if block.name in self._freeform:
            self._unwrapping = freeform.Unwrapping()
            self._call_head, self._call_tail = b'"tool_calls":[{"index":%d,"custom":{"input":' % index, b"}}]"
            custom = {"index": index, "id": block.id, "type": "custom", "custom": {"name": block.name, "input": ""}}
            return self._chunk({"tool_calls": [custom]})
        self._call_head, self._call_tail = b'"tool_calls":[{"index":%d,"function":{"arguments":' % index, b"}}]"
        call = {"index": index, "id": block.id, "type": "function", "function": {"name": block.name, "arguments": ""}}
        return self._chunk({"tool_calls": [call]})

    def _grow_input(self, event: InputDelta) -> bytes:
        if self._kind is not ToolUse:
            return b""
        text = event.fragment
        if self._unwrapping is not None:
            text = self._unwrapping.feed(text)
        return self._piece(text) if text else b""

    def _piece(self, text: str) -> bytes:
        self._call_grown = True
        return self._head + self._call_head + orjson.dumps(text) + self._call_tail + self._tail

    def _end_block(self, event: BlockEnded) -> bytes:
        kind, self._kind = self._kind, None
        self._last = kind or self._last
        if kind is not ToolUse:
            return b""
        if self._unwrapping is not None:
            rest = self._unwrapping.end()
            return self._piece(rest) if rest else b""
        return b"" if self._call_grown else self._piece("{}")

    def _finish(self, event: Ended) -> bytes:
        finish = message.FINISHES.get(event.stop, "stop")
        if self._legacy and finish == "tool_calls":
            finish = "function_call"
        last = self._head + self._tail.replace(b'"finish_reason":null', b'"finish_reason":"%s"' % finish.encode(), 1)
        if not self._include_usage:
            return last
        beginning = self._head[: self._head.rindex(b',"choices"')]
        return last + beginning + b',"choices":[],"usage":' + orjson.dumps(usage.write(event.spent)) + b"}\n\n"

    def _close(self, event: Closed) -> bytes:
        self._over = True
        return _CLOSE

    def _ping(self, event: Ping) -> bytes:
        return _PING


_WRITERS: dict[type, Callable[..., bytes]] = {
    TextDelta: Writer._grow_text,
    ThinkingDelta: Writer._grow_thought,
    InputDelta: Writer._grow_input,
    SignatureDelta: Writer._sign,
    Started: Writer._start,
    BlockStarted: Writer._start_block,
    BlockEnded: Writer._end_block,
    Ended: Writer._finish,
    Closed: Writer._close,
    Ping: Writer._ping,
}
