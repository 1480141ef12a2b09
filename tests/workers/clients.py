"""Clients for tests that kill what serves them: streams on sockets of their own, short calls, and the books afterwards."""

import asyncio
import json
import os
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.control.store import schema
from gateway.core.outcome import Outcome
from gateway.settings import Paths
from gateway.state.shared import SharedFile
from tests.serving import Gateway

WAIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Ending:
    """How a stream ended for its client: the status (0 when none came) and whether its last event says that it is whole."""

    status: int
    whole: bool
    error: bool


WHOLE = Ending(200, whole=True, error=False)


async def stream(port: int, key: str, script: str, begun: Callable[[], None] = lambda: None) -> Ending:
    """One streamed call on a connection of its own, read until that ends. `begun` is called with the first content."""
    body = json.dumps(
        {"model": "claude-sonnet-5", "max_tokens": 2000, "stream": True, "messages": [{"role": "user", "content": "Say hello"}]}
    )
    seen = b""
    writer: asyncio.StreamWriter | None = None
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            f"POST /v1/messages HTTP/1.1\r\nhost: gateway\r\nx-api-key: {key}\r\nanthropic-version: 2023-06-01\r\n"
            f"content-type: application/json\r\nx-simulate: {script}\r\ncontent-length: {len(body)}\r\n"
            f"connection: close\r\n\r\n{body}".encode()
        )
        while piece := await reader.read(65536):
            if b"content_block_delta" in piece and b"content_block_delta" not in seen:
                begun()
            seen += piece
    except OSError:
        pass
    finally:
        if writer is not None:
            writer.close()
    status = int(seen[9:12]) if seen.startswith(b"HTTP/1.1 ") else 0
    return Ending(status, b"event: message_stop" in seen, b"event: error" in seen)


async def call(port: int, key: str, text: str = "Say hello") -> int:
    """The status of one short call on a connection of its own. Raises OSError when there is none."""
    body = json.dumps({"model": "claude-sonnet-5", "max_tokens": 20, "messages": [{"role": "user", "content": text}]})
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(
            f"POST /v1/messages HTTP/1.1\r\nhost: gateway\r\nx-api-key: {key}\r\nanthropic-version: 2023-06-01\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n{body}".encode()
        )
        answer = await reader.read(-1)
    finally:
        writer.close()
    if not answer.startswith(b"HTTP/1.1 "):
        raise ConnectionResetError("no answer")
    return int(answer[9:12])


async def streams(port: int, key: str, script: str, count: int) -> list[asyncio.Task[Ending]]:
    """`count` streams that run, and have all shown content when this returns."""
    all_begun = asyncio.Event()
    left = count

    def begun() -> None:
        nonlocal left
        left -= 1
        if not left:
            all_begun.set()

    tasks = [asyncio.create_task(stream(port, key, script, begun)) for _ in range(count)]
    async with asyncio.timeout(WAIT_S):
        await all_begun.wait()
    return tasks


def outcomes(gateway: Gateway, key: str) -> Counter[Outcome]:
    """How the requests of a key ended, from the books: one row each, or this raises AssertionError."""
    rows = books(
        gateway,
        f"SELECT request_id, outcome FROM requests WHERE key_id = (SELECT id FROM keys WHERE shown_suffix = '{key[-4:]}')",
    )
    assert len({row[0] for row in rows}) == len(rows)
    return Counter(Outcome(row[1]) for row in rows)


def books(gateway: Gateway, sql: str) -> list[Any]:
    connection = sqlite3.connect(schema.reading_url(Paths(gateway.data_dir).gateway_db), uri=True)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def wait_for(holds: Callable[[], bool], what: str, wait_s: float = WAIT_S, poll_s: float = 0.02) -> None:
    """Returns once `holds()`. Raises AssertionError."""
    deadline_s = time.monotonic() + wait_s
    while not holds():
        assert time.monotonic() < deadline_s, f"not after {wait_s} s: {what}"
        time.sleep(poll_s)


def workers(data_dir: Path) -> set[int]:
    """Pids of the living workers."""
    paths = Paths(data_dir)
    shared = SharedFile.open(paths.shared_map)
    try:
        return {shared.workers.pid(slot) for slot in shared.workers.alive(paths.run_dir)}
    finally:
        shared.close()


def kept(data_dir: Path, name: str) -> int:
    """The pid of the control plane or the simulator; 0 while there is none."""
    try:
        return int((Paths(data_dir).run_dir / f"process-{name}.lock").read_text() or 0)
    except FileNotFoundError:
        return 0


def lives(pid: int) -> bool:
    """Whether a process runs; one that is dead but not yet waited for does not."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
