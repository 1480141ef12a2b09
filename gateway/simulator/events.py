"""Events: an answer in the bytes of the Messages API, as a stream or as one body.

Owns the exact framing, with the zero to fifteen spaces that the live API puts before the last brace of each payload. Knows no
socket and decides nothing. `Frames` carries, beside each event, the output tokens told by then: pacing and truth need it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from gateway.core.usage import Usage
from gateway.simulator.answer import Answer, Block

PING = b'event: ping\ndata: {"type": "ping"}\n\n'
# A fixed walk through 0..15: it looks irregular, and the same answer always has the same bytes.
_PADS = [b" " * (place * 7 % 16) for place in range(16)]

Figures = dict[str, Any]


@dataclass(slots=True)
class Frames:
    """Pieces of a payload in order, and the output tokens told once each is out (0 before the first token)."""

    bytes_of: list[bytes] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)

    def append(self, frame: bytes, tokens: int) -> None:
        self.bytes_of.append(frame)
        self.tokens.append(tokens)

    def __len__(self) -> int:
        return len(self.bytes_of)

    def __repr__(self) -> str:
        return f"<Frames {len(self)} of {sum(map(len, self.bytes_of))} bytes>"


def body(answer: Answer, distortion: str | None) -> bytes:
    """The answer as one compact JSON body."""
    message = _message(answer)
    message["content"] = [_whole_block(block) for block in answer.blocks]
    message["stop_reason"] = answer.stop_reason
    message["stop_sequence"] = answer.stop_sequence
    message["usage"] = usage_figures(answer.usage, answer.usage.output_tokens, answer.thinking_tokens)
    distort(message, distortion)
    return orjson.dumps(message)


def stream(answer: Answer, tokens_per_event: int, distortion: str | None) -> Frames:
    """The answer as server-sent events, `tokens_per_event` tokens in one delta."""
    frames = Frames()
    message = _message(answer)
    message["usage"] = usage_figures(answer.usage, 1, 0)
    distort(message, distortion)
    frames.append(_event("message_start", {"type": "message_start", "message": message}, 0), 0)
    told = 0
    for index, block in enumerate(answer.blocks):
        told = _block_events(frames, index, block, tokens_per_event, told)
    delta = {"stop_reason": answer.stop_reason, "stop_sequence": answer.stop_sequence, "stop_details": None, "container": None}
    last: Figures = {"type": "message_delta", "delta": delta}
    last["usage"] = final_figures(answer.usage, answer.thinking_tokens)
    distort(last, distortion)
    frames.append(_event("message_delta", last, len(frames)), answer.usage.output_tokens)
    frames.append(_event("message_stop", {"type": "message_stop"}, len(frames)), answer.usage.output_tokens)
    return frames


def _event(name: str, payload: Figures, place: int) -> bytes:
    written = orjson.dumps(payload)
    return b"event: %b\ndata: %b%b}\n\n" % (name.encode(), written[:-1], _PADS[place % 16])


def _block_events(frames: Frames, index: int, block: Block, tokens_per_event: int, told: int) -> int:
    """Appends the events of one block; returns the tokens told after it."""
    frames.append(
        _event(
            "content_block_start",
            {"type": "content_block_start", "index": index, "content_block": _START[block.kind](block)},
            len(frames),
        ),
        told,
    )
    if index == 0:
        frames.append(PING, told)
    kind, name = _DELTA[block.kind]
    before = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":"%b","%b":' % (
        index,
        kind,
        name,
    )
    if block.kind == "tool_use":
        frames.append(before + b'""}}\n\n', told)
    if block.shown:
        pieces = block.pieces
        for start in range(0, len(pieces), tokens_per_event):
            part = pieces[start : start + tokens_per_event]
            written = orjson.dumps(part[0] if len(part) == 1 else "".join(part))
            if written == b'""':
                continue
            frames.append(b"%b%b}%b}\n\n" % (before, written, _PADS[len(frames) % 16]), told + start + len(part))
    told += len(block.pieces)
    if block.kind == "thinking":
        delta = {"type": "signature_delta", "signature": block.signature}
        frames.append(
            _event("content_block_delta", {"type": "content_block_delta", "index": index, "delta": delta}, len(frames)), told
        )
    frames.append(_event("content_block_stop", {"type": "content_block_stop", "index": index}, len(frames)), told)
    return told


def _call_start(block: Block) -> Figures:
    return {"type": "tool_use", "id": block.id, "name": block.name, "input": {}, "caller": {"type": "direct"}}


_START: dict[str, Callable[[Block], Figures]] = {
    "text": lambda _: {"type": "text", "text": ""},
    "thinking": lambda _: {"type": "thinking", "thinking": "", "signature": ""},
    "tool_use": _call_start,
}
_DELTA = {
    "text": (b"text_delta", b"text"),
    "thinking": (b"thinking_delta", b"thinking"),
    "tool_use": (b"input_json_delta", b"partial_json"),
}


def _message(answer: Answer) -> Figures:
    return {
        "model": answer.model,
        "id": answer.id,
        "type": "message",
        "role": "assistant",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
        "container": None,
        "diagnostics": None,
    }


def _whole_block(block: Block) -> Figures:
    if block.kind == "text":
        return {"type": "text", "text": block.text, "citations": None}
    if block.kind == "thinking":
        return {"type": "thinking", "thinking": block.text if block.shown else "", "signature": block.signature}
    call = _call_start(block)
    try:
        call["input"] = orjson.loads(block.text or "{}")
    except orjson.JSONDecodeError:
        call["input"] = {}  # cut by max_tokens: half an object is none
    return call


def usage_figures(usage: Usage, output_tokens: int, thinking_tokens: int) -> Figures:
    """The whole usage object of a message."""
    return {
        "input_tokens": usage.input_tokens,
        "cache_creation_input_tokens": usage.cache_write_5m_tokens + usage.cache_write_1h_tokens,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_5m_tokens,
            "ephemeral_1h_input_tokens": usage.cache_write_1h_tokens,
        },
        "output_tokens": output_tokens,
        "output_tokens_details": {"thinking_tokens": thinking_tokens} if thinking_tokens else None,
        "server_tool_use": None,
        "service_tier": "standard",
        "speed": None,
        "inference_geo": "global",
    }


def final_figures(usage: Usage, thinking_tokens: int) -> Figures:
    """The cumulative usage object of message_delta."""
    return {
        "input_tokens": usage.input_tokens,
        "cache_creation_input_tokens": usage.cache_write_5m_tokens + usage.cache_write_1h_tokens,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"thinking_tokens": thinking_tokens} if thinking_tokens else None,
        "server_tool_use": None,
    }


_WEIRD = ("negative", "huge", "string", "null", "fraction")
_FIGURE: dict[str, Callable[[int], Any]] = {
    "negative": lambda value: -value - 1,
    "huge": lambda value: 9_000_000_000_000_000_000 + value,
    "string": str,
    "fraction": lambda value: value + 0.5,
    "null": lambda _: None,
}


def distort(holder: Figures, distortion: str | None) -> None:
    """Spoils `holder["usage"]` in the way a script asks for."""
    if distortion is None:
        return
    if distortion == "missing":
        del holder["usage"]
        return
    figures = holder["usage"]
    names = [name for name, value in figures.items() if type(value) is int]
    for place, name in enumerate(names):
        figures[name] = _FIGURE[_WEIRD[place % len(_WEIRD)] if distortion == "weird" else distortion](figures[name])
