"""A barrier: calls that all become complete within the same moment, each on a connection of its own.

Every request is sent but for its last byte; once all of them are, the last bytes follow one behind the other. So it is the
kernel that lets them run against each other, not threads of ours that take turns.
"""

import json
import socket
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any

TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def request(key: str, body: dict[str, Any], **headers: str) -> bytes:
    """A Messages request whose connection ends with its answer. Names of headers are written with `_`."""
    raw = json.dumps(body).encode()
    lines = {"host": "gateway", "x-api-key": key, "anthropic-version": "2023-06-01", "content-type": "application/json"}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines |= {"content-length": str(len(raw)), "connection": "close"}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST /v1/messages HTTP/1.1\r\n{head}\r\n".encode() + raw


def at_once(port: int, requests: Sequence[bytes]) -> list[Answer]:
    """The answers to requests that reach a port of this machine together, in their order."""
    with ExitStack() as stack:
        sockets = []
        for raw in requests:
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", port), TIMEOUT_S))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.sendall(raw[:-1])
            sockets.append(sock)
        for sock, raw in zip(sockets, requests, strict=True):
            sock.sendall(raw[-1:])
        return [_read(sock) for sock in sockets]


def _read(sock: socket.socket) -> Answer:
    with closing(HTTPResponse(sock)) as response:
        response.begin()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
