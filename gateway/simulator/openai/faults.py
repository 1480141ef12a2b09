"""Faults in OpenAI's envelope: as an answer, and in the middle of a chat stream or of a response."""

import orjson

from gateway.simulator.faults import type_and_text

_BY_STATUS: dict[int, tuple[str, str | None, str | None]] = {
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    404: ("invalid_request_error", None, "Unknown request URL or model."),
    429: ("tokens", "rate_limit_exceeded", "Rate limit reached for requests. Please try again in 1s."),
    500: ("server_error", None, "The server had an error while processing your request."),
    503: ("server_error", "server_is_overloaded", "The engine is currently overloaded, please try again later."),
}


def envelope(status: int, text: str | None = None, code: str | None = None) -> bytes:
    """The JSON body of an error; also the payload of one in mid-stream."""
    return orjson.dumps({"error": _error(status, text, code)})


def chunk(status: int, request_id: str, text: str | None = None, code: str | None = None) -> bytes:
    """An error in the middle of a chat stream."""
    return b"data: %b\n\n" % envelope(500 if status == 529 else status, text, code)


def event(status: int, request_id: str, text: str | None = None, code: str | None = None) -> bytes:
    """An error in the middle of a response."""
    error = _error(500 if status == 529 else status, text, code)
    flat = {"type": "error", "sequence_number": 1_000_000, **{name: error[name] for name in ("code", "message", "param")}}
    return b"event: error\ndata: %b\n\n" % orjson.dumps(flat)


def _error(status: int, text: str | None, code: str | None) -> dict[str, object]:
    kind, usual_code, usual = _BY_STATUS.get(status) or ("server_error" if status >= 500 else "invalid_request_error", None, None)
    message = text or usual or type_and_text(status)[1]
    return {"message": message, "type": kind, "param": None, "code": code or usual_code}
