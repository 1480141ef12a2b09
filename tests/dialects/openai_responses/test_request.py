"""What is seen of a request before it is decided where it goes."""

import json
from typing import Any

import pytest

from gateway.core.faults import Fault, FaultKind
from gateway.dialects.openai_responses.request import check
from gateway.dialects.request import replace_model

LEAST: dict[str, Any] = {"model": "gpt-5.5", "input": "When?"}


def test_what_is_seen() -> None:
    body = json.dumps({**LEAST, "stream": True, "max_output_tokens": 64}).encode()
    request = check(body)
    assert (request.model, request.stream, request.max_tokens) == ("gpt-5.5", True, 64)
    assert json.loads(replace_model(body, request.model_span, "other"))["model"] == "other"
    assert repr(request) == "<Request 'gpt-5.5' stream=True max_tokens=64>"


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"input": [{"role": "user", "content": "a"}]},
        {"input": None, "previous_response_id": "resp_1"},
        {"input": [], "prompt": {"id": "pmpt_1"}},
        {"max_output_tokens": None, "stream": None, "glow": {"a": 1}},
        {"max_output_tokens": "many"},
    ],
)
def test_what_some_server_takes_passes(more: dict[str, Any]) -> None:
    request = check(json.dumps({**LEAST, **more}).encode())
    assert (request.stream, request.max_tokens) == (False, 0)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", ""),
        (b"[]", ""),
        (b'{"model":"m","model":"m"}', ""),
        (json.dumps({"input": "a"}).encode(), "model"),
        (json.dumps({**LEAST, "model": ""}).encode(), "model"),
        (json.dumps({**LEAST, "model": "m" * 300}).encode(), "model"),
        (json.dumps({**LEAST, "model": 1}).encode(), "model"),
        (json.dumps({**LEAST, "input": {}}).encode(), "input"),
        (json.dumps({**LEAST, "input": ""}).encode(), "input"),
        (json.dumps({"model": "m"}).encode(), "input"),
        (json.dumps({**LEAST, "stream": 1}).encode(), "stream"),
    ],
)
def test_what_no_server_takes_is_refused(body: bytes, param: str) -> None:
    with pytest.raises(Fault) as raised:
        check(body)
    assert (raised.value.kind, raised.value.param) == (FaultKind.INVALID, param)
