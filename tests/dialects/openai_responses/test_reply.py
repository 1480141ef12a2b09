"""What is read of a response that is passed on."""

from gateway.core.usage import Usage
from gateway.dialects.anthropic.reply import Missing
from gateway.dialects.openai_responses.reply import usage_of


def test_usage() -> None:
    body = b'{"usage":{"input_tokens":9,"output_tokens":2,"input_tokens_details":{"cached_tokens":4}}}'
    assert usage_of(body) == (Usage(5, 4, 0, 0, 2), Missing.NONE)
    assert usage_of(b'{"usage":{"input_tokens":9}}') == (Usage(9), Missing.OUTPUT)
    assert usage_of(b"{}") == (Usage(), Missing.INPUT | Missing.OUTPUT)
    assert usage_of(b"no")[1] & Missing.MESSAGE
