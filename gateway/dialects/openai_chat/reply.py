"""A chat answer that is passed on: the usage that is told and the model name that is echoed.

Owns what the gateway reads from OpenAI's answers whose bytes go by, and the one edit it makes. Completions and embeddings tell
their usage in the same words, so this serves them too. Nothing raises: what cannot be read is told as missing.
"""

import re
from collections.abc import Iterator

import msgspec
import orjson

from gateway.core.usage import Usage
from gateway.dialects.anthropic.reply import Missing
from gateway.dialects.conversation import Spent
from gateway.dialects.openai_chat import usage

_CONTENT = ("content", "reasoning_content", "reasoning", "refusal", "arguments", "input", "text")
_DEPTH_MAX = 8
# In JSON text the quotes of a string's own content are escaped, so this cannot begin inside another string.
_MODEL = re.compile(rb'"model"\s*:\s*("(?:[^"\\]|\\.)*")')


class _Answer(msgspec.Struct):
    """What is looked at: figures, and whether it is an answer at all."""

    usage: object = None


_decode = msgspec.json.Decoder(_Answer).decode


def usage_of(body: bytes) -> tuple[Usage, Missing]:
    """The usage in the body of a chat answer or a completion."""
    spent = Spent(Usage())
    try:
        usage.tell(spent, _decode(body).usage)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Usage(), Missing.INPUT | Missing.OUTPUT | Missing.MESSAGE
    return spent.usage, missing(spent)


def embeddings_usage_of(body: bytes) -> tuple[Usage, Missing]:
    """The usage in an answer with embeddings, which have no output."""
    told, lacking = usage_of(body)
    told.output_tokens = 0
    return told, lacking & ~Missing.OUTPUT


def missing(spent: Spent) -> Missing:
    """Which figures were not told."""
    lacking = Missing.NONE
    if not spent.input_reported:
        lacking |= Missing.INPUT
    if not spent.output_reported:
        lacking |= Missing.OUTPUT
    return lacking


def content_bytes(body: bytes) -> int:
    """About how many bytes of content an answer has, for an estimate when it does not tell its output."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return 0
    said = document.get("choices", document.get("output")) if isinstance(document, dict) else None
    return sum(len(text.encode("utf-8", "replace")) for text in _texts(said, 0))


def _texts(node: object, depth: int) -> Iterator[str]:
    if depth > _DEPTH_MAX:
        return
    if isinstance(node, list):
        for each in node:
            yield from _texts(each, depth + 1)
    elif isinstance(node, dict):
        for name, value in node.items():
            if isinstance(value, str):
                if name in _CONTENT:
                    yield value
            else:
                yield from _texts(value, depth + 1)


def echo_model(body: bytes, asked: str) -> bytes:
    """The same bytes with `asked` as the model's name: of a whole answer, or of the events of a stream.

    The first name that is found is the upstream's own; only values that equal it are replaced.
    """
    found = _MODEL.search(body)
    if found is None:
        return body
    served, written = found[1], orjson.dumps(asked)
    return _MODEL.sub(lambda match: match[0][: -len(match[1])] + written if match[1] == served else match[0], body)
