"""Checks of chat bodies."""

import orjson
import pytest

from gateway.core.faults import Fault, FaultKind
from gateway.dialects.openai_chat.request import check
from gateway.dialects.request import replace_model

GOOD: dict[str, object] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def test_what_a_body_says() -> None:
    body = b'{"stream":true,"model" : "gpt-golden","max_tokens":7,"messages":[{}]}'
    request = check(body)
    assert (request.model, request.stream, request.max_tokens) == ("gpt-golden", True, 7)
    assert orjson.loads(replace_model(body, request.model_span, "x"))["model"] == "x"
    assert check(orjson.dumps({**GOOD, "max_completion_tokens": 8, "max_tokens": 7})).max_tokens == 8
    assert check(orjson.dumps(GOOD)).max_tokens == 0


@pytest.mark.parametrize(
    ("change", "param", "code"),
    [
        ({"model": None}, "model", "missing_required_parameter"),
        ({"model": 5}, "model", "invalid_type"),
        ({"model": ""}, "model", "invalid_value"),
        ({"model": "m" * 300}, "model", "invalid_value"),
        ({"messages": None}, "messages", "missing_required_parameter"),
        ({"messages": {}}, "messages", "invalid_type"),
        ({"messages": []}, "messages", "invalid_value"),
        ({"stream": 1}, "stream", "invalid_type"),
    ],
)
def test_what_is_refused(change: dict[str, object], param: str, code: str) -> None:
    with pytest.raises(Fault) as caught:
        check(orjson.dumps({**GOOD, **change}))
    assert (caught.value.kind, caught.value.param, caught.value.code) == (FaultKind.INVALID, param, code)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"model":"a","model":"b","messages":[1]}', b'{"model":"\xff"}', b"{} {}"])
def test_bodies_that_are_not_one_object(body: bytes) -> None:
    with pytest.raises(Fault, match="could not parse"):
        check(body)
