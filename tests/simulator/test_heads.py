import re
from datetime import UTC, datetime

from gateway.simulator.heads import JSON_TYPE, SSE_TYPE, Heads


def _lines(head: bytes) -> list[str]:
    assert head.endswith(b"\r\n\r\n")
    return head.decode("latin-1").split("\r\n")[:-2]


def test_a_stream_head_announces_chunks_and_no_caching() -> None:
    lines = _lines(Heads().write(200, SSE_TYPE, "req_1", None, True, []))
    assert lines[0] == "HTTP/1.1 200 OK"
    assert {"content-type: text/event-stream; charset=utf-8", "transfer-encoding: chunked", "cache-control: no-cache"} <= set(
        lines
    )
    assert "request-id: req_1" in lines


def test_a_body_head_announces_its_length_and_the_close() -> None:
    lines = _lines(Heads().write(529, JSON_TYPE, "req_1", 7, False, [("retry-after", "3")]))
    assert lines[0] == "HTTP/1.1 529 Overloaded"
    assert {"content-type: application/json", "content-length: 7", "connection: close", "retry-after: 3"} <= set(lines)


def test_every_limit_trio_is_complete() -> None:
    headers = dict(line.split(": ", 1) for line in _lines(Heads().write(200, JSON_TYPE, "req_1", 0, True, []))[1:])
    for name in ("requests", "tokens", "input-tokens", "output-tokens"):
        start = f"anthropic-ratelimit-{name}"
        assert int(headers[f"{start}-remaining"]) <= int(headers[f"{start}-limit"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", headers[f"{start}-reset"])
        assert datetime.fromisoformat(headers[f"{start}-reset"]) > datetime.now(UTC)


def test_an_unknown_status_still_has_a_line() -> None:
    assert Heads().write(599, JSON_TYPE, "r", 0, True, []).startswith(b"HTTP/1.1 599 Unknown\r\n")
