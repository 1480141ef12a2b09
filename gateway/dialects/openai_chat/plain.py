"""Requests for completions of a text and for embeddings: are they ones, and what does the gateway need to know of them.

Both are only ever passed on, to upstreams that have them, so all else is the upstream's business.
"""

from gateway.dialects.body import span_of
from gateway.dialects.openai_chat.request import MODEL_CHARS_MAX, read
from gateway.dialects.openai_chat.wording import invalid, misfit, missing, mistyped
from gateway.dialects.request import Request

# What a completion has when nothing is said, as documented.
COMPLETION_TOKENS_DEFAULT = 16


def check_completion(body: bytes, shape: bytes | None = None) -> Request:
    """A body for /v1/completions. `shape` is its outline, if it is to be read by that. Raises Fault of kind INVALID."""
    asked = _read(body, shape, "prompt")
    limit = asked.document.get("max_tokens")
    asked.max_tokens = limit if type(limit) is int and limit > 0 else COMPLETION_TOKENS_DEFAULT
    stream = asked.document.get("stream")
    if stream is not None and not isinstance(stream, bool):
        raise mistyped("stream", bool)
    asked.stream = stream is True
    return asked


def check_embeddings(body: bytes, shape: bytes | None = None) -> Request:
    """A body for /v1/embeddings. `shape` is its outline, if it is to be read by that. Raises Fault of kind INVALID."""
    return _read(body, shape, "input")


def _read(body: bytes, shape: bytes | None, needed: str) -> Request:
    document, found = read(body, shape)
    model = document.get("model")
    if not isinstance(model, str):
        raise misfit("", document, "model", str)
    if not 0 < len(model) <= MODEL_CHARS_MAX:
        raise invalid("model", f"it must have 1 to {MODEL_CHARS_MAX} characters")
    given = document.get(needed)
    if given is None:
        raise missing(needed)
    if not isinstance(given, (str, list)):
        raise mistyped(needed, str)
    return Request(model, span_of(found, "model"), False, 0, document)


def answers(document: dict[str, object]) -> int:
    """How many answers a body asks for, each of which may take `max_tokens`. At least 1."""
    counts = [count for name in ("n", "best_of") if type(count := document.get(name)) is int and count > 0]
    prompts = document.get("prompt")
    # A list of figures is one prompt as tokens.
    several = len(prompts) if isinstance(prompts, list) and prompts and not isinstance(prompts[0], int) else 1
    return max(counts, default=1) * several
