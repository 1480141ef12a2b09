"""Server-sent events: bytes to events and back.

Owns the framing alone; what an event means belongs to the dialects. Strategy: lines are cut with the C-speed split of bytes, an
unfinished line waits as a list of pieces so that a long line in tiny chunks costs no repeated copying, and the state between
chunks is the same whatever the chunks were. Line ends may be LF, CR or CRLF, also mixed and also cut between CR and LF. A byte
order mark at the very start and comment lines are dropped; `id` and `retry` mean nothing here. An event that the end of the
stream cuts is none.

Source: WHATWG HTML, "Server-sent events", parsing an event stream.
"""

import re
from typing import NamedTuple

BOM = b"\xef\xbb\xbf"
# Far above any event of a known upstream (a whole image fits), far below what would hurt one worker.
EVENT_BYTES_MAX = 16 * 1024 * 1024

_LINE_END = re.compile(rb"\r\n|\r|\n")


class Event(NamedTuple):
    """One event. `name` is empty when the stream gave none; lines of data are joined by LF."""

    name: bytes
    data: bytes


class OverlongEvent(ValueError):
    """An event or a line is longer than the parser may hold."""


class Parser:
    """Turns chunks into events. One per stream; not to be used again after OverlongEvent."""

    def __init__(self, event_bytes_max: int = EVENT_BYTES_MAX) -> None:
        self._bytes_max = event_bytes_max
        self._opening = True  # the first three bytes may be a byte order mark
        self._skip_lf = False  # the last chunk ended in CR
        self._line: list[bytes] = []
        self._line_bytes = 0
        self._name = b""
        self._data: list[bytes] = []
        self._data_bytes = 0

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that are complete with this chunk, in order. Raises OverlongEvent."""
        if self._opening:
            chunk = self._open(chunk)
        if self._skip_lf and chunk:
            self._skip_lf = False
            chunk = chunk.removeprefix(b"\n")
        if b"\r" in chunk:
            self._skip_lf = chunk.endswith(b"\r")
            lines = _LINE_END.split(chunk)
        else:
            lines = chunk.split(b"\n")
        rest = lines.pop()
        events: list[Event] = []
        for line in lines:
            if self._line:
                self._line.append(line)
                line = b"".join(self._line)
                self._line.clear()
            self._take(line, events)
        if lines:
            self._line_bytes = 0
        if rest:
            self._line.append(rest)
            self._line_bytes += len(rest)
            if self._line_bytes + self._data_bytes > self._bytes_max:
                raise OverlongEvent(f"an event is longer than {self._bytes_max} bytes")
        return events

    def _open(self, chunk: bytes) -> bytes:
        chunk = b"".join(self._line) + chunk
        self._line.clear()
        self._line_bytes = 0
        if len(chunk) < len(BOM) and BOM.startswith(chunk):
            self._line = [chunk] if chunk else []
            return b""
        self._opening = False
        return chunk.removeprefix(BOM)

    def _take(self, line: bytes, events: list[Event]) -> None:
        if not line:
            if self._data:
                events.append(Event(self._name, self._data[0] if len(self._data) == 1 else b"\n".join(self._data)))
                self._data = []
                self._data_bytes = 0
            self._name = b""
            return
        if len(line) + self._data_bytes > self._bytes_max:
            raise OverlongEvent(f"an event is longer than {self._bytes_max} bytes")
        field, _, value = line.partition(b":")
        if field == b"data":
            value = value.removeprefix(b" ")
            self._data.append(value)
            self._data_bytes += len(line)
        elif field == b"event":
            self._name = value.removeprefix(b" ")


def frame(name: bytes, data: bytes) -> bytes:
    """One event as Anthropic writes it: `event:` and `data:` with one space, LF, an empty line. No name, no `event:` line."""
    head = b"event: " + name + b"\n" if name else b""
    if b"\n" in data or b"\r" in data:
        data = b"\ndata: ".join(_LINE_END.split(data))
    return head + b"data: " + data + b"\n\n"
