"""The content of items: a text or a list of parts, as neutral blocks.

Owns the types of parts and the ways in which pictures and documents travel in them: `data:` URLs, addresses, ids, base64.
What this dialect says and no other (audio) stays opaque. No address is ever fetched here.
"""

from base64 import b64decode
from collections.abc import Callable
from typing import Literal

from gateway.dialects.conversation import Block, Document, Extras, Image, Opaque, Refusal, Source, Text
from gateway.dialects.images import MEDIA_TYPES, PDF, media_type_of, split_data_url
from gateway.dialects.openai_chat.wording import invalid, misfit, missing, mistyped
from gateway.dialects.openai_responses.wording import text_of

Part = dict[str, object]

# The lifetimes of a mark; Anthropic knows five minutes and an hour.
_LONG = ("30m", "12h")

_TEXT_FIELDS = frozenset(("type", "text", "prompt_cache_breakpoint"))
_REFUSAL_FIELDS = frozenset(("type", "refusal"))
_IMAGE_FIELDS = frozenset(("type", "detail", "image_url", "file_id", "prompt_cache_breakpoint"))
_FILE_FIELDS = frozenset(("type", "file_data", "file_url", "file_id", "filename", "prompt_cache_breakpoint"))


def read_content(item: dict[str, object], field: str, path: str) -> list[Block]:
    """A string or an array of parts as blocks. Empty words make no block. Raises Fault."""
    content = item.get(field)
    if isinstance(content, str):
        return [Text(content)] if content else []
    if not isinstance(content, list):
        raise misfit(path, item, field, list)
    blocks: list[Block] = []
    for place, part in enumerate(content):
        here = f"{path}.{field}[{place}]"
        if not isinstance(part, dict):
            raise mistyped(here, dict)
        block = _READERS.get(text_of(part, "type", here), _read_opaque)(part, here)
        if not isinstance(block, Text) or block.text:
            blocks.append(block)
    return blocks


def _read_text(part: Part, path: str) -> Block:
    return Text(text_of(part, "text", path), _cache_of(part), _rest(part, _TEXT_FIELDS))


def _read_refusal(part: Part, path: str) -> Block:
    return Refusal(text_of(part, "refusal", path), _rest(part, _REFUSAL_FIELDS))


def _read_image(part: Part, path: str) -> Block:
    extras, cache = _rest(part, _IMAGE_FIELDS), _cache_of(part)
    detail = "" if part.get("detail") is None else text_of(part, "detail", path)
    if part.get("image_url") is None:
        if part.get("file_id") is None:
            raise missing(f"{path}.image_url")
        return Image(Source("file", text_of(part, "file_id", path), place=f"{path}.file_id"), cache, detail, extras)
    url, place = text_of(part, "image_url", path), f"{path}.image_url"
    if url.lower().startswith(("https://", "http://")):
        return Image(Source("url", url, place=place), cache, detail, extras)
    data = split_data_url(url)
    if data is None:
        raise invalid(place, "it must be an http, https or data URL")
    return Image(Source("base64", data[1], media_type_of(data[1], data[0]), place=place), cache, detail, extras)


def _read_file(part: Part, path: str) -> Block:
    name = part.get("filename")
    title, cache, extras = name if isinstance(name, str) else "", _cache_of(part), _rest(part, _FILE_FIELDS)
    if part.get("file_data") is None:
        for field, kind in _FILE_PLACES:
            if part.get(field) is not None:
                return Document(Source(kind, text_of(part, field, path), place=f"{path}.{field}"), title, "", cache, extras)
        raise missing(f"{path}.file_data")
    content, place = text_of(part, "file_data", path), f"{path}.file_data"
    named, data = split_data_url(content) or (PDF, content)
    media_type = media_type_of(data, named)
    source = Source("base64", data, media_type, place=place)
    if media_type in MEDIA_TYPES:
        return Image(source, cache, extras=extras)
    if media_type.startswith("text/") or media_type == "application/json":
        try:
            source = Source("text", b64decode(data).decode(), "text/plain", place=place)
        except ValueError:
            raise invalid(place, "it must be base64 of UTF-8 text") from None
    return Document(source, title, "", cache, extras)


def _read_opaque(part: Part, path: str) -> Block:
    return Opaque(str(part["type"]), part, path)


def _cache_of(part: Part) -> str:
    mark = part.get("prompt_cache_breakpoint")
    if not isinstance(mark, dict):
        return ""
    return "1h" if mark.get("ttl") in _LONG else "5m"


def _rest(part: Part, known: frozenset[str]) -> Extras:
    return {field: value for field, value in part.items() if field not in known and value not in (None, [])}


_FILE_PLACES: tuple[tuple[str, Literal["url", "file"]], ...] = (("file_url", "url"), ("file_id", "file"))

_READERS: dict[str, Callable[[Part, str], Block]] = {
    "input_text": _read_text,
    "output_text": _read_text,
    "text": _read_text,
    "refusal": _read_refusal,
    "input_image": _read_image,
    "input_file": _read_file,
}
