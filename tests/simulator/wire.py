"""A raw HTTP/1.1 client for tests: exact bytes out, exact bytes in."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

HEADERS = {"host": "upstream.test", "x-api-key": "sk-test", "anthropic-version": "2023-06-01", "content-type": "application/json"}


@dataclass
class Answer:
    """One parsed answer. `payload` has chunk framing removed; `raw` is everything that came."""

    status: int
    headers: dict[str, str]
    payload: bytes
    raw: bytes
    is_complete: bool

    @property
    def json(self) -> Any:
        return json.loads(self.payload)

    @property
    def events(self) -> list[tuple[str, dict[str, Any]]]:
        found = []
        for part in self.payload.decode().split("\n\n")[:-1]:
            name, data = part.split("\n")
            assert name.startswith("event: ")
            assert data.startswith("data: ")
            found.append((name[7:], json.loads(data[6:])))
        return found


def conversation(text: str = "hello", **more: Any) -> dict[str, Any]:
    return {"model": "claude-sonnet-5-5", "max_tokens": 4096, "messages": [{"role": "user", "content": text}], **more}


def request(
    body: Any = None, *, method: str = "POST", path: str = "/v1/messages", close: bool = True, **headers: str | None
) -> bytes:
    """The bytes of a request; a header set to None is left out, underscores in names become dashes."""
    payload = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    sent: dict[str, str | None] = {**HEADERS, **{name.replace("_", "-"): value for name, value in headers.items()}}
    if close:
        sent["connection"] = "close"
    if body is not None:
        sent.setdefault("content-length", str(len(payload)))
    lines = [f"{method} {path} HTTP/1.1"] + [f"{name}: {value}" for name, value in sent.items() if value is not None]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + payload


def simulated(script: str, body: Any = None, **more: Any) -> bytes:
    """A messages request under that script."""
    return request(conversation() if body is None else body, x_simulate=script, **more)


def parse(raw: bytes) -> Answer:
    """The first answer in `raw`; `is_complete` says whether its framing came to an end."""
    head, _, rest = raw.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:] if line)}
    status = int(lines[0].split(" ")[1])
    if headers.get("transfer-encoding") != "chunked":
        length = int(headers.get("content-length", len(rest)))
        return Answer(status, headers, rest[:length], raw, len(rest) >= length)
    payload = b""
    while True:
        size_line, found, rest = rest.partition(b"\r\n")
        if not found:
            return Answer(status, headers, payload, raw, False)
        size = int(size_line, 16)
        if size == 0:
            return Answer(status, headers, payload, raw, True)
        payload += rest[:size]
        if len(rest) < size + 2:
            return Answer(status, headers, payload, raw, False)
        rest = rest[size + 2 :]


async def connect(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if url.startswith("http+unix:"):
        return await asyncio.open_unix_connection(url.removeprefix("http+unix:"))
    parts = urlsplit(url)
    return await asyncio.open_connection(parts.hostname, parts.port)


async def exchange(url: str, sent: bytes, timeout_s: float = 5.0) -> bytes:
    """Everything that comes back until the connection ends. A reset ends it too."""
    reader, writer = await connect(url)
    got = b""
    try:
        writer.write(sent)
        async with asyncio.timeout(timeout_s):
            while True:
                try:
                    part = await reader.read(65_536)
                except ConnectionResetError:
                    break
                if not part:
                    break
                got += part
    finally:
        writer.close()
    return got


async def ask(url: str, sent: bytes) -> Answer:
    return parse(await exchange(url, sent))
