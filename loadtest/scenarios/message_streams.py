"""Whether a stream of /v1/messages is whole and in order.

Owns: the grammar of a message stream. Refuses to know: HTTP, time, who sent it.
Strategy: the grammar is one table from (state, event) to state; everything not in it is a broken stream. `ping` may come anywhere
and events of unknown names are let through, as the protocol asks of clients; an `error` event is a broken stream here.
"""

import hashlib
import json
from typing import Any

NEXT_STATE = {
    ("before", "message_start"): "between",
    ("between", "content_block_start"): "block",
    ("block", "content_block_delta"): "block",
    ("block", "content_block_stop"): "between",
    ("between", "message_delta"): "ended",
    ("ended", "message_delta"): "ended",
    ("ended", "message_stop"): "over",
}
KNOWN_EVENTS = {event for _, event in NEXT_STATE} | {"error"}


class BrokenStreamError(Exception):
    """A stream that is cut, out of order or without its figures. The message never holds text of the answer."""


class MessageStream:
    """One stream. Feed it body bytes, then ask `finish`; `has_content` turns true with the first content_block_delta."""

    def __init__(self) -> None:
        self.has_content = False
        self.output_tokens = 0
        self.events = 0
        self._state = "before"
        self._blocks = 0
        self._stop_reason: str | None = None
        self._buffer = b""
        self._text = hashlib.sha256()

    def __repr__(self) -> str:
        return f"<MessageStream {self._state} events={self.events} output_tokens={self.output_tokens}>"

    @property
    def text_sha256(self) -> str:
        """Digest of all text deltas: two streams say the same if these are equal."""
        return self._text.hexdigest()

    def feed(self, body: bytes) -> None:
        """Takes body bytes, cut anywhere. Raises BrokenStreamError."""
        *frames, self._buffer = (self._buffer + body).split(b"\n\n")
        for frame in frames:
            self._read_frame(frame)

    def finish(self) -> None:
        """To be called when the body is complete. Raises BrokenStreamError if the stream was not."""
        if self._buffer:
            raise BrokenStreamError("the last event is not complete")
        if self._state != "over":
            raise BrokenStreamError(f"ended in state {self._state} after {self.events} events")
        if self.output_tokens <= 0:
            raise BrokenStreamError("no output tokens were told")
        if not self._stop_reason:
            raise BrokenStreamError("no stop reason was told")

    def _read_frame(self, frame: bytes) -> None:
        name, _, payload = frame.partition(b"\ndata: ")
        if not name.startswith(b"event: "):
            raise BrokenStreamError("a frame that is not an event with data")
        event = name[7:].decode("latin-1")
        try:
            data = json.loads(payload)
        except ValueError:
            raise BrokenStreamError(f"{event} without JSON") from None
        if not isinstance(data, dict) or data.get("type") != event:
            raise BrokenStreamError(f"{event} says it is something else")
        self.events += 1
        if event in KNOWN_EVENTS:
            try:
                self._advance(event, data)
            except (KeyError, TypeError, AttributeError, ValueError):
                raise BrokenStreamError(f"{event} lacks what it must carry") from None

    def _advance(self, event: str, data: dict[str, Any]) -> None:
        state = NEXT_STATE.get((self._state, event))
        if state is None:
            raise BrokenStreamError(f"{event} in state {self._state}")
        if event.startswith("content_block") and data.get("index") != self._blocks:
            raise BrokenStreamError(f"{event} of block {data.get('index')!r} while block {self._blocks} is due")
        if event == "content_block_delta":
            self.has_content = True
            self._text.update(str(data["delta"].get("text", "")).encode("utf-8", "surrogatepass"))
        elif event == "content_block_stop":
            self._blocks += 1
        elif event == "message_delta":
            self.output_tokens = int(data["usage"]["output_tokens"])
            self._stop_reason = data["delta"]["stop_reason"]
        self._state = state
