"""The usage tap: what a stream of this API tells while its bytes go by untouched.

Owns what is peculiar to it: figures, and how it ended, stand in the last event alone. The tap is otherwise that of chat streams.
"""

import msgspec

from gateway.dialects.openai_chat import usage_tap
from gateway.dialects.openai_responses.fault import read_failure
from gateway.dialects.openai_responses.response import read_usage

ENDED = frozenset(("response.completed", "response.incomplete"))
_TELLING = ENDED | {"response.failed", "error"}


class _Piece(msgspec.Struct):
    """What is looked at in every event."""

    type: str = ""
    delta: str | None = None


class _Last(msgspec.Struct):
    """The parts of an event that tell how a stream ended."""

    response: object = None
    error: object = None
    code: object = None
    message: object = None


_decode_piece = msgspec.json.Decoder(_Piece).decode
_decode_last = msgspec.json.Decoder(_Last).decode


class UsageTap(usage_tap.UsageTap):
    """One stream; see the tap of chat streams."""

    # The last event holds the whole answer and the request's tools once more, and the figures at its end.
    held_bytes_max = 4 * 1024 * 1024

    __slots__ = ()

    def _read(self, payload: bytes) -> None:
        try:
            piece = _decode_piece(payload)
            if piece.delta:
                self._count(piece.delta)
            if piece.type not in _TELLING:
                return
            last = _decode_last(payload)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return
        response = last.response if isinstance(last.response, dict) else {}
        if piece.type in ENDED:
            self.ended = True
            self._spent = read_usage(response.get("usage"))
        elif piece.type == "response.failed":
            self.error = read_failure(response.get("error")).text
        else:
            flat = {"code": last.code, "message": last.message}
            self.error = read_failure(last.error if isinstance(last.error, dict) else flat).text
