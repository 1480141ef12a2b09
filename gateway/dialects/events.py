"""The neutral form of a streamed answer.

Owns the events and the order they come in, for every dialect's reader and writer:

    Started, then per block BlockStarted, its deltas, BlockEnded; then Ended once, then Closed; Ping anywhere

Blocks never overlap and never nest: a reader whose wire interleaves them (parallel tool calls in pieces) streams the first and
holds the others back. A block's index is its place in the order of BlockStarted, so no event carries one. Text, Refusal,
Thinking and ToolUse blocks start empty and grow by deltas; all others come whole with BlockStarted. Failed may come at any
time and is the last.

Why structs without a common base or a kind field: a writer finds what to do by `type(event)`, and a delta costs 0.1 us to make.
"""

import msgspec

from gateway.core.faults import Fault
from gateway.dialects.conversation import Block, Extras, Spent


class Started(msgspec.Struct):
    """The answer begins. `spent` is what is known of the input by now."""

    id: str
    model: str
    spent: Spent
    extras: Extras = {}


class BlockStarted(msgspec.Struct):
    """The next block begins."""

    block: Block


class TextDelta(msgspec.Struct, gc=False):
    """More words of a Text or Refusal block."""

    text: str


class ThinkingDelta(msgspec.Struct, gc=False):
    """More of a Thinking block."""

    text: str


class InputDelta(msgspec.Struct, gc=False):
    """More of a ToolUse block's input: a piece of JSON text. All pieces together are one object; none at all means `{}`."""

    fragment: str


class SignatureDelta(msgspec.Struct, gc=False):
    """The signature of a Thinking block, whole, before its end."""

    signature: str


class ExtraDelta(msgspec.Struct):
    """A delta that has no common name, such as a citation. `kind` is the wire's type, `fields` all of it."""

    kind: str
    fields: dict[str, object]


class BlockEnded(msgspec.Struct):
    """The open block is complete."""


class Ended(msgspec.Struct):
    """All blocks are complete; why, and what the whole answer took. `stop` as in Reply."""

    stop: str
    spent: Spent
    stop_sequence: str = ""
    extras: Extras = {}


class Closed(msgspec.Struct):
    """Nothing follows."""


class Ping(msgspec.Struct):
    """A sign of life."""


class Failed(msgspec.Struct):
    """The answer cannot go on."""

    fault: Fault


Event = (
    Started
    | BlockStarted
    | TextDelta
    | ThinkingDelta
    | InputDelta
    | SignatureDelta
    | ExtraDelta
    | BlockEnded
    | Ended
    | Closed
    | Ping
    | Failed
)
