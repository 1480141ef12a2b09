"""The conversation inside a request: `messages`, their blocks, and the pairs of tool calls and results.

Owns the checks of shape that hold for every model and every beta. Refuses to know a list of roles, block types or fields: what
is not known here passes, since newer clients are served by the same gateway. A block type that is known must have its required
fields.

The pairing of `tool_use` and `tool_result` is checked only where nothing can make an odd-looking conversation right: all roles
and blocks plain, and no field in the request that edits or continues a conversation elsewhere.
"""

import re
from typing import Final

from gateway.core.faults import Fault
from gateway.dialects.anthropic.wording import DICTIONARY, EXTRA, LIST, REQUIRED, STRING, at, invalid, misfit

MESSAGES_MAX: Final = 100_000
TOOL_USE_ID: Final = re.compile(r"[a-zA-Z0-9_-]+")
# An id goes into an error text; real ones have about 30 characters.
ID_SHOWN_CHARS_MAX: Final = 100
ID_PATTERN: Final = "String should match pattern '^[a-zA-Z0-9_-]+$'"

# The fields a known block must have, in the order in which they are missed.
FIELDS: Final[dict[str, tuple[tuple[str, type], ...]]] = {
    "text": (("text", str),),
    "image": (("source", dict),),
    "document": (("source", dict),),
    "thinking": (("signature", str), ("thinking", str)),
    "redacted_thinking": (("data", str),),
    "tool_use": (("id", str), ("input", dict), ("name", str)),
    "tool_result": (("tool_use_id", str),),
}

CALL_BLOCKS: Final = frozenset({"tool_use", "tool_result"})
PLAIN_ROLES: Final = frozenset({"user", "assistant"})
PLAIN_BLOCKS: Final = frozenset({*FIELDS, "search_result"})
# With one of these in the request the upstream may see another conversation than the one in `messages`.
EDITING_FIELDS: Final = frozenset({"thread", "context_management", "container", "compaction", "mcp_servers", "fallbacks"})

Block = dict[str, object]


def check(document: dict[str, object], *, count_tokens: bool, strict_documents: bool) -> int:
    """Checks `messages` and returns how many blocks carry `cache_control`.

    `strict_documents` applies what `anthropic-version: 2026-10-21` forbids: a `document` directly in an assistant message, and
    citations on a user's text. Raises Fault.
    """
    messages = document.get("messages")
    if type(messages) is not list:
        raise misfit("", document, "messages", list)
    if not messages:
        raise at("messages", "at least one message is required")
    if len(messages) > MESSAGES_MAX:
        raise at("messages", f"List should have at most {MESSAGES_MAX} items after validation, not {len(messages)}")
    breakpoints = 0
    kinds: set[str] = set()
    roles: set[str] = set()
    for index, message in enumerate(messages):
        if type(message) is not dict:
            raise at(f"messages.{index}", DICTIONARY)
        role = message.get("role")
        if type(role) is not str:
            raise misfit(f"messages.{index}", message, "role", str)
        roles.add(role)
        content = message.get("content")
        if type(content) is list:
            breakpoints += _check_blocks(index, content, kinds)
            if strict_documents:
                _check_documents(index, role, content)
        elif type(content) is not str:
            if role in PLAIN_ROLES:
                raise at(f"messages.{index}.content", LIST if "content" in message else REQUIRED)
        elif not content and role == "user":
            raise at("messages", "text content blocks must be non-empty")
    plain = kinds <= PLAIN_BLOCKS and roles <= PLAIN_ROLES and EDITING_FIELDS.isdisjoint(document)
    if plain and not count_tokens and not kinds.isdisjoint(CALL_BLOCKS):
        _check_pairs(messages)
    return breakpoints


def _check_blocks(index: int, content: list[object], kinds: set[str]) -> int:
    """The blocks of one message. Adds their types to `kinds` and returns how many carry `cache_control`."""
    breakpoints = 0
    for place, block in enumerate(content):
        if type(block) is not dict:
            raise at(f"messages.{index}.content.{place}", DICTIONARY)
        kind = block.get("type")
        if type(kind) is not str:
            raise misfit(f"messages.{index}.content.{place}", block, "type", str)
        kinds.add(kind)
        for field, expected in FIELDS.get(kind, ()):
            if type(block.get(field)) is not expected:
                raise misfit(f"messages.{index}.content.{place}.{kind}", block, field, expected)
        if "cache_control" in block and block["cache_control"] is not None:
            breakpoints += 1
        if kind == "text":
            if not block["text"]:
                raise _empty(block)
        elif kind == "tool_result":
            if type(block.get("content")) is list:
                breakpoints += _check_result(f"messages.{index}.content.{place}.tool_result.content", block)
            elif block.get("content") is not None and type(block["content"]) is not str:
                raise at(f"messages.{index}.content.{place}.tool_result.content", LIST)
        elif kind == "tool_use" and not TOOL_USE_ID.fullmatch(str(block["id"])):
            raise at(f"messages.{index}.content.{place}.tool_use.id", ID_PATTERN)
    return breakpoints


def _empty(block: Block) -> Fault:
    if block.get("cache_control") is not None:
        return invalid("cache_control cannot be set for empty text blocks")
    return at("messages", "text content blocks must be non-empty")


def _check_result(path: str, block: Block) -> int:
    """The blocks inside a tool result; returns how many carry `cache_control`."""
    content = block["content"]
    breakpoints = 0
    for place, inner in enumerate(content if isinstance(content, list) else ()):
        if type(inner) is not dict:
            raise at(f"{path}.{place}", DICTIONARY)
        kind = inner.get("type")
        if type(kind) is not str:
            raise misfit(f"{path}.{place}", inner, "type", str)
        if kind == "text" and type(inner.get("text")) is not str:
            raise misfit(f"{path}.{place}.text", inner, "text", str)
        if inner.get("cache_control") is not None:
            breakpoints += 1
    return breakpoints


def _check_documents(index: int, role: str, content: list[Block]) -> None:
    for place, block in enumerate(content):
        kind = block["type"]
        if role == "assistant" and kind == "document":
            tags = "'text', 'thinking', 'redacted_thinking', 'tool_use', 'server_tool_use'"
            text = f"Input tag 'document' found using 'type' does not match any of the expected tags: {tags}"
            raise at(f"messages.{index}.content.{place}", text)
        if role == "user" and kind == "text" and block.get("citations"):
            raise at(f"messages.{index}.content.{place}.text.citations", EXTRA)


def _check_pairs(messages: list[dict[str, object]]) -> None:
    """Each call is answered in the next turn, each answer is to a call of the turn before. Messages of one role are one turn."""
    calls: dict[str, int] = {}  # the calls of the last assistant turn and the message each stands in
    answered: set[str] = set()
    last_role = "user"
    for index, message in enumerate(messages):
        role = message["role"]
        if role == "assistant" and last_role == "user":
            _refuse_unanswered(calls, answered)
            calls, answered = {}, set()
        last_role = str(role)
        content = message["content"]
        if not isinstance(content, list):
            continue
        for place, block in enumerate(content):
            kind = block["type"]
            if kind == "tool_use" and role == "assistant":
                calls[block["id"]] = index
            elif kind == "tool_result" and role == "user":
                identifier = block["tool_use_id"]
                if identifier not in calls:
                    raise _unexpected(index, place, identifier)
                answered.add(identifier)
    _refuse_unanswered(calls, answered)


def _unexpected(index: int, place: int, identifier: str) -> Fault:
    if not TOOL_USE_ID.fullmatch(identifier):
        return at(f"messages.{index}.content.{place}.tool_result.tool_use_id", ID_PATTERN)
    return at(
        f"messages.{index}.content.{place}",
        f"unexpected `tool_use_id` found in `tool_result` blocks: {identifier[:ID_SHOWN_CHARS_MAX]}. Each `tool_result` block "
        "must have a corresponding `tool_use` block in the previous message.",
    )


def _refuse_unanswered(calls: dict[str, int], answered: set[str]) -> None:
    missing = [identifier for identifier in calls if identifier not in answered]
    if not missing:
        return
    shown = ", ".join(identifier[:ID_SHOWN_CHARS_MAX] for identifier in missing[:20])
    raise at(
        f"messages.{calls[missing[0]]}",
        f"`tool_use` ids were found without `tool_result` blocks immediately after: {shown}. Each `tool_use` block must have a "
        "corresponding `tool_result` block in the next message.",
    )


def check_system(document: dict[str, object]) -> int:
    """Checks `system` and returns how many of its blocks carry `cache_control`. Raises Fault."""
    system = document.get("system")
    if system is None or type(system) is str:
        return 0
    if type(system) is not list:
        raise at("system", LIST)
    breakpoints = 0
    for place, block in enumerate(system):
        if type(block) is not dict:
            raise at(f"system.{place}", DICTIONARY)
        kind = block.get("type")
        if type(kind) is not str:
            raise misfit(f"system.{place}", block, "type", str)
        marked = block.get("cache_control") is not None
        if kind == "text":
            text = block.get("text")
            if type(text) is not str:
                raise at(f"system.{place}.text", STRING if "text" in block else REQUIRED)
            if marked and not text:
                raise invalid("cache_control cannot be set for empty text blocks")
        breakpoints += marked
    return breakpoints
