"""Content blocks: Anthropic's, in requests and in answers, to the neutral form and back.

Owns the fields of each block type. Reading keeps what it does not know in `extras` or as an Opaque block; writing takes neither:
what of them can travel at all has been decided before (`dialects.losses`).

A block that lacks a field it must have is a 400 in the upstream's words, with its path.
"""

from collections.abc import Callable

from gateway.dialects.anthropic import call_ids
from gateway.dialects.anthropic.wording import DICTIONARY, LIST, at, misfit
from gateway.dialects.conversation import (
    Block,
    Document,
    Extras,
    Image,
    Opaque,
    RedactedThinking,
    Refusal,
    Source,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
)

Wire = dict[str, object]

CACHE_TTL_DEFAULT = "5m"


def read(content: object, place: str) -> list[Block]:
    """The content of a message or of a tool result: a text or a list of blocks. `place` is its path. Raises Fault."""
    if isinstance(content, str):
        return [Text(content)] if content else []
    if not isinstance(content, list):
        raise at(place, LIST)
    return [read_one(block, f"{place}.{index}") for index, block in enumerate(content)]


def read_one(block: object, place: str) -> Block:
    """One block. Raises Fault."""
    if not isinstance(block, dict):
        raise at(place, DICTIONARY)
    kind = block.get("type")
    if not isinstance(kind, str):
        raise misfit(place, block, "type", str)
    reader = _READERS.get(kind)
    return Opaque(kind, block, place) if reader is None else reader(block, place)


def rest(wire: Wire, *known: str) -> Extras:
    """The fields of an object that are not read by name."""
    return {key: value for key, value in wire.items() if key not in known and value is not None}


def cache_of(wire: Wire) -> str:
    """The lifetime in an object's `cache_control`; empty when it has none."""
    control = wire.get("cache_control")
    if not isinstance(control, dict):
        return ""
    ttl = control.get("ttl")
    return ttl if isinstance(ttl, str) and ttl else CACHE_TTL_DEFAULT


def marked(wire: Wire, cache: str) -> Wire:
    """The same object with `cache_control` where a prefix ends."""
    if cache:
        wire["cache_control"] = {"type": "ephemeral"} if cache == CACHE_TTL_DEFAULT else {"type": "ephemeral", "ttl": cache}
    return wire


def _text_field(block: Wire, name: str, place: str) -> str:
    value = block.get(name)
    if not isinstance(value, str):
        raise misfit(f"{place}.{block['type']}", block, name, str)
    return value


def _read_text(block: Wire, place: str) -> Block:
    extras = rest(block, "type", "text", "cache_control")
    if not extras.get("citations"):
        extras.pop("citations", None)
    return Text(_text_field(block, "text", place), cache_of(block), extras)


def _read_source(block: Wire, place: str) -> Source | None:
    """The source; None for a kind that is not known here."""
    source = block.get("source")
    if not isinstance(source, dict):
        raise misfit(f"{place}.{block['type']}", block, "source", dict)
    path = f"{place}.{block['type']}.source"
    kind = source.get("type")
    if kind == "content":
        return Source("blocks", blocks=read(source.get("content"), f"{path}.content.content"), place=path)
    field = {"base64": "data", "text": "data", "url": "url", "file": "file_id"}.get(str(kind))
    if field is None:
        return None
    data = source.get(field)
    if not isinstance(data, str):
        raise misfit(f"{path}.{kind}", source, field, str)
    media_type = source.get("media_type")
    return Source(kind, data, media_type if isinstance(media_type, str) else "", place=path)  # type: ignore[arg-type]


def _read_image(block: Wire, place: str) -> Block:
    source = _read_source(block, place)
    if source is None:
        return Opaque("image", block, place)
    return Image(source, cache_of(block), extras=rest(block, "type", "source", "cache_control"))


def _read_document(block: Wire, place: str) -> Block:
    source = _read_source(block, place)
    if source is None:
        return Opaque("document", block, place)
    title, context = block.get("title"), block.get("context")
    return Document(
        source,
        title if isinstance(title, str) else "",
        context if isinstance(context, str) else "",
        cache_of(block),
        rest(block, "type", "source", "title", "context", "cache_control"),
    )


def _read_thinking(block: Wire, place: str) -> Block:
    text, signature = _text_field(block, "thinking", place), _text_field(block, "signature", place)
    return Thinking(text, signature, rest(block, "type", "thinking", "signature"))


def _read_redacted(block: Wire, place: str) -> Block:
    return RedactedThinking(_text_field(block, "data", place), rest(block, "type", "data"))


def _read_tool_use(block: Wire, place: str) -> Block:
    arguments = block.get("input")
    if not isinstance(arguments, dict):
        raise misfit(f"{place}.tool_use", block, "input", dict)
    return ToolUse(
        call_ids.read(_text_field(block, "id", place)),
        _text_field(block, "name", place),
        arguments,
        cache_of(block),
        rest(block, "type", "id", "name", "input", "cache_control"),
    )


def _read_tool_result(block: Wire, place: str) -> Block:
    content = block.get("content")
    return ToolResult(
        call_ids.read(_text_field(block, "tool_use_id", place)),
        [] if content is None else read(content, f"{place}.tool_result.content"),
        block.get("is_error") is True,
        cache_of(block),
        rest(block, "type", "tool_use_id", "content", "is_error", "cache_control"),
    )


def _read_search_result(block: Wire, place: str) -> Block:
    """A search result of the client's own: words, so it can be told in words."""
    lines = [str(block[name]) for name in ("title", "source") if isinstance(block.get(name), str)]
    content = block.get("content")
    parts = content if isinstance(content, list) else []
    lines += [part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)]
    return Opaque("search_result", block, place, "\n".join(lines))


def _read_compaction(block: Wire, place: str) -> Block:
    """The summary of what stood before it: without its words the conversation would begin in the middle."""
    content = block.get("content")
    return Opaque("compaction", block, place, content if isinstance(content, str) else "")


_READERS: dict[str, Callable[[Wire, str], Block]] = {
    "text": _read_text,
    "image": _read_image,
    "document": _read_document,
    "thinking": _read_thinking,
    "redacted_thinking": _read_redacted,
    "tool_use": _read_tool_use,
    "tool_result": _read_tool_result,
    "search_result": _read_search_result,
    "compaction": _read_compaction,
}


def write(block: Block) -> Wire:
    """One block as Anthropic writes it; no Opaque."""
    return _WRITERS[type(block)](block)


def _write_source(source: Source) -> Wire:
    if source.kind == "blocks":
        return {"type": "content", "content": [write(inner) for inner in source.blocks]}
    if source.kind == "url":
        return {"type": "url", "url": source.data}
    if source.kind == "file":
        return {"type": "file", "file_id": source.data}
    if source.kind == "text":
        return {"type": "text", "media_type": source.media_type or "text/plain", "data": source.data}
    return {"type": "base64", "media_type": source.media_type, "data": source.data}


def _write_text(block: Text) -> Wire:
    return marked({"type": "text", "text": block.text}, block.cache)


def _write_refusal(block: Refusal) -> Wire:
    return {"type": "text", "text": block.text}


def _write_image(block: Image) -> Wire:
    return marked({"type": "image", "source": _write_source(block.source)}, block.cache)


def _write_document(block: Document) -> Wire:
    wire: Wire = {"type": "document", "source": _write_source(block.source)}
    if block.title:
        wire["title"] = block.title
    if block.context:
        wire["context"] = block.context
    return marked(wire, block.cache)


def _write_thinking(block: Thinking) -> Wire:
    return {"type": "thinking", "thinking": block.text, "signature": block.signature}


def _write_redacted(block: RedactedThinking) -> Wire:
    return {"type": "redacted_thinking", "data": block.data}


def _write_tool_use(block: ToolUse) -> Wire:
    return marked({"type": "tool_use", "id": call_ids.write(block.id), "name": block.name, "input": block.input}, block.cache)


def _write_tool_result(block: ToolResult) -> Wire:
    wire: Wire = {"type": "tool_result", "tool_use_id": call_ids.write(block.id)}
    inner = [write(part) for part in block.blocks if not isinstance(part, Text) or part.text]
    if len(inner) == 1 and inner[0].keys() == {"type", "text"}:
        wire["content"] = inner[0]["text"]
    elif inner:
        wire["content"] = inner
    if block.is_error:
        wire["is_error"] = True
    return marked(wire, block.cache)


_WRITERS: dict[type, Callable[..., Wire]] = {
    Text: _write_text,
    Refusal: _write_refusal,
    Image: _write_image,
    Document: _write_document,
    Thinking: _write_thinking,
    RedactedThinking: _write_redacted,
    ToolUse: _write_tool_use,
    ToolResult: _write_tool_result,
}
