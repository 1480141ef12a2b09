"""A whole chat completion to the neutral form and back.

Owns the fields of a completion and the way between reasons to stop. A completion that called tools stopped for them, whatever
its finish reason says: some servers say `stop`, and a client that believes it drops the calls.
"""

import re

import orjson

from gateway.core.faults import Fault, FaultKind
from gateway.core.usage import Usage
from gateway.dialects.codec import ToolNames
from gateway.dialects.conversation import Conversation, Reply, Spent, Tool, ToolUse
from gateway.dialects.openai_chat import arguments, assistant, reasoning, usage
from gateway.dialects.openai_chat.fault import read_error
from gateway.dialects.payloads import parse
from gateway.dialects.reading import GARBLED

Wire = dict[str, object]

STOPS: dict[str, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
FINISHES: dict[str, str] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "compaction": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
_ODD = re.compile(r"[^a-zA-Z0-9_-]")
_PREFIX = re.compile(r"^(?:msg|resp|chatcmpl)[-_]")


def stop_of(finish: object, *, called: bool) -> str:
    """The neutral reason to stop. `called` tells whether a tool was called."""
    stop = STOPS.get(finish, "end_turn") if isinstance(finish, str) else "end_turn"
    return "tool_use" if called and stop == "end_turn" else stop


def read(body: bytes, tool_names: ToolNames) -> Reply:
    """The body of an answer that was not streamed. Raises Fault: GARBLED, or what an error in its place says."""
    try:
        document = parse(body)
    except ValueError:
        document = None
    if isinstance(document, dict) and document.get("error"):
        raise read_error(0, document)
    choices = document.get("choices") if isinstance(document, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    message = choice.get("message")
    if not isinstance(document, dict) or not isinstance(message, dict):
        raise Fault(FaultKind.GARBLED, GARBLED)
    identifier = document["id"] if isinstance(document.get("id"), str) else ""
    try:
        blocks, extras = assistant.read(message, "message", legacy_id=call_id("", identifier, 0), foreign=True)
    except Fault:
        raise Fault(FaultKind.GARBLED, GARBLED) from None
    calls = [block for block in blocks if isinstance(block, ToolUse)]
    for place, call in enumerate(calls):
        call.name = tool_names.get(call.name, call.name)
        call.id = call_id(call.id, identifier, place)
    spent = Spent(Usage())
    usage.tell(spent, document.get("usage"))
    stop = stop_of(choice.get("finish_reason"), called=bool(calls))
    model = document.get("model")
    return Reply(identifier, model if isinstance(model, str) else "", blocks, stop, spent, extras=extras)


def call_id(identifier: str, answer: str, place: int) -> str:
    """The id of a call; one made of the answer's for a server that gives none, so that two answers never share one."""
    return identifier or f"call_{_ODD.sub('', answer)}_{place}"


def completion_id(identifier: str) -> str:
    """The id of an answer as OpenAI spells it: the same for the same upstream id, so that logs can be compared."""
    return f"chatcmpl-{_ODD.sub('', _PREFIX.sub('', identifier))}"


def freeform_names(conversation: Conversation) -> frozenset[str]:
    """The client's tools that are called with a text."""
    return frozenset(tool.name for tool in conversation.tools if isinstance(tool, Tool) and tool.freeform)


def is_legacy(conversation: Conversation) -> bool:
    """Whether the client offered `functions` and so waits for a `function_call`."""
    return bool(conversation.asked.get("functions")) and not conversation.asked.get("tools")


def write(reply: Reply, conversation: Conversation, created_s: int) -> bytes:
    """The body of an answer. `created_s` is wall-clock seconds."""
    spoken = assistant.Spoken(reply.blocks)
    message: Wire = {"role": "assistant", "content": spoken.text or None, "refusal": spoken.refusal or None, "annotations": []}
    if not spoken.calls and not spoken.refusal:
        message["content"] = spoken.text
    if spoken.thought:
        message["reasoning_content"] = spoken.thought
    signed = [placed for placed in spoken.thoughts if reasoning.is_signed(placed.thought)]
    if signed:
        message["reasoning_details"] = [
            reasoning.write(placed.thought, index, placed.chars, placed.calls) for index, placed in enumerate(signed)
        ]
    finish = FINISHES.get(reply.stop, "stop")
    if spoken.calls and is_legacy(conversation):
        call = spoken.calls[0]
        message["function_call"] = {"name": call.name, "arguments": arguments.write(call.input)}
        finish = "function_call" if finish == "tool_calls" else finish
    elif spoken.calls:
        freeform = freeform_names(conversation)
        message["tool_calls"] = [
            assistant.write_call(call, call.id, call.name, custom=call.name in freeform) for call in spoken.calls
        ]
    return orjson.dumps(
        {
            "id": completion_id(reply.id),
            "object": "chat.completion",
            "created": created_s,
            "model": conversation.model,
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
            "usage": usage.write(reply.spent),
            "service_tier": "default",
            "system_fingerprint": None,
        }
    )
