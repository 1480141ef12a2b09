"""Responses: an answer in the bytes of OpenAI's newer API, whole or as numbered events."""

from time import time
from typing import Any

import orjson

from gateway.simulator.answer import Answer, Block
from gateway.simulator.events import Figures, Frames, distort
from gateway.simulator.openai.asked import SEAL


def figures(answer: Answer) -> Figures:
    """The whole usage object."""
    usage = answer.usage
    return {
        "input_tokens": usage.total_input_tokens,
        "input_tokens_details": {"cached_tokens": usage.cache_read_tokens},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": answer.thinking_tokens},
        "total_tokens": usage.total_input_tokens + usage.output_tokens,
    }


def body(answer: Answer, parsed: Figures, distortion: str | None) -> bytes:
    """The answer as one JSON body."""
    whole = _ended(answer, parsed)
    distort(whole, distortion)
    return orjson.dumps(whole)


def stream(answer: Answer, parsed: Figures, tokens_per_event: int, distortion: str | None) -> Frames:
    """The answer as events, `tokens_per_event` tokens in one delta."""
    events = _Events()
    begun = _response(answer, parsed, "in_progress", [])
    events.put("response.created", 0, response=begun)
    events.put("response.in_progress", 0, response=begun)
    told = 0
    for index, block in enumerate(answer.blocks):
        told = _block(events, answer, parsed, index, block, tokens_per_event, told)
    ended = _ended(answer, parsed)
    distort(ended, distortion)
    events.put(f"response.{ended['status']}", answer.usage.output_tokens, response=ended)
    return events.frames


class _Events:
    def __init__(self) -> None:
        self.frames = Frames()

    def put(self, kind: str, told: int, **members: Any) -> None:
        payload = orjson.dumps({"type": kind, "sequence_number": len(self.frames), **members})
        self.frames.append(b"event: %b\ndata: %b\n\n" % (kind.encode(), payload), told)


def _block(events: _Events, answer: Answer, parsed: Figures, index: int, block: Block, tokens_per_event: int, told: int) -> int:
    """Appends the events of one item; returns the tokens told after it."""
    done = _item(answer, parsed, index, block, "completed" if answer.stop_reason != "max_tokens" else "incomplete")
    about = {"item_id": done["id"], "output_index": index}
    empty = done | {"status": "in_progress"} | {name: type(done[name])() for name in _GROWN if name in done}
    empty.pop("encrypted_content", None)
    events.put("response.output_item.added", told, output_index=index, item=empty)
    name, place, part = _growth(block)
    if place:
        events.put(f"response.{part}.added", told, **about, **place, part=_part(block, ""))
    for start in range(0, len(block.pieces), tokens_per_event):
        piece = "".join(block.pieces[start : start + tokens_per_event])
        told += len(block.pieces[start : start + tokens_per_event])
        if piece and (block.kind != "thinking" or block.shown):
            events.put(f"response.{name}.delta", told, **about, **place, delta=piece)
    if block.kind == "tool_use":
        field = "input" if block.custom else "arguments"
        events.put(f"response.{name}.done", told, **about, **{field: done[field]})
    elif place:
        events.put(f"response.{name}.done", told, **about, **place, text=block.text)
        events.put(f"response.{part}.done", told, **about, **place, part=_part(block, block.text))
    events.put("response.output_item.done", told, output_index=index, item=done)
    return told


_GROWN = ("content", "summary", "arguments", "input")


def _growth(block: Block) -> tuple[str, Figures, str]:
    """What a block's deltas are called, where its part is (nowhere for a call or hidden thoughts), what that is called."""
    if block.kind == "text":
        return "output_text", {"content_index": 0}, "content_part"
    if block.kind == "thinking":
        return "reasoning_summary_text", {"summary_index": 0} if block.shown else {}, "reasoning_summary_part"
    return "custom_tool_call_input" if block.custom else "function_call_arguments", {}, ""


def _part(block: Block, text: str) -> Figures:
    if block.kind == "thinking":
        return {"type": "summary_text", "text": text}
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


def _item(answer: Answer, parsed: Figures, index: int, block: Block, status: str) -> Figures:
    suffix = f"{answer.id.removeprefix('msg_')}_{index}"
    if block.kind == "text":
        return {
            "id": f"msg_{suffix}",
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": [_part(block, block.text)],
        }
    if block.kind == "thinking":
        item: Figures = {"id": f"rs_{suffix}", "type": "reasoning", "summary": [_part(block, block.text)] if block.shown else []}
        if "reasoning.encrypted_content" in (parsed.get("include") or ()):
            item["encrypted_content"] = SEAL + block.signature
        return item
    call = {"status": status, "call_id": block.id.replace("toolu_", "call_"), "name": block.name}
    if block.custom:
        return {"id": f"ctc_{suffix}", "type": "custom_tool_call", **call, "input": block.text}
    return {"id": f"fc_{suffix}", "type": "function_call", **call, "arguments": block.text or "{}"}


def _ended(answer: Answer, parsed: Figures) -> Figures:
    cut = answer.stop_reason == "max_tokens"
    status = "incomplete" if cut else "completed"
    output = [
        _item(answer, parsed, index, block, status if index == len(answer.blocks) - 1 else "completed")
        for index, block in enumerate(answer.blocks)
    ]
    whole = _response(answer, parsed, status, output)
    whole["incomplete_details"] = {"reason": "max_output_tokens"} if cut else None
    whole["usage"] = figures(answer)
    return whole


def _response(answer: Answer, parsed: Figures, status: str, output: list[Figures]) -> Figures:
    return {
        "id": f"resp_{answer.id.removeprefix('msg_')}",
        "object": "response",
        "created_at": int(time()),
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": parsed.get("instructions"),
        "max_output_tokens": parsed.get("max_output_tokens"),
        "model": answer.model,
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": parsed.get("reasoning") or {"effort": None, "summary": None},
        "service_tier": "default",
        "store": parsed.get("store", True),
        "temperature": 1.0,
        "text": parsed.get("text") or {"format": {"type": "text"}},
        "tool_choice": parsed.get("tool_choice", "auto"),
        "tools": parsed.get("tools") or [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": None,
        "user": None,
        "metadata": {},
    }
