"""The assistant's message, in a request's history and in an answer alike: to neutral blocks and back.

Owns how a chat message, which has one text, one list of calls and no order between them, holds blocks that have one. Thoughts
find their places again by `reasoning_details`; texts with something between them are set apart by an empty line.
"""

from gateway.dialects import freeform
from gateway.dialects.conversation import Block, Extras, Opaque, RedactedThinking, Refusal, Text, Thinking, ToolUse
from gateway.dialects.openai_chat import arguments, parts, reasoning
from gateway.dialects.openai_chat.wording import misfit, mistyped

Wire = dict[str, object]

_KNOWN = frozenset(
    {"role", "content", "refusal", "tool_calls", "function_call", "reasoning_content", "reasoning", "reasoning_details"}
)


def read(message: Wire, place: str, *, legacy_id: str, foreign: bool = False) -> tuple[list[Block], Extras]:
    """The blocks of a message and what has no common name. Raises Fault.

    `legacy_id` is the id of a `function_call`, which has none. `foreign` tells that an upstream sent it, see `reasoning.read`.
    """
    said = parts.read(message.get("content"), f"{place}.content")
    refusal = message.get("refusal")
    if isinstance(refusal, str) and refusal:
        said.append(Refusal(refusal))
    calls = _read_calls(message, place, legacy_id)
    thoughts = reasoning.read(message.get("reasoning_details"), foreign=foreign)
    if not thoughts:
        bare = message.get("reasoning_content") or message.get("reasoning")
        if isinstance(bare, str) and bare:
            thoughts = [reasoning.Placed(Thinking(bare, reasoning.UNSIGNED), 0, 0)]
    extras = {key: value for key, value in message.items() if key not in _KNOWN and value is not None}
    if not thoughts:
        return [*said, *calls], extras
    plain = len(said) == 1 and isinstance(said[0], Text)
    before, after = reasoning.interleave(said[0].text if plain and isinstance(said[0], Text) else "", len(calls), thoughts)
    blocks: list[Block] = [*before, *([] if plain else said)]
    for call, following in zip(calls, after, strict=True):
        blocks += (call, *following)
    return blocks, extras


def _read_calls(message: Wire, place: str, legacy_id: str) -> list[Block]:
    calls: list[Block] = []
    wanted = message.get("tool_calls")
    if wanted is not None and not isinstance(wanted, list):
        raise mistyped(f"{place}.tool_calls", list)
    for index, call in enumerate(wanted or ()):
        where = f"{place}.tool_calls[{index}]"
        if not isinstance(call, dict):
            raise mistyped(where, dict)
        kind = "custom" if isinstance(call.get("custom"), dict) else "function"
        inner = call.get(kind)
        if not isinstance(inner, dict):
            raise misfit(where, call, "function", dict)
        identifier, name = call.get("id"), inner.get("name")
        if not isinstance(name, str) or not name:
            raise misfit(f"{where}.{kind}", inner, "name", str)
        given = freeform.wrap(str(inner.get("input", ""))) if kind == "custom" else arguments.read(inner.get("arguments"))
        extras = {key: value for key, value in call.items() if key not in ("id", "type", "index", kind) and value is not None}
        calls.append(ToolUse(identifier if isinstance(identifier, str) else "", name, given, extras=extras))
    legacy = message.get("function_call")
    if isinstance(legacy, dict):
        name = legacy.get("name")
        if not isinstance(name, str) or not name:
            raise misfit(f"{place}.function_call", legacy, "name", str)
        calls.append(ToolUse(legacy_id, name, arguments.read(legacy.get("arguments"))))
    return calls


class Spoken:
    """What blocks come to as one message: the text, the refusal, the calls, and the thoughts with their places."""

    __slots__ = ("_apart", "_chars", "_texts", "calls", "refusal", "thoughts")

    def __init__(self, blocks: list[Block]) -> None:
        self.calls: list[ToolUse] = []
        self.thoughts: list[reasoning.Placed] = []
        self._texts: list[str] = []
        self._chars = 0
        self._apart = False
        for block in blocks:
            self._add(block)
        self.refusal = "".join(block.text for block in blocks if isinstance(block, Refusal))

    def _add(self, block: Block) -> None:
        if isinstance(block, Text) or (isinstance(block, Opaque) and block.text):
            said = reasoning.BREAK + block.text if self._apart and self._chars and block.text else block.text
            self._texts.append(said)
            self._chars += len(said)
            self._apart = False
            return
        self._apart = True
        if isinstance(block, ToolUse):
            self.calls.append(block)
        elif isinstance(block, (Thinking, RedactedThinking)):
            self.thoughts.append(reasoning.Placed(block, self._chars, len(self.calls)))

    @property
    def text(self) -> str:
        return "".join(self._texts)

    @property
    def thought(self) -> str:
        """All readable thoughts as one text."""
        return reasoning.BREAK.join(
            placed.thought.text for placed in self.thoughts if isinstance(placed.thought, Thinking) and placed.thought.text
        )


def write_call(call: ToolUse, identifier: str, name: str, *, custom: bool) -> Wire:
    """One entry of `tool_calls`."""
    if custom:
        return {"id": identifier, "type": "custom", "custom": {"name": name, "input": freeform.unwrap(call.input)}}
    return {"id": identifier, "type": "function", "function": {"name": name, "arguments": arguments.write(call.input)}}
