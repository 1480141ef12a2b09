"""Faults in the middle of a response, and an upstream's failure read back."""

import json

import pytest

from gateway.core.faults import TRAITS, Fault, FaultKind
from gateway.dialects.openai_responses.fault import CODES, read_failure, write_event, write_failure


@pytest.mark.parametrize("kind", list(TRAITS), ids=lambda kind: kind.word)
def test_every_kind_has_a_code_that_clients_decide_by(kind: FaultKind) -> None:
    error = json.loads(write_failure(Fault(kind, "why")))
    assert error["message"] == "why"
    assert error["code"] in CODES
    gives_up = error["code"] in ("invalid_prompt", "insufficient_quota")
    assert gives_up == (not TRAITS[kind].retryable)


def test_a_code_that_clients_know_stays() -> None:
    fault = Fault(FaultKind.INVALID, "Too long.", code="context_length_exceeded")
    assert json.loads(write_failure(fault))["code"] == "context_length_exceeded"


def test_the_time_to_wait_is_said_once() -> None:
    assert (
        json.loads(write_failure(Fault(FaultKind.LIMITED, "Slow.", retry_after_s=2)))["message"]
        == "Slow. Please try again in 2s."
    )
    said = "Please try again in 1.5s."
    assert json.loads(write_failure(Fault(FaultKind.LIMITED, said, retry_after_s=2)))["message"] == said


def test_an_error_event_is_flat_and_nested() -> None:
    event = json.loads(b"{" + write_event(Fault(FaultKind.INVALID, "why", param="input", code="x")) + b"}")
    flat = {"code": "x", "message": "why", "param": "input"}
    assert event == {**flat, "error": {**flat, "type": "invalid_request_error"}}


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        ({"code": "rate_limit_exceeded", "message": "m"}, FaultKind.LIMITED, "rate_limit_exceeded"),
        ({"code": "server_error", "message": "m"}, FaultKind.FAILED, "server_error"),
        ({"code": "server_is_overloaded", "message": "m"}, FaultKind.UNAVAILABLE, "server_is_overloaded"),
        ({"code": "context_length_exceeded", "message": "m"}, FaultKind.INVALID, "context_length_exceeded"),
        ({"code": "invalid_prompt", "message": "m"}, FaultKind.INVALID, "invalid_prompt"),
        ({"code": "image_too_large", "message": "m"}, FaultKind.INVALID, "image_too_large"),
        ({"code": "bio_policy", "message": "m"}, FaultKind.INVALID, "bio_policy"),
        ({"code": "something_new", "message": "m"}, FaultKind.FAILED, "something_new"),
        ({"type": "invalid_request_error", "code": None, "message": "m"}, FaultKind.INVALID, ""),
        ({"code": 7, "message": "m"}, FaultKind.FAILED, ""),
        ({"code": "unsupported_parameter", "message": "m"}, FaultKind.INVALID, "unsupported_parameter"),
        ({"code": "slow_down", "message": "m"}, FaultKind.UNAVAILABLE, "slow_down"),
    ],
)
def test_a_failure_is_read_by_its_code(error: object, kind: FaultKind, code: str) -> None:
    fault = read_failure(error)
    assert (fault.kind, fault.text, fault.code) == (kind, "m", code)


@pytest.mark.parametrize("error", [None, "sunk", {}, {"code": "server_error"}])
def test_a_failure_that_says_nothing_is_one(error: object) -> None:
    assert read_failure(error).kind is FaultKind.FAILED


def test_a_refused_credential_is_the_operators_matter() -> None:
    fault = read_failure({"code": "invalid_api_key", "message": "Incorrect API key provided: sk-a**b."})
    assert fault.kind is FaultKind.UNAVAILABLE
    assert "sk-" not in fault.text


def test_an_empty_account_is_the_operators_matter() -> None:
    fault = read_failure({"code": "insufficient_quota", "message": "You exceeded your current quota."})
    assert fault.kind is FaultKind.UNAVAILABLE
    assert "quota" not in fault.text
