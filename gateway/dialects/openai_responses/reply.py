"""A Responses answer that is passed on: the usage that is told. Everything else is as in chat answers."""

import msgspec

from gateway.core.usage import Usage
from gateway.dialects.anthropic.reply import Missing
from gateway.dialects.openai_chat.reply import missing
from gateway.dialects.openai_responses.response import read_usage


class _Answer(msgspec.Struct):
    usage: object = None


_decode = msgspec.json.Decoder(_Answer).decode


def usage_of(body: bytes) -> tuple[Usage, Missing]:
    """The usage in the body of a response."""
    try:
        spent = read_usage(_decode(body).usage)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Usage(), Missing.INPUT | Missing.OUTPUT | Missing.MESSAGE
    return spent.usage, missing(spent)
