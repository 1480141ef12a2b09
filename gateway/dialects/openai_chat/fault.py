"""A fault in OpenAI's words: as an answer, or as the data line that ends a stream; and an upstream's error read back.

Owns the mapping of fault kinds to `type` and `code`. Refuses to know why something failed: the fault carries its text.
"""

import orjson

from gateway.core.faults import Fault, FaultKind
from gateway.dialects.fault_headers import Headers, headers_of
from gateway.dialects.upstream_error import NO_MODEL, fault_of

# Type and code. Only the codes of the client's faults are looked at by programs.
WORDS: dict[FaultKind, tuple[str, str | None]] = {
    FaultKind.INVALID: ("invalid_request_error", None),
    FaultKind.UNAUTHENTICATED: ("invalid_request_error", "invalid_api_key"),
    FaultKind.FORBIDDEN: ("invalid_request_error", None),
    FaultKind.MISSING: ("invalid_request_error", None),
    FaultKind.METHOD: ("invalid_request_error", None),
    FaultKind.SLOW: ("invalid_request_error", None),
    FaultKind.OVERSIZED: ("invalid_request_error", "request_too_large"),
    FaultKind.UNSUPPORTED: ("invalid_request_error", None),
    FaultKind.LIMITED: ("tokens", "rate_limit_exceeded"),
    FaultKind.UNPAID: ("insufficient_quota", "insufficient_credits"),
    FaultKind.BROKEN: ("server_error", "internal_error"),
    FaultKind.UNAVAILABLE: ("server_error", "server_is_overloaded"),
    FaultKind.UNREACHABLE: ("server_error", "provider_request_failed"),
    FaultKind.STALLED: ("server_error", "provider_request_failed"),
    FaultKind.TRUNCATED: ("server_error", "provider_request_failed"),
    FaultKind.GARBLED: ("server_error", "provider_request_failed"),
    FaultKind.FAILED: ("server_error", "provider_request_failed"),
}

SERVER_ERROR = 500
# The status that each type and code comes with, for an error in mid-stream, which has none.
STATUSES: dict[str, int] = {
    "invalid_request_error": 400,
    "invalid_prompt": 400,
    "context_length_exceeded": 400,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "permission_error": 403,
    "model_not_found": 404,
    "not_found_error": 404,
    "insufficient_quota": 429,
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "tokens": 429,
    "requests": 429,
    "server_error": 500,
    "server_is_overloaded": 503,
    "slow_down": 503,
    "overloaded_error": 503,
}


def write(fault: Fault, request_id: str) -> tuple[int, Headers, bytes]:
    """The whole answer: status, headers (names in lower case), body. `request_id` stands in the header."""
    body = envelope(fault)
    return fault.status, headers_of(fault, body, b"x-request-id", request_id), body


def frame(fault: Fault) -> bytes:
    """The data line that ends a stream which has begun. No `[DONE]` follows: SDKs raise on it."""
    return b"data: " + envelope(fault) + b"\n\n"


def envelope(fault: Fault) -> bytes:
    """The JSON of a fault."""
    kind, code = WORDS[fault.kind]
    if fault.kind is FaultKind.MISSING and fault.param == "model":
        code = NO_MODEL
    # A text may hold what a client sent in a header; whatever is not text by then must not turn a fault into another one.
    message = fault.text.encode("utf-8", "replace").decode("utf-8")
    param = fault.param.encode("utf-8", "replace").decode("utf-8") or None
    return orjson.dumps({"error": {"message": message, "type": kind, "param": param, "code": fault.code or code}})


def read(status: int, body: bytes) -> Fault:
    """What an upstream's error says. A body that is no error in OpenAI's form counts by its status."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = None
    return read_error(status, document)


def read_error(status: int, document: object) -> Fault:
    """The same for a parsed body, or for the data line of a stream; then `status` is 0.

    `error` is an object, or a bare text with some servers; some put the status of an error in mid-stream into `code`.
    """
    error = document.get("error") if isinstance(document, dict) else None
    if isinstance(error, str):
        error = {"message": error}
    if not isinstance(error, dict):
        error = document if isinstance(document, dict) else {}
    message, kind, code, param = (error.get(name) for name in ("message", "type", "code", "param"))
    if not status:
        known = (STATUSES.get(word) for word in (code, kind) if isinstance(word, str))
        status = code if type(code) is int and 400 <= code < 600 else next(filter(None, known), SERVER_ERROR)
    return fault_of(
        status,
        message if isinstance(message, str) else "",
        code=code if isinstance(code, str) else "",
        param=param if isinstance(param, str) else "",
    )
