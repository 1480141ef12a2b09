"""The neutral form of a request and of its answer: what every dialect is read into and written from.

Owns the nouns, not one wire name and no rule of any dialect. It is shaped in blocks, a superset of Anthropic's messages: a
conversation has instructions, turns and tools, a turn has blocks, an answer has blocks and a reason why it stopped. Words that
need a common spelling take Anthropic's (stop reasons, effort, kinds of choice).

Strategy: what has no common name is not thrown away by whoever reads. It stays in `extras` under its own wire name, or in an
`Opaque` block or a `ForeignTool`, and whoever writes another dialect hands it to `dialects.losses`. So nothing can vanish between
two codecs without somebody having named it. (The same dialect on both sides is passed on and never comes here.)

Whoever reads leaves out what is absent or null on the wire. Nothing here is changed after it was read.
"""

from typing import Literal

import msgspec

from gateway.core.usage import Usage

Extras = dict[str, object]

# The key under which a tool that takes free text instead of JSON is called: its input is {"input": text} everywhere in here.
FREEFORM_INPUT = "input"


class Source(msgspec.Struct):
    """Where the content of an image or a document is.

    `data` holds by kind: base64 its text, url the address, file an id that only its own provider knows, text the plain text.
    `blocks` is for kind blocks only. `place` is the path on the client's wire, for a fault that has to name it.
    """

    kind: Literal["base64", "url", "file", "text", "blocks"]
    data: str = ""
    media_type: str = ""
    blocks: "list[Block]" = []
    place: str = ""


class Text(msgspec.Struct):
    """Words. `cache` marks the end of a cached prefix, here as in all blocks: its lifetime (`5m`, `1h`), empty for no mark."""

    text: str
    cache: str = ""
    extras: Extras = {}


class Refusal(msgspec.Struct):
    """The words in which a model declined, where a dialect tells them apart from others."""

    text: str
    extras: Extras = {}


class Image(msgspec.Struct):
    """A picture. `detail` is how closely it is to be looked at, in OpenAI's word; empty where the client did not say."""

    source: Source
    cache: str = ""
    detail: str = ""
    extras: Extras = {}


class Document(msgspec.Struct):
    """A document: PDF by base64, url or file; text; blocks. `title` is its file name where a dialect has one."""

    source: Source
    title: str = ""
    context: str = ""
    cache: str = ""
    extras: Extras = {}


class Thinking(msgspec.Struct):
    """What a model thought. `signature` is what its provider wants back with it, verbatim; empty when it signs nothing."""

    text: str
    signature: str = ""
    extras: Extras = {}


class RedactedThinking(msgspec.Struct):
    """Thoughts only their provider can read: to be given back verbatim."""

    data: str
    extras: Extras = {}


class ToolUse(msgspec.Struct):
    """A call of a client's tool. A freeform tool's input is `{FREEFORM_INPUT: text}`."""

    id: str
    name: str
    input: dict[str, object]
    cache: str = ""
    extras: Extras = {}


class ToolResult(msgspec.Struct):
    """The answer to the call with this id. Its blocks are Text, Image, Document or Opaque; none means an empty answer."""

    id: str
    blocks: "list[Block]"
    is_error: bool = False
    cache: str = ""
    extras: Extras = {}


class Opaque(msgspec.Struct):
    """A block that has no common name: server tools and their results, audio, compaction. `fields` is all of it, as it was.

    `kind` is the wire's own type, `place` its path on the client's wire. `text` is what can be said of it in words, for a dialect
    that cannot carry it; empty when words would not do.
    """

    kind: str
    fields: dict[str, object]
    place: str = ""
    text: str = ""


Block = Text | Refusal | Image | Document | Thinking | RedactedThinking | ToolUse | ToolResult | Opaque


class Turn(msgspec.Struct):
    """One message. Role `system` is an instruction given in the middle of a conversation.

    A user turn may hold tool results; they come first in it. Two turns in a row may have the same role.
    """

    role: Literal["user", "assistant", "system"]
    blocks: list[Block]
    extras: Extras = {}


class Tool(msgspec.Struct):
    """A tool of the client's. `schema` is the JSON Schema of its input.

    A freeform tool takes one text and has no schema; `grammar` is what the text must follow, in `syntax` (lark, regex), both
    empty for any text. `strict` is None where the client did not say.
    """

    name: str
    description: str = ""
    schema: dict[str, object] = {}
    freeform: bool = False
    grammar: str = ""
    syntax: str = ""
    strict: bool | None = None
    cache: str = ""
    extras: Extras = {}


class ForeignTool(msgspec.Struct):
    """A tool that the provider itself runs or defines. `fields` is all of it, `place` its path on the client's wire."""

    kind: str
    fields: dict[str, object]
    place: str = ""

    @property
    def name(self) -> str:
        return str(self.fields.get("name", self.kind))


class Choice(msgspec.Struct):
    """Which tools may or must be used. `allowed` narrows the tools by name; None is all of them."""

    kind: Literal["auto", "any", "tool", "none"]
    name: str = ""
    allowed: list[str] | None = None
    extras: Extras = {}


class Reasoning(msgspec.Struct):
    """How much to think. `kind` is empty where only an effort was named; `effort` is empty where none was.

    Kinds: enabled (with `budget_tokens`), adaptive, disabled, between_tools. Efforts: none, minimal, low, medium, high, xhigh,
    max.
    `display` is how thoughts are shown: summarized, omitted, or a word of the dialect.
    """

    kind: str = ""
    budget_tokens: int = 0
    effort: str = ""
    display: str = ""
    extras: Extras = {}


class Format(msgspec.Struct):
    """The form the answer must have: any JSON object, or JSON by a schema."""

    kind: Literal["json_object", "json_schema"]
    schema: dict[str, object] = {}
    name: str = ""
    description: str = ""
    strict: bool | None = None


class Conversation(msgspec.Struct):
    """One request.

    `dialect` is the language it was read from, and so whose words all extras are in. `model` is the name the client asked for.
    `system` is what stands before the first turn. `parallel` tells whether several tools may be called at once, None when unsaid.
    `verbosity` is how much to say (low, medium, high), `cache_key` what names the prompts that share a prefix.
    `include_usage` tells whether a streaming client wants the figures (always true where a dialect does not ask). `asked` is the
    request as it came, for the writer of its own dialect, which may have to answer in the same manner or repeat parts of it; no
    other looks at it.
    """

    dialect: str
    model: str
    turns: list[Turn]
    system: list[Text] = []
    stream: bool = False
    include_usage: bool = True
    max_tokens: int | None = None
    tools: list[Tool | ForeignTool] = []
    choice: Choice | None = None
    parallel: bool | None = None
    stop: list[str] = []
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    reasoning: Reasoning | None = None
    format: Format | None = None
    user: str = ""
    service_tier: str = ""
    cache: str = ""  # automatic caching of the last block that can be cached
    cache_key: str = ""
    verbosity: str = ""
    extras: Extras = {}
    asked: Extras = {}


class Spent(msgspec.Struct):
    """What an answer took, as far as it was told. `thinking_tokens` are part of the output.

    `input_reported` and `output_reported` tell which figures an upstream gave; the others are zero until somebody estimates.
    """

    usage: Usage
    thinking_tokens: int = 0
    input_reported: bool = False
    output_reported: bool = False
    extras: Extras = {}


class Reply(msgspec.Struct):
    """One whole answer. `id` and `model` are the upstream's own.

    `stop` is one of end_turn, max_tokens, stop_sequence, tool_use, pause_turn, refusal, model_context_window_exceeded,
    compaction.
    """

    id: str
    model: str
    blocks: list[Block]
    stop: str
    spent: Spent
    stop_sequence: str = ""
    extras: Extras = {}
