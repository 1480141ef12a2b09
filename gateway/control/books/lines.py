"""The request log: one JSON line a request, written to a stream that may be slow, stuck or gone.

The books must never wait for whoever reads the log, so lines go through a bounded queue to a thread of their own. When the
queue is full, lines are dropped and counted; the rows in the database are not touched by that.
"""

import queue
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, BinaryIO, Final

import orjson

from gateway.control.books.entry import Row
from gateway.core.faults import FaultKind
from gateway.core.money import dollars
from gateway.core.outcome import Outcome
from gateway.state.record import Flags, Surface
from native_fastpath import base62

# Each holds at most one drain's lines; at 50 ms a drain this is about thirteen seconds of a stuck reader.
BATCHES_MAX: Final = 256
NAMES_REMEMBERED_MAX: Final = 10_000

_OUTCOMES: Final = {int(outcome): f'"{outcome.word}"'.encode() for outcome in Outcome}
_FAULTS: Final = {int(kind): b"null" if kind is FaultKind.NONE else f'"{kind.word}"'.encode() for kind in FaultKind}
_BOOLEANS: Final = (b"false", b"true")
_SURFACES: Final = {int(surface): surface.name.lower() for surface in Surface}
_STREAM: Final = int(Flags.STREAM)
_ESTIMATED: Final = int(Flags.INPUT_ESTIMATED | Flags.OUTPUT_ESTIMATED)
# One format of bytes: as a text of many parts, each made by itself and then encoded, a line took twice the time.
_LINE: Final = (
    b'{"ts":"%b.%03dZ","event":"request","request_id":"req_%b",%b,"credential":%d,"attempts":%d,"status":%d,"outcome":%b,'
    b'"fault":%b,"stream":%b,"estimated":%b,"input_tokens":%d,"cache_read_tokens":%d,"cache_write_5m_tokens":%d,'
    b'"cache_write_1h_tokens":%d,"output_tokens":%d,"cost_usd":"%b","duration_ms":%d.%03d,"ttft_ms":%b,"request_bytes":%d,'
    b'"response_bytes":%d,"upstream_request_id":%b}\n'
)


class RequestLog:
    """Writes batches of lines in order. `on_drop` is called with the number of lines lost."""

    def __init__(self, stream: BinaryIO, on_drop: Callable[[int], None]) -> None:
        self._stream = stream
        self._on_drop = on_drop
        self._batches: queue.Queue[list[bytes] | None] = queue.Queue(BATCHES_MAX)
        self._writer = threading.Thread(target=self._write, name="request-log", daemon=True)
        self._writer.start()

    def write(self, lines: list[bytes]) -> None:
        """Hands lines over; each ends in a line feed. Never blocks."""
        try:
            self._batches.put_nowait(lines)
        except queue.Full:
            self._on_drop(len(lines))

    def close(self, timeout_s: float = 2.0) -> None:
        """Writes what is queued, as far as the reader takes it within `timeout_s`."""
        try:
            self._batches.put(None, timeout=timeout_s)
        except queue.Full:
            return
        self._writer.join(timeout_s)

    def _write(self) -> None:
        gone = False
        while (lines := self._batches.get()) is not None:
            if gone:
                self._on_drop(len(lines))
                continue
            try:
                self._stream.write(b"".join(lines))
                self._stream.flush()
            except (OSError, ValueError):  # the reader has left (broken pipe) or the stream was closed
                gone = True
                self._on_drop(len(lines))


class LineWriter:
    """Rows as log lines: JSON objects, or text for reading at a terminal. `key_id_of` finds a key's public id by its number."""

    def __init__(self, key_id_of: Callable[[int], str | None], log_format: str = "json") -> None:
        self._as_text = log_format == "text"
        self._key_id_of = key_id_of
        self._key_ids: dict[int, str | None] = {0: None}
        self._shared: dict[tuple[int, int, str, str, str, str, str], bytes] = {}
        self._second = 0
        self._second_text = b"1970-01-01T00:00:00"

    def line(self, row: Row) -> bytes:
        """One line with its line feed. Holds no body, no header and no secret.

        Written by hand, since thousands a second are: what is the same from request to request is rendered once (`_whose`).
        """
        (
            request_id, started_ns, duration_us, ttft_us, key_id, status, outcome, fault, flags, attempts, credential, surface,
            input_tokens, cache_read, cache_write_5m, cache_write_1h, output_tokens, request_bytes, response_bytes,
            model_asked, model_served, provider, method, path, upstream_request_id, cost_nanodollars, _, _, _, _, _, _, _, _,
        ) = row  # fmt: skip
        whose = self._whose(key_id, surface, method, path, model_asked, model_served, provider)
        line = _LINE % (
            self._moment(started_ns // 1_000_000_000), started_ns // 1_000_000 % 1000, base62(request_id).encode(), whose,
            credential, attempts, status, _OUTCOMES.get(outcome, b"null"), _FAULTS.get(fault, b"null"),
            _BOOLEANS[flags & _STREAM != 0], _BOOLEANS[flags & _ESTIMATED != 0],
            input_tokens, cache_read, cache_write_5m, cache_write_1h, output_tokens, dollars(cost_nanodollars).encode(),
            duration_us // 1000, duration_us % 1000,
            b"null" if ttft_us is None else b"%d.%03d" % (ttft_us // 1000, ttft_us % 1000),
            request_bytes, response_bytes, _json(upstream_request_id),
        )  # fmt: skip
        return _text(orjson.loads(line)) if self._as_text else line

    def _whose(
        self, key_id: int, surface: int, method: str, path: str, model_asked: str, model_served: str, provider: str
    ) -> bytes:
        """The members of a line that many requests share, as JSON."""
        same = (key_id, surface, method, path, model_asked, model_served, provider)
        whose = self._shared.get(same)
        if whose is None:
            if len(self._shared) >= NAMES_REMEMBERED_MAX:
                self._shared.clear()
            facts = {
                "key": self._key(key_id),
                "surface": _SURFACES.get(surface),
                "method": method,
                "path": path,
                "model": model_asked,
                "model_served": model_served,
                "provider": provider,
            }
            whose = self._shared[same] = orjson.dumps(facts)[1:-1]
        return whose

    def _moment(self, second: int) -> bytes:
        if second != self._second:
            self._second = second
            self._second_text = datetime.fromtimestamp(max(0, second), UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()
        return self._second_text

    def _key(self, key_id: int) -> str | None:
        if key_id not in self._key_ids:
            if len(self._key_ids) >= NAMES_REMEMBERED_MAX:
                self._key_ids = {0: None}
            self._key_ids[key_id] = self._key_id_of(key_id)
        return self._key_ids[key_id]


def _json(text: str) -> bytes:
    return orjson.dumps(text) if text else b"null"


def _text(facts: dict[str, Any]) -> bytes:
    words = [facts["ts"], facts["request_id"], facts["method"], facts["path"], str(facts["status"]), facts["outcome"] or "-"]
    words += [
        f"{name}={facts[name]}"
        for name in ("key", "model", "input_tokens", "output_tokens", "cost_usd", "duration_ms")
        if facts[name]
    ]
    words += [f"fault={facts['fault']}"] if facts["fault"] else []
    # Paths and model names are a client's words: a terminal shall not obey them.
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in " ".join(words)).encode() + b"\n"
