"""Errors of upstreams, in the place of an answer and in the middle of one: what clients of the other dialects are told."""

import json
from typing import Any

import anthropic
import openai
import pytest

from tests.dialects.answering import answering, anthropic_sdk, openai_sdk
from tests.golden.errors import write
from tests.golden.errors.said import ERRORS
from tests.golden.translated.write import PAIRS

CASES = [(client, upstream, name) for client, upstream in PAIRS for name in ERRORS[upstream]]
# What is the operator's matter: clients are told to come back, and nothing of what the upstream said.
OPERATORS = {"no_credit", "bad_key", "bad_token", "billing", "spent"}
# What a client may simply try again.
PASSING = {"broken", "overloaded", "slow_down", "too_often", "timeout", "conflict"}

# A failed response has a code and no type; without a code nobody can say whose matter it is.
WORDLESS = {("openai_responses", name) for name in ("unanswered_calls", "answer_without_call", "no_path")}


def ids(case: tuple[str, str, str]) -> str:
    return f"{case[0]}-{case[1]}-{case[2]}"


def ask(client: str, url: str, *, stream: bool) -> None:
    """One call by the client's own SDK, its stream read to the end."""
    messages: Any = [{"role": "user", "content": "a"}]
    if client == "anthropic":
        with anthropic_sdk(url) as sdk:
            answer: Any = sdk.messages.create(model="m", max_tokens=9, messages=messages, stream=stream)
            list(answer)
    else:
        with openai_sdk(url) as sdk:
            if client == "openai_chat":
                answer = sdk.chat.completions.create(model="m", messages=messages, stream=stream)
                list(answer)
            else:
                answer = sdk.responses.create(model="m", input="a", stream=stream)
                for event in answer:
                    if event.type == "response.failed":
                        assert event.response.error.message


def test_the_recorded_errors() -> None:
    files = write.everything()
    assert files == {path.name: path.read_bytes() for path in write.FOLDER.glob("*.json")}


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_in_the_place_of_an_answer(case: tuple[str, str, str]) -> None:
    client, upstream, name = case
    said = ERRORS[upstream][name]
    status, headers, body = write.answered(client, upstream, said)
    raises = pytest.raises((anthropic.APIStatusError, openai.APIStatusError))
    with answering(body, stream=False, status=status, headers=headers) as url, raises as caught:
        ask(client, url, stream=False)
    error: Any = caught.value
    assert error.status_code == status
    assert error.response.headers["x-should-retry"] == ("true" if name in PASSING | OPERATORS else "false")
    if name in OPERATORS:
        assert (status, error.response.headers["retry-after"]) == (503, "30")
        assert said.body["error"]["message"] not in error.message
    elif (client, name) == ("anthropic", "too_long"):
        assert "prompt is too long: 140000 tokens > 128000 maximum" in error.message
    else:
        assert said.body["error"]["message"] in error.message
        assert status == said.status or (said.status, status) in {(500, 502), (529, 503), (409, 502)}


@pytest.mark.parametrize("case", [case for case in CASES if case[2] != "too_large_at_the_edge"], ids=ids)
def test_in_the_middle_of_an_answer(case: tuple[str, str, str]) -> None:
    client, upstream, name = case
    said = ERRORS[upstream][name]
    begun, broken = write.streamed(client, upstream, said)
    raises = pytest.raises((anthropic.APIStatusError, openai.APIError))
    with answering(begun + broken, stream=True) as url, raises as caught:
        ask(client, url, stream=True)
    text = str(caught.value)
    words = said.body["error"]["message"]
    if name in OPERATORS:
        assert "operator" in text
        assert words not in text
    else:
        assert words in text or "prompt is too long: 140000 tokens" in text


@pytest.mark.parametrize("upstream", ["openai_chat", "openai_responses"])
def test_what_passes_says_so_in_the_middle_too(upstream: str) -> None:
    for name, said in ERRORS[upstream].items():
        told = json.loads(write.streamed("anthropic", upstream, said)[1].partition(b"data: ")[2])["error"]["type"]
        passes = told in ("api_error", "overloaded_error", "rate_limit_error", "timeout_error")
        assert passes == (name in PASSING | OPERATORS or (upstream, name) in WORDLESS), name


def test_each_shape_that_upstreams_are_known_to_send_is_there() -> None:
    assert {said.status for said in ERRORS["anthropic"].values()} >= {400, 401, 402, 403, 404, 409, 413, 429, 500, 504, 529}
    assert {said.status for said in ERRORS["openai_chat"].values()} >= {400, 401, 404, 429, 500, 503}
