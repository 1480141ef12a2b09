"""A checked request of any dialect."""

import orjson

from gateway.dialects.request import Request, replace_model


def test_only_the_model_is_replaced() -> None:
    body = b'{ "model" : "old" , "x":[1.0]}'
    assert replace_model(body, (12, 17), 'n"w') == b'{ "model" : "n\\"w" , "x":[1.0]}'
    assert orjson.loads(replace_model(body, (12, 17), 'n"w'))["model"] == 'n"w'


def test_repr_shows_no_prompt() -> None:
    request = Request("m", (0, 3), True, 7, {"messages": ["secret"]})
    assert repr(request) == "<Request 'm' stream=True max_tokens=7>"
