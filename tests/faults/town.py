"""A gateway, its upstream, and what a test of faults asks of both: raw sockets, rows of the books, memory of the workers."""

import json
import socket
import sqlite3
import struct
import time
import uuid
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from gateway.simulator.process import SimulatorProcess
from gateway.simulator.truth import Truth
from gateway.state.counters import Counter
from gateway.state.shared import SharedFile
from tests.serving import Gateway

DEADLINE_S = 15.0


@dataclass
class Town:
    gateway: Gateway
    simulator: SimulatorProcess
    key: str
    seen: int = field(default=0)  # rows of the books that earlier tests have looked at

    def connect(self, *, receive_buffer_bytes: int = 0) -> socket.socket:
        sock = socket.socket()
        if receive_buffer_bytes:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        sock.settimeout(DEADLINE_S)
        sock.connect(("127.0.0.1", self.gateway.port))
        return sock

    def head(self, length: int | None, *, path: str = "/v1/messages", **headers: str) -> bytes:
        """A request's head; without a length the body comes in chunks."""
        lines = {"host": "gateway.test", "x-api-key": self.key, "content-type": "application/json"}
        lines |= {"anthropic-version": "2023-06-01"} | {name.replace("_", "-"): value for name, value in headers.items()}
        lines |= {"transfer-encoding": "chunked"} if length is None else {"content-length": str(length)}
        return f"POST {path} HTTP/1.1\r\n".encode() + b"".join(f"{n}: {v}\r\n".encode() for n, v in lines.items()) + b"\r\n"

    def request(self, body: bytes, **headers: str) -> bytes:
        return self.head(len(body), **headers) + body

    def rows(self, count: int, tag: str = "") -> list[dict[str, Any]]:
        """The next rows of the books, once there are `count`; then there must be no more than that."""

        def fresh() -> list[dict[str, Any]]:
            books = sqlite3.connect(f"file:{self.gateway.data_dir}/gateway.db?mode=ro", uri=True)
            try:
                cursor = books.execute("SELECT rowid, * FROM requests WHERE rowid > ? ORDER BY rowid", (self.seen,))
                names = [column[0] for column in cursor.description]
                return [dict(zip(names, row, strict=True)) for row in cursor]
            finally:
                books.close()

        found = wait_for(lambda: rows if len(rows := fresh()) >= count else None, f"{count} rows {tag}")
        wait_for(lambda: self.held() == 0 and self.undrained() == 0, "everything to be settled")
        found = fresh()
        assert len(found) == count, f"{len(found)} rows for {count} requests {tag}"
        assert len({row["request_id"] for row in found}) == count
        self.seen = max(row["rowid"] for row in found)
        return list(found)

    def skip_rows(self) -> None:
        """Leaves what earlier tests have written behind."""
        wait_for(lambda: self.held() == 0 and self.undrained() == 0, "earlier tests to be settled")
        books = sqlite3.connect(f"file:{self.gateway.data_dir}/gateway.db?mode=ro", uri=True)
        try:
            self.seen = books.execute("SELECT coalesce(max(rowid), 0) FROM requests").fetchone()[0]
        finally:
            books.close()

    def truths(self, tags: list[str]) -> dict[str, Truth]:
        """What the upstream says of the requests with these tags, once all are over."""
        wanted = set(tags)
        records = self.simulator.wait_truth(lambda records: wanted <= {record.tag for record in records}, DEADLINE_S)
        return {record.tag: record for record in records if record.tag in wanted}

    def started(self) -> int:
        """Calls that have begun, over all workers."""
        with self.shared() as shared:
            places = (shared.layout.counters_of(slot) + 8 * Counter.REQUESTS_STARTED for slot in range(shared.layout.slots))
            return sum(map(shared.region.load, places))

    def held(self) -> int:
        """In-flight rows that are open, over all workers."""
        with self.shared() as shared:
            layout = shared.layout
            places = (layout.row_at(slot, row) for slot in range(layout.slots) for row in range(layout.rows_per_slot))
            return sum(1 for place in places if shared.region.load(place))

    def undrained(self) -> int:
        """Settlements that the books do not have yet."""
        with self.shared() as shared:
            return sum(reader.depth for reader in shared.journal.readers)

    def shared(self) -> closing[SharedFile]:
        return closing(SharedFile.open(self.gateway.data_dir / "shared.map"))

    def workers(self) -> list[int]:
        """Pids of the workers."""
        with self.shared() as shared:
            return sorted(shared.workers.pid(slot) for slot in shared.workers.alive(self.gateway.data_dir / "run"))


def tag() -> str:
    return uuid.uuid4().hex


def conversation(text: str = "hello there", **more: Any) -> bytes:
    """The body of a Messages request."""
    return json.dumps(
        {"model": "claude-sonnet-4-5", "max_tokens": 100_000, "messages": [{"role": "user", "content": text}], **more}
    ).encode()


def wait_for(condition: Callable[[], Any], what: str, timeout_s: float = DEADLINE_S) -> Any:
    """The first true value of `condition`. Fails after `timeout_s`."""
    deadline_s = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline_s, f"waited in vain for {what}"
        time.sleep(0.01)
    return value


def reset(sock: socket.socket) -> None:
    """Closes with RST instead of FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def read_all(sock: socket.socket) -> bytes:
    """Everything until the peer closes."""
    got = b""
    while True:
        try:
            part = sock.recv(65536)
        except ConnectionResetError:
            return got
        if not part:
            return got
        got += part


def read_answer(sock: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of one answer that has a length."""
    got = b""
    while b"\r\n\r\n" not in got:
        part = sock.recv(65536)
        assert part, f"closed after {got!r}"
        got += part
    head, _, body = got.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        part = sock.recv(65536)
        assert part, "closed in the middle of the body"
        body += part
    return int(first.split(" ")[1]), headers, body
