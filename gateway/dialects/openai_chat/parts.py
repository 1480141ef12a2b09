"""The content of chat messages: a text or a list of parts, to neutral blocks and back.

Owns the types of parts and the ways in which pictures and documents travel in them: `data:` URLs, addresses, files in base64.
A list of texts alone is written as one text, because many servers of this shape take nothing else.
"""

import base64
import binascii

from gateway.core.profile import Profile
from gateway.dialects.conversation import Block, Document, Image, Opaque, Refusal, Source, Text
from gateway.dialects.images import MEDIA_TYPES, PDF, media_type_of, split_data_url
from gateway.dialects.losses import Losses
from gateway.dialects.openai_chat.wording import invalid, misfit, mistyped

Wire = dict[str, object]

PARAGRAPH = "\n\n"
_MARKS = ("prompt_cache_breakpoint", "cache_control")
_LONG = ("30m", "12h", "1h")


def read(content: object, place: str) -> list[Block]:
    """The blocks of a content. Raises Fault."""
    if content is None:
        return []
    if isinstance(content, str):
        return [Text(content)] if content else []
    if not isinstance(content, list):
        raise mistyped(place, str)
    return [_read_one(part, f"{place}[{index}]") for index, part in enumerate(content)]


def _read_one(part: object, place: str) -> Block:
    if isinstance(part, str):
        return Text(part)
    if not isinstance(part, dict):
        raise mistyped(place, dict)
    kind = part.get("type")
    if not isinstance(kind, str):
        raise misfit(place, part, "type", str)
    extras = {key: value for key, value in part.items() if key not in ("type", kind, *_MARKS) and value is not None}
    if kind in ("text", "refusal"):
        text = part.get(kind)
        if not isinstance(text, str):
            raise misfit(place, part, kind, str)
        return Refusal(text, extras) if kind == "refusal" else Text(text, _cache_of(part), extras)
    if kind == "image_url":
        return _read_image(part, extras, place)
    if kind == "file":
        return _read_file(part, extras, place)
    return Opaque(kind, part, place)


def _cache_of(part: Wire) -> str:
    """The lifetime of a mark: Anthropic knows five minutes and an hour."""
    mark = next((part[name] for name in _MARKS if isinstance(part.get(name), dict)), None)
    if mark is None:
        return ""
    return "1h" if isinstance(mark, dict) and mark.get("ttl") in _LONG else "5m"


def _read_image(part: Wire, extras: Wire, place: str) -> Block:
    image = part.get("image_url")
    image = {"url": image} if isinstance(image, str) else image
    if not isinstance(image, dict):
        raise misfit(place, part, "image_url", dict)
    url = image.get("url")
    if not isinstance(url, str):
        raise misfit(f"{place}.image_url", image, "url", str)
    detail = image.get("detail")
    detail = detail if isinstance(detail, str) else ""
    known = ("url", "detail") if detail else ("url",)
    extras |= {key: value for key, value in image.items() if key not in known and value is not None}
    where = f"{place}.image_url.url"
    if url.lower().startswith(("https://", "http://")):
        return Image(Source("url", url, place=where), _cache_of(part), detail, extras)
    data = split_data_url(url)
    if data is None:
        raise invalid(where, "it must be an http, https or data URL")
    source = Source("base64", data[1], media_type_of(data[1], data[0]), place=where)
    return Image(source, _cache_of(part), detail, extras)


def _read_file(part: Wire, extras: Wire, place: str) -> Block:
    file = part.get("file")
    if not isinstance(file, dict):
        raise misfit(place, part, "file", dict)
    content, identifier, name = file.get("file_data"), file.get("file_id"), file.get("filename")
    extras |= {key: value for key, value in file.items() if key not in ("file_data", "file_id", "filename") and value is not None}
    title = name if isinstance(name, str) else ""
    if isinstance(identifier, str) and not isinstance(content, str):
        source = Source("file", identifier, place=f"{place}.file.file_id")
        return Document(source, title, cache=_cache_of(part), extras=extras)
    if not isinstance(content, str):
        raise misfit(f"{place}.file", file, "file_data", str)
    where = f"{place}.file.file_data"
    media_type, data = split_data_url(content) or (PDF, content)
    media_type = media_type_of(data, media_type)
    if media_type in MEDIA_TYPES:
        return Image(Source("base64", data, media_type, place=where), _cache_of(part), extras=extras)
    source = Source("base64", data, media_type, place=where)
    if media_type.startswith("text/") or media_type == "application/json":
        try:
            source = Source("text", base64.b64decode(data).decode(), "text/plain", place=where)
        except (binascii.Error, ValueError):
            raise invalid(where, "it must be base64 of UTF-8 text") from None
    return Document(source, title, cache=_cache_of(part), extras=extras)


def write(blocks: list[Block], profile: Profile, losses: Losses) -> str | list[Wire]:
    """The content that says these blocks. Raises Fault for what the upstream does not take."""
    parts: list[Wire] = []
    for block in blocks:
        parts += _write_one(block, profile, losses)
    if all(part["type"] == "text" for part in parts):
        return PARAGRAPH.join(str(part["text"]) for part in parts)
    return parts


def _write_one(block: Block, profile: Profile, losses: Losses) -> list[Wire]:
    if isinstance(block, (Text, Refusal)):
        return [{"type": "text", "text": block.text}] if block.text else []
    if isinstance(block, Image):
        return [_write_image(block, profile, losses)]
    if isinstance(block, Document):
        return _write_document(block, profile, losses)
    return []


def _write_image(block: Image, profile: Profile, losses: Losses) -> Wire:
    source = block.source
    if not profile.images:
        raise losses.refuse("messages.content", "could not process image: the model asked for takes none", source.place)
    detail = {"detail": block.detail} if block.detail else {}
    if source.kind == "base64":
        return {"type": "image_url", "image_url": {"url": f"data:{source.media_type};base64,{source.data}", **detail}}
    if source.kind == "url" and profile.image_urls:
        return {"type": "image_url", "image_url": {"url": source.data, **detail}}
    raise losses.refuse("messages.content", "an image must be sent as base64 to the model asked for", source.place)


def _write_document(block: Document, profile: Profile, losses: Losses) -> list[Wire]:
    source = block.source
    heading = PARAGRAPH.join(filter(None, (block.title, block.context)))
    if source.kind == "text":
        return [{"type": "text", "text": f"{heading}{PARAGRAPH}{source.data}" if heading else source.data}]
    if source.kind == "blocks":
        parts: list[Wire] = [{"type": "text", "text": heading}] if heading else []
        return parts + [part for inner in source.blocks for part in _write_one(inner, profile, losses)]
    if source.kind != "base64":
        raise losses.refuse("messages.content", "a document must be sent as base64 to the model asked for", source.place)
    if not profile.documents:
        raise losses.refuse("messages.content", "the model asked for does not support PDF input", source.place)
    file = {"filename": block.title or "document.pdf", "file_data": f"data:{source.media_type};base64,{source.data}"}
    parts = [{"type": "file", "file": file}]
    return [{"type": "text", "text": block.context}, *parts] if block.context else parts
