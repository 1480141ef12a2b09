"""A fault in Anthropic's words: as an answer, or as the event that ends a stream; and an upstream's error read back.

Owns the mapping of fault kinds to `error.type`. Refuses to know why something failed: the fault carries its text. Only a prompt
that is too long is said in Anthropic's own words wherever it comes from, because clients shorten the conversation when they read
them.
"""

import orjson

from gateway.core.faults import Fault, FaultKind
from gateway.dialects.fault_headers import Headers, headers_of
from gateway.dialects.sse import frame as sse_frame
from gateway.dialects.upstream_error import OVERFLOW, fault_of, overflow_of

# The upstream itself has no type for 405, 415 or 502; the nearest ones are used. A part of the gateway that is down or full is
# said as `overloaded_error`, which clients wait for and try again.
TYPES: dict[FaultKind, str] = {
    FaultKind.INVALID: "invalid_request_error",
    FaultKind.UNAUTHENTICATED: "authentication_error",
    FaultKind.FORBIDDEN: "permission_error",
    FaultKind.MISSING: "not_found_error",
    FaultKind.METHOD: "invalid_request_error",
    FaultKind.SLOW: "timeout_error",
    FaultKind.OVERSIZED: "request_too_large",
    FaultKind.UNSUPPORTED: "invalid_request_error",
    FaultKind.LIMITED: "rate_limit_error",
    FaultKind.UNPAID: "billing_error",
    FaultKind.BROKEN: "api_error",
    FaultKind.UNAVAILABLE: "overloaded_error",
    FaultKind.UNREACHABLE: "api_error",
    FaultKind.STALLED: "timeout_error",
    FaultKind.TRUNCATED: "api_error",
    FaultKind.GARBLED: "api_error",
    FaultKind.FAILED: "api_error",
}

# The status that each type comes with, for an error in mid-stream, which has none.
STATUSES: dict[str, int] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "conflict_error": 409,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}

SERVER_ERROR = 500


def write(fault: Fault, request_id: str, *, coded: bool = False) -> tuple[int, Headers, bytes]:
    """The whole answer: status, headers (names in lower case), body. `request_id` stands in the header and in the body.

    `coded` adds the fault's code, which the upstream's own envelope does not have: for our administration.
    """
    body = _envelope(fault, request_id, coded and bool(fault.code))
    return fault.status, headers_of(fault, body, b"request-id", request_id), body


def frame(fault: Fault, request_id: str) -> bytes:
    """The `error` event that ends a stream which has begun; its status was 200 and stays so."""
    return sse_frame(b"error", _envelope(fault, request_id))


def _envelope(fault: Fault, request_id: str, coded: bool = False) -> bytes:
    # A text may hold what a client sent in a header; whatever is not text by then must not turn a fault into another one.
    message = fault.text.encode("utf-8", "replace").decode("utf-8")
    if fault.code == OVERFLOW:
        figures = overflow_of(message)
        message = f"prompt is too long: {figures[0]} tokens > {figures[1]} maximum" if figures else message
    error = {"type": TYPES[fault.kind], "message": message} | ({"code": fault.code} if coded else {})
    return orjson.dumps({"type": "error", "error": error, "request_id": request_id})


def read(status: int, body: bytes) -> Fault:
    """What an upstream's error says. A body that is no error in Anthropic's form counts by its status."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = None
    return read_error(status, document)


def read_error(status: int, document: object) -> Fault:
    """The same for a parsed body, or for the data of an `error` event; then `status` is 0."""
    error = document.get("error") if isinstance(document, dict) else None
    error = error if isinstance(error, dict) else {}
    kind, message = error.get("type"), error.get("message")
    if not status:
        status = STATUSES.get(kind, SERVER_ERROR) if isinstance(kind, str) else SERVER_ERROR
    details = error.get("details")
    code = "billing_error" if kind == "billing_error" else details.get("error_code") if isinstance(details, dict) else ""
    return fault_of(status, message if isinstance(message, str) else "", code=code if isinstance(code, str) else "")
