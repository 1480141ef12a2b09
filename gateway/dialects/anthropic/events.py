"""A streamed Messages answer to neutral events and back.

Owns the order of Anthropic's events and their frames. Reading holds no block: a delta is decoded by a typed pass that skips all
but its one text, everything else by the general parser. It stands what a sloppy upstream does (a second `message_start`, a delta
of another kind than its block, an input that comes whole with the block's start, one that is no object), because nothing of it
may reach a client. An input that begins as an object is passed on as it comes; another one is held back and mended by
`arguments.read`, as every other upstream's.
Writing computes the beginning of a frame once for a block and puts each text between two constants.

Measured per delta: reading 1.3 us with its framing, writing 0.25 us.
"""

from collections.abc import Callable

import msgspec
import orjson

from gateway.core.faults import Fault, FaultKind
from gateway.core.usage import Usage
from gateway.dialects import sse
from gateway.dialects.anthropic import blocks, fault, message
from gateway.dialects.anthropic.blocks import Wire, rest
from gateway.dialects.codec import ToolNames
from gateway.dialects.conversation import Block, Conversation, Opaque, Spent, Text, Thinking, ToolUse
from gateway.dialects.events import (
    BlockEnded,
    BlockStarted,
    Closed,
    Ended,
    Event,
    ExtraDelta,
    InputDelta,
    Ping,
    SignatureDelta,
    Started,
    TextDelta,
    ThinkingDelta,
)
from gateway.dialects.openai_chat import arguments
from gateway.dialects.payloads import parse
from gateway.dialects.reading import GARBLED, TRUNCATED, Reading

_DELTA = b'{"type":"content_block_delta"'


class _OrdinaryDelta(msgspec.Struct):
    type: str
    text: str = ""
    thinking: str = ""
    partial_json: str = ""
    signature: str = ""


class _OrdinaryEvent(msgspec.Struct):
    delta: _OrdinaryDelta


_ordinary = msgspec.json.Decoder(_OrdinaryEvent).decode
# What block a delta belongs to, and how to begin one where the upstream forgot.
_BLOCK_OF: dict[str, str] = {
    "text_delta": "text",
    "citations_delta": "text",
    "thinking_delta": "thinking",
    "signature_delta": "thinking",
    "input_json_delta": "tool_use",
}


class Reader(Reading):
    """One stream from an upstream."""

    def __init__(self, tool_names: ToolNames) -> None:
        super().__init__()
        self._tool_names = tool_names
        self._spent = Spent(Usage())
        self._open = ""  # the kind of the block that is open
        self._whole_input: dict[str, object] = {}  # a tool's input that came with its block's start
        self._is_object = False  # the open tool's input began as an object
        self._odd: list[str] = []  # the pieces of one that did not
        self._started = False
        self._stop: Ended | None = None

    def _has_stopped(self) -> bool:
        return self._stop is not None

    def _take(self, payload: bytes, events: list[Event]) -> None:
        if payload.startswith(_DELTA):
            try:
                delta = _ordinary(payload).delta
            except (msgspec.DecodeError, UnicodeDecodeError):
                pass
            else:
                kind = delta.type
                if kind == "text_delta" and self._open == "text":
                    events.append(TextDelta(delta.text))
                elif kind == "input_json_delta" and self._open == "tool_use":
                    self._take_input(delta.partial_json, events)
                elif kind == "thinking_delta" and self._open == "thinking":
                    events.append(ThinkingDelta(delta.thinking))
                else:
                    self._take_other(payload, events)
                return
        self._take_other(payload, events)

    def _take_other(self, payload: bytes, events: list[Event]) -> None:
        if self._over:
            return
        try:
            document = parse(payload)
            if not isinstance(document, dict):
                raise ValueError
            kind = str(document.get("type"))
            taker = _TAKERS.get(kind)
            if taker is not None:
                if not self._started and kind not in _BEFORE_START:
                    self._begin_message({}, events)
                taker(self, document, events)
        except (ValueError, Fault):
            self._fail(Fault(FaultKind.GARBLED, GARBLED), events)

    def _take_start(self, document: Wire, events: list[Event]) -> None:
        told = document.get("message")
        if not self._started:
            self._begin_message(told if isinstance(told, dict) else {}, events)

    def _begin_message(self, told: Wire, events: list[Event]) -> None:
        self._started = True
        message.tell(self._spent, told.get("usage"))
        self._spent.output_reported = False  # what stands here counts a token or two; the last event tells the sum
        known = ("id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage")
        extras = rest(told, *known)
        events.append(Started(message.text_of(told, "id"), message.text_of(told, "model"), self._spent, extras))

    def _take_block(self, document: Wire, events: list[Event]) -> None:
        self._end_block(events)
        content = document.get("content_block")
        message.mend_input(content)
        if isinstance(content, dict) and content.get("type") == "thinking":
            content.setdefault("signature", "")
        self._begin(message.renamed(blocks.read_one(content, "content_block"), self._tool_names), events)

    def _begin(self, block: Block, events: list[Event]) -> None:
        """A block, empty where it grows; what it came with follows as a delta."""
        self._whole_input = {}
        events.append(BlockStarted(block))
        if isinstance(block, Text):
            self._open = "text"
            if block.text:
                events[-1] = BlockStarted(Text("", extras=block.extras))
                events.append(TextDelta(block.text))
        elif isinstance(block, Thinking):
            self._open = "thinking"
            if block.text or block.signature:
                events[-1] = BlockStarted(Thinking("", extras=block.extras))
                events += [ThinkingDelta(block.text)] if block.text else []
                events += [SignatureDelta(block.signature)] if block.signature else []
        elif isinstance(block, ToolUse):
            self._open = "tool_use"
            self._whole_input, block.input = block.input, {}
        else:
            self._open = "other"

    def _take_delta(self, document: Wire, events: list[Event]) -> None:
        delta = document.get("delta")
        if not isinstance(delta, dict):
            return
        kind = message.text_of(delta, "type")
        fitting = _BLOCK_OF.get(kind)
        if fitting is None or self._open == "other":
            events.append(ExtraDelta(kind, delta))
            return
        if self._open != fitting:
            if fitting == "tool_use":
                return  # a piece of a call that has neither name nor id
            self._end_block(events)
            self._begin(Text("") if fitting == "text" else Thinking(""), events)
        if kind == "text_delta":
            events.append(TextDelta(message.text_of(delta, "text")))
        elif kind == "thinking_delta":
            events.append(ThinkingDelta(message.text_of(delta, "thinking")))
        elif kind == "signature_delta":
            events.append(SignatureDelta(message.text_of(delta, "signature")))
        elif kind == "input_json_delta":
            self._take_input(message.text_of(delta, "partial_json"), events)
        else:
            events.append(ExtraDelta(kind, delta))

    def _take_input(self, piece: str, events: list[Event]) -> None:
        """A piece of the open tool's input, which counts for more than what came with the block's start."""
        if not piece:
            return
        self._whole_input = {}
        if self._is_object or (not self._odd and piece.startswith("{")):
            self._is_object = True
            events.append(InputDelta(piece))
        else:
            self._odd.append(piece)

    def _take_block_end(self, document: Wire, events: list[Event]) -> None:
        self._end_block(events)

    def _end_block(self, events: list[Event]) -> None:
        if not self._open:
            return
        if self._odd:
            self._whole_input = arguments.read("".join(self._odd))
            self._odd = []
            events.append(InputDelta(arguments.write(self._whole_input)))
        elif self._whole_input:
            events.append(InputDelta(arguments.write(self._whole_input)))
        self._whole_input = {}
        self._is_object = False
        self._open = ""
        events.append(BlockEnded())

    def _take_message_delta(self, document: Wire, events: list[Event]) -> None:
        message.tell(self._spent, document.get("usage"))
        delta = document.get("delta")
        delta = delta if isinstance(delta, dict) else {}
        stop = delta.get("stop_reason")
        if isinstance(stop, str):
            sequence = message.text_of(delta, "stop_sequence")
            self._stop = Ended(stop, self._spent, sequence, rest(delta, "stop_reason", "stop_sequence"))

    def _take_stop(self, document: Wire, events: list[Event]) -> None:
        if self._stop is None:
            self._fail(Fault(FaultKind.TRUNCATED, TRUNCATED), events)
        else:
            self._close(events)

    def _take_ping(self, document: Wire, events: list[Event]) -> None:
        events.append(Ping())

    def _take_error(self, document: Wire, events: list[Event]) -> None:
        self._fail(fault.read_error(0, document), events)

    def _close(self, events: list[Event]) -> None:
        assert self._stop is not None
        self._end_block(events)
        self._over = True
        events += (self._stop, Closed())


_TAKERS: dict[str, Callable[[Reader, Wire, list[Event]], None]] = {
    "message_start": Reader._take_start,
    "content_block_start": Reader._take_block,
    "content_block_delta": Reader._take_delta,
    "content_block_stop": Reader._take_block_end,
    "message_delta": Reader._take_message_delta,
    "message_stop": Reader._take_stop,
    "ping": Reader._take_ping,
    "error": Reader._take_error,
}

_BEFORE_START = frozenset({"message_start", "ping", "error"})

_PING = b'event: ping\ndata: {"type": "ping"}\n\n'
_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
_BLOCK_STOP = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n'
_DELTA_HEAD = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":"%s","%s":'
_DELTA_TAIL = b"}}\n\n"


class Writer:
    """One stream to a client. `created_s` is not told in this dialect."""

    def __init__(self, conversation: Conversation, created_s: int) -> None:
        self._model = conversation.model
        self._index = -1
        self._head = b""  # the beginning of the open block's delta frames
        self._unsigned = False  # the open block is thoughts whose signature has not come
        self._skipping = False  # the open block is one that this dialect does not know
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
        """The `error` event, and nothing after it."""
        if self._over:
            return b""
        self._over = True
        return fault.frame(why, request_id)

    def _grow(self, event: TextDelta | ThinkingDelta) -> bytes:
        return self._head + orjson.dumps(event.text) + _DELTA_TAIL if self._head else b""

    def _grow_input(self, event: InputDelta) -> bytes:
        return self._head + orjson.dumps(event.fragment) + _DELTA_TAIL if self._head else b""

    def _sign(self, event: SignatureDelta) -> bytes:
        self._unsigned = False
        head = _DELTA_HEAD % (self._index, b"signature_delta", b"signature")
        return head + orjson.dumps(event.signature) + _DELTA_TAIL

    def _start(self, event: Started) -> bytes:
        told = {
            **message.head(event.id, self._model),
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "stop_details": None,
            "container": None,
            "usage": message.write_usage(event.spent),
        }
        return sse.frame(b"message_start", orjson.dumps({"type": "message_start", "message": told}))

    def _start_block(self, event: BlockStarted) -> bytes:
        block = event.block
        self._head = b""
        self._unsigned = isinstance(block, Thinking)
        self._skipping = isinstance(block, Opaque)
        if self._skipping:
            return b""
        self._index += 1
        wire = message.write_block(Thinking("", "unsigned") if isinstance(block, Thinking) else block)
        assert wire is not None
        kind = wire["type"]
        wire.pop("citations", None)
        if kind == "thinking":
            wire["signature"] = ""
            self._head = _DELTA_HEAD % (self._index, b"thinking_delta", b"thinking")
        elif kind == "text":
            self._head = _DELTA_HEAD % (self._index, b"text_delta", b"text")
        elif kind == "tool_use":
            self._head = _DELTA_HEAD % (self._index, b"input_json_delta", b"partial_json")
        start = {"type": "content_block_start", "index": self._index, "content_block": wire}
        frame = sse.frame(b"content_block_start", orjson.dumps(start))
        return frame + self._head + b'""' + _DELTA_TAIL if kind == "tool_use" else frame

    def _end_block(self, event: BlockEnded) -> bytes:
        self._head = b""
        if self._skipping:
            return b""
        # Clients wait for a signature before they take a block of thoughts for whole.
        signed = self._sign(SignatureDelta("")) if self._unsigned else b""
        return signed + _BLOCK_STOP % self._index

    def _finish(self, event: Ended) -> bytes:
        delta = {"stop_reason": event.stop, "stop_sequence": event.stop_sequence or None, "stop_details": None}
        told = {"type": "message_delta", "delta": delta, "usage": message.write_usage(event.spent)}
        return sse.frame(b"message_delta", orjson.dumps(told))

    def _close(self, event: Closed) -> bytes:
        self._over = True
        return _STOP

    def _ping(self, event: Ping) -> bytes:
        return _PING


_WRITERS: dict[type, Callable[..., bytes]] = {
    TextDelta: Writer._grow,
    ThinkingDelta: Writer._grow,
    InputDelta: Writer._grow_input,
    SignatureDelta: Writer._sign,
    Started: Writer._start,
    BlockStarted: Writer._start_block,
    BlockEnded: Writer._end_block,
    Ended: Writer._finish,
    Closed: Writer._close,
    Ping: Writer._ping,
}
