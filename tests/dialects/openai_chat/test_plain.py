"""Requests for completions and embeddings."""

import orjson
import pytest

from gateway.core.faults import Fault
from gateway.dialects.openai_chat.plain import answers, check_completion, check_embeddings


def test_a_completion() -> None:
    asked = check_completion(b'{"model":"m","prompt":"a","stream":true,"max_tokens":7}')
    assert (asked.model, asked.stream, asked.max_tokens) == ("m", True, 7)
    assert check_completion(b'{"prompt":["a"],"model":"m","max_tokens":null}').max_tokens == 16


def test_embeddings() -> None:
    asked = check_embeddings(b'{"input":[[1,2]],"model":"m"}')
    assert (asked.model, asked.stream, asked.max_tokens) == ("m", False, 0)
    assert asked.model_span == (25, 28)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"prompt": "a"}, "model"),
        ({"prompt": "a", "model": 1}, "model"),
        ({"prompt": "a", "model": ""}, "model"),
        ({"prompt": "a", "model": "m" * 257}, "model"),
        ({"model": "m"}, "prompt"),
        ({"model": "m", "prompt": {}}, "prompt"),
        ({"model": "m", "prompt": "a", "stream": 1}, "stream"),
    ],
)
def test_what_is_none(body: dict[str, object], param: str) -> None:
    with pytest.raises(Fault) as caught:
        check_completion(orjson.dumps(body))
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ({}, 1),
        ({"n": 3}, 3),
        ({"n": None}, 1),
        ({"n": -2}, 1),
        ({"n": "x"}, 1),
        ({"n": 2, "best_of": 5}, 5),
        ({"prompt": ["a", "b"], "n": 2}, 4),
        ({"prompt": [1, 2, 3]}, 1),
        ({"prompt": [[1], [2]]}, 2),
        ({"prompt": []}, 1),
    ],
)
def test_how_many_answers_are_asked_for(body: dict[str, object], count: int) -> None:
    assert answers(body) == count
