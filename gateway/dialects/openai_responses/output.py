"""The items of an answer while they are written: what opens one, what grows it, what closes it.

Owns the events of each kind of item and the item's own form, not the order of items and not the numbers of events. Every class
has the same parts: `opening` and `closing`, events as (type, fields as JSON text); `take`, the text that a piece of the answer
adds; `delta_head` and `delta_tail`, what stands around that text in an event; `item`, the item with a status.

A delta is the only thing that comes often, so what surrounds its text is made once.
"""

from typing import Protocol

import orjson

from gateway.dialects.conversation import RedactedThinking, Thinking, ToolUse
from gateway.dialects.freeform import Unwrapping
from gateway.dialects.openai_responses.seal import seal
from gateway.dialects.openai_responses.tools import SEARCH, Form

Events = list[tuple[bytes, bytes]]

_PARTS: dict[str, tuple[bytes, bytes]] = {
    "output_text": (b'{"type":"output_text","annotations":[],"logprobs":[],"text":', b',"logprobs":[]'),
    "refusal": (b'{"type":"refusal","refusal":', b""),
}


class Item(Protocol):
    """An item that is being written."""

    delta_head: bytes
    delta_tail: bytes

    def opening(self) -> Events: ...
    def take(self, piece: str) -> str: ...
    def closing(self) -> Events: ...
    def item(self, status: str) -> bytes: ...


def _around(kind: bytes, place: bytes, tail: bytes = b"") -> tuple[bytes, bytes]:
    """What stands before and after the text of a delta; the event's number follows the second."""
    return b'event: %b\ndata: {"type":"%b",%b,"delta":' % (kind, kind, place), tail + b',"sequence_number":'


class Words:
    """A message: one part for each block of words or of refusal. The next part opens in the same item."""

    def __init__(self, suffix: str, index: int) -> None:
        self._id = b'"msg_%b_%d"' % (suffix.encode(), index)
        self._index = index
        self._done: list[bytes] = []
        self._pieces: list[str] = []
        self._kind = "output_text"

    def part(self, kind: str) -> None:
        """Makes the next part one of `output_text` or `refusal`."""
        self._kind = kind
        self._pieces = []
        self._place = b'"item_id":%b,"output_index":%d,"content_index":%d' % (self._id, self._index, len(self._done))
        self.delta_head, self.delta_tail = _around(b"response.%b.delta" % kind.encode(), self._place, _PARTS[kind][1])

    def opening(self) -> Events:
        part = (b"response.content_part.added", self._place + b',"part":' + self._part(b'""'))
        if self._done:
            return [part]
        return [(b"response.output_item.added", b'"output_index":%d,"item":%b' % (self._index, self.item("in_progress"))), part]

    def take(self, piece: str) -> str:
        self._pieces.append(piece)
        return piece

    def closing(self) -> Events:
        text = orjson.dumps("".join(self._pieces))
        part = self._part(text)
        self._done.append(part)
        field = b"text" if self._kind == "output_text" else b"refusal"
        whole = b'%b,"%b":%b%b' % (self._place, field, text, _PARTS[self._kind][1])
        return [
            (b"response.%b.done" % self._kind.encode(), whole),
            (b"response.content_part.done", self._place + b',"part":' + part),
        ]

    def item(self, status: str) -> bytes:
        content = b",".join(self._done)
        head = b'{"id":%b,"type":"message","status":"%b","role":"assistant","content":[' % (self._id, status.encode())
        return head + content + b"]}"

    def _part(self, text: bytes) -> bytes:
        return _PARTS[self._kind][0] + text + b"}"


class Thoughts:
    """A reasoning item: the thoughts as its summary, and sealed in it what their provider wants back."""

    def __init__(self, suffix: str, index: int, block: Thinking | RedactedThinking) -> None:
        self._id = b'"rs_%b_%d"' % (suffix.encode(), index)
        self._index = index
        self._sealed = block
        self._pieces: list[str] = []
        self.signature = ""
        self._place = b'"item_id":%b,"output_index":%d,"summary_index":0' % (self._id, index)
        self.delta_head, self.delta_tail = _around(b"response.reasoning_summary_text.delta", self._place)

    def opening(self) -> Events:
        item = b'{"id":%b,"type":"reasoning","summary":[],"encrypted_content":null}' % self._id
        return [(b"response.output_item.added", b'"output_index":%d,"item":%b' % (self._index, item))]

    def summary_opening(self) -> Events:
        """What comes before the first thought. An item whose thoughts are not told has no summary."""
        return [] if self._pieces else [(b"response.reasoning_summary_part.added", self._place + b',"part":' + self._part(b'""'))]

    def take(self, piece: str) -> str:
        self._pieces.append(piece)
        return piece

    def closing(self) -> Events:
        text = "".join(self._pieces)
        if isinstance(self._sealed, Thinking):
            self._sealed = Thinking(text, self.signature)
        if not text:
            return []
        written = orjson.dumps(text)
        return [
            (b"response.reasoning_summary_text.done", b'%b,"text":%b' % (self._place, written)),
            (b"response.reasoning_summary_part.done", self._place + b',"part":' + self._part(written)),
        ]

    def item(self, status: str) -> bytes:
        text = "".join(self._pieces)
        summary = self._part(orjson.dumps(text)) if text else b""
        content = orjson.dumps(seal(self._sealed) or None)
        return b'{"id":%b,"type":"reasoning","summary":[%b],"encrypted_content":%b}' % (self._id, summary, content)

    def _part(self, text: bytes) -> bytes:
        return b'{"type":"summary_text","text":%b}' % text


class Call:
    """A function call. Arguments that never came are an empty object."""

    def __init__(self, suffix: str, index: int, block: ToolUse, form: Form) -> None:
        self._id = b'"fc_%b_%d"' % (suffix.encode(), index)
        self._index = index
        self._name = orjson.dumps(form.name)
        called = {"call_id": block.id, "name": form.name, **({"namespace": form.namespace} if form.namespace else {})}
        self._called = orjson.dumps(called)[1:-1]
        self._pieces: list[str] = []
        self._place = b'"item_id":%b,"output_index":%d' % (self._id, index)
        self.delta_head, self.delta_tail = _around(b"response.function_call_arguments.delta", self._place)

    def opening(self) -> Events:
        item = self._item("in_progress", b'""')
        return [(b"response.output_item.added", b'"output_index":%d,"item":%b' % (self._index, item))]

    def take(self, piece: str) -> str:
        self._pieces.append(piece)
        return piece

    def closing(self) -> Events:
        nothing = [] if any(self._pieces) else [(b"response.function_call_arguments.delta", self._place + b',"delta":"{}"')]
        whole = b'%b,"name":%b,"arguments":%b' % (self._place, self._name, self._arguments())
        return [*nothing, (b"response.function_call_arguments.done", whole)]

    def item(self, status: str) -> bytes:
        return self._item(status, self._arguments())

    def _arguments(self) -> bytes:
        return orjson.dumps("".join(self._pieces) or "{}")

    def _item(self, status: str, arguments: bytes) -> bytes:
        head = b'{"id":%b,"type":"function_call","status":"%b",%b' % (self._id, status.encode(), self._called)
        return head + b',"arguments":' + arguments + b"}"


class CustomCall:
    """A call with free text, which arrives wrapped in an object."""

    def __init__(self, suffix: str, index: int, block: ToolUse, form: Form) -> None:
        self._id = b'"ctc_%b_%d"' % (suffix.encode(), index)
        self._index = index
        called = {"call_id": block.id, "name": form.name, **({"namespace": form.namespace} if form.namespace else {})}
        self._called = orjson.dumps(called)[1:-1]
        self._unwrapping = Unwrapping()
        self._pieces: list[str] = []
        self._place = b'"item_id":%b,"output_index":%d' % (self._id, index)
        self.delta_head, self.delta_tail = _around(b"response.custom_tool_call_input.delta", self._place)

    def opening(self) -> Events:
        return [(b"response.output_item.added", b'"output_index":%d,"item":%b' % (self._index, self.item("in_progress")))]

    def take(self, piece: str) -> str:
        text = self._unwrapping.feed(piece)
        self._pieces.append(text)
        return text

    def closing(self) -> Events:
        rest = self._unwrapping.end()
        self._pieces.append(rest)
        delta = [(b"response.custom_tool_call_input.delta", b'%b,"delta":%b' % (self._place, orjson.dumps(rest)))] if rest else []
        whole = b'%b,"input":%b' % (self._place, orjson.dumps("".join(self._pieces)))
        return [*delta, (b"response.custom_tool_call_input.done", whole)]

    def item(self, status: str) -> bytes:
        head = b'{"id":%b,"type":"custom_tool_call","status":"%b",%b' % (self._id, status.encode(), self._called)
        return head + b',"input":' + orjson.dumps("".join(self._pieces)) + b"}"


class Search:
    """A search for tools that the client does. It has no deltas, and its arguments are an object."""

    delta_head = delta_tail = b""

    def __init__(self, suffix: str, index: int, block: ToolUse) -> None:
        self._id = b'"tsc_%b_%d"' % (suffix.encode(), index)
        self._index = index
        self._call_id = orjson.dumps(block.id)
        self._pieces: list[str] = []

    def opening(self) -> Events:
        return [(b"response.output_item.added", b'"output_index":%d,"item":%b' % (self._index, self.item("in_progress")))]

    def take(self, piece: str) -> str:
        self._pieces.append(piece)
        return ""

    def closing(self) -> Events:
        return []

    def item(self, status: str) -> bytes:
        try:
            arguments = orjson.loads("".join(self._pieces) or "{}")
        except orjson.JSONDecodeError:
            arguments = {}
        head = b'{"id":%b,"type":"tool_search_call","status":"%b","execution":"client",' % (self._id, status.encode())
        return head + b'"call_id":%b,"arguments":%b}' % (self._call_id, orjson.dumps(arguments))


def open_call(suffix: str, index: int, block: ToolUse, forms: dict[str, Form]) -> Item:
    """The item of a call, in the form in which the client offered the tool."""
    form = forms.get(block.name) or Form("function", block.name)
    if form.kind == "custom":
        return CustomCall(suffix, index, block, form)
    if form.kind == SEARCH:
        return Search(suffix, index, block)
    return Call(suffix, index, block, form)
