"""Truth: what the simulator really received and really sent, one record a request.

Owns the record and its two homes: a list in memory and a file of JSON lines. A record holds digests, sizes and figures; never a
prompt, an answer or a credential.
"""

import asyncio
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson


@dataclass(slots=True)
class Truth:
    """One request. `ending`: finished, cut, reset, hung, client_gone, stopped, unreadable. `usage` is what the answer says."""

    request_id: str
    tag: str | None  # the x-request-tag header
    method: str
    path: str  # with the query string
    headers: list[tuple[str, str]]  # as received, names in lower case; credentials are replaced by a digest
    body_bytes: int
    body_sha256: str
    credential_sha256: str | None  # first 16 digits
    model: str | None = None
    stream: bool = False
    status: int = 0
    usage: dict[str, int] = field(default_factory=dict)
    output_tokens_sent: int = 0  # in events that left completely
    events_sent: int = 0
    events_planned: int = 0
    payload_bytes_sent: int = 0  # of those events
    payload_sha256: str | None = None  # of the whole payload, when all of it was sent
    wire_bytes_sent: int = 0  # given to the socket layer; a client that left may not have read them all
    ending: str = ""

    def line(self) -> bytes:
        """The record as one JSON line."""
        return orjson.dumps(asdict(self)) + b"\n"


def read_file(path: Path) -> list[Truth]:
    """The records of a truth file; a line that is still being written is left out."""
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")[:-1]
    return [Truth(**_listed(orjson.loads(line))) for line in lines]


def _listed(record: dict[str, Any]) -> dict[str, Any]:
    record["headers"] = [(name, value) for name, value in record["headers"]]
    return record


class TruthLog:
    """Collects records in memory (`keep`), in a file (`path`), or nowhere at all, which costs nothing."""

    def __init__(self, path: Path | None = None, *, keep: bool = False) -> None:
        self.records: list[Truth] = []
        self._keep = keep
        self._fd = None if path is None else os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._waiters: list[tuple[Callable[[list[Truth]], bool], asyncio.Future[None]]] = []

    def __repr__(self) -> str:
        return f"<TruthLog {len(self.records)} records{'' if self._fd is None else ', file'}>"

    @property
    def is_on(self) -> bool:
        return self._keep or self._fd is not None

    def append(self, record: Truth) -> None:
        """Takes one finished record."""
        if self._fd is not None:
            os.write(self._fd, record.line())
        if self._keep:
            self.records.append(record)
            for holds, waiter in self._waiters:
                if not waiter.done() and holds(self.records):
                    waiter.set_result(None)

    async def wait(self, holds: Callable[[list[Truth]], bool], timeout_s: float) -> None:
        """Returns once `holds(records)`. Raises TimeoutError."""
        if holds(self.records):
            return
        entry = (holds, asyncio.get_running_loop().create_future())
        self._waiters.append(entry)
        try:
            await asyncio.wait_for(entry[1], timeout_s)
        finally:
            self._waiters.remove(entry)

    def close(self) -> None:
        """Closes the file; records in memory stay readable."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
