"""Key tests against real sockets: what is asked, and what each answer means."""

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from gateway.catalog.providers import NO_KEY, Origin, Provider, Secret
from gateway.upstream.key_test import Finding, Verdict, ask

SECOND = Secret("sk-b")
Serve = Callable[[bytes], tuple[int, list[bytes]]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Answers one connection with the given bytes and keeps what was asked."""
    listening: list[socket.socket] = []

    def start(answer: bytes) -> tuple[int, list[bytes]]:
        listener = socket.create_server(("127.0.0.1", 0))
        listening.append(listener)
        asked: list[bytes] = []

        def answering() -> None:
            with listener.accept()[0] as connection:
                asked.append(connection.recv(65536))
                connection.sendall(answer)

        threading.Thread(target=answering, daemon=True).start()
        return listener.getsockname()[1], asked

    yield start
    for listener in listening:
        listener.close()


def provider(port: int, dialect: str = "anthropic", secret: Secret = SECOND, **more: object) -> Provider:
    origin = Origin("http", "127.0.0.1", port, "/v1" if dialect != "anthropic" else "")
    return Provider("main", dialect, origin, (Secret("sk-a"), secret), (("x-team", "us"),), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(200, Verdict.TAKEN), (401, Verdict.REFUSED), (403, Verdict.REFUSED), (529, Verdict.UNCLEAR), (302, Verdict.UNCLEAR)],
)
def test_what_an_answer_means(serve: Serve, status: int, verdict: Verdict) -> None:
    port, asked = serve(
        b"HTTP/1.1 %d x\r\ncontent-length: 0\r\nconnection: close\r\nlocation: http://127.0.0.1:1/\r\n\r\n" % status
    )
    assert ask(provider(port), 1) == Finding(verdict, status)
    head = asked[0].lower()
    assert head.startswith(b"get /v1/models http/1.1\r\n")
    assert b"\r\nx-api-key: sk-b\r\n" in head
    assert b"\r\nx-team: us\r\n" in head
    assert b"sk-a" not in head


def test_other_dialects_and_paths(serve: Serve) -> None:
    ok = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    port, asked = serve(ok)
    ask(provider(port, "openai_chat"), 0)
    assert asked[0].startswith(b"GET /v1/models HTTP/1.1\r\n")
    assert b"bearer sk-a" in asked[0].lower()
    port, asked = serve(ok)
    ask(provider(port, "openai_chat", NO_KEY, test_path="/key"), 1)
    assert asked[0].startswith(b"GET /v1/key HTTP/1.1\r\n")
    assert b"authorization" not in asked[0].lower()


def test_an_upstream_that_is_not_there() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        found = ask(provider(closed.getsockname()[1]), 0)
    assert (found.verdict, found.status, found.failure) == (Verdict.UNREACHABLE, 0, "ConnectError")
