"""The response object, its ids and its figures."""

import json
from typing import Any

import pytest
from openai.types.responses import Response

from gateway.core.usage import TOKENS_MAX, Usage
from gateway.dialects.conversation import Conversation, Spent
from gateway.dialects.openai_responses.response import Frame, read_usage, suffix_of, write_usage


@pytest.mark.parametrize(
    ("identifier", "suffix"),
    [
        ("msg_01Abc", "01Abc"),
        ("chatcmpl-9X", "9X"),
        ("resp_0_1", "0_1"),
        ("gen:1/2", "gen_1_2"),
        ("x" * 99, "x" * 48),
        ("", "0"),
        ("msg_", "0"),
    ],
)
def test_ids_of_one_answer_share_what_the_upstream_called_it(identifier: str, suffix: str) -> None:
    assert suffix_of(identifier) == suffix


def frame(asked: dict[str, Any] | None = None, dialect: str = "openai_responses") -> Frame:
    return Frame("msg_01Abc", Conversation(dialect, "m", [], asked=asked or {}), 7)


def test_what_was_not_asked_for_is_said_with_defaults() -> None:
    response = json.loads(frame().write("completed", [], Spent(Usage())))
    assert response["parallel_tool_calls"] is True
    assert (response["tool_choice"], response["tools"], response["text"]) == ("auto", [], {"format": {"type": "text"}})
    Response.model_validate(response)


def test_what_was_asked_for_is_repeated_but_what_is_not_so_is_not() -> None:
    asked = {"temperature": 0.5, "user": None, "store": True, "service_tier": "flex", "previous_response_id": "r", "glow": 1}
    response = json.loads(frame(asked).write("completed", [], None))
    assert (response["temperature"], response["user"]) == (0.5, None)
    assert (response["store"], response["service_tier"], response["previous_response_id"]) == (False, "default", None)
    assert "glow" not in response


def test_another_dialects_request_is_not_repeated() -> None:
    assert json.loads(frame({"temperature": 0.5}, "anthropic").write("completed", [], None))["temperature"] == 1.0


def test_status_output_reason_and_error() -> None:
    response = json.loads(frame().write("incomplete", [b'{"a":1}', b'{"b":2}'], None, reason="max_output_tokens"))
    assert response["output"] == [{"a": 1}, {"b": 2}]
    assert (response["status"], response["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert json.loads(frame().write("failed", [], None, error=b'{"code":"x"}'))["error"] == {"code": "x"}


def test_figures_survive_a_round() -> None:
    spent = Spent(Usage(10, 20, 5, 0, 7), 3, input_reported=True, output_reported=True)
    assert read_usage(write_usage(spent)) == spent


@pytest.mark.parametrize(
    ("told", "spent"),
    [
        (None, Spent(Usage())),
        ("many", Spent(Usage())),
        ({}, Spent(Usage())),
        ({"input_tokens": 5}, Spent(Usage(5), input_reported=True)),
        ({"output_tokens": 5}, Spent(Usage(0, 0, 0, 0, 5), output_reported=True)),
        ({"input_tokens": -1, "output_tokens": "5"}, Spent(Usage())),
        ({"input_tokens": TOKENS_MAX + 1, "output_tokens": 1.5}, Spent(Usage())),
        ({"input_tokens": 5, "input_tokens_details": None}, Spent(Usage(5), input_reported=True)),
        ({"input_tokens": 5, "input_tokens_details": {"cached_tokens": 9}}, Spent(Usage(0, 9), input_reported=True)),
        (
            {"output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 9}},
            Spent(Usage(0, 0, 0, 0, 5), 5, output_reported=True),
        ),
    ],
)
def test_figures_are_input_not_truth(told: object, spent: Spent) -> None:
    assert read_usage(told) == spent
