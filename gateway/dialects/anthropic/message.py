"""A whole Messages answer to the neutral form and back.

Owns the fields of a Message and of its `usage`, streamed or not. Writing emits the complete usage object whatever the upstream
told: clients have broken on a missing cache figure.
"""

import re

import orjson

from gateway.core.faults import Fault, FaultKind
from gateway.core.usage import Usage, whole
from gateway.dialects.anthropic import blocks
from gateway.dialects.anthropic.blocks import Wire, rest
from gateway.dialects.anthropic.fault import read_error
from gateway.dialects.anthropic.reply import Missing, add_usage
from gateway.dialects.codec import ToolNames
from gateway.dialects.conversation import Block, Conversation, Opaque, Refusal, Reply, Spent, Text, Thinking, ToolUse
from gateway.dialects.openai_chat import arguments
from gateway.dialects.payloads import parse
from gateway.dialects.reading import GARBLED

_USAGE_KNOWN = (
    *("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "cache_creation"),
    "output_tokens_details",
)
_ODD = re.compile(r"[^a-zA-Z0-9_]")
_PREFIX = re.compile(r"^(?:chatcmpl|resp|msg|gen|cmpl)[-_]")


def read(body: bytes, tool_names: ToolNames) -> Reply:
    """The body of an answer that was not streamed. Raises Fault: GARBLED, or what an error in its place says."""
    try:
        message = parse(body)
    except ValueError:
        message = None
    if isinstance(message, dict) and message.get("type") == "error":
        raise read_error(0, message)
    if not isinstance(message, dict) or not isinstance(message.get("content"), list):
        raise Fault(FaultKind.GARBLED, GARBLED)
    for block in message["content"]:
        mend_input(block)
    try:
        content = blocks.read(message["content"], "content")
    except Fault:
        raise Fault(FaultKind.GARBLED, GARBLED) from None
    content = [renamed(block, tool_names) for block in content]
    calls = any(isinstance(block, ToolUse) for block in content)
    stop, sequence = message.get("stop_reason"), message.get("stop_sequence")
    spent = Spent(Usage())
    tell(spent, message.get("usage"))
    return Reply(
        text_of(message, "id"),
        text_of(message, "model"),
        content,
        stop if isinstance(stop, str) else "tool_use" if calls else "end_turn",
        spent,
        sequence if isinstance(sequence, str) else "",
        rest(message, "id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage"),
    )


def mend_input(block: object) -> None:
    """Makes the input of a tool_use block an object. A model wrote it, so an answer is not lost for what it is instead."""
    if isinstance(block, dict) and block.get("type") == "tool_use" and not isinstance(block.get("input"), dict):
        told = block.get("input")
        block["input"] = arguments.read(told if isinstance(told, str) else orjson.dumps(told).decode())


def renamed(block: Block, tool_names: ToolNames) -> Block:
    """The block with the name of a tool as the client knows it."""
    if isinstance(block, ToolUse) and block.name in tool_names:
        block.name = tool_names[block.name]
    return block


def text_of(wire: Wire, name: str) -> str:
    """A string of an answer, empty when it is none."""
    value = wire.get(name)
    return value if isinstance(value, str) else ""


def tell(spent: Spent, usage: object) -> None:
    """Enters what a `usage` object tells; the last one counts."""
    if not isinstance(usage, dict):
        return
    missing = add_usage(spent.usage, usage)
    if whole(usage.get("input_tokens")) is not None:
        spent.input_reported = Missing.INPUT not in missing
    if Missing.OUTPUT not in missing:
        spent.output_reported = True
    details = usage.get("output_tokens_details")
    if isinstance(details, dict):
        spent.thinking_tokens = whole(details.get("thinking_tokens")) or spent.thinking_tokens
    spent.extras |= rest(usage, *_USAGE_KNOWN)


def write(reply: Reply, conversation: Conversation, created_s: int) -> bytes:
    """The body of an answer. `created_s` is not told in this dialect."""
    content = [wire for block in reply.blocks if (wire := write_block(block)) is not None]
    return orjson.dumps(
        {
            **head(reply.id, conversation.model),
            "content": content,
            "stop_reason": reply.stop,
            "stop_sequence": reply.stop_sequence or None,
            "stop_details": None,
            "container": None,
            "usage": write_usage(reply.spent),
        }
    )


def head(identifier: str, model: str) -> Wire:
    """The first fields of a Message."""
    return {"id": message_id(identifier), "type": "message", "role": "assistant", "model": model}


def message_id(identifier: str) -> str:
    """The id of an answer as Anthropic spells it: the same for the same upstream id, so that logs can be compared."""
    return f"msg_{_ODD.sub('', _PREFIX.sub('', identifier))}"


def write_block(block: Block) -> Wire | None:
    """One block of an answer; None for one that only another dialect knows."""
    if isinstance(block, Opaque):
        return {"type": "text", "text": block.text} if block.text else None
    wire = blocks.write(block)
    if isinstance(block, ToolUse):
        wire["caller"] = {"type": "direct"}
    elif isinstance(block, (Text, Refusal)):
        wire["citations"] = None
    elif isinstance(block, Thinking) and not block.text and not block.signature:
        return None
    return wire


def write_usage(spent: Spent) -> Wire:
    """The whole `usage` object."""
    usage = spent.usage
    return {
        "input_tokens": usage.input_tokens,
        "cache_creation_input_tokens": usage.cache_write_5m_tokens + usage.cache_write_1h_tokens,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_5m_tokens,
            "ephemeral_1h_input_tokens": usage.cache_write_1h_tokens,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"thinking_tokens": spent.thinking_tokens},
        "server_tool_use": None,
        "service_tier": "standard",
    }
