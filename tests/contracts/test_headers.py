"""Headers both ways: what nobody here knows travels on, what belongs to one hop or to one account stays."""

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.contracts.conftest import SECRET, House
from tests.serving import Gateway, serving, upstream

BODY = json.dumps({"model": "claude-sonnet-5-5", "max_tokens": 5, "messages": [{"role": "user", "content": "hello"}]}).encode()
TRAVEL = {
    "anthropic-version": "2023-06-01",
    "anthropic-beta": "one-2025-01-01,Two-2099-12-31",
    "anthropic-dangerous-direct-browser-access": "true",
    "anthropic-workspace-id": "wrkspc_1",
    "user-agent": "claude-cli/2.1.329 (external, cli)",
    "accept": "application/json",
    "x-app": "cli",
    "x-stainless-read-timeout": "NOT_GIVEN",
    "x-stainless-retry-count": "0",
    "x-claude-code-session-id": "3f2e",
    "x-something-new": 'a, b;c="d" \xe9',
    "idempotency-key": "k-1",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
}
STAY = {
    "cookie": "session=secret",
    "proxy-authorization": "Basic c2VjcmV0",
    "x-forwarded-for": "203.0.113.9",
    "x-forwarded-host": "inside.example",
    "x-real-ip": "203.0.113.9",
    "forwarded": "for=203.0.113.9",
    "via": "1.1 inside",
    "te": "trailers",
    "trailer": "x-checksum",
    "keep-alive": "timeout=5",
    "proxy-connection": "keep-alive",
    "accept-encoding": "gzip, br",
    "connection": "keep-alive, x-named-hop",
    "x-named-hop": "1",
    "upgrade": "h2c",
}


def ask(gateway: Gateway, headers: dict[str, str], path: str = "/v1/messages", method: str = "POST") -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
    connection.request(method, path, BODY if method == "POST" else None, {"content-type": "application/json"} | headers)
    answer = connection.getresponse()
    answer.body = answer.read()  # type: ignore[attr-defined]  # kept beside the head it came with
    connection.close()
    return answer


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens", "/v1/files"])
def test_request_headers(house: House, path: str) -> None:
    """A2: in order and in their own spelling; credentials, cookies and what describes a hop stay here."""
    tag = f"headers-{path}"
    sent = {**TRAVEL, **STAY, "x-request-tag": tag, "x-api-key": house.key, "authorization": f"Bearer {house.key}"}
    ask(house.gateway, sent, path)
    record = house.tagged(tag)
    seen = dict(record.headers)
    assert {name: seen.get(name) for name in TRAVEL} == TRAVEL
    kept = [name for name, _ in record.headers if name in TRAVEL]
    assert kept == list(TRAVEL)
    assert not set(seen) & (set(STAY) | {"authorization"})
    assert seen["x-api-key"] == house.secret_digest
    assert len(seen) == len(record.headers)
    assert house.key not in str(record.headers)


def test_repeated_headers_travel_as_they_came(house: House) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", house.gateway.port, timeout=10)
    connection.putrequest("POST", "/v1/messages?beta=true&a=%20b&a=")
    for name, value in (("x-api-key", house.key), ("anthropic-version", "2023-06-01"), ("content-type", "application/json")):
        connection.putheader(name, value)
    for value in ("first-2025-01-01", "second-2025-01-01"):
        connection.putheader("anthropic-beta", value)
    connection.putheader("x-request-tag", "repeated")
    connection.putheader("content-length", str(len(BODY)))
    connection.endheaders(BODY)
    assert connection.getresponse().status == 200
    connection.close()
    record = house.tagged("repeated")
    assert [value for name, value in record.headers if name == "anthropic-beta"] == ["first-2025-01-01", "second-2025-01-01"]
    assert record.path == "/v1/messages?beta=true&a=%20b&a="


def test_response_headers(house: House) -> None:
    """A2: the request id and the limits come back; so does when to try again."""
    told = ask(house.gateway, {**TRAVEL, "x-api-key": house.key})
    assert (told.getheader("request-id") or "").startswith("req_")
    for metric in ("requests", "tokens", "input-tokens", "output-tokens"):
        for part in ("limit", "remaining", "reset"):
            assert told.getheader(f"anthropic-ratelimit-{metric}-{part}")
    refused = ask(house.gateway, {**TRAVEL, "x-api-key": house.key, "x-simulate": "status=429;retry_after=13;message=slow down"})
    assert (refused.status, refused.getheader("retry-after")) == (429, "13")
    assert refused.getheader("request-id") == json.loads(refused.body)["request_id"]  # type: ignore[attr-defined]


@contextmanager
def answering(head: bytes, body: bytes) -> Iterator[str]:
    """An upstream that gives one answer to whatever it is asked."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    _read_request(connection.recv)
                    connection.sendall(head + b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body) + body)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def _read_request(receive: Callable[[int], bytes]) -> None:
    got = b""
    while b"\r\n\r\n" not in got:
        got += receive(65_536)
    head, _, rest = got.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    while len(rest) < length:
        rest += receive(65_536)


def test_what_belongs_to_the_upstreams_account_and_edge_does_not_come_back() -> None:
    """B1: a client never sees whose account it is served from, nor the cookies and traces of the upstream's edge."""
    head = (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nrequest-id: req_upstream\r\nanthropic-organization-id: org\r\n"
        b"anthropic-ratelimit-unified-status: allowed\r\nanthropic-ratelimit-unified-5h-utilization: 0.4\r\nset-cookie: a=b\r\n"
        b"cf-ray: 1\r\nCF-Cache-Status: DYNAMIC\r\nserver: cloudflare\r\nvia: 1.1 edge\r\nlocation: http://in/\r\nalt-svc: h\r\n"
        b"strict-transport-security: max-age=1\r\nwww-authenticate: Basic\r\nanthropic-ratelimit-tokens-limit: 5\r\n"
        b"X-New: kept\r\nx-should-retry: false\r\n"
    )
    body = json.dumps({"id": "msg_1", "model": "m", "content": [], "usage": {"input_tokens": 1, "output_tokens": 1}}).encode()
    with answering(head, body) as url, serving(upstream(url, SECRET), workers=1) as gateway:
        (key,) = gateway.mint()
        told = ask(gateway, {"x-api-key": key, "anthropic-version": "2023-06-01"})
    assert told.status == 200
    assert told.body == body  # type: ignore[attr-defined]
    names = {name.lower() for name, _ in told.getheaders()}
    expected = {"content-type", "request-id", "anthropic-ratelimit-tokens-limit", "x-new", "x-should-retry", "content-length"}
    assert names - {"server", "date"} == expected | {"x-gateway-provider", "x-gateway-attempts"}
    assert told.getheader("server") != "cloudflare"
