"""A chat request: is it one, and what does the gateway need to know of it.

Owns the checks that hold whoever answers. Refuses only what no server of this shape takes, in OpenAI's words; everything else is
the upstream's business when the body is passed on, and of `conversation.read` when it is translated.
"""

from gateway.core.faults import Fault, FaultKind
from gateway.dialects.body import Found, Unreadable, span_of
from gateway.dialects.body import read as read_object
from gateway.dialects.openai_chat.wording import invalid, misfit, mistyped
from gateway.dialects.request import Request

MODEL_CHARS_MAX = 256
_LIMITS = ("max_completion_tokens", "max_tokens")


def check(body: bytes, shape: bytes | None = None) -> Request:
    """A chat body as a Request. `shape` is its outline, if it is to be read by that. Raises Fault of kind INVALID."""
    document, found = read(body, shape)
    model = document.get("model")
    if not isinstance(model, str):
        raise misfit("", document, "model", str)
    if not 0 < len(model) <= MODEL_CHARS_MAX:
        raise invalid("model", f"it must have 1 to {MODEL_CHARS_MAX} characters")
    messages, stream = document.get("messages"), document.get("stream")
    if not isinstance(messages, list):
        raise misfit("", document, "messages", list)
    if not messages:
        raise invalid("messages", "it must have at least one message")
    if stream is not None and not isinstance(stream, bool):
        raise mistyped("stream", bool)
    limits = (document.get(name) for name in _LIMITS)
    max_tokens = next((limit for limit in limits if type(limit) is int and limit > 0), 0)
    return Request(model, span_of(found, "model"), stream is True, max_tokens, document)


def read(body: bytes, shape: bytes | None = None) -> tuple[dict[str, object], Found]:
    """The parsed body and the spans of its top-level values; a Fault when it cannot be one request to everyone who reads it."""
    try:
        return read_object(body, shape)
    except Unreadable as unreadable:
        raise Fault(FaultKind.INVALID, f"We could not parse the JSON body of your request: {unreadable}.") from None
