"""What a dialect gives to translation: the same functions in each, which side of the gateway it serves unknown to it.

Owns the signatures alone. A codec raises Fault (kind INVALID) for a request that cannot be carried, and Fault (kind GARBLED) for
an answer that cannot be read; it never raises anything else, whatever the bytes are.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

import msgspec

from gateway.core.faults import Fault
from gateway.core.profile import Profile
from gateway.dialects.conversation import Conversation, Reply
from gateway.dialects.events import Event
from gateway.dialects.losses import Losses

# Names of tools as the upstream got them -> as the client knows them; only those that had to be changed.
ToolNames = Mapping[str, str]


class Written(msgspec.Struct):
    """A request as the upstream gets it."""

    body: bytes
    tool_names: ToolNames = {}


class EventReader(Protocol):
    """Reads a streamed answer. The events are the same however the bytes were cut."""

    def feed(self, data: bytes) -> list[Event]:
        """The events that are complete with this piece."""

    def end(self) -> list[Event]:
        """What follows from the end of the bytes: the closing events, or Failed when the stream was cut."""


class EventWriter(Protocol):
    """Writes a streamed answer. Writes nothing after Closed or Failed."""

    def write(self, events: list[Event]) -> bytes:
        """The frames of these events, possibly none."""

    def fail(self, fault: Fault, request_id: str) -> bytes:
        """The frames that end a stream because of a fault of ours or of the upstream's."""


class Codec(NamedTuple):
    """One dialect.

    `path` is where its requests go, below the base URL of a provider of that dialect.

    read_request(document, losses): a parsed body in neutral form. What no other dialect could take is refused by whoever writes.
    write_request(conversation, model, profile, losses): the body for an upstream; `model` is the name it knows.
    read_reply(body, tool_names), write_reply(reply, conversation, created_s): a whole answer; `created_s` is wall-clock seconds.
    reader(tool_names), writer(conversation, created_s): one for each stream. The model that is echoed is `conversation.model`.
    read_fault(status, body): what an upstream's error says. write_fault(fault, request_id): status, headers, body.
    """

    path: str
    read_request: Callable[[dict[str, object], Losses], Conversation]
    write_request: Callable[[Conversation, str, Profile, Losses], Written]
    read_reply: Callable[[bytes, ToolNames], Reply]
    write_reply: Callable[[Reply, Conversation, int], bytes]
    reader: Callable[[ToolNames], EventReader]
    writer: Callable[[Conversation, int], EventWriter]
    read_fault: Callable[[int, bytes], Fault]
    write_fault: Callable[[Fault, str], tuple[int, list[tuple[bytes, bytes]], bytes]]
