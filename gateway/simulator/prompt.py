"""Prompts: reading and checking the body of a messages call.

Owns what the simulator wants to know of a request and the refusals an upstream would write, in its wording. Knows no socket and
no answer. Unknown fields, blocks and roles pass: the simulator stands in for an upstream that is newer than its clients.
"""

import base64
import hashlib
import re
from dataclasses import dataclass, field
from typing import Any

import orjson

from gateway.simulator.prose import weight

VERSIONS = ("2023-06-01", "2026-10-21")
NO_SAMPLING_VERSION = "2026-10-21"

FRAME_TOKENS = 7  # what a conversation costs before its first word
MESSAGE_TOKENS = 4
IMAGE_TOKENS = 1600
DOCUMENT_TOKENS = 3000
SIGNATURE_CHARS = 44  # base64 of a digest

_TOOL_WISH = re.compile(r"\buse tool ([A-Za-z0-9_-]{1,128})")
_SAMPLING = ("temperature", "top_p", "top_k")


class Refusal(Exception):
    """The request is answered with an error envelope. `text` holds paths and figures, never prompt text."""

    def __init__(self, status: int, text: str, *, error_code: str | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.error_code = error_code


@dataclass(slots=True)
class Prompt:
    """One call as the simulator sees it. `body` is the parsed request, kept for the cache and for tool schemas."""

    model: str
    stream: bool
    max_tokens: int
    last_text: str
    input_tokens: int
    thinks: bool
    shows_thinking: bool
    wanted_tool: dict[str, Any] | None
    stop_sequences: list[str]
    has_breakpoints: bool
    body: dict[str, Any] = field(repr=False)
    schema: dict[str, Any] | None = None  # what the text must fit; an empty one is any object


def tool_wish(text: str) -> str:
    """The tool that a text asks for by `use tool NAME`, or nothing."""
    wish = _TOOL_WISH.search(text)
    return wish.group(1) if wish else ""


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object in a body. Raises Refusal."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refusal(400, "The request body is not valid JSON.") from None
    if not isinstance(parsed, dict):
        raise Refusal(400, "Input should be a valid dictionary")
    return parsed


def read(parsed: dict[str, Any], *, version: str, has_breakpoints: bool, counting: bool = False) -> Prompt:
    """The prompt in a parsed body. `counting`: the body of count_tokens, which needs no max_tokens. Raises Refusal."""
    _check_shape(parsed, version, counting)
    messages: list[dict[str, Any]] = parsed["messages"]
    for number, message in enumerate(messages):
        _check_message(number, message)
    thinking = parsed.get("thinking")
    kind = thinking.get("type") if isinstance(thinking, dict) else None
    last = messages[-1]
    tools = [tool for tool in parsed.get("tools") or () if isinstance(tool, dict)]
    last_text = text_of(last.get("content")) or _results_of(last.get("content"))
    return Prompt(
        model=parsed["model"],
        stream=parsed.get("stream") is True,
        max_tokens=parsed.get("max_tokens", 0),
        last_text=last_text,
        input_tokens=FRAME_TOKENS + _tokens_of_all(parsed, messages, tools),
        thinks=kind in ("enabled", "adaptive"),
        shows_thinking=not (isinstance(thinking, dict) and thinking.get("display") == "omitted"),
        wanted_tool=_wanted_tool(parsed.get("tool_choice"), tools, last, last_text),
        stop_sequences=[stop for stop in parsed.get("stop_sequences") or () if isinstance(stop, str) and stop],
        has_breakpoints=has_breakpoints,
        body=parsed,
        schema=_schema(parsed),
    )


def _check_shape(parsed: dict[str, Any], version: str, counting: bool) -> None:
    if version == NO_SAMPLING_VERSION:
        for name in _SAMPLING:
            if name in parsed:
                raise Refusal(400, f"{name}: Extra inputs are not permitted")
    for name, kinds, sentence in (
        ("model", str, "Input should be a valid string"),
        ("messages", list, "Input should be a valid list"),
        ("max_tokens", int, "Input should be a valid integer"),
    ):
        if name == "max_tokens" and counting:
            continue
        if name not in parsed:
            raise Refusal(400, f"{name}: Field required")
        if not isinstance(parsed[name], kinds) or isinstance(parsed[name], bool):
            raise Refusal(400, f"{name}: {sentence}")
    if not parsed["messages"]:
        raise Refusal(400, "messages: at least one message is required")
    if not counting and parsed["max_tokens"] < 0:
        raise Refusal(400, "max_tokens: Input should be greater than or equal to 0")
    if "stream" in parsed and not isinstance(parsed["stream"], bool):
        raise Refusal(400, "stream: Input should be a valid boolean")
    for name in ("tools", "stop_sequences"):
        if parsed.get(name) is not None and not isinstance(parsed[name], list):
            raise Refusal(400, f"{name}: Input should be a valid list")


def _check_message(number: int, message: Any) -> None:
    where = f"messages.{number}"
    if not isinstance(message, dict):
        raise Refusal(400, f"{where}: Input should be a valid dictionary")
    for name in ("role", "content"):
        if name not in message:
            raise Refusal(400, f"{where}.{name}: Field required")
    if not isinstance(message["role"], str):
        raise Refusal(400, f"{where}.role: Input should be 'user' or 'assistant'")
    content = message["content"]
    if isinstance(content, list):
        for place, block in enumerate(content):
            if not isinstance(block, dict):
                raise Refusal(400, f"{where}.content.{place}: Input should be a valid dictionary")
            if not isinstance(block.get("type"), str):
                raise Refusal(400, f"{where}.content.{place}.type: Field required")
            if block["type"] == "thinking" and not _is_ours(block):
                raise Refusal(400, f"{where}.content.{place}: Invalid `signature` in `thinking` block")
            if block["type"] == "text" and not (isinstance(block.get("text"), str) and block["text"]):
                raise Refusal(400, "messages: text content blocks must be non-empty")
    elif not isinstance(content, str):
        raise Refusal(400, f"{where}.content: Input should be a valid string")


def signature_of(thought: str) -> str:
    """What the simulator signs a thought with."""
    return base64.b64encode(hashlib.sha256(thought.encode()).digest()).decode()


def _is_ours(block: dict[str, Any]) -> bool:
    """Whether a thought comes back as it was given; one whose text was kept back has its signature alone."""
    thought, signature = block.get("thinking"), block.get("signature")
    if not isinstance(thought, str) or not isinstance(signature, str) or not signature:
        return False
    return not signature.endswith("=") or len(signature) != SIGNATURE_CHARS or not thought or signature == signature_of(thought)


def text_of(content: Any) -> str:
    """The text of a message's content, blocks joined by a newline."""
    if isinstance(content, str):
        return content
    return "\n".join(block["text"] for block in content if block.get("type") == "text")


def _results_of(content: Any) -> str:
    """The text of tool results, when nothing else is said."""
    said: list[str] = []
    for block in content if isinstance(content, list) else ():
        result = block.get("content") if block.get("type") == "tool_result" else None
        parts = [{"text": result}] if isinstance(result, str) else result if isinstance(result, list) else []
        said += [part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)]
    return "\n".join(said)


def block_tokens(block: Any) -> int:
    """Tokens charged for one block of a request (or for content given as a string)."""
    if isinstance(block, str):
        return weight(block)
    if not isinstance(block, dict):
        return 1
    kind = block.get("type")
    if kind == "text":
        return weight(str(block.get("text", "")))
    if kind == "image":
        return IMAGE_TOKENS
    if kind == "document":
        return DOCUMENT_TOKENS
    if kind == "tool_result":
        return MESSAGE_TOKENS + content_tokens(block.get("content"))
    return weight(orjson.dumps(block).decode())


def content_tokens(content: Any) -> int:
    """Tokens of a string, of a list of blocks or of nothing."""
    if isinstance(content, list):
        return sum(map(block_tokens, content))
    return block_tokens(content) if content else 0


def _tokens_of_all(parsed: dict[str, Any], messages: list[dict[str, Any]], tools: list[dict[str, Any]]) -> int:
    tokens = content_tokens(parsed.get("system")) + sum(map(block_tokens, tools))
    for message in messages:
        tokens += MESSAGE_TOKENS + content_tokens(message["content"])
    return tokens


def _wanted_tool(choice: Any, tools: list[dict[str, Any]], last: dict[str, Any], last_text: str) -> dict[str, Any] | None:
    """The tool a request asks for: forced by tool_choice, or by `use tool NAME` in a prompt that is no tool result."""
    if not tools:
        return None
    by_name = {tool["name"]: tool for tool in tools if isinstance(tool.get("name"), str)}
    kind = choice.get("type") if isinstance(choice, dict) else "auto"
    if kind == "none":
        return None
    if kind == "tool":
        found = next((tool for name, tool in by_name.items() if name == choice.get("name")), None)
        if found is None:
            raise Refusal(400, "tool_choice.tool.name: Tool not found in provided tools")
        return found
    if kind == "any":
        return next(iter(by_name.values()), None)
    content = last["content"]
    if isinstance(content, list) and any(block.get("type") == "tool_result" for block in content):
        return None
    return by_name.get(tool_wish(last_text))


def _schema(parsed: dict[str, Any]) -> dict[str, Any] | None:
    """The schema of structured output, if that is asked for."""
    config = parsed.get("output_config")
    form = config.get("format") if isinstance(config, dict) else None
    schema = form.get("schema") if isinstance(form, dict) else None
    return schema if isinstance(schema, dict) else None
