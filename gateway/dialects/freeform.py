"""Freeform tools: called with a text, where most dialects call with a JSON object.

Owns the way a text travels as an object, `{"input": text}`, and back, also while it streams in. Strategy for the stream: the
object has one member and its value is a string, so everything after the first quote of the value is text until the closing
quote; an escape that is cut in the middle waits for its rest.
"""

import json
import re

import orjson

from gateway.dialects.conversation import FREEFORM_INPUT, Tool
from gateway.dialects.openai_chat.arguments import UNPARSED

SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {FREEFORM_INPUT: {"type": "string"}},
    "required": [FREEFORM_INPUT],
    "additionalProperties": False,
}

_HEAD = re.compile(rf'\s*\{{\s*"{FREEFORM_INPUT}"\s*:\s*"')
# The longest run of JSON string text in which no escape is unfinished. Nothing follows the group, so it never gives back what it
# took; possessive, it would go wrong in the Pythons before 3.11.5. The first half of a pair is only whole with what follows it.
_WHOLE = re.compile(
    r'(?:[^"\\]++|\\[^u]|\\u(?![dD][89abAB])[0-9a-fA-F]{4}|\\u[dD][89abAB][0-9a-fA-F]{2}(?:\\u[0-9a-fA-F]{4}|(?=[^\\]|\\[^u])))*',
    re.DOTALL,
)
_HEAD_CHARS_MAX = 200  # what does not begin as it should by then is something else
_ESCAPE_CHARS_MAX = 12  # a pair of \uXXXX; if more than this does not make an escape, it never will


def description(tool: Tool) -> str:
    """What a model must know of a freeform tool when it can only be offered as a tool that takes an object."""
    if not tool.grammar:
        return tool.description
    return (
        f"{tool.description}\n\nThe value of `{FREEFORM_INPUT}` must follow this {tool.syntax} grammar:\n{tool.grammar}".strip()
    )


def wrap(text: str) -> dict[str, object]:
    """The object that a text travels as."""
    return {FREEFORM_INPUT: text}


def unwrap(arguments: dict[str, object]) -> str:
    """The text in such an object, or what a model wrote instead of one; of another object its JSON, so that nothing is lost."""
    text = arguments.get(FREEFORM_INPUT, arguments.get(UNPARSED))
    if isinstance(text, str) and len(arguments) == 1:
        return text
    return orjson.dumps(arguments).decode()


class Unwrapping:
    """The same for one streamed input. What `feed` and `end` return is together what `unwrap` would."""

    __slots__ = ("_done", "_held", "_inside", "_other")

    def __init__(self) -> None:
        self._held = ""
        self._inside = False
        self._done = False
        self._other: list[str] = []  # the pieces of an input that is no such object

    def feed(self, fragment: str) -> str:
        """The text that is certain with this piece of JSON."""
        if self._done:
            return ""
        if self._other:
            self._other.append(fragment)
            return ""
        held = self._held + fragment
        if not self._inside:
            head = _HEAD.match(held)
            if head is None:
                self._held = held
                if len(held) > _HEAD_CHARS_MAX:
                    self._other.append(held)
                return ""
            self._inside = True
            held = held[head.end() :]
        found = _WHOLE.match(held)
        text = found[0] if found else ""
        rest = held[len(text) :]
        if len(rest) > _ESCAPE_CHARS_MAX and not rest.startswith('"'):
            text, rest = held, ""
        self._done = rest.startswith('"')
        self._held = "" if self._done else rest
        return _unescape(text)

    def end(self) -> str:
        """What is left: of an input that was no such object, all of it; of one that was cut, nothing."""
        held = "".join(self._other) or self._held
        self._held = ""
        self._other = []
        if self._inside or not held.strip():
            return ""
        try:
            arguments = orjson.loads(held)
        except orjson.JSONDecodeError:
            return held
        return unwrap(arguments) if isinstance(arguments, dict) else held


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    try:
        return str(json.loads(f'"{text}"', strict=False)).encode("utf-8", "replace").decode()
    except ValueError:
        return text
