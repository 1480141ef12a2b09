"""What a test wants to know of a stream of events."""

import json
from typing import Any

from gateway.dialects.sse import Parser


def events(stream: bytes) -> list[str]:
    """The names of the whole events, in order."""
    return [event.name.decode() for event in Parser().feed(stream)]


def error_event(stream: bytes) -> dict[str, Any] | None:
    """The error that ends a stream, if its last whole event is one and nothing follows it."""
    found = Parser().feed(stream)
    if not found or found[-1].name != b"error" or not stream.endswith(b"\n\n"):
        return None
    envelope: dict[str, Any] = json.loads(found[-1].data)
    assert envelope["type"] == "error"
    assert envelope["request_id"].startswith("req_")
    error: dict[str, Any] = envelope["error"]
    return error
