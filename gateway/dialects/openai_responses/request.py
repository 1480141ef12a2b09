"""A Responses request: is it one, and what does the gateway need to know of it.

Owns the checks that hold whoever answers. Refuses only what no server of this API takes, in OpenAI's words; everything else is
the upstream's business when the body is passed on, and of `conversation.read` when it is translated.
"""

from gateway.dialects.body import span_of
from gateway.dialects.openai_chat.request import MODEL_CHARS_MAX, read
from gateway.dialects.openai_chat.wording import invalid, misfit, mistyped
from gateway.dialects.openai_responses.wording import no_input
from gateway.dialects.request import Request

# With one of these the conversation stands elsewhere, and the input may be left out.
_STORED = ("previous_response_id", "conversation", "prompt")


def check(body: bytes, shape: bytes | None = None) -> Request:
    """A Responses body as a Request. `shape` is its outline, if it is to be read by that. Raises Fault of kind INVALID."""
    document, found = read(body, shape)
    model = document.get("model")
    if not isinstance(model, str):
        raise misfit("", document, "model", str)
    if not 0 < len(model) <= MODEL_CHARS_MAX:
        raise invalid("model", f"it must have 1 to {MODEL_CHARS_MAX} characters")
    given, stream, max_tokens = (document.get(name) for name in ("input", "stream", "max_output_tokens"))
    if given is not None and not isinstance(given, (str, list)):
        raise mistyped("input", list)
    if not given and all(document.get(name) is None for name in _STORED):
        raise no_input()
    if stream is not None and not isinstance(stream, bool):
        raise mistyped("stream", bool)
    limit = max_tokens if type(max_tokens) is int and max_tokens > 0 else 0
    return Request(model, span_of(found, "model"), stream is True, limit, document)
