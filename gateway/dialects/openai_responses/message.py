"""A whole answer: read from an upstream, written for a client.

Writing is a stream that nobody sees: the events of the answer go through the writer of streams, and the response of its last
event is the answer. So a streamed answer and a whole one cannot differ.
"""

from gateway.core.faults import Fault, FaultKind
from gateway.dialects.codec import ToolNames
from gateway.dialects.conversation import Conversation, Reply
from gateway.dialects.events import Closed, Ended, Event, Started
from gateway.dialects.openai_responses.answer import CALLS, FAILED, blocks_of, events_of, objects, stop_of, word
from gateway.dialects.openai_responses.fault import read_failure
from gateway.dialects.openai_responses.response import read_usage
from gateway.dialects.openai_responses.writer import Writer
from gateway.dialects.payloads import parse


def read(body: bytes, tool_names: ToolNames) -> Reply:
    """A response of an upstream. Raises Fault: GARBLED when it is none, else what the response says of its failure."""
    try:
        response = parse(body)
    except ValueError:
        response = None
    if not isinstance(response, dict) or not isinstance(response.get("output"), list):
        raise Fault(FaultKind.GARBLED, "The upstream's answer is not a response.")
    if word(response.get("status")) in FAILED:
        raise read_failure(response.get("error"))
    items = objects(response["output"])
    return Reply(
        word(response.get("id")),
        word(response.get("model")),
        [block for item in items for block in blocks_of(item, tool_names)],
        stop_of(response, called=any(word(item.get("type")) in CALLS for item in items)),
        read_usage(response.get("usage")),
    )


def write(reply: Reply, conversation: Conversation, created_s: int) -> bytes:
    """The answer as a client gets it."""
    events: list[Event] = [Started(reply.id, reply.model, reply.spent)]
    for block in reply.blocks:
        events += events_of(block)
    events += (Ended(reply.stop, reply.spent, reply.stop_sequence), Closed())
    writer = Writer(conversation, created_s)
    writer.write(events)
    return writer.response
