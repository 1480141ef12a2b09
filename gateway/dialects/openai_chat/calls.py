"""Tool calls that arrive in pieces, several at once and in any order, as servers of this shape send them.

Owns the order in which they become blocks, which follow one another. The first call is streamed as it comes; a piece of another
call waits until the first is complete, which is when its arguments are whole JSON or nothing more can come. So the usual case,
one call after the other, is streamed without delay, and interleaved calls come out right all the same.

What servers do, and what is made of it: no index (a new id or name begins a new call), one index for several calls with ids of
their own, id and name repeated in every piece, a name in several pieces, all of a call in one piece, arguments that are no JSON
object (held back and mended by `arguments.read`; a text that begins as an object is passed on as it comes).
"""

from collections import deque
from collections.abc import Callable

import orjson

from gateway.dialects.conversation import FREEFORM_INPUT, ToolUse
from gateway.dialects.events import BlockEnded, BlockStarted, Event, InputDelta
from gateway.dialects.openai_chat import arguments

_FREEFORM_HEAD = f'{{"{FREEFORM_INPUT}":"'
_FREEFORM_TAIL = '"}'


class Call:
    """One call as far as it came. `mended` is None until its first character tells whether it can be streamed."""

    __slots__ = ("custom", "fragments", "id", "mended", "name", "place", "sent", "started")

    def __init__(self, place: int, custom: bool) -> None:
        self.place = place
        self.custom = custom
        self.id = ""
        self.name = ""
        self.fragments: list[str] = []
        self.sent = 0
        self.started = False
        self.mended: bool | None = False if custom else None

    @property
    def complete(self) -> bool:
        """Whether the arguments are whole."""
        if self.custom:
            return True
        if not self.fragments or not self.fragments[-1].rstrip().endswith("}"):
            return False
        try:
            orjson.loads("".join(self.fragments))
        except orjson.JSONDecodeError:
            return False
        return True


class Calls:
    """All calls of one answer. `begin` makes the block of a call, with its final id and the client's name of the tool."""

    __slots__ = ("_begin", "_by_index", "_count", "_current", "_last", "_waiting")

    def __init__(self, begin: Callable[[Call], ToolUse]) -> None:
        self._begin = begin
        self._by_index: dict[int, Call] = {}
        self._current: Call | None = None
        self._last: Call | None = None
        self._waiting: deque[Call] = deque()
        self._count = 0

    @property
    def any(self) -> bool:
        """Whether there was a call at all."""
        return self._count > 0

    @property
    def open(self) -> bool:
        """Whether a call is under way that may get more pieces."""
        return bool(self._waiting) or (self._current is not None and not self._current.complete)

    def take(
        self, index: int | None, identifier: str | None, name: str | None, text: str | None, custom: bool, events: list[Event]
    ) -> None:
        """One piece of a call; adds the events that follow from it."""
        call = self._find(index, identifier, name, custom)
        call.id = call.id or identifier or ""
        if name and not call.fragments and name != call.name:
            call.name += name
        if text:
            call.fragments.append(text)
        self._advance(events)

    def _find(self, index: int | None, identifier: str | None, name: str | None, custom: bool) -> Call:
        call = self._last if index is None else self._by_index.get(index)
        another = call is not None and bool(name) and bool(identifier) and bool(call.id) and identifier != call.id
        if index is None and call is not None and not another:
            another = bool(name) and bool(call.fragments)
        if call is None or another:
            call = Call(self._count, custom)
            self._count += 1
            self._waiting.append(call)
        if index is not None:
            self._by_index[index] = call
        self._last = call
        return call

    def _advance(self, events: list[Event]) -> None:
        while True:
            if self._current is None:
                if not self._waiting:
                    return
                self._current = self._waiting.popleft()
            call = self._current
            if not call.fragments:
                return
            self._send(call, events)
            if not self._waiting or not call.complete:
                return
            self._end(call, events)

    def _send(self, call: Call, events: list[Event]) -> None:
        """Streams what is new of the open call, if it can be streamed."""
        if not call.started:
            call.started = True
            events.append(BlockStarted(self._begin(call)))
            if call.custom:
                events.append(InputDelta(_FREEFORM_HEAD))
        if call.mended is None:
            begun = "".join(call.fragments).lstrip()
            call.mended = not begun.startswith("{") if begun else None
        if call.mended is not False:
            return
        new = call.fragments[call.sent :]
        events += (InputDelta(orjson.dumps(fragment).decode()[1:-1] if call.custom else fragment) for fragment in new)
        call.sent = len(call.fragments)

    def _end(self, call: Call, events: list[Event]) -> None:
        self._send(call, events)
        if call.custom:
            events.append(InputDelta(_FREEFORM_TAIL))
        elif call.mended:
            events.append(InputDelta(arguments.write(arguments.read("".join(call.fragments)))))
        events.append(BlockEnded())
        self._current = None

    def finish(self, events: list[Event]) -> None:
        """Nothing more comes of any call: sends what waits and ends all."""
        while self._current is not None or self._waiting:
            if self._current is None:
                self._current = self._waiting.popleft()
            self._end(self._current, events)
        self._by_index.clear()
        self._last = None
