"""Anthropic's Messages API as a codec: what translation needs of it."""

from gateway.dialects.anthropic import conversation, events, fault, message
from gateway.dialects.codec import Codec

CODEC = Codec(
    "/v1/messages",
    conversation.read,
    conversation.write,
    message.read,
    message.write,
    events.Reader,
    events.Writer,
    fault.read,
    fault.write,
)
