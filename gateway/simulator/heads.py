"""Heads: the status line and headers of an answer, as an upstream writes them.

Owns header names, order and the limit trios. What is the same for a whole second is written once a second.
"""

import time
from http import HTTPStatus

ORGANIZATION_ID = "00000000-0000-4000-8000-000000000000"
SSE_TYPE = "text/event-stream; charset=utf-8"
JSON_TYPE = "application/json"

# (name, limit): figures of a generous key, never used up.
_TRIOS = (("requests", 4000), ("input-tokens", 2_000_000), ("output-tokens", 400_000), ("tokens", 2_400_000))

_REASONS = {status.value: status.phrase for status in HTTPStatus} | {529: "Overloaded"}
_STATUS_LINES = {status: f"HTTP/1.1 {status} {reason}\r\n" for status, reason in _REASONS.items()}


class Heads:
    """Writes heads. One for each server; used from one thread."""

    def __init__(self) -> None:
        self._second = -1
        self._shared = ""

    def write(
        self,
        status: int,
        content_type: str,
        request_id: str,
        length: int | None,
        keep_alive: bool,
        headers: list[tuple[str, str]],
    ) -> bytes:
        """A head up to the blank line. `length` None announces chunks; -1 announces neither, so the end is the close."""
        second = int(time.time())
        if second != self._second:
            self._second, self._shared = second, _shared(second)
        framing = "transfer-encoding: chunked\r\n" if length is None else f"content-length: {length}\r\n" if length >= 0 else ""
        status_line = _STATUS_LINES.get(status) or f"HTTP/1.1 {status} Unknown\r\n"
        caching = "cache-control: no-cache\r\n" if content_type is SSE_TYPE else ""
        close = "" if keep_alive else "connection: close\r\n"
        extra = "".join([f"{name}: {value}\r\n" for name, value in headers])
        kind = f"content-type: {content_type}\r\n" if content_type else ""
        return f"{status_line}{kind}{framing}{caching}{self._shared}request-id: {request_id}\r\n{extra}{close}\r\n".encode(
            "latin-1"
        )


def _shared(second: int) -> str:
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(second))
    reset = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second + 60))
    lines = [f"date: {date}", f"anthropic-organization-id: {ORGANIZATION_ID}"]
    for name, limit in _TRIOS:
        start = f"anthropic-ratelimit-{name}"
        lines += [f"{start}-limit: {limit}", f"{start}-remaining: {limit}", f"{start}-reset: {reset}"]
    return "\r\n".join(lines) + "\r\n"
