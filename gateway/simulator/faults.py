"""Faults: error answers in an upstream's envelope.

A table from status to error type and usual text. Knows no request.
"""

from typing import Any

import orjson

# (type, text); statuses that are not here take the type of their hundred.
_BY_STATUS: dict[int, tuple[str, str]] = {
    400: ("invalid_request_error", "Invalid request (simulated)."),
    401: ("authentication_error", "invalid x-api-key"),
    402: ("billing_error", "Billing problem (simulated)."),
    403: ("permission_error", "Your API key does not have permission to use the specified resource."),
    404: ("not_found_error", "Not found"),
    405: ("invalid_request_error", "Method Not Allowed"),
    408: ("timeout_error", "Request timed out (simulated)."),
    409: ("conflict_error", "Conflict (simulated)."),
    413: ("request_too_large", "Request exceeds the maximum size"),
    429: (
        "rate_limit_error",
        "This request would exceed the rate limit for your organization of 30,000 input tokens per minute.",
    ),
    500: ("api_error", "Internal server error"),
    503: ("overloaded_error", "Service unavailable (simulated)."),
    504: ("timeout_error", "Timed out (simulated)."),
    529: ("overloaded_error", "Overloaded"),
}
_RETRYABLE = (408, 409, 429)


def type_and_text(status: int) -> tuple[str, str]:
    """The error type and usual text of a status."""
    return _BY_STATUS.get(status) or _BY_STATUS[500 if status >= 500 else 400]


def is_retryable(status: int) -> bool:
    """What `x-should-retry` says."""
    return status >= 500 or status in _RETRYABLE


def envelope(status: int, request_id: str, text: str | None = None, error_code: str | None = None) -> bytes:
    """The JSON body of an error; also the payload of an error event."""
    kind, usual = type_and_text(status)
    error: dict[str, Any] = {"type": kind, "message": text or usual}
    if error_code is not None:
        error["details"] = {"error_code": error_code}
    return orjson.dumps({"type": "error", "error": error, "request_id": request_id})


def event(status: int, request_id: str, text: str | None = None, error_code: str | None = None) -> bytes:
    """An error in the middle of a stream."""
    return b"event: error\ndata: %b\n\n" % envelope(status, request_id, text, error_code)


def page(status: int) -> bytes:
    """What a proxy in front of an upstream shows to people."""
    return b"<html>\r\n<head><title>%d</title></head>\r\n<body>\r\n<center><h1>%d</h1></center>\r\n</body>\r\n</html>\r\n" % (
        status,
        status,
    )
