"""Header lists, as functions."""

import pytest

from gateway.core.clock import SystemClock
from gateway.dataplane import headers
from gateway.dataplane.exchange import Exchange
from gateway.dataplane.headers import Said
from gateway.state.record import Surface
from gateway.upstream.connections import Connections
from gateway.upstream.providers import Upstream
from gateway.upstream.transport.origin import Origin


def said(*pairs: tuple[str, str]) -> Said:
    return headers.read([(name.encode(), value.encode("latin-1")) for name, value in pairs])


def upstream(**changes: object) -> Upstream:
    """One with two credentials; nothing is ever connected."""
    fields: dict[str, object] = {
        "name": "anthropic",
        "dialect": "anthropic",
        "speaks": frozenset(("anthropic",)),
        "path_cut": 0,
        "told": (b"x-gateway-provider", b"anthropic"),
        "base_path": b"/base",
        "connections": Connections(Origin.unix(""), SystemClock(), max_open=1, idle_s=1.0, connect_timeout_s=1.0),
        "head_lines": (b"host: up\r\nx-api-key: one\r\n", b"host: up\r\nx-api-key: two\r\n"),
        "secrets": (),
    }
    return Upstream(**fields | changes)  # type: ignore[arg-type]  # the fields of a head only


def exchange(method: str = "POST", path: str = "/v1/messages") -> Exchange:
    return Exchange(Surface.OTHER, method, path, 0, 0)


def test_the_block_keeps_order_and_bytes() -> None:
    found = said(("x-b", "2"), ("host", "h"), ("x-a", "\xe9 ,  1"), ("x-b", ""), ("authorization", "Bearer k"))
    assert found.block == b"x-b: 2\r\nx-a: \xe9 ,  1\r\nx-b: \r\n"
    assert found.notes == {b"host": b"h", b"authorization": b"Bearer k"}


def test_repeated_values_are_joined_in_the_notes() -> None:
    found = said(("anthropic-beta", "a"), ("x-api-key", "one"), ("anthropic-beta", "B, c"), ("x-api-key", "two"))
    assert found.notes[b"x-api-key"] == b"one, two"
    assert headers.betas(found) == {"a", "b", "c"}
    assert headers.betas(said()) == frozenset()


@pytest.mark.parametrize(
    ("connection", "stays"), [("x-hop", False), ("close, X-Hop", False), ("keep-alive", True), ("close", True)]
)
def test_connection_names_what_stays(connection: str, stays: bool) -> None:
    found = said(("x-hop", "1"), ("connection", connection), ("x-else", "2"))
    assert (b"x-hop" in found.block) == stays
    assert b"x-else: 2\r\n" in found.block
    assert b"connection" not in found.block


def test_lengths() -> None:
    assert said().content_length is None
    assert said(("content-length", "17")).content_length == 17


def test_request_head() -> None:
    one = exchange()
    block = said(("x-a", "1")).block
    assert headers.request_head(one, upstream(), one.path, b"", block, 5) == (
        b"POST /base/v1/messages HTTP/1.1\r\nhost: up\r\nx-api-key: one\r\nx-a: 1\r\ncontent-length: 5\r\n\r\n"
    )
    one.credential = 1
    assert headers.request_head(one, upstream(), one.path, b"a=%20", block, None) == (
        b"POST /base/v1/messages?a=%20 HTTP/1.1\r\nhost: up\r\nx-api-key: two\r\nx-a: 1\r\n\r\n"
    )


def test_the_operators_headers_win() -> None:
    block = said(("x-team", "client's"), ("x-a", "1")).block
    head = headers.request_head(exchange(), upstream(own_headers=frozenset((b"x-team",))), "/v1/messages", b"", block, None)
    assert b"client" not in head
    assert b"x-a: 1\r\n" in head


def test_control_head_keeps_credentials() -> None:
    pairs = [(b"host", b"h"), (b"authorization", b"Bearer k"), (b"connection", b"close"), (b"transfer-encoding", b"chunked")]
    pairs.append((b"x-sluice-peer", b"10.0.0.1"))  # only the worker's own word counts
    head = headers.control_head(exchange("GET", "/metrics"), b"a=b", pairs, b"192.0.2.7", 0)
    lines = [b"GET /metrics?a=b HTTP/1.1", b"host: h", b"authorization: Bearer k", b"x-sluice-peer: 192.0.2.7"]
    assert head == b"\r\n".join([*lines, b"content-length: 0", b"", b""])


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"application/json",
        b"Application/JSON",
        b"application/json; charset=utf-8",
        b'application/json;charset="UTF-8"',
        b"application/vnd.x+json",
        b"application/json; profile=x",
    ],
)
def test_json_types(value: bytes | None) -> None:
    assert headers.json_body(value)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"text/plain",
        b"text/json+json",
        b"application/jsonx",
        b"application/json; charset=latin-1",
        b"application/json, text/plain",
    ],
)
def test_other_types(value: bytes) -> None:
    assert not headers.json_body(value)


def test_to_client() -> None:
    pairs = [
        (b"content-type", b"a"),
        (b"content-length", b"5"),
        (b"cf-ray", b"1"),
        (b"set-cookie", b"a"),
        (b"x-a", b"1"),
        (b"x-a", b"2"),
    ]
    pairs += [
        (b"anthropic-ratelimit-unified-status", b"a"),
        (b"anthropic-ratelimit-tokens-limit", b"5"),
        (b"transfer-encoding", b"chunked"),
    ]
    kept = [(b"content-type", b"a"), (b"x-a", b"1"), (b"x-a", b"2"), (b"anthropic-ratelimit-tokens-limit", b"5")]
    assert headers.to_client(pairs, keep_length=False) == kept
    assert headers.to_client(pairs, keep_length=True) == [kept[0], (b"content-length", b"5"), *kept[1:]]


def test_without_and_value_of() -> None:
    assert headers.without(b"a: 1\r\nb: 2\r\nA-b: 3\r\n", frozenset((b"b",))) == b"a: 1\r\nA-b: 3\r\n"
    assert headers.value_of([(b"a", b"1"), (b"a", b"2")], b"a") == b"1"
    assert headers.value_of([(b"a", b"1")], b"b") is None
