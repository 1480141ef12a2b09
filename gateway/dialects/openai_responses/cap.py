"""The cap: a stream of a response that may carry only so many output tokens.

Owns the end of a stream whose budget ends before the answer does: what still fits goes on, then what is open is closed, item by
item, and `response.incomplete` says why, with all items and the figures, so that a client has a whole response. Knows nothing of
budgets. It stands before the usage tap, as the other caps do, and counts as they do.

An item is kept as the upstream began it and grown by the deltas that went by; what an item is need not be known for that.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import orjson

from gateway.core.usage import Usage
from gateway.dialects import sse
from gateway.dialects.allowance import Allowance
from gateway.dialects.payloads import object_in

Wire = dict[str, Any]


class Growth(NamedTuple):
    """Where the text of a kind of delta belongs: `field` of the item, or of the part at the event's `place` in `parts`.

    `closes` says what ends a part, after the event that ends its text.
    """

    field: str
    parts: str = ""
    place: str = ""
    closes: str = ""
    beside: tuple[tuple[str, object], ...] = ()  # what else the event has that ends a text


ENDED = frozenset(("response.completed", "response.incomplete", "response.failed", "error"))
GROWTHS = {
    "response.output_text": Growth("text", "content", "content_index", "response.content_part.done", (("logprobs", []),)),
    "response.refusal": Growth("refusal", "content", "content_index", "response.content_part.done"),
    "response.reasoning_text": Growth("text", "content", "content_index", "response.content_part.done"),
    "response.reasoning_summary_text": Growth("text", "summary", "summary_index", "response.reasoning_summary_part.done"),
    "response.function_call_arguments": Growth("arguments"),
    "response.custom_tool_call_input": Growth("input"),
}


class Cap:
    """One stream that may carry `output_tokens_max`. The input is not told before the end, so `revise` is never asked.

    `reached` is True once the closing events were given out. `input_tokens` is what they tell of the input.
    """

    def __init__(self, output_tokens_max: int, revise: Callable[[Usage], int] | None = None, *, input_tokens: int = 0) -> None:
        self.allowance = Allowance(output_tokens_max)
        self._input_tokens = input_tokens
        self._parser = sse.Parser()
        self._response: Wire = {}
        self._items: dict[int, Wire] = {}
        self._open: set[int] = set()
        self._grown: dict[tuple[int, str, int], list[str]] = {}  # output index, kind, index of the part -> pieces
        self._number = 0
        self._over = False  # the upstream itself has ended it
        self.reached = False

    def feed(self, data: bytes) -> bytes:
        """The events that are complete with `data` and still fit, and the closing ones after the last that does.

        Raises sse.OverlongEvent.
        """
        if self.reached:
            return b""
        out: list[bytes] = []
        for event in self._parser.feed(data):
            if not self._fits(object_in(event.data)):
                out.append(self.end())
                break
            out.append(sse.frame(event.name, event.data))
        return b"".join(out)

    def end(self) -> bytes:
        """The closing events, wherever the stream is."""
        self.reached = True
        frames: list[bytes] = []
        for index in sorted(self._open):
            frames += self._close(index)
        usage = {
            "input_tokens": self._input_tokens,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": self.allowance.output_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": self._input_tokens + self.allowance.output_tokens,
        }
        response = self._response | {
            "status": "incomplete",
            "incomplete_details": {"reason": "max_output_tokens"},
            "output": [self._items[index] for index in sorted(self._items)],
            "usage": usage,
        }
        frames.append(self._frame("response.incomplete", response=response))
        return b"".join(frames)

    def _fits(self, event: Wire) -> bool:
        kind = event.get("type")
        if not isinstance(kind, str) or self._over:
            return True
        if type(event.get("sequence_number")) is int:
            self._number = event["sequence_number"] + 1
        if kind.endswith(".delta"):
            return self._take_delta(kind.removesuffix(".delta"), event)
        index = event.get("output_index")
        if kind in ENDED:
            self._over = True
        elif kind in ("response.created", "response.in_progress"):
            self._response = _object(event.get("response"))
        elif type(index) is not int:
            return True
        elif kind in ("response.output_item.added", "response.output_item.done"):
            self._items[index] = _object(event.get("item"))
            (self._open.add if kind.endswith("added") else self._open.discard)(index)
        elif kind in ("response.content_part.added", "response.reasoning_summary_part.added"):
            name, place = ("content", "content_index") if "content" in kind else ("summary", "summary_index")
            _put(self._items.get(index, {}), name, event.get(place), _object(event.get("part")))
        elif kind.removesuffix(".done") in GROWTHS:
            self._end_text(index, kind.removesuffix(".done"), event)
        return True

    def _take_delta(self, kind: str, event: Wire) -> bool:
        text, growth, index = event.get("delta"), GROWTHS.get(kind), event.get("output_index")
        if not isinstance(text, str):
            return True
        if not self.allowance.takes((text,)):
            return False
        if growth is not None and type(index) is int:
            self._grown.setdefault((index, kind, _place(event, growth)), []).append(text)
        return True

    def _end_text(self, index: int, kind: str, event: Wire) -> None:
        """A text is whole: the item has it from here on."""
        growth = GROWTHS[kind]
        place = _place(event, growth)
        self._grown.pop((index, kind, place), None)
        _grow(self._items.get(index, {}), growth, place, event.get(growth.field))

    def _close(self, index: int) -> list[bytes]:
        item = self._items[index]
        about = {"item_id": item.get("id"), "output_index": index}
        frames: list[bytes] = []
        for (owner, kind, place), pieces in self._grown.items():
            if owner != index:
                continue
            growth, text = GROWTHS[kind], "".join(pieces)
            part = _grow(item, growth, place, text)
            where = {**about, growth.place: place} if growth.place else about
            frames.append(self._frame(f"{kind}.done", **where, **{growth.field: text}, **dict(growth.beside)))
            if growth.closes:
                frames.append(self._frame(growth.closes, **where, part=part))
        item["status"] = "incomplete"
        frames.append(self._frame("response.output_item.done", output_index=index, item=item))
        return frames

    def _frame(self, kind: str, **members: object) -> bytes:
        number = self._number
        self._number += 1
        return sse.frame(kind.encode(), orjson.dumps({"type": kind, "sequence_number": number, **members}))


def _place(event: Wire, growth: Growth) -> int:
    place = event.get(growth.place) if growth.place else 0
    return place if type(place) is int else 0


def _grow(item: Wire, growth: Growth, place: int, text: object) -> Wire:
    """Puts a text into its place; returns what holds it."""
    holder = item
    if growth.parts:
        parts = item.get(growth.parts)
        found = parts[place] if isinstance(parts, list) and 0 <= place < len(parts) else None
        holder = found if isinstance(found, dict) else {}
    holder[growth.field] = text
    return holder


def _put(item: Wire, name: str, place: object, part: Wire) -> None:
    parts = item.get(name)
    if not isinstance(parts, list):
        parts = item[name] = []
    if place == len(parts):
        parts.append(part)


def _object(value: object) -> Wire:
    return value if isinstance(value, dict) else {}
