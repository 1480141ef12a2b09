"""Raw HTTP for tests: exact bytes out, the statuses of everything that comes back."""

import asyncio
import json
import re
from dataclasses import dataclass

_STATUS = re.compile(rb"HTTP/1\.[01] ([2-5]\d\d)")
_MARKER = b"GET /healthz HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n\r\n"
DEADLINE_S = 8.0


@dataclass(frozen=True, slots=True)
class Heard:
    """What came back until the connection ended. `statuses` has no interim ones and no answer to the marker."""

    statuses: tuple[int, ...]
    raw: bytes
    marker_answered: bool

    @property
    def first(self) -> tuple[dict[str, str], bytes]:
        """Headers and everything after them of the first answer."""
        head, _, rest = self.raw.partition(b"\r\n\r\n")
        pairs = (line.split(": ", 1) for line in head.decode("latin-1").split("\r\n")[1:])
        return {name.lower(): value for name, value in pairs}, rest


async def exchange(port: int, sent: bytes, expected: int = 1) -> Heard:
    """Sends bytes and listens. After `expected` answers a marker request is sent on the same connection: whatever a server makes
    of bytes that were left over is then told before the marker's answer, and nobody has to wait for silence."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    heard = b""
    marked = False
    try:
        async with asyncio.timeout(DEADLINE_S):
            writer.write(sent)
            while True:
                if not marked and len(_STATUS.findall(heard)) >= expected:
                    marked = True
                    writer.write(_MARKER)
                piece = await reader.read(65_536)
                if not piece:
                    break
                heard += piece
    except ConnectionError:
        pass
    finally:
        writer.close()
    statuses = [int(status) for status in _STATUS.findall(heard)]
    answered = heard.endswith(b'{"status":"ok"}')
    return Heard(tuple(statuses[:-1] if answered else statuses), heard, answered)


async def exchanges(port: int, requests: list[tuple[bytes, int]], at_once: int = 32) -> list[Heard]:
    """Many of them, some at a time."""
    room = asyncio.Semaphore(at_once)

    async def one(sent: bytes, expected: int) -> Heard:
        async with room:
            return await exchange(port, sent, expected)

    return list(await asyncio.gather(*(one(sent, expected) for sent, expected in requests)))


def envelope(heard: Heard) -> dict[str, str]:
    """The error of the first answer. Raises AssertionError unless it stands in the envelope, under the id of the header."""
    headers, rest = heard.first
    length = int(headers["content-length"])
    document = json.loads(rest[:length])
    assert document["type"] == "error"
    assert document["request_id"] == headers["request-id"]
    assert re.fullmatch("req_[0-9A-Za-z]{22}", document["request_id"])
    error: dict[str, str] = document["error"]
    assert error["type"]
    assert error["message"]
    return error
