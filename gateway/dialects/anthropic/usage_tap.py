"""The usage tap: what a Messages stream tells while its bytes go by.

Owns three questions about a stream that is passed through untouched: where events end, what usage it reported, and how it
ended. It never changes a byte. Strategy: nothing is decoded but the two events that carry usage (`message_start`,
`message_delta`) and the error event; they are found by a substring search that a streamed word cannot trigger falsely,
because an event is only read when its first line says so.

Bytes are handed on in whole events, so that whoever forwards them can always write an event of his own after them: an error
when the upstream dies, a ping when it is silent. The unfinished rest waits here; if it grows beyond `HELD_BYTES_MAX` it is
handed on as it is and `between_events` turns False.

Source of the framing: `event: NAME` LF `data: JSON` LF LF, one line of JSON, no `id` or `retry`. A stream framed in another
way (CR LF, or without event lines) is read by the general parser, and its bytes are handed on as they come.
"""

from typing import Final

import orjson

from gateway.core.usage import Usage, whole
from gateway.dialects import sse
from gateway.dialects.anthropic.reply import Missing, add_usage, read_usage

# An event carries a few words, rarely a search result of some 100 kB.
HELD_BYTES_MAX: Final = 1024 * 1024
# What a `content_block_delta` costs beyond its text: names, JSON and padding. 115 to 135 in the recorded streams, most about 122.
FRAME_BYTES: Final = 122
BYTES_PER_TOKEN: Final = 4

_DELTA: Final = b"event: content_block_delta\n"
_STOP: Final = b"event: content_block_stop\n"


class UsageTap:
    """One stream. `usage` is what was reported so far; `input_reported` and `output_reported` tell which parts of it.

    `ended` is True once `message_stop` went by, `error` is the decoded error event's type if one did, `deltas` counts the pieces
    of content.
    """

    __slots__ = (
        "_general",
        "_held",
        "_opened",
        "_text_bytes",
        "between_events",
        "content_started",
        "deltas",
        "ended",
        "error",
        "input_reported",
        "output_reported",
        "usage",
    )

    def __init__(self) -> None:
        self.usage = Usage()
        self.input_reported = False
        self.output_reported = False
        self.ended = False
        self.error: str | None = None
        self.content_started = False
        self.between_events = True
        self.deltas = 0
        self._opened = False  # the framing is known
        self._held = b""
        self._text_bytes = 0
        self._general: sse.Parser | None = None

    def feed(self, data: bytes) -> bytes:
        """Takes what arrived and returns what may be forwarded now: whole events, possibly none."""
        if self._general is not None:
            return self._feed_general(data)
        if self._held:
            data = self._held + data
            self._held = b""
        if not self._opened:
            # A first event that is not complete may yet turn out to have other line ends.
            if not data.startswith(b"event: "[: len(data)]) or b"\r" in data:
                self._general = sse.Parser()
                return self._feed_general(data)
            self._opened = b"\n\n" in data or len(data) > HELD_BYTES_MAX
        if not data.endswith(b"\n\n"):
            data = self._cut(data)
            if not data:
                return data
        elif not self.between_events:
            self.between_events = True
        deltas = data.count(_DELTA)
        self.deltas += deltas
        if deltas == data.count(b"\n\n") and self.content_started:
            self._text_bytes += len(data)
        else:
            self._read_each(data.split(b"\n\n"))
        return data

    def rest(self) -> bytes:
        """What is left when the stream ends: bytes of an event that never came to its end."""
        held, self._held = self._held, b""
        if held:
            self.between_events = False
        return held

    @property
    def output_bytes(self) -> int:
        """Bytes of content so far, without framing; what an estimate of the output goes by."""
        return max(0, self._text_bytes - self.deltas * FRAME_BYTES)

    def estimate_output(self) -> None:
        """Puts an estimate in place of an output figure that the upstream did not report."""
        if not self.output_reported and self.content_started:
            self.usage.output_tokens = max(self.usage.output_tokens, estimated_output_tokens(self.output_bytes, self.deltas))

    def _cut(self, data: bytes) -> bytes:
        end = data.rfind(b"\n\n") + 2
        if end == 1:
            if len(data) <= HELD_BYTES_MAX and self.between_events:
                self._held = data
                return b""
            self.between_events = False
            return data
        self.between_events = True
        self._held = data[end:]
        return data[:end]

    def _read_each(self, events: list[bytes]) -> None:
        for event in events:
            event = event.lstrip(b"\n")  # the end of an oversized event may have been cut between its two line ends
            if event.startswith(_DELTA):
                self.content_started = True
                self._text_bytes += len(event) + 2
            elif event.startswith(_STOP):
                # A block that comes whole in its start has no delta; its start alone may be followed by anything.
                self.content_started = True
            else:
                name, _, payload = event.partition(b"\ndata: ")
                self._read(name.removeprefix(b"event: "), payload)

    def _feed_general(self, data: bytes) -> bytes:
        assert self._general is not None
        try:
            events = self._general.feed(data)
        except sse.OverlongEvent:
            events = []
            self._general = sse.Parser()
        for event in events:
            if event.name in (b"content_block_delta", b"content_block_stop"):
                self.content_started = True
            if event.name == b"content_block_delta":
                self.deltas += 1
                self._text_bytes += len(_DELTA) + len(b"data: \n\n") + len(event.data)
            self._read(event.name, event.data)
        self.between_events = data.endswith((b"\n\n", b"\r\r", b"\r\n\r\n"))
        return data

    def _read(self, name: bytes, payload: bytes) -> None:
        if name == b"message_stop":
            self.ended = True
            return
        if name not in (b"message_start", b"message_delta", b"error"):
            return
        try:
            event = orjson.loads(payload)
        except orjson.JSONDecodeError:
            return
        if not isinstance(event, dict):
            return
        if name == b"error":
            error = event.get("error")
            kind = error.get("type") if isinstance(error, dict) else None
            self.error = kind if isinstance(kind, str) else "api_error"
        elif name == b"message_start":
            message = event.get("message")
            if isinstance(message, dict):
                told, missing = read_usage(message.get("usage"))
                self.usage = told
                self.input_reported = Missing.INPUT not in missing
        else:
            self._read_delta(event.get("usage"))

    def _read_delta(self, reported: object) -> None:
        if not isinstance(reported, dict):
            return
        missing = add_usage(self.usage, reported)
        if whole(reported.get("input_tokens")) is not None:
            self.input_reported = Missing.INPUT not in missing
        if Missing.OUTPUT not in missing:
            self.output_reported = True


def estimated_output_tokens(output_bytes: int, deltas: int) -> int:
    """Tokens that a cut stream probably spent, by what went by: four bytes of content to a token, and at least one token a delta.

    Deltas carry one to several tokens each (seen in recorded streams), so neither figure alone is enough.
    """
    return max(deltas, output_bytes // BYTES_PER_TOKEN)
