"""Translation: a client of one dialect, an upstream of another, from the request to the last byte of the answer.

Owns the composition of two codecs and what an exchange has to know of it: where the request goes, what was lost, what the answer
takes. Knows no field of any dialect. Read with one, write with the other: so three dialects need three codecs, and a fourth
would need no change here.

A stream is fed bytes and gives bytes, like the usage tap of a stream that is passed on, with the same questions asked of it.
Bytes come out as soon as they say something; the same stream gives the same bytes however it was cut.

Measured per streamed delta, all of it in this process: Chat to Anthropic 2.2 us (tool input 3.1), Anthropic to Chat 1.9 us. The
tap of a stream that is passed on takes 0.4 us.
"""

from collections.abc import Callable

import orjson

from gateway.core.faults import Fault, FaultKind
from gateway.core.profile import Profile
from gateway.core.usage import Usage
from gateway.dialects.anthropic.codec import CODEC as ANTHROPIC
from gateway.dialects.cap import Capped
from gateway.dialects.codec import Codec, EventReader, EventWriter, ToolNames
from gateway.dialects.conversation import Conversation, Reply, Spent, Text, Thinking, ToolUse
from gateway.dialects.events import (
    BlockStarted,
    Closed,
    Ended,
    Event,
    Failed,
    InputDelta,
    Ping,
    Started,
    TextDelta,
    ThinkingDelta,
)
from gateway.dialects.losses import Losses
from gateway.dialects.openai_chat.codec import CODEC as OPENAI_CHAT
from gateway.dialects.openai_responses.codec import CODEC as OPENAI_RESPONSES

CODECS: dict[str, Codec] = {"anthropic": ANTHROPIC, "openai_chat": OPENAI_CHAT, "openai_responses": OPENAI_RESPONSES}

# An estimate of what an upstream did not report: as of a stream that is passed on.
BYTES_PER_TOKEN = 4
# Many servers of OpenAI's shape say nothing of how long their limits last. A limit without a time would be taken for one that
# no waiting ends.
LIMITED_RETRY_AFTER_S = 5


class Translation:
    """One exchange between two dialects.

    `path` is where the request goes below the provider's base URL, `body` what is sent there. `losses` names what was left out.
    `usage`, `input_reported` and `output_reported` tell of an answer that was not streamed, once `reply` has read it.
    """

    __slots__ = (
        "_client",
        "_conversation",
        "_created_s",
        "_request_id",
        "_tool_names",
        "_upstream",
        "body",
        "input_reported",
        "input_tokens_estimated",
        "losses",
        "output_reported",
        "path",
        "usage",
    )

    def __init__(
        self,
        document: dict[str, object],
        *,
        client: str,
        upstream: str,
        model: str,
        profile: Profile,
        request_id: str,
        created_s: int,
    ) -> None:
        """Translates a request.

        `document` is the client's parsed body; `client` and `upstream` are names of dialects; `model` is the name that the
        upstream knows; `created_s` is wall-clock seconds. Raises Fault (INVALID) for what cannot be carried, naming the field.
        """
        self._client = CODECS[client]
        self._upstream = CODECS[upstream]
        self._request_id = request_id
        self._created_s = created_s
        self.losses = Losses(client)
        self._conversation: Conversation = self._client.read_request(document, self.losses)
        written = self._upstream.write_request(self._conversation, model, profile, self.losses)
        self.path = self._upstream.path
        self.body = written.body
        self._tool_names: ToolNames = written.tool_names
        self.usage = Usage()
        self.input_reported = False
        self.output_reported = False
        self.input_tokens_estimated = 0  # for a client that is told of its input before the upstream tells it

    @property
    def stream(self) -> bool:
        """Whether the client asked for a stream."""
        return self._conversation.stream

    def reply(self, body: bytes) -> bytes:
        """A whole answer, translated. Raises Fault: GARBLED, or what the upstream says in the place of an answer."""
        reply = self._upstream.read_reply(body, self._tool_names)
        spent = reply.spent
        self.usage = spent.usage
        self.input_reported, self.output_reported = spent.input_reported, spent.output_reported
        if not spent.input_reported:
            spent.usage.input_tokens = self.input_tokens_estimated
        if not spent.output_reported:
            spent.usage.output_tokens = -(-_content_bytes(reply) // BYTES_PER_TOKEN)
        reply.id = reply.id or self._request_id
        return self._client.write_reply(reply, self._conversation, self._created_s)

    def fault(self, status: int, body: bytes, retry_after_s: int | None = None) -> Fault:
        """What the upstream's error is to the client. `retry_after_s` is what its headers said."""
        fault = self._upstream.read_fault(status, body)
        if fault.retry_after_s is None:
            fault.retry_after_s = retry_after_s
        if fault.kind is FaultKind.LIMITED and fault.retry_after_s is None:
            fault.retry_after_s = LIMITED_RETRY_AFTER_S
        return fault

    def write_fault(self, fault: Fault) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        """A fault in the client's dialect: status, headers, body."""
        return self._client.write_fault(fault, self._request_id)

    def streaming(self, output_tokens_max: int | None = None, revise: Callable[[Usage], int] | None = None) -> "Streaming":
        """The translator of a streamed answer.

        `output_tokens_max` is where it is to be ended, as a whole; `revise` gives a better figure once the input is told.
        """
        reader = self._upstream.reader(self._tool_names)
        if output_tokens_max is not None and revise is not None:
            reader = Capped(reader, output_tokens_max, revise)
        writer = self._client.writer(self._conversation, self._created_s)
        return Streaming(reader, writer, self._request_id, self.input_tokens_estimated)

    def __repr__(self) -> str:
        return f"<Translation of {self._conversation.model!r} to {self.path} {self.losses!r}>"


class Streaming:
    """One streamed answer.

    `usage` is what was reported so far; `input_reported` and `output_reported` tell which parts of it. `ended` is True once the
    answer came to its end, `error` is the fault if the upstream reported one or broke off, `deltas` counts the pieces of content
    and `output_bytes` their size. Whole frames come out, so a fault of ours can be written at any time (`between_events`).
    """

    __slots__ = (
        "_reader",
        "_request_id",
        "_writer",
        "content_started",
        "deltas",
        "ended",
        "error",
        "input_reported",
        "input_tokens_estimated",
        "output_bytes",
        "output_reported",
        "usage",
    )

    between_events = True

    def __init__(self, reader: EventReader, writer: EventWriter, request_id: str, input_tokens_estimated: int) -> None:
        self._reader = reader
        self._writer = writer
        self._request_id = request_id
        self.input_tokens_estimated = input_tokens_estimated
        self.usage = Usage()
        self.input_reported = False
        self.output_reported = False
        self.ended = False
        self.error: Fault | None = None
        self.content_started = False
        self.deltas = 0
        self.output_bytes = 0

    def feed(self, data: bytes) -> bytes:
        """What arrived, translated: whole frames, possibly none. Nothing after `ended` or `error`."""
        return self._write(self._reader.feed(data))

    def end(self) -> bytes:
        """The end of the upstream's bytes: the closing frames, or an error frame for an answer that was cut."""
        return self._write(self._reader.end())

    def fail(self, fault: Fault) -> bytes:
        """The frame that ends the stream because of a fault."""
        return self._writer.fail(fault, self._request_id)

    @property
    def capped(self) -> bool:
        """Whether its budget has ended the stream: what the upstream still says is not wanted."""
        return isinstance(self._reader, Capped) and self._reader.reached

    def ping(self) -> bytes:
        """A sign of life, for a client that waits; empty where the dialect has none."""
        return self._writer.write([Ping()])

    def estimate_output(self) -> None:
        """Puts an estimate in place of an output figure that the upstream did not report."""
        if not self.output_reported and self.content_started:
            self.usage.output_tokens = max(self.usage.output_tokens, self.deltas, self.output_bytes // BYTES_PER_TOKEN)

    def _write(self, events: list[Event]) -> bytes:
        for event in events:
            kind = type(event)
            if kind is TextDelta or kind is ThinkingDelta:
                self.deltas += 1
                self.output_bytes += len(event.text)  # type: ignore[union-attr]
            elif kind is InputDelta:
                self.deltas += 1
                self.output_bytes += len(event.fragment)  # type: ignore[union-attr]
            else:
                self._note(event)
        written = self._writer.write(events)
        if self.error is not None and events and isinstance(events[-1], Failed):
            written += self._writer.fail(self.error, self._request_id)
        return written

    def _note(self, event: Event) -> None:
        if isinstance(event, BlockStarted):
            self.content_started = True
        elif isinstance(event, Started):
            event.id = event.id or self._request_id
            self._tell(event.spent)
            if not self.input_reported:
                self.usage.input_tokens = self.input_tokens_estimated
        elif isinstance(event, Ended):
            self._tell(event.spent)
            if not self.input_reported:
                self.usage.input_tokens = self.input_tokens_estimated
            self.estimate_output()
        elif isinstance(event, Closed):
            self.ended = True
        elif isinstance(event, Failed):
            self.error = event.fault

    def _tell(self, spent: Spent) -> None:
        """From here on the figures of the events and those of the books are one object."""
        self.usage = spent.usage
        self.input_reported = spent.input_reported
        self.output_reported = spent.output_reported


def _content_bytes(reply: Reply) -> int:
    size = 0
    for block in reply.blocks:
        if isinstance(block, (Text, Thinking)):
            size += len(block.text)
        elif isinstance(block, ToolUse):
            size += len(orjson.dumps(block.input))
    return size
