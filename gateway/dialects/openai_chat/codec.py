"""OpenAI's Chat Completions API as a codec: what translation needs of it. The base URL of such a provider ends in /v1."""

from gateway.dialects.codec import Codec
from gateway.dialects.openai_chat import conversation, events, fault, message

CODEC = Codec(
    "/chat/completions",
    conversation.read,
    conversation.write,
    message.read,
    message.write,
    events.Reader,
    events.Writer,
    fault.read,
    fault.write,
)
