"""The data of server-sent events, where their names do not matter because each payload says what it is.

Owns the fast way through framing as all known upstreams write it: `data: JSON`, perhaps an `event:` line before it, LF, an empty
line. Strategy: events are cut with one split at the empty lines and the JSON is a slice; whatever looks otherwise (CR, comments,
several lines of data, a byte order mark) goes through the general parser of `dialects.sse`, with the same payloads coming out.
Measured: 0.5 to 0.7 us an event, the general parser 1.1 us.
"""

import re
from typing import Any

import orjson

from gateway.dialects import sse

# Any escape, so that the backslashes of others are not taken for its beginning; `half` is a half without its other half.
_ESCAPE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.", re.DOTALL
)

_DATA = b"data: "
_NAME = b"event: "


def parse(payload: bytes) -> object:
    """The JSON value of a payload. Raises ValueError.

    A character that an upstream cut in two (bytes that are no UTF-8, half of a pair of escapes) is read as U+FFFD: an answer is
    not lost for the sake of one emoji.
    """
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        text = _ESCAPE.sub(_whole, payload.decode("utf-8", "replace"))
        return orjson.loads(text)


def object_in(payload: bytes) -> dict[str, Any]:
    """The JSON object of a payload as it stands, nothing mended; an empty one for anything else."""
    try:
        value = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _whole(escape: "re.Match[str]") -> str:
    return "\\ufffd" if escape["half"] else escape[0]


def _payload(event: bytes, end: int) -> bytes | None:
    """The payload of an event whose last line ends at `end`; None where it is not framed as usual."""
    line = event.find(b"\n")
    if event.startswith(_DATA):
        return event[6:end] if line == end or line < 0 else None
    if not event.startswith(_NAME) or not event.startswith(_DATA, line + 1):
        return None
    last = event.find(b"\n", line + 1)
    return event[line + 7 : end] if last == end or last < 0 else None


class Payloads:
    """Turns chunks into payloads. One per stream; not to be used again after OverlongEvent."""

    __slots__ = ("_bytes_max", "_general", "_held", "_held_bytes", "_opened")

    def __init__(self, bytes_max: int = sse.EVENT_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._opened = False
        self._general: sse.Parser | None = None

    def feed(self, chunk: bytes) -> list[bytes]:
        """The payloads that are complete with this chunk, in order. Raises sse.OverlongEvent."""
        if self._opened and not self._held and chunk.endswith(b"\n\n") and b"\r" not in chunk:
            whole = _payload(chunk, len(chunk) - 2)
            if whole is not None:
                return [whole]
        return self._feed_any(chunk)

    def _feed_any(self, chunk: bytes) -> list[bytes]:
        if self._general is not None:
            return [event.data for event in self._general.feed(chunk)]
        held = self._held
        if held:
            if b"\n" not in chunk and b"\r" not in chunk:
                self._hold(chunk)
                return []
            held.append(chunk)
            chunk = b"".join(held)
            held.clear()
            self._held_bytes = 0
        if b"\r" in chunk or (not self._opened and chunk[:1] == sse.BOM[:1]):
            # The line end before it makes it an event like any other: a byte order mark is one at the very start alone.
            before, self._opened = b"\n" if self._opened else b"", False
            self._general = sse.Parser(self._bytes_max)
            return [event.data for event in self._general.feed(before + chunk)]
        events = chunk.split(b"\n\n")
        rest = events.pop()
        if rest:
            self._hold(rest)
        payloads: list[bytes] = []
        for event in events:
            self._opened = True
            payload = _payload(event, len(event))
            if payload is not None:
                payloads.append(payload)
            else:
                payloads += [found.data for found in sse.Parser(self._bytes_max).feed(b"\n" + event + b"\n\n")]
        return payloads

    def _hold(self, piece: bytes) -> None:
        self._held.append(piece)
        self._held_bytes += len(piece)
        if self._held_bytes > self._bytes_max:
            raise sse.OverlongEvent(f"an event is longer than {self._bytes_max} bytes")
