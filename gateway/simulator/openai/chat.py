"""Chat completions: an answer in the bytes of OpenAI's older API, and what its plainer neighbours give."""

import base64
import struct
from time import time
from typing import Any
from zlib import crc32

import orjson

from gateway.simulator.answer import Answer, Block
from gateway.simulator.events import Figures, Frames, distort

FINISHES = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "tool_use": "tool_calls"}
DONE = b"data: [DONE]\n\n"
DIMENSIONS = 8


def figures(answer: Answer) -> Figures:
    """The whole usage object."""
    usage = answer.usage
    return {
        "prompt_tokens": usage.total_input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read_tokens, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": answer.thinking_tokens, "audio_tokens": 0},
    }


def body(answer: Answer, distortion: str | None) -> bytes:
    """The answer as one JSON body."""
    message: Figures = {"role": "assistant", "content": None, "refusal": None, "annotations": []}
    calls = []
    for block in answer.blocks:
        if block.kind == "text":
            message["content"] = block.text
        elif block.kind == "thinking":
            message["reasoning_content"] = block.text
        else:
            calls.append(_call(block, block.text or "{}"))
    if calls:
        message["tool_calls"] = calls
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": FINISHES[answer.stop_reason]}
    whole = _head(answer, "chat.completion") | {"choices": [choice], "usage": figures(answer)}
    distort(whole, distortion)
    return orjson.dumps(whole)


def stream(answer: Answer, tokens_per_event: int, distortion: str | None, *, include_usage: bool) -> Frames:
    """The answer as chunks, `tokens_per_event` tokens in one."""
    frames = Frames()
    head = _head(answer, "chat.completion.chunk")

    def put(delta: Figures, told: int, finish: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        chunk = head | {"choices": [choice]} | ({"usage": None} if include_usage else {})
        frames.append(b"data: %b\n\n" % orjson.dumps(chunk), told)

    put({"role": "assistant", "content": "", "refusal": None}, 0)
    told = calls = 0
    for block in answer.blocks:
        if block.kind == "tool_use":
            put({"tool_calls": [{"index": calls, **_call(block, "")}]}, told)
        for start in range(0, len(block.pieces), tokens_per_event):
            text = "".join(block.pieces[start : start + tokens_per_event])
            told += len(block.pieces[start : start + tokens_per_event])
            if not text:
                continue
            if block.kind == "tool_use":
                put({"tool_calls": [{"index": calls, "function": {"arguments": text}}]}, told)
            else:
                put({"content" if block.kind == "text" else "reasoning_content": text}, told)
        if block.kind == "tool_use":
            if not block.text:
                put({"tool_calls": [{"index": calls, "function": {"arguments": "{}"}}]}, told)
            calls += 1
    put({}, answer.usage.output_tokens, FINISHES[answer.stop_reason])
    if include_usage:
        last = head | {"choices": [], "usage": figures(answer)}
        distort(last, distortion)
        frames.append(b"data: %b\n\n" % orjson.dumps(last), answer.usage.output_tokens)
    frames.append(DONE, answer.usage.output_tokens)
    return frames


def completion(answer: Answer, *, streams: bool) -> Frames:
    """The answer as the oldest API gives it: text alone."""
    frames = Frames()
    head = _head(answer, "text_completion")
    pieces = [block for block in answer.blocks if block.kind == "text"]
    finish = FINISHES[answer.stop_reason]
    if not streams:
        choice: Figures = {"index": 0, "text": "".join(block.text for block in pieces), "logprobs": None, "finish_reason": finish}
        frames.append(orjson.dumps(head | {"choices": [choice], "usage": figures(answer)}), answer.usage.output_tokens)
        return frames
    for block in pieces:
        for told, piece in enumerate(block.pieces, 1):
            choice = {"index": 0, "text": piece, "logprobs": None, "finish_reason": None}
            frames.append(b"data: %b\n\n" % orjson.dumps(head | {"choices": [choice]}), told)
    choice = {"index": 0, "text": "", "logprobs": None, "finish_reason": finish}
    frames.append(b"data: %b\n\n" % orjson.dumps(head | {"choices": [choice]}), answer.usage.output_tokens)
    frames.append(DONE, answer.usage.output_tokens)
    return frames


def embeddings(parsed: Figures, model: str) -> bytes:
    """Vectors that are the same for the same text."""
    given = parsed["input"]
    texts = given if isinstance(given, list) and given and not isinstance(given[0], int) else [given]
    rows = []
    for index, text in enumerate(texts):
        seed = crc32(str(text).encode("utf-8", "replace"))
        vector = [((seed >> place) % 1000) / 1000 for place in range(DIMENSIONS)]
        packed: Any = vector
        if parsed.get("encoding_format") == "base64":
            packed = base64.b64encode(struct.pack(f"<{DIMENSIONS}f", *vector)).decode()
        rows.append({"object": "embedding", "index": index, "embedding": packed})
    tokens = sum((len(str(text)) + 3) // 4 for text in texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return orjson.dumps({"object": "list", "data": rows, "model": model, "usage": usage})


def _head(answer: Answer, kind: str) -> Figures:
    prefix = "cmpl" if kind == "text_completion" else "chatcmpl"
    return {
        "id": f"{prefix}-{answer.id.removeprefix('msg_')}",
        "object": kind,
        "created": int(time()),
        "model": answer.model,
        "service_tier": "default",
        "system_fingerprint": "fp_simulated",
    }


def _call(block: Block, arguments: str) -> Figures:
    identifier = block.id.replace("toolu_", "call_")
    if block.custom:
        return {"id": identifier, "type": "custom", "custom": {"name": block.name, "input": arguments}}
    return {"id": identifier, "type": "function", "function": {"name": block.name, "arguments": arguments}}
