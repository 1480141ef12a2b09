"""A Messages answer: the model name that is echoed and the usage that is told.

Owns what the gateway reads from an upstream's answer and the one edit it makes. Every figure is input, not truth: it passes
through `core.usage.whole`, and one that is not a figure is told as missing, so that the caller can estimate it and say so.
Nothing raises: of an answer that cannot be read that much is told (`Missing.MESSAGE`), and the caller decides.
"""

from enum import IntFlag
from typing import Annotated

import msgspec
import orjson

from gateway.core.usage import TOKENS_MAX, Usage, whole
from native_fastpath import members

Figure = Annotated[int, msgspec.Meta(ge=0, le=TOKENS_MAX)]


class OrdinaryCacheCreation(msgspec.Struct):
    """Parts of what was written to the cache, when they are both there and are figures."""

    ephemeral_5m_input_tokens: Figure
    ephemeral_1h_input_tokens: Figure


class OrdinaryUsage(msgspec.Struct):
    """A usage object in which nothing is odd."""

    input_tokens: Figure
    output_tokens: Figure
    cache_read_input_tokens: Figure | None = None
    cache_creation_input_tokens: Figure | None = None
    cache_creation: OrdinaryCacheCreation | None = None


class OrdinaryAnswer(msgspec.Struct):
    """What is looked at in a Message. One typed pass takes a third of the time of a parse and seven look-ups."""

    usage: OrdinaryUsage


_ordinary = msgspec.json.Decoder(OrdinaryAnswer).decode


class Missing(IntFlag):
    """Which figures an answer did not tell, or told in a way that cannot be used."""

    NONE = 0
    INPUT = 1
    OUTPUT = 2
    MESSAGE = 4  # there is no JSON object at all


# The members of a content block that a model writes token by token.
_CONTENT = frozenset(("text", "thinking", "input", "data"))


def echo_model(body: bytes, asked: str) -> bytes:
    """The same bytes with `asked` as the model's name.

    `body` is a Message, or the data of a `message_start` event, whose Message is inside `message`. Anything else, also a model
    that is not a string, comes back untouched.
    """
    span = model_span(body)
    if span is None:
        return body
    return b"".join((body[: span[0]], orjson.dumps(asked), body[span[1] :]))


def model_span(body: bytes) -> tuple[int, int] | None:
    """The byte offsets of the model's value, quotes included, in a Message or the data of a `message_start` event."""
    found = _spans(body)
    span = found.get(b"model")
    if span is None and b"message" in found:
        start, end = found[b"message"]
        inner = _spans(body[start:end]).get(b"model")
        span = (start + inner[0], start + inner[1]) if inner else None
    if span is None or body[span[0]] != ord('"'):
        return None
    return span


def _spans(body: bytes) -> dict[bytes, tuple[int, int]]:
    try:
        return {key: (start, end) for key, start, end in members(body)}
    except ValueError:
        return {}


def usage_of(body: bytes) -> tuple[Usage, Missing]:
    """The usage in the body of an answer that was not streamed."""
    try:
        told = _ordinary(body).usage
    except msgspec.DecodeError:
        return _odd_usage_of(body)
    written = told.cache_creation_input_tokens or 0
    parts = told.cache_creation
    if written if parts is None else parts.ephemeral_5m_input_tokens + parts.ephemeral_1h_input_tokens != written:
        return _odd_usage_of(body)
    return (
        Usage(
            told.input_tokens,
            told.cache_read_input_tokens or 0,
            0 if parts is None else parts.ephemeral_5m_input_tokens,
            0 if parts is None else parts.ephemeral_1h_input_tokens,
            told.output_tokens,
        ),
        Missing.NONE,
    )


def _odd_usage_of(body: bytes) -> tuple[Usage, Missing]:
    """The same for an answer whose usage is not written as it usually is."""
    found = _spans(body)
    if not found:
        return Usage(), Missing.INPUT | Missing.OUTPUT | Missing.MESSAGE
    span = found.get(b"usage")
    if span is None:
        return Usage(), Missing.INPUT | Missing.OUTPUT
    try:
        return read_usage(orjson.loads(body[span[0] : span[1]]))
    except orjson.JSONDecodeError:
        return Usage(), Missing.INPUT | Missing.OUTPUT


def content_bytes(body: bytes) -> int:
    """About how many bytes of content a Message has, for an estimate when it does not tell its output."""
    span = _spans(body).get(b"content")
    try:
        blocks = orjson.loads(body[span[0] : span[1]]) if span else []
    except orjson.JSONDecodeError:
        return 0
    said = [value for block in blocks if isinstance(block, dict) for name, value in block.items() if name in _CONTENT]
    return sum(len(value.encode("utf-8", "replace")) if isinstance(value, str) else len(orjson.dumps(value)) for value in said)


def read_usage(usage: object) -> tuple[Usage, Missing]:
    """A parsed `usage` object in our own terms.

    Cache figures that are absent or null are zero, since many upstreams have no cache; one that is there and no figure makes
    the input incomplete. `cache_creation_input_tokens` is the sum of what was written; its parts by lifetime stand in
    `cache_creation`. Without the parts all of it is priced as the five-minute cache, which is what a client gets that does not
    ask for more.
    """
    if not isinstance(usage, dict):
        return Usage(), Missing.INPUT | Missing.OUTPUT
    missing = Missing.NONE
    read_tokens, read_fine = _optional(usage.get("cache_read_input_tokens"))
    (written_5m, written_1h), written_fine = _written(usage)
    input_tokens = whole(usage.get("input_tokens"))
    output_tokens = whole(usage.get("output_tokens"))
    if input_tokens is None or not read_fine or not written_fine:
        missing |= Missing.INPUT
    if output_tokens is None:
        missing |= Missing.OUTPUT
    return Usage(input_tokens or 0, read_tokens, written_5m, written_1h, output_tokens or 0), missing


def add_usage(usage: Usage, reported: dict[str, object]) -> Missing:
    """Enters a `usage` object of a stream. Figures are cumulative: the last one counts, and one that is missing or null keeps the
    one before. Tells what it said nothing of, or nothing that can be believed."""
    told, missing = read_usage(reported)
    if whole(reported.get("input_tokens")) is not None:
        usage.input_tokens = told.input_tokens
    if whole(reported.get("cache_read_input_tokens")) is not None:
        usage.cache_read_tokens = told.cache_read_tokens
    written = told.cache_write_5m_tokens + told.cache_write_1h_tokens
    known = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
    if written != known and whole(reported.get("cache_creation_input_tokens")) is not None:
        usage.cache_write_5m_tokens = told.cache_write_5m_tokens
        usage.cache_write_1h_tokens = told.cache_write_1h_tokens
    if Missing.OUTPUT not in missing:
        usage.output_tokens = told.output_tokens
    return missing


def _optional(value: object) -> tuple[int, bool]:
    """A figure that may be absent, and whether it was absent or a figure."""
    figure = whole(value)
    return figure or 0, value is None or figure is not None


def _written(usage: dict[str, object]) -> tuple[tuple[int, int], bool]:
    """Tokens written to the five-minute and the one-hour cache. Where sum and parts differ, the larger sum counts."""
    total, fine = _optional(usage.get("cache_creation_input_tokens"))
    parts = usage.get("cache_creation")
    if parts is None:
        return (total, 0), fine
    if not isinstance(parts, dict):
        return (total, 0), False
    written_5m, fine_5m = _optional(parts.get("ephemeral_5m_input_tokens"))
    written_1h, fine_1h = _optional(parts.get("ephemeral_1h_input_tokens"))
    total = min(max(total, written_5m + written_1h), TOKENS_MAX)
    return (total - written_1h, written_1h), fine and fine_5m and fine_1h
