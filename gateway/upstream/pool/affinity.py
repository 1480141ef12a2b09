"""Affinity: which conversation a request belongs to, and which credential such a conversation prefers.

Owns the key of a conversation and the order of credentials for a key. Keeps nothing: the order is computed from the key and the
credentials' names (rendezvous hashing), so all workers agree without a table, and when a credential goes, only its own
conversations move, each to its second choice.

The key is, the first that is there: what the client calls its session, in a header or in the body; else a digest of what every
turn of one conversation begins with: the names of its tools, its instructions, its first message. The caller's workspace is part
of the key, so that nobody can tell where others' conversations go. Only beginnings are hashed: they tell conversations apart, and
a prompt may be megabytes.
"""

from collections.abc import Mapping, Sequence
from hashlib import blake2b

from gateway.dialects.body import TEXT_CHARS_MAX

# Headers in which clients name their session: Claude Code's, Codex's, and two that gateways agree on.
SESSION_HEADERS = (b"x-claude-code-session-id", b"session_id", b"session-id", b"x-session-id", b"x-session-affinity")

PART_CHARS_MAX = 2048
# Of a text further inside, no more than an outline of the body has: the key must stay the same while a conversation grows.
INNER_CHARS_MAX = TEXT_CHARS_MAX
TOOLS_MAX = 64
SESSION_CHARS_MAX = TEXT_CHARS_MAX
KEY_BITS = 60  # one that stays a small number in compiled code
_KEY_MASK = (1 << KEY_BITS) - 1
_ODD = 0x9E3779B97F4A7C15
_WORD = (1 << 64) - 1


def key_of(workspace_id: int, session: bytes, document: Mapping[str, object]) -> int:
    """The key of the conversation that a parsed body (of any dialect) belongs to; never 0.

    `session` is the value of the first of SESSION_HEADERS that the request has, else empty.
    """
    named = session[:SESSION_CHARS_MAX] or _session_in(document)
    text = b"s\0" + named if named else b"d\0" + _opening(document)
    digest = blake2b(text, digest_size=8, salt=workspace_id.to_bytes(8, "little"))
    return int.from_bytes(digest.digest(), "little") & _KEY_MASK or 1


def order(key: int, names: Sequence[int]) -> tuple[int, ...]:
    """Places of `names` (60-bit hashes), the most preferred first. The same key and names give the same order everywhere."""
    weights = sorted(((_mixed(key ^ name), place) for place, name in enumerate(names)), reverse=True)
    return tuple(place for _, place in weights)


def _mixed(value: int) -> int:
    """splitmix64's last steps: every bit of the value changes half of the result's."""
    value = (value + _ODD) & _WORD
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _WORD
    return value ^ (value >> 31)


def _session_in(document: Mapping[str, object]) -> bytes:
    metadata = document.get("metadata")
    user = metadata.get("user_id") if isinstance(metadata, Mapping) else None
    for value in (document.get("prompt_cache_key"), user):
        if isinstance(value, str) and value:
            return value[:SESSION_CHARS_MAX].encode("utf-8", "replace")
    return b""


def _opening(document: Mapping[str, object]) -> bytes:
    """What every turn of a conversation begins with, in Anthropic's form, OpenAI's chat form or that of Responses."""
    tools = document.get("tools")
    parts = [_name(tool) for tool in tools[:TOOLS_MAX]] if isinstance(tools, list) else []
    parts += [_text(document.get("system")), _text(document.get("instructions"))]
    messages = document.get("messages")
    if messages is None:
        messages = document.get("input")
    if isinstance(messages, list):
        # Instructions may be the first message; the first thing a person said is what tells conversations apart.
        for message in messages[:8]:
            parts.append(_text(message, 1))
            if isinstance(message, Mapping) and message.get("role") == "user":
                break
    else:
        parts.append(_text(messages))
    return "\0".join(parts).encode("utf-8", "replace")


def _name(tool: object) -> str:
    if not isinstance(tool, Mapping):
        return ""
    inner = tool.get("function")
    name = tool.get("name") or (inner.get("name") if isinstance(inner, Mapping) else None)
    return name[:64] if isinstance(name, str) else ""


def _text(part: object, depth: int = 0) -> str:
    """The beginning of a text, of the first blocks of a list, or of what a message or block holds."""
    if isinstance(part, str):
        return part[: INNER_CHARS_MAX if depth else PART_CHARS_MAX]
    if depth < 5:
        if isinstance(part, list):
            return "\1".join(_text(inner, depth + 1) for inner in part[:4])
        if isinstance(part, Mapping):
            return _text(part.get("content") or part.get("text"), depth + 1)
    return ""
