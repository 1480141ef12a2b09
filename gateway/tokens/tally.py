"""Tally: how the parts of a Messages request add up.

Owns the table of block kinds and the fixed costs around them. Knows nothing of HTTP and validates nothing: the body may have any
shape, and what is not understood counts as the JSON it is written in.
"""

import json
from collections.abc import Callable
from typing import Any

from gateway.tokens.families import Profile
from gateway.tokens.images import image_tokens
from gateway.tokens.pdfs import pdf_tokens
from gateway.tokens.weights import weigh, whole_tokens

# Blocks nest by design (a tool result holds a document that holds text); deeper than this is no honest request, and the rest
# counts as JSON text.
DEPTH_MAX = 8

# Markers around a tool use or a tool result, beyond the JSON that is in it. Not published; ids are part of the prompt.
TOOL_BLOCK_TOKENS = 12
# A file or web address that the upstream fetches: its size is unknown here. About five pages of text.
UNSEEN_DOCUMENT_TOKENS = 4_000

# Encrypted text (thinking signatures, redacted thinking, search results) is sent as base64 and read as what it hides. Base64
# characters for one hidden token: 4 characters of text, a third more for base64, and a block cipher's overhead.
OPAQUE_CHARS_PER_TOKEN = 6
OPAQUE_KEYS = frozenset({"signature", "encrypted_content", "encrypted_index", "encrypted_stdout"})


class Tally:
    """The sum of one request. Its methods take any decoded JSON and never raise for it.

    Text is kept in sixteenths of a token until the end: rounding each of a thousand short strings would add up.
    """

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self._units = 0
        self._tokens = 0

    def total(self) -> int:
        """Tokens so far, at least 1."""
        return max(self._tokens + whole_tokens(self._units), 1)

    def text(self, value: object) -> None:
        if isinstance(value, str):
            self._units += weigh(value, self.profile.family)
        elif value is not None:
            self.json(value)

    def json(self, value: object) -> None:
        self.text(_json_text(value))

    def opaque(self, value: object) -> None:
        self._tokens += len(value) // OPAQUE_CHARS_PER_TOKEN if isinstance(value, str) else 0

    def tools(self, tools: object, choice: object) -> None:
        """Tool definitions, and the hidden prompt that comes with the first one."""
        if not isinstance(tools, list) or not tools:
            return
        kind = choice.get("type") if isinstance(choice, dict) else None
        forced = kind in ("any", "tool")
        self._tokens += self.profile.forced_tool_prompt_tokens if forced else self.profile.tool_prompt_tokens
        for tool in tools:
            if not isinstance(tool, dict):
                self.json(tool)
            elif isinstance(tool.get("type"), str) and tool["type"] != "custom":
                # The vendor's own tools come with a description that is not in the request.
                self._tokens += vendor_tool_tokens(tool["type"])
                self.json({key: value for key, value in tool.items() if key != "cache_control"})
            else:
                self.json({key: tool[key] for key in TOOL_KEYS if key in tool})

    def messages(self, messages: object) -> None:
        """All turns with their frames; thinking that this generation drops is left out."""
        self._tokens += self.profile.frame_tokens
        if not isinstance(messages, list):
            return self.text(messages)
        live = 0 if self.profile.keeps_thinking else _last_question(messages)
        for at, message in enumerate(messages):
            self._tokens += self.profile.turn_tokens if at else 0
            content = message.get("content") if isinstance(message, dict) else message
            if at < live and isinstance(content, list):
                content = [block for block in content if not _is_thinking(block)]
            self.content(content)
        return None

    def content(self, content: object, depth: int = DEPTH_MAX) -> None:
        """A string, a list of blocks, or anything else."""
        if not isinstance(content, list):
            return self.text(content)
        for block in content:
            self.block(block, depth)
        return None

    def block(self, block: object, depth: int) -> None:
        if not isinstance(block, dict) or depth <= 0:
            return self.text(block)
        kind = block.get("type")
        count = BLOCKS.get(kind, _any_block) if isinstance(kind, str) else _any_block
        return count(self, block, depth - 1)

    def output_format(self, config: object, old: object) -> None:
        """The schema of a structured answer, under its present and its former name."""
        schema = config.get("format") if isinstance(config, dict) else old
        if schema:
            self.json(schema)

    def attachment(self, tokens: int) -> None:
        self._tokens += tokens


def _text_block(tally: Tally, block: dict[str, Any], depth: int) -> None:
    tally.text(block.get("text"))


def _image(tally: Tally, block: dict[str, Any], depth: int) -> None:
    source = block.get("source")
    data = source.get("data") if isinstance(source, dict) else None
    tally.attachment(image_tokens(data, tally.profile) if isinstance(data, str) else tally.profile.image_tokens_max)


def _document(tally: Tally, block: dict[str, Any], depth: int) -> None:
    tally.text(block.get("title"))
    tally.text(block.get("context"))
    source = block.get("source")
    if not isinstance(source, dict):
        return tally.text(source)
    kind, data = source.get("type"), source.get("data")
    if kind == "base64" and isinstance(data, str):
        tally.attachment(pdf_tokens(data, tally.profile))
    elif kind == "text":
        tally.text(data)
    elif kind == "content":
        tally.content(source.get("content"), depth)
    else:
        tally.attachment(UNSEEN_DOCUMENT_TOKENS)
    return None


def _search_result(tally: Tally, block: dict[str, Any], depth: int) -> None:
    tally.text(block.get("source"))
    tally.text(block.get("title"))
    tally.content(block.get("content"), depth)


def _thinking(tally: Tally, block: dict[str, Any], depth: int) -> None:
    # The signature holds the thinking in full; where the text is shown as well it must not count twice.
    if block.get("thinking"):
        tally.text(block["thinking"])
    else:
        tally.opaque(block.get("signature"))


def _redacted_thinking(tally: Tally, block: dict[str, Any], depth: int) -> None:
    tally.opaque(block.get("data"))


def _tool_use(tally: Tally, block: dict[str, Any], depth: int) -> None:
    tally.attachment(TOOL_BLOCK_TOKENS)
    tally.text(block.get("name"))
    tally.text(block.get("id"))
    tally.json(block.get("input", {}))


def _tool_result(tally: Tally, block: dict[str, Any], depth: int) -> None:
    tally.attachment(TOOL_BLOCK_TOKENS)
    tally.text(block.get("tool_use_id"))
    _result_content(tally, block.get("content"), depth)


def _result_content(tally: Tally, content: object, depth: int) -> None:
    # Server tools answer with one object where client tools answer with a list.
    tally.content([content] if isinstance(content, dict) else content, depth)


def _web_fetch_result(tally: Tally, block: dict[str, Any], depth: int) -> None:
    tally.text(block.get("url"))
    _result_content(tally, block.get("content"), depth)


def _any_block(tally: Tally, block: dict[str, Any], depth: int) -> None:
    for key in OPAQUE_KEYS & block.keys():
        tally.opaque(block[key])
    tally.json({key: value for key, value in block.items() if key not in OPAQUE_KEYS and key != "cache_control"})


BLOCKS: dict[str, Callable[[Tally, dict[str, Any], int], None]] = {
    "text": _text_block,
    "image": _image,
    "document": _document,
    "search_result": _search_result,
    "thinking": _thinking,
    "redacted_thinking": _redacted_thinking,
    "tool_use": _tool_use,
    "server_tool_use": _tool_use,
    "mcp_tool_use": _tool_use,
    "tool_result": _tool_result,
    "mcp_tool_result": _tool_result,
    "web_search_tool_result": _tool_result,
    "web_fetch_tool_result": _tool_result,
    "web_fetch_result": _web_fetch_result,
    "code_execution_tool_result": _tool_result,
    "bash_code_execution_tool_result": _tool_result,
    "text_editor_code_execution_tool_result": _tool_result,
    "tool_search_tool_result": _tool_result,
}

# What of a custom tool the model is shown.
TOOL_KEYS = ("name", "description", "input_schema", "input_examples")

# Descriptions that the upstream adds for its own tools, by the beginning of their type, longest first where they overlap. From
# the vendor's pages on these tools where they give a figure (bash 245, text editor 700, computer 735); the rest is a guess.
VENDOR_TOOLS: tuple[tuple[str, int], ...] = (
    ("bash_", 245),
    ("text_editor_", 700),
    ("computer_", 735),
    ("browser_", 735),
    ("web_search_", 1_500),
    ("web_fetch_", 1_000),
    ("code_execution_", 1_000),
    ("memory_", 700),
)
OTHER_VENDOR_TOOL_TOKENS = 300


def vendor_tool_tokens(kind: str) -> int:
    """Tokens that a tool of the vendor's brings along unseen."""
    return next((tokens for beginning, tokens in VENDOR_TOOLS if kind.startswith(beginning)), OTHER_VENDOR_TOOL_TOKENS)


def _is_thinking(block: object) -> bool:
    return isinstance(block, dict) and block.get("type") in ("thinking", "redacted_thinking")


def _last_question(messages: list[Any]) -> int:
    """Where the turn that is being answered begins: the last user message that is more than tool results. Older generations
    drop the thinking before it."""
    for at in range(len(messages) - 1, -1, -1):
        message = messages[at]
        if not isinstance(message, dict) or message.get("role") != "user":
            continue
        content = message.get("content")
        if not isinstance(content, list):
            return at
        if any(not isinstance(block, dict) or block.get("type") != "tool_result" for block in content):
            return at
    return 0


def _json_text(value: object) -> str:
    """Any decoded JSON as text. What the encoder refuses (deep nesting, giant integers) is gathered leaf by leaf."""
    # With a space after comma and colon: so written, the vendor's example of one tool (403 tokens) comes out to 1 token.
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return _leaves(value)


def _leaves(value: object) -> str:
    found: list[str] = []
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting.extend(item.values())
            found.extend(str(key) for key in item)
        elif isinstance(item, list):
            waiting.extend(item)
            found.append("[]")
        else:
            found.append(item if isinstance(item, str) else "0" * min(_digits(item), 10_000))
    return " ".join(found)


def _digits(value: object) -> int:
    # Python refuses to print integers of thousands of digits; their length in bits says enough.
    return value.bit_length() * 3 // 10 + 1 if isinstance(value, int) else 4
