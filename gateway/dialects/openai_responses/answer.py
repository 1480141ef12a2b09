"""An upstream's answer, as far as it is the same whole or streamed: its items as blocks, why it stopped, how it failed.

Nothing here is trusted: a field that is missing or of another type is taken for empty, and an item without a common name is an
opaque block.
"""

from gateway.dialects import freeform, signatures
from gateway.dialects.codec import ToolNames
from gateway.dialects.conversation import Block, Opaque, Refusal, Text, Thinking, ToolUse
from gateway.dialects.events import BlockEnded, BlockStarted, Event, InputDelta, SignatureDelta, TextDelta, ThinkingDelta
from gateway.dialects.openai_chat import arguments

DIALECT = "openai_responses"
CALLS = frozenset(("function_call", "custom_tool_call"))
FAILED = frozenset(("failed", "cancelled"))
# Thoughts come in parts; a blank line stands between them in one text.
BETWEEN_THOUGHTS = "\n\n"

Item = dict[str, object]


def blocks_of(item: Item, tool_names: ToolNames) -> list[Block]:
    """One item of the output. Words that are empty make no block."""
    kind = word(item.get("type"))
    if kind == "message":
        return [block for part in objects(item.get("content")) for block in _words_of(part)]
    if kind == "reasoning":
        thinking = Thinking(thoughts_of(item), signature_of(item))
        return [thinking] if thinking.text or thinking.signature else []
    if kind in CALLS:
        name = word(item.get("name"))
        return [ToolUse(call_id_of(item), tool_names.get(name, name), arguments_of(item))]
    return [Opaque(kind, item)]


def _words_of(part: Item) -> list[Block]:
    if part.get("type") == "refusal":
        refusal = word(part.get("refusal"))
        return [Refusal(refusal)] if refusal else []
    text = word(part.get("text"))
    return [Text(text)] if text else []


def thoughts_of(item: Item, fields: tuple[str, ...] = ("summary", "content")) -> str:
    """The thoughts of a reasoning item: their summary, or the thoughts themselves where an upstream tells them."""
    for field in fields:
        texts = [word(part.get("text")) for part in objects(item.get(field))]
        if any(texts):
            return BETWEEN_THOUGHTS.join(texts)
    return ""


def signature_of(item: Item) -> str:
    """What the upstream wants back with the thoughts; empty when it said nothing of the kind."""
    content = word(item.get("encrypted_content"))
    return signatures.mark(DIALECT, word(item.get("id")), content) if content else ""


def call_id_of(item: Item) -> str:
    """The id by which a call is answered."""
    return word(item.get("call_id")) or word(item.get("id"))


def arguments_of(item: Item) -> dict[str, object]:
    """The arguments of a call as an object."""
    if item.get("type") == "custom_tool_call":
        return freeform.wrap(word(item.get("input")))
    return arguments.read(item.get("arguments"))


def events_of(block: Block) -> list[Event]:
    """A whole block as events."""
    if isinstance(block, Text | Refusal):
        return [BlockStarted(type(block)("")), TextDelta(block.text), BlockEnded()]
    if isinstance(block, Thinking):
        events: list[Event] = [BlockStarted(Thinking(""))]
        if block.text:
            events.append(ThinkingDelta(block.text))
        if block.signature:
            events.append(SignatureDelta(block.signature))
        return [*events, BlockEnded()]
    if isinstance(block, ToolUse):
        started = BlockStarted(ToolUse(block.id, block.name, {}))
        return [started, InputDelta(arguments.write(block.input)), BlockEnded()]
    return [BlockStarted(block), BlockEnded()]


def stop_of(response: Item, *, called: bool) -> str:
    """Why a response stopped; `called` tells whether it called a tool."""
    if response.get("status") == "incomplete":
        details = response.get("incomplete_details")
        reason = details.get("reason") if isinstance(details, dict) else None
        return "refusal" if reason == "content_filter" else "max_tokens"
    return "tool_use" if called else "end_turn"


def objects(value: object) -> list[Item]:
    """The objects in an array; none in anything else."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def word(value: object) -> str:
    """A string; empty for anything else."""
    return value if isinstance(value, str) else ""
