"""The cap: a Messages stream that may carry only so many output tokens.

Owns the end of a stream whose budget ends before the answer does: what still fits goes on, then the open blocks are stopped, the
message says `stop_reason: "max_tokens"` with its usage, and it stops, so that a client has a whole message. Knows nothing of
budgets. It stands before the usage tap, which then reads the closing events as if the upstream had sent them.

Only streams whose hold did not cover all of `max_tokens` come here, so every event may be decoded; events that fit are
framed anew with the same name and data.
"""

from collections.abc import Callable
from typing import Any

import orjson

from gateway.core.usage import Usage
from gateway.dialects import sse
from gateway.dialects.allowance import Allowance
from gateway.dialects.anthropic.reply import Missing, read_usage
from gateway.dialects.payloads import object_in

# Where the pieces of a content block carry their text.
PIECES = ("text", "thinking", "partial_json", "data")


class Cap:
    """One stream that may carry `output_tokens_max`; `revise` gives a better figure once the upstream has told its input.

    `reached` is True once the closing events were given out.
    """

    def __init__(self, output_tokens_max: int, revise: Callable[[Usage], int] | None = None) -> None:
        self.allowance = Allowance(output_tokens_max)
        self._revise = revise
        self._parser = sse.Parser()
        self._open: list[int] = []
        self._usage: dict[str, Any] = {}
        self.reached = False

    def feed(self, data: bytes) -> bytes:
        """The events that are complete with `data` and still fit, and the closing ones after the last that does.

        Raises sse.OverlongEvent.
        """
        if self.reached:
            return b""
        out: list[bytes] = []
        for event in self._parser.feed(data):
            if not self._fits(event):
                out.append(self.end())
                break
            out.append(sse.frame(event.name, event.data))
        return b"".join(out)

    def end(self) -> bytes:
        """The closing events, wherever the stream is."""
        self.reached = True
        # The upstream's own names for the input; null and nested figures stay as they were told.
        usage = self._usage | {"output_tokens": self.allowance.output_tokens}
        ends = [_frame("content_block_stop", index=index) for index in self._open]
        ends.append(_frame("message_delta", delta={"stop_reason": "max_tokens", "stop_sequence": None}, usage=usage))
        ends.append(_frame("message_stop"))
        return b"".join(ends)

    def _fits(self, event: sse.Event) -> bool:
        if event.name not in (b"message_start", b"content_block_start", b"content_block_delta", b"content_block_stop"):
            return True
        decoded = object_in(event.data)
        if event.name == b"content_block_delta":
            return self.allowance.takes(_texts(decoded.get("delta")))
        if event.name == b"message_start":
            message = decoded.get("message")
            usage = message.get("usage") if isinstance(message, dict) else None
            self._usage = usage if isinstance(usage, dict) else {}
            told, missing = read_usage(usage)
            if self._revise is not None and Missing.INPUT not in missing:
                self.allowance.tokens_max = self._revise(told)
        elif type(decoded.get("index")) is int:
            if event.name == b"content_block_start":
                self._open.append(decoded["index"])
            elif decoded["index"] in self._open:
                self._open.remove(decoded["index"])
        return True


def _frame(name: str, **members: object) -> bytes:
    return sse.frame(name.encode(), orjson.dumps({"type": name, **members}))


def _texts(delta: object) -> list[str]:
    found = (delta.get(piece) for piece in PIECES) if isinstance(delta, dict) else ()
    return [text for text in found if isinstance(text, str)]
