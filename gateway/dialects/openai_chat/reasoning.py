"""Thoughts in a chat message: `reasoning_content` for people, `reasoning_details` for whoever has to get them back.

Owns the second. OpenAI's own protocol has neither; the first is what DeepSeek began and most clients show, the second is
OpenRouter's list, one entry for each block of thoughts, with its signature. Clients that send a message back as they got it
return it, and so a provider's signatures survive a conversation of several turns.

A chat message has one text and one list of calls, while Claude's thoughts may stand between them, and their place must not
change. So an entry also says after how many characters and how many calls it stood (`at`).
"""

from typing import NamedTuple

from gateway.dialects.conversation import RedactedThinking, Text, Thinking
from gateway.dialects.signatures import mark, owner

Wire = dict[str, object]
Thought = Thinking | RedactedThinking

DIALECT = "openai_chat"
# Whose thoughts they are, by the dialect that marked the signature; unmarked ones are Anthropic's own.
FORMATS = {"": "anthropic-claude-v1", "openai_responses": "openai-responses-v1"}
# Thoughts that came as bare text: nobody signed them, and only a dialect that takes bare text gets them back.
UNSIGNED = mark(DIALECT, "")


class Placed(NamedTuple):
    """A thought, and after how many characters of the text and how many calls it stands."""

    thought: Thought
    chars: int
    calls: int


def is_signed(thought: Thought) -> bool:
    """Whether a client must give it back with what came beside its words. This shape's own thoughts go back as bare text."""
    signature = thought.signature if isinstance(thought, Thinking) else thought.data
    return bool(signature) and owner(signature) != DIALECT


def write(thought: Thought, index: int, chars: int, calls: int) -> Wire:
    """One entry. `index` counts the entries of the message."""
    if isinstance(thought, RedactedThinking):
        signature = thought.data
        kind: Wire = {"type": "reasoning.encrypted", "data": signature}
    else:
        signature = thought.signature
        kind = {"type": "reasoning.text", "text": thought.text, "signature": signature}
    return {**kind, "format": FORMATS.get(owner(signature), "unknown"), "index": index, "at": [chars, calls]}


def read(details: object, *, foreign: bool) -> list[Placed]:
    """The entries that hold something. `foreign` marks what an upstream signed, so that no other provider gets it."""
    placed: list[Placed] = []
    for entry in details if isinstance(details, list) else ():
        if not isinstance(entry, dict):
            continue
        kind, text, signature, data = (entry.get(name) for name in ("type", "text", "signature", "data"))
        thought: Thought | None = None
        if kind == "reasoning.encrypted" and isinstance(data, str) and data:
            thought = RedactedThinking(mark(DIALECT, data) if foreign else data)
        elif kind == "reasoning.text" and (text or signature):
            signature = signature if isinstance(signature, str) else ""
            signed = mark(DIALECT, signature) if foreign or not signature else signature
            thought = Thinking(text if isinstance(text, str) else "", signed)
        elif kind == "reasoning.summary" and isinstance(entry.get("summary"), str):
            thought = Thinking(entry["summary"], UNSIGNED)
        if thought is not None:
            at = entry.get("at")
            chars, calls = at if isinstance(at, list) and len(at) == 2 else (0, 0)
            placed.append(Placed(thought, *(max(0, n) if type(n) is int else 0 for n in (chars, calls))))
    return placed


def interleave(text: str, calls: int, thoughts: list[Placed]) -> tuple[list[Text | Thought], list[list[Thought]]]:
    """Thoughts back in their places: what comes before the first call, and what comes after each call."""
    before: list[Text | Thought] = []
    after: list[list[Thought]] = [[] for _ in range(calls)]
    done = 0
    for thought, chars, count in thoughts:
        if count and calls:
            after[min(count, calls) - 1].append(thought)
            continue
        piece = text[done:chars] if chars > done else ""
        if piece.strip():
            before.append(Text(piece.removeprefix(BREAK) if done else piece))
            done += len(piece)
        before.append(thought)
    rest = text[done:]
    if rest:
        before.append(Text(rest.removeprefix(BREAK) if done else rest))
    return before, after


# Between two texts that had something between them; a chat message has only one text.
BREAK = "\n\n"
