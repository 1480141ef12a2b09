"""Losses: what cannot be carried from one dialect to another, by name.

Owns the verdict on each field that has no counterpart: refused, when the answer would not be what was asked for, with a 400 that
names the field; or dropped, and then listed for the client in `x-gateway-dropped`. There is no third way, and a field that
nobody has heard of is dropped and listed too, since clients send new ones every week.

Names are paths on the client's wire without positions (`messages.content.image.transformations`): the same field of a hundred
messages is one loss. A refusal names the place with its positions where it is known.
"""

import re
from collections.abc import Mapping

import msgspec

from gateway.core.faults import Fault, FaultKind
from gateway.dialects.conversation import (
    Block,
    Document,
    ForeignTool,
    Image,
    Opaque,
    RedactedThinking,
    Refusal,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
)

HEADER = b"x-gateway-dropped"
NAMES_SHOWN_MAX = 40
KIND_CHARS_MAX = 64
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,80}")

_NO_FILES = "a file by its id is known to its own provider only; send its content"
_NO_STATE = "it continues from a state that only its own provider has; send the whole conversation"
_ELSEWHERE = "it is run by the provider whose dialect this is, and the model asked for is another provider's"

# By the client's dialect: fields that are refused, with the reason. All others are dropped.
REFUSED: dict[str, dict[str, str]] = {
    "anthropic": {
        "compaction": "the model asked for cannot summarise in place of an answer",
        "container": _ELSEWHERE,
        "fallback_credit_token": _NO_STATE,
        "inference_geo": "the model asked for does not promise a place",
        "mcp_servers": _ELSEWHERE,
        "messages.content.container_upload": _NO_FILES,
        "messages.content.document": "a document by this kind of source cannot be carried to the model asked for",
        "messages.content.image": "an image by this kind of source cannot be carried to the model asked for",
        "thread": _NO_STATE,
        "tools": _ELSEWHERE,
    },
    "openai_chat": {
        "audio": "the model asked for does not speak",
        "logit_bias": "the model asked for takes no bias",
        "messages.audio": _NO_STATE,
        "messages.content.input_audio": "the model asked for does not hear",
        "modalities": "the model asked for answers in text",
        "moderation": "the model asked for has no moderation that could be set",
        "n": "the model asked for gives one answer; ask several times",
        "tools": _ELSEWHERE,
        "web_search_options": _ELSEWHERE,
    },
    "openai_responses": {
        "background": "answers are given at once only; none is kept here",
        "conversation": _NO_STATE,
        "input.compaction": _NO_STATE,
        "input.compaction_trigger": "the model asked for cannot summarise in place of an answer",
        "input.context_compaction": _NO_STATE,
        "input.input_audio": "the model asked for does not hear",
        "moderation": "the model asked for has no moderation that could be set",
        "prompt": "a stored prompt is known to its own provider only; send what it says",
    },
}

# By the client's dialect: values that ask for nothing, so that leaving them out loses nothing.
IDLE: dict[str, dict[str, tuple[object, ...]]] = {
    "anthropic": {
        "inference_geo": ("global",),
        "messages.content.tool_use.caller": ({"type": "direct"},),
        "messages.content.document.citations": ({"enabled": False},),
        "speed": ("standard",),
        "tools.type": ("custom",),
        "tools.defer_loading": (False,),
        "tools.eager_input_streaming": (False,),
    },
    "openai_chat": {
        "frequency_penalty": (0,),
        "logit_bias": ({},),
        "logprobs": (False,),
        "messages.annotations": ([],),
        "messages.content.image_url.detail": ("auto",),
        "modalities": (["text"],),
        "n": (1,),
        "presence_penalty": (0,),
        "store": (False,),
        "verbosity": ("medium",),
    },
    "openai_responses": {
        "background": (False,),
        "input.caller": ({"type": "direct"},),
        "input.content.detail": ("auto",),
        "max_tool_calls": (0,),
        "prompt_cache_options": ({},),
        "store": (False,),
        "stream_options": ({}, {"include_obfuscation": False}),
        "text.verbosity": ("medium",),
        "tools.allowed_callers": (["direct"],),
        "tools.async": (False,),
        "tools.defer_loading": (False,),
        "top_logprobs": (0,),
        "truncation": ("disabled",),
    },
}

# By the client's dialect: the path of a node's extras on its wire.
PATHS: dict[str, dict[type, str]] = {
    "anthropic": {
        Text: "messages.content.text",
        Refusal: "messages.content.text",
        Image: "messages.content.image",
        Document: "messages.content.document",
        Thinking: "messages.content.thinking",
        RedactedThinking: "messages.content.redacted_thinking",
        ToolUse: "messages.content.tool_use",
        ToolResult: "messages.content.tool_result",
    },
    "openai_chat": {
        Text: "messages.content.text",
        Refusal: "messages.content.refusal",
        Image: "messages.content.image_url",
        Document: "messages.content.file",
        Thinking: "messages.reasoning_details",
        RedactedThinking: "messages.reasoning_details",
        ToolUse: "messages.tool_calls",
        ToolResult: "messages",
    },
    "openai_responses": {
        Text: "input.content",
        Refusal: "input.content",
        Image: "input.content",
        Document: "input.content",
        Thinking: "input",
        RedactedThinking: "input",
        ToolUse: "input",
        ToolResult: "input",
        Opaque: "input",
    },
}

# By the client's dialect: how it calls what is called otherwise in the neutral form.
WORDS: dict[str, dict[str, str]] = {
    "anthropic": {
        "cache": "cache_control",
        "display": "thinking.display",
        "effort": "output_config.effort",
        "format": "output_config.format",
        "parallel": "tool_choice.disable_parallel_tool_use",
        "reasoning": "thinking",
        "reasoning.extras": "thinking",
        "redacted": "messages.content.redacted_thinking",
        "stop": "stop_sequences",
        "strict": "tools.strict",
        "system": "system",
        "thinking": "messages.content.thinking",
        "user": "metadata.user_id",
    },
    "openai_chat": {
        "cache": "prompt_cache_breakpoint",
        "cache_key": "prompt_cache_key",
        "detail": "messages.content.image_url.detail",
        "display": "thinking.display",
        "effort": "reasoning_effort",
        "format": "response_format",
        "parallel": "parallel_tool_calls",
        "reasoning": "reasoning_effort",
        "reasoning.extras": "thinking",
        "redacted": "messages.reasoning_details",
        "strict": "tools.function.strict",
        "system": "messages.role",
        "thinking": "messages.reasoning_content",
    },
    "openai_responses": {
        "cache": "input.content.prompt_cache_breakpoint",
        "cache_key": "prompt_cache_key",
        "detail": "input.content.detail",
        "display": "reasoning.summary",
        "effort": "reasoning.effort",
        "format": "text.format",
        "max_tokens": "max_output_tokens",
        "messages": "input",
        "messages.content": "input.content",
        "parallel": "parallel_tool_calls",
        "reasoning.extras": "reasoning",
        "redacted": "input.reasoning",
        "strict": "tools.strict",
        "system": "instructions",
        "thinking": "input.reasoning",
        "user": "safety_identifier",
        "verbosity": "text.verbosity",
    },
}


class Losses:
    """What one translation lost so far. `dropped` has each name once, in the order of their finding."""

    __slots__ = ("_dropped", "dialect")

    def __init__(self, dialect: str) -> None:
        self.dialect = dialect
        self._dropped: dict[str, None] = {}

    @property
    def dropped(self) -> tuple[str, ...]:
        return tuple(self._dropped)

    def word(self, name: str) -> str:
        """How the client calls what the neutral form calls `name`."""
        return WORDS[self.dialect].get(name, name)

    def path(self, block: Block) -> str:
        """How the client calls a block of this kind."""
        return PATHS[self.dialect].get(type(block), "messages.content")

    def drop(self, name: str) -> None:
        """Notes what is left out because the upstream does not take it, by its neutral name."""
        self._dropped[self.word(name)] = None

    def drop_said(self, name: str, value: object) -> None:
        """The same for a value that may ask for nothing; nothing when there is none."""
        if value:
            self.judge(self.word(name), value)

    def refuse(self, name: str, why: str, place: str = "") -> Fault:
        """A 400 about a field, by its neutral name, or by its place where that is known; for the caller to raise."""
        named = place or self.word(name)
        return Fault(FaultKind.INVALID, f"{named}: {why}", param=named)

    def judge(self, name: str, value: object, place: str = "") -> None:
        """The verdict on a field without a counterpart, by its name on the wire. Raises Fault when it is refused."""
        if value in IDLE[self.dialect].get(name, ()):
            return
        why = REFUSED[self.dialect].get(name)
        if why is not None:
            raise Fault(FaultKind.INVALID, f"{place or name}: {why}", param=place or name)
        self._dropped[name] = None

    def judge_all(self, prefix: str, extras: Mapping[str, object]) -> None:
        """The verdict on each of a node's extras. `prefix` is the node's own path, empty at the top."""
        prefix = self.word(prefix)
        for key, value in extras.items():
            self.judge(f"{prefix}.{key}" if prefix else key, value)

    def judge_tool(self, tool: ForeignTool) -> None:
        """The verdict on a tool that only its own provider has: refused, or the model goes without it."""
        why = REFUSED[self.dialect].get("tools")
        if why is not None:
            raise Fault(FaultKind.INVALID, f"{tool.place}: {tool.kind[:KIND_CHARS_MAX]}: {why}", param=tool.place)
        self._dropped[f"tools.{tool.kind}"] = None

    def carry(self, blocks: list[Block], *, marks: bool = True, details: bool = True) -> list[Block]:
        """The blocks that another dialect can write, at any depth: none is Opaque, and no extras are left to be judged.

        `marks` tells whether the upstream takes the ends of cached prefixes; if not, the blocks have none. `details` tells
        whether it can be told how closely to look at pictures.
        """
        carried: list[Block] = []
        for block in blocks:
            if not marks and getattr(block, "cache", None):
                self.drop("cache")
                block = msgspec.structs.replace(block, cache="")
            if not details and isinstance(block, Image) and block.detail:
                self.judge(self.word("detail"), block.detail)
            if isinstance(block, Opaque):
                name = f"{PATHS[self.dialect].get(Opaque, 'messages.content')}.{block.kind}"
                if not block.text:
                    self.judge(name, block.fields, block.place)
                    continue
                self._dropped[name] = None
                carried.append(Text(block.text))
                continue
            if block.extras:
                self.judge_all(self.path(block), block.extras)
            if isinstance(block, ToolResult):
                inner = self.carry(block.blocks, marks=marks, details=details)
                block = ToolResult(block.id, inner, block.is_error, block.cache)
            elif isinstance(block, Document) and block.source.kind == "blocks":
                source = block.source
                inner = self.carry(source.blocks, marks=marks, details=details)
                source = type(source)("blocks", blocks=inner, place=source.place)
                block = Document(source, block.title, block.context, block.cache)
            carried.append(block)
        return carried

    def words_of(self, blocks: list[Block]) -> list[Text]:
        """The words among blocks where nothing else can stand."""
        for block in blocks:
            if not isinstance(block, Text):
                self.drop(self.path(block))
        return [block for block in blocks if isinstance(block, Text)]

    def header(self) -> bytes:
        """The value of `x-gateway-dropped`; empty when nothing was. A name that cannot travel in a header is told as `?`."""
        shown = [name if _NAME.fullmatch(name) else "?" for name in self._dropped]
        more = len(shown) - NAMES_SHOWN_MAX
        if more > 0:
            shown[NAMES_SHOWN_MAX:] = [f"and-{more}-more"]
        return ", ".join(dict.fromkeys(shown)).encode("ascii")

    def __repr__(self) -> str:
        return f"<Losses {', '.join(self._dropped) or 'none'}>"
