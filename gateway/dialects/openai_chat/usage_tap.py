"""The usage tap: what a chat stream tells while its bytes go by untouched.

Owns the same questions as the tap of Anthropic's streams: where events end, what usage was reported, how the stream ended. Bytes
are handed on in whole events. Every chunk is decoded, unlike there: a client that did not ask for usage gets none and neither do
we, so the estimate is what is billed, and the frames of these servers tell nothing of the text in them (they differ, and some
are padded at random).
"""

from gateway.core.usage import Usage
from gateway.dialects import sse
from gateway.dialects.conversation import Spent
from gateway.dialects.openai_chat import chunk as chunks
from gateway.dialects.openai_chat import usage
from gateway.dialects.openai_chat.chunk import Choice
from gateway.dialects.openai_chat.fault import read_error
from gateway.dialects.payloads import Payloads

HELD_BYTES_MAX = 1024 * 1024
BYTES_PER_TOKEN = 4

# An event's end; CR LF where a server frames so.
_ENDS = (b"\n\n", b"\r\n\r\n")


class UsageTap:
    """One stream. `usage` is what was reported so far; `input_reported` and `output_reported` tell which parts of it.

    `ended` is True once the stream came to its end, `error` is the public text of an error if one went by, `deltas` counts the
    pieces of content and `output_bytes` their size.
    """

    held_bytes_max = HELD_BYTES_MAX

    __slots__ = ("_finished", "_held", "_payloads", "_spent", "between_events", "deltas", "ended", "error", "output_bytes")

    def __init__(self) -> None:
        self._spent = Spent(Usage())
        self._held = b""
        self._payloads = Payloads()
        self._finished = False
        self.between_events = True
        self.deltas = 0
        self.output_bytes = 0
        self.ended = False
        self.error: str | None = None

    @property
    def usage(self) -> Usage:
        return self._spent.usage

    @property
    def input_reported(self) -> bool:
        return self._spent.input_reported

    @property
    def output_reported(self) -> bool:
        return self._spent.output_reported

    @property
    def content_started(self) -> bool:
        return self.deltas > 0

    def feed(self, data: bytes) -> bytes:
        """Takes what arrived and returns what may be forwarded now: whole events, possibly none."""
        self._look(data)
        if self._held:
            data = self._held + data
            self._held = b""
        elif data.endswith(b"\n\n"):
            self.between_events = True
            return data
        end = max(data.rfind(end) + len(end) if end in data else 0 for end in _ENDS)
        if not end:
            if len(data) <= self.held_bytes_max and self.between_events:
                self._held = data
                return b""
            self.between_events = False
            return data
        self.between_events = True
        self._held = data[end:]
        return data[:end]

    def rest(self) -> bytes:
        """What is left when the stream ends: bytes of an event that never came to its end."""
        held, self._held = self._held, b""
        if held:
            self.between_events = False
        elif self._finished:
            self.ended = True  # a missing [DONE] is forgiven where there was a reason to stop
        return held

    def estimate_output(self) -> None:
        """Puts an estimate in place of an output figure that the upstream did not report."""
        if not self.output_reported and self.content_started:
            told = self._spent.usage
            told.output_tokens = max(told.output_tokens, self.deltas, self.output_bytes // BYTES_PER_TOKEN)

    def _look(self, data: bytes) -> None:
        try:
            for payload in self._payloads.feed(data):
                self._read(payload)
        except sse.OverlongEvent:
            self._payloads = Payloads()

    def _count(self, text: str) -> None:
        self.deltas += 1
        self.output_bytes += len(text) if text.isascii() else len(text.encode("utf-8", "replace"))

    def _read(self, payload: bytes) -> None:
        if payload.startswith(b"[DONE]"):
            self.ended = True
            return
        try:
            chunk = chunks.read(payload)
        except ValueError:
            return
        for choice in chunk.choices or ():
            text = _text_of(choice)
            if text:
                self._count(text)
            if choice.finish_reason:
                self._finished = True
        if chunk.usage is not None:
            usage.tell(self._spent, chunk.usage)
        if chunk.error is not None:
            self.error = read_error(0, {"error": chunk.error}).text


def _text_of(choice: Choice) -> str:
    """What a chunk adds to its choice, of whatever kind."""
    delta = choice.delta
    if delta is None:
        return choice.text or ""
    if delta.tool_calls or delta.function_call:
        calls = [call.function for call in delta.tool_calls or ()] + [delta.function_call]
        said = "".join(call.arguments for call in calls if call is not None and call.arguments)
        said += "".join(call.custom.input for call in delta.tool_calls or () if call.custom is not None and call.custom.input)
        return said + (delta.content or "")
    return delta.content or delta.reasoning_content or delta.reasoning or delta.refusal or ""
