"""OpenAI's Responses API as a codec: what translation needs of it. The base URL of such a provider ends in /v1."""

from gateway.dialects.codec import Codec
from gateway.dialects.openai_responses import conversation, fault, message
from gateway.dialects.openai_responses.reader import Reader
from gateway.dialects.openai_responses.writer import Writer

CODEC = Codec(
    "/responses",
    conversation.read,
    conversation.write,
    message.read,
    message.write,
    Reader,
    Writer,
    fault.read,
    fault.write,
)
