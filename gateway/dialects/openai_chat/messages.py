"""The conversation inside a chat request: `messages`, to neutral turns and back.

Owns the roles, and the pairs of calls and results. OpenAI answers a broken pair with a 400 of its own words, and clients know
them, so the pairs are checked as it does before anything is read. Results stand in messages of their own here, and in one user's
turn in the neutral form; written, they come first and in the order of their calls, as servers of this shape demand.
"""

from gateway.core.profile import Profile
from gateway.dialects import signatures
from gateway.dialects.conversation import (
    Block,
    Conversation,
    Document,
    Image,
    RedactedThinking,
    Text,
    Thinking,
    Tool,
    ToolResult,
    ToolUse,
    Turn,
)
from gateway.dialects.instructions import NOTHING_SAID, reminder
from gateway.dialects.losses import Losses
from gateway.dialects.names import Names
from gateway.dialects.openai_chat import assistant, call_ids, parts, reasoning
from gateway.dialects.openai_chat.wording import invalid, misfit, mistyped, no_call, no_results

Wire = dict[str, object]

ROLES = ("developer", "system", "user", "assistant", "tool", "function")


def read(document: Wire) -> tuple[list[Text], list[Turn]]:
    """The instructions before the first turn, and the turns. Raises Fault."""
    messages = document.get("messages")
    if not isinstance(messages, list):
        raise misfit("", document, "messages", list)
    if not messages:
        raise invalid("messages", "it must have at least one message")
    for index, message in enumerate(messages):
        if not isinstance(message, dict):
            raise mistyped(f"messages[{index}]", dict)
        if message.get("role") not in ROLES:
            raise invalid(f"messages[{index}].role", f"it must be one of {', '.join(ROLES)}")
    _check_pairs(messages)
    system: list[Text] = []
    turns: list[Turn] = []
    for index, message in enumerate(messages):
        turn = _read_one(message, index)
        words = [block for block in turn.blocks if isinstance(block, Text)]
        if turn.role == "system" and not turns and not turn.extras and len(words) == len(turn.blocks):
            system += words
        elif turns and _answers(turn) and _answers(turns[-1]):
            turns[-1].blocks.extend(turn.blocks)
        else:
            turns.append(turn)
    return system, turns


def _answers(turn: Turn) -> bool:
    return turn.role == "user" and not turn.extras and bool(turn.blocks) and isinstance(turn.blocks[-1], ToolResult)


def _read_one(message: Wire, index: int) -> Turn:
    role, place = message["role"], f"messages[{index}]"
    if role == "assistant":
        blocks, extras = assistant.read(message, place, legacy_id=_legacy_id(message))
        return Turn("assistant", blocks, extras)
    content = parts.read(message.get("content"), f"{place}.content")
    known = {"role", "content", "tool_call_id"} if role == "tool" else {"role", "content"}
    extras = {key: value for key, value in message.items() if key not in known and value is not None}
    if role == "tool":
        return Turn("user", [ToolResult(str(message["tool_call_id"]), content)], extras)
    if role == "function":
        extras.pop("name", None)
        return Turn("user", [ToolResult(_legacy_id(message), content)], extras)
    if message.get("content") is None:
        raise misfit(place, message, "content", str)
    return Turn("user" if role == "user" else "system", content, extras)


def _legacy_id(message: Wire) -> str:
    """The id of an older `function_call`, and of the message that answers it: by the name, which is all they share."""
    call = message.get("function_call") if message["role"] == "assistant" else message
    name = call.get("name") if isinstance(call, dict) else None
    return f"call_{name}" if isinstance(name, str) else ""


def _check_pairs(messages: list[Wire]) -> None:
    """Each call is answered at once and once, each result is to a call."""
    waiting: dict[str, None] = {}
    for index, message in enumerate(messages):
        role = message["role"]
        if role in ("tool", "function"):
            answered = message.get("tool_call_id") if role == "tool" else _legacy_id(message)
            if role == "tool" and not isinstance(answered, str):
                raise misfit(f"messages[{index}]", message, "tool_call_id", str)
            if answered not in waiting:
                raise no_call(index)
            del waiting[str(answered)]
            continue
        if waiting:
            raise no_results(list(waiting))
        calls = message.get("tool_calls") if role == "assistant" else None
        for place, call in enumerate(calls if isinstance(calls, list) else ()):
            if isinstance(call, dict) and not isinstance(call.get("id"), str):
                raise misfit(f"messages[{index}].tool_calls[{place}]", call, "id", str)
            if isinstance(call, dict):
                waiting[call["id"]] = None
        if role == "assistant" and isinstance(message.get("function_call"), dict):
            waiting[_legacy_id(message)] = None
    if waiting:
        raise no_results(list(waiting))


def write(conversation: Conversation, profile: Profile, names: Names, losses: Losses) -> list[Wire]:
    """The messages for an upstream. Raises Fault for what cannot be carried."""
    return _Writing(conversation, profile, names, losses).messages


class _Writing:
    """One conversation as it is written: what has to be remembered from one turn to the next."""

    def __init__(self, conversation: Conversation, profile: Profile, names: Names, losses: Losses) -> None:
        self.messages: list[Wire] = []
        self._profile = profile
        self._names = names
        self._losses = losses
        self._calls: list[str] = []  # the ids of the last assistant's calls, in their order
        self._freeform = {
            tool.name for tool in conversation.tools if isinstance(tool, Tool) and tool.freeform and profile.freeform_tools
        }
        for block in conversation.system:
            losses.judge_all("system", block.extras)
            if block.cache:
                losses.drop("cache")
        system = parts.PARAGRAPH.join(block.text for block in conversation.system)
        if system:
            self.messages.append({"role": profile.system_role, "content": system})
        for turn in conversation.turns:
            losses.judge_all("messages", turn.extras)
            blocks = losses.carry(turn.blocks, marks=False)
            if turn.role == "assistant":
                self._say(blocks)
            elif turn.role == "system":
                self._instruct(blocks)
            else:
                self._ask(blocks)
        if not self.messages:
            self._append_user([Text(NOTHING_SAID)])

    def _instruct(self, blocks: list[Block]) -> None:
        text = parts.PARAGRAPH.join(block.text for block in self._losses.words_of(blocks) if block.text)
        if not text:
            return
        if self._profile.system_anywhere:
            self.messages.append({"role": self._profile.system_role, "content": text})
        else:
            self._append_user([Text(reminder(text))])

    def _ask(self, blocks: list[Block]) -> None:
        results = [block for block in blocks if isinstance(block, ToolResult)]
        order = {identifier: place for place, identifier in enumerate(self._calls)}
        results.sort(key=lambda result: order.get(result.id, len(order)))
        shown: list[Block] = []
        for result in results:
            shown += self._answer(result)
        self._append_user([*shown, *(block for block in blocks if not isinstance(block, ToolResult))])

    def _append_user(self, blocks: list[Block]) -> None:
        content = parts.write(blocks, self._profile, self._losses)
        if content:
            self.messages.append({"role": "user", "content": content})

    def _answer(self, result: ToolResult) -> list[Block]:
        """Writes a result; returns what a message of this role cannot hold, with words that say where it belongs."""
        texts: list[Block] = []
        shown: list[Block] = []
        for block in result.blocks:
            textual = isinstance(block, Text) or (isinstance(block, Document) and block.source.kind == "text")
            (texts if textual else shown).append(block)
        content = parts.write(texts, self._profile, self._losses)
        text = content if isinstance(content, str) else ""
        if shown:
            note = "[What the tool returned beside this follows in the next message.]"
            text = f"{text}\n{note}" if text else note
        if result.is_error and not text[:5].lower().startswith("error"):
            text = f"Error: {text}"
        identifier = call_ids.write(result.id, self._profile.tool_id_chars_max)
        self.messages.append({"role": "tool", "tool_call_id": identifier, "content": text})
        return [Text(f"[Returned by the tool call {identifier}:]"), *shown] if shown else []

    def _say(self, blocks: list[Block]) -> None:
        spoken = assistant.Spoken(blocks)
        message: Wire = {"role": "assistant", "content": spoken.text or None}
        if spoken.refusal:
            message["refusal"] = spoken.refusal
        self._calls = [call.id for call in spoken.calls]
        if spoken.calls:
            message["tool_calls"] = [self._write_call(call) for call in spoken.calls]
        self._think(message, spoken)
        for block in blocks:
            if isinstance(block, (Image, Document, ToolResult)):
                self._losses.drop(self._losses.path(block))
        if spoken.text or spoken.refusal or spoken.calls:
            self.messages.append(message)

    def _write_call(self, call: ToolUse) -> Wire:
        identifier = call_ids.write(call.id, self._profile.tool_id_chars_max)
        return assistant.write_call(call, identifier, self._names.write(call.name), custom=call.name in self._freeform)

    def _think(self, message: Wire, spoken: assistant.Spoken) -> None:
        profile = self._profile
        if spoken.thought and profile.reasoning_field:
            message[profile.reasoning_field] = spoken.thought
        elif any(isinstance(placed.thought, Thinking) for placed in spoken.thoughts):
            self._losses.drop("thinking")
        signed = [placed for placed in spoken.thoughts if _own(placed.thought)] if profile.reasoning_details else []
        if signed:
            message["reasoning_details"] = [
                reasoning.write(_unmarked(placed.thought), index, placed.chars, placed.calls)
                for index, placed in enumerate(signed)
            ]
        if any(isinstance(placed.thought, RedactedThinking) and placed not in signed for placed in spoken.thoughts):
            self._losses.drop("redacted")


def _own(thought: reasoning.Thought) -> bool:
    """Whether a server of this shape signed it."""
    signature = thought.signature if isinstance(thought, Thinking) else thought.data
    return signatures.owner(signature) == reasoning.DIALECT


def _unmarked(thought: reasoning.Thought) -> reasoning.Thought:
    if isinstance(thought, Thinking):
        return Thinking(thought.text, signatures.parts(thought.signature, 1)[0])
    return RedactedThinking(signatures.parts(thought.data, 1)[0])
