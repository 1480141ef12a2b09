"""Turns as an upstream gets them: items of an input.

Owns what the API demands of a list of items: answers to calls stand alone, thoughts come back only to whoever wrote them, and
words of one turn that stand together are one message. Pictures in the answer of a tool may stay there.
"""

from gateway.core.profile import Profile
from gateway.dialects import freeform, signatures
from gateway.dialects.conversation import (
    Block,
    Conversation,
    Document,
    Image,
    RedactedThinking,
    Refusal,
    Text,
    Thinking,
    Tool,
    ToolResult,
    ToolUse,
)
from gateway.dialects.instructions import NOTHING_SAID, reminder
from gateway.dialects.losses import Losses
from gateway.dialects.names import Names
from gateway.dialects.openai_chat import arguments, call_ids
from gateway.dialects.openai_responses.answer import DIALECT

Wire = dict[str, object]

PARAGRAPH = "\n\n"
# This wire has no mark for an answer that is an error.
ERROR = "Error: "
_ROLES = {"user": "user", "assistant": "assistant", "system": "developer"}


def write(conversation: Conversation, profile: Profile, names: Names, losses: Losses) -> list[Wire]:
    """The input for an upstream. Raises Fault for what it cannot have."""
    return _Writing(conversation, profile, names, losses).items


class _Writing:
    """One conversation as it is written: what has to be remembered from one turn to the next."""

    def __init__(self, conversation: Conversation, profile: Profile, names: Names, losses: Losses) -> None:
        self._profile = profile
        self._names = names
        self._losses = losses
        offered = [tool for tool in conversation.tools if isinstance(tool, Tool)]
        self._freeform = {tool.name for tool in offered if tool.freeform and profile.freeform_tools}
        self._custom: set[str] = set()  # ids of calls that were written as calls of a custom tool
        self.items: list[Wire] = []
        for turn in conversation.turns:
            losses.judge_all("messages", turn.extras)
            blocks = losses.carry(turn.blocks, marks=profile.cache_marks)
            if turn.role == "system" and not profile.system_anywhere:
                self._write_turn("user", [Text(reminder(block.text)) for block in blocks if isinstance(block, Text)])
            else:
                self._write_turn(_ROLES[turn.role], blocks)

    def _write_turn(self, role: str, blocks: list[Block]) -> None:
        parts: list[Wire] = []
        before = len(self.items)
        for block in blocks:
            if isinstance(block, ToolResult):
                self.items.append(self._result(block))
            elif isinstance(block, Thinking | RedactedThinking | ToolUse):
                self._end_message(role, parts)
                parts = []
                self._write_alone(block)
            else:
                parts += self._parts(block, role)
        self._end_message(role, parts)
        if role == "user" and len(self.items) == before:
            self._end_message(role, [{"type": "input_text", "text": NOTHING_SAID}])  # no input at all is refused
        while self.items and self.items[-1]["type"] == "reasoning":
            self.items.pop()  # thoughts that led to nothing are refused
            self._losses.drop("thinking")

    def _end_message(self, role: str, parts: list[Wire]) -> None:
        if parts:
            self.items.append({"type": "message", "role": role, "content": parts})

    def _write_alone(self, block: Thinking | RedactedThinking | ToolUse) -> None:
        if isinstance(block, ToolUse):
            self.items.append(self._call(block))
        elif isinstance(block, RedactedThinking):
            self._losses.drop("redacted")
        elif signatures.owner(block.signature) != DIALECT:
            self._losses.drop("thinking")
        else:
            identifier, content = signatures.parts(block.signature, 2)
            item: Wire = {"type": "reasoning", "summary": [{"type": "summary_text", "text": block.text}] if block.text else []}
            if identifier:
                item["id"] = identifier
            self.items.append({**item, "encrypted_content": content})

    def _call(self, block: ToolUse) -> Wire:
        called: Wire = {"call_id": self._call_id(block.id), "name": self._names.write(block.name)}
        if block.name in self._freeform:
            self._custom.add(block.id)
            return {"type": "custom_tool_call", **called, "input": freeform.unwrap(block.input)}
        return {"type": "function_call", **called, "arguments": arguments.write(block.input)}

    def _result(self, block: ToolResult) -> Wire:
        parts = [part for inner in block.blocks for part in self._parts(inner, "user")]
        kind = "custom_tool_call_output" if block.id in self._custom else "function_call_output"
        output: object = parts
        if all(part["type"] == "input_text" for part in parts):
            text = PARAGRAPH.join(str(part["text"]) for part in parts)
            output = ERROR + text if block.is_error and not text[:5].lower().startswith("error") else text
        elif block.is_error:
            output = [{"type": "input_text", "text": ERROR.strip()}, *parts]
        return {"type": kind, "call_id": self._call_id(block.id), "output": output}

    def _parts(self, block: Block, role: str) -> list[Wire]:
        if isinstance(block, Text | Refusal):
            kind = "output_text" if role == "assistant" else "input_text"
            return [{"type": kind, "text": block.text}] if block.text else []
        if isinstance(block, Image):
            return [self._image(block)]
        if isinstance(block, Document):
            return self._document(block)
        return []

    def _image(self, block: Image) -> Wire:
        source = block.source
        if not self._profile.images:
            raise self._losses.refuse("messages.content", "could not process image: the model asked for takes none", source.place)
        detail = block.detail or "auto"
        if source.kind == "base64":
            return {"type": "input_image", "detail": detail, "image_url": f"data:{source.media_type};base64,{source.data}"}
        if source.kind == "url" and self._profile.image_urls:
            return {"type": "input_image", "detail": detail, "image_url": source.data}
        raise self._losses.refuse("messages.content", "an image must be sent as base64 to the model asked for", source.place)

    def _document(self, block: Document) -> list[Wire]:
        source = block.source
        heading = PARAGRAPH.join(filter(None, (block.title, block.context)))
        if source.kind == "text":
            return [{"type": "input_text", "text": f"{heading}{PARAGRAPH}{source.data}" if heading else source.data}]
        if source.kind == "blocks":
            parts: list[Wire] = [{"type": "input_text", "text": heading}] if heading else []
            return parts + [part for inner in source.blocks for part in self._parts(inner, "user")]
        if not self._profile.documents:
            raise self._losses.refuse("messages.content", "the model asked for does not support PDF input", source.place)
        if source.kind == "file":
            raise self._losses.refuse("messages.content", "a file by its id is known to its own provider only", source.place)
        file: Wire = {"type": "input_file", "filename": block.title or "document.pdf"}
        if source.kind == "url":
            file = {"type": "input_file", "file_url": source.data}
        else:
            file["file_data"] = f"data:{source.media_type};base64,{source.data}"
        return [{"type": "input_text", "text": block.context}, file] if block.context else [file]

    def _call_id(self, identifier: str) -> str:
        return call_ids.write(identifier, self._profile.tool_id_chars_max)
