"""What is read of answers that are passed on, and the name that is put into them."""

import orjson
import pytest

from gateway.core.usage import Usage
from gateway.dialects.anthropic.reply import Missing
from gateway.dialects.openai_chat.reply import content_bytes, echo_model, embeddings_usage_of, usage_of

ALL = Missing.INPUT | Missing.OUTPUT


@pytest.mark.parametrize(
    ("body", "usage", "missing"),
    [
        (
            b'{"usage":{"prompt_tokens":9,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":4}}}',
            Usage(5, 4, 0, 0, 2),
            0,
        ),
        (b'{"usage":{"prompt_tokens":-1,"completion_tokens":2}}', Usage(0, 0, 0, 0, 2), Missing.INPUT),
        (b'{"usage":{"prompt_tokens":3}}', Usage(3), Missing.OUTPUT),
        (b'{"usage":[]}', Usage(), ALL),
        (b"{}", Usage(), ALL),
        (b"[]", Usage(), ALL | Missing.MESSAGE),
        (b"\xff", Usage(), ALL | Missing.MESSAGE),
        (b"", Usage(), ALL | Missing.MESSAGE),
    ],
)
def test_usage(body: bytes, usage: Usage, missing: int) -> None:
    assert usage_of(body) == (usage, missing)


def test_embeddings_have_no_output_to_miss() -> None:
    assert embeddings_usage_of(b'{"usage":{"prompt_tokens":3,"total_tokens":3}}') == (Usage(3), Missing.NONE)


def test_content_is_what_a_model_writes() -> None:
    call = {"id": "call_with_a_long_id", "function": {"name": "name", "arguments": "1234"}}
    message = {"role": "assistant", "content": "\u00e4b", "reasoning_content": "xyz", "tool_calls": [call]}
    assert content_bytes(orjson.dumps({"choices": [{"message": message}], "model": "long"})) == 3 + 3 + 4
    part = {"type": "output_text", "text": "12345"}
    assert content_bytes(orjson.dumps({"output": [{"content": [part]}, {"arguments": "1"}]})) == 6
    assert content_bytes(b"{") == content_bytes(b"[]") == content_bytes(b"{}") == 0


def test_the_name_of_the_model_is_replaced_and_nothing_else() -> None:
    body = b'{"id":"a","model": "served-1","x":"\\"model\\":\\"served-1\\"","other":{"model":"mine"}}'
    assert echo_model(body, 'as"ked') == body.replace(b'"model": "served-1"', b'"model": "as\\"ked"')
    events = b'data: {"model":"s","choices":[]}\n\ndata: {"model":"s"}\n\ndata: [DONE]\n\n'
    assert echo_model(events, "a") == events.replace(b'"s"', b'"a"')
    for without in (b"", b"{}", b'{"model":5}', b"data: [DONE]\n\n"):
        assert echo_model(without, "a") == without
