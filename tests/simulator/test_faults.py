import json

import pytest

from gateway.simulator import faults


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (400, "invalid_request_error", False),
        (401, "authentication_error", False),
        (402, "billing_error", False),
        (403, "permission_error", False),
        (404, "not_found_error", False),
        (409, "conflict_error", True),
        (413, "request_too_large", False),
        (418, "invalid_request_error", False),
        (429, "rate_limit_error", True),
        (500, "api_error", True),
        (502, "api_error", True),
        (504, "timeout_error", True),
        (529, "overloaded_error", True),
    ],
)
def test_the_envelope_of_a_status(status: int, kind: str, retryable: bool) -> None:
    told = json.loads(faults.envelope(status, "req_1"))
    assert (told["type"], told["error"]["type"], told["request_id"]) == ("error", kind, "req_1")
    assert told["error"]["message"]
    assert faults.is_retryable(status) is retryable


def test_text_and_code_can_be_given() -> None:
    told = json.loads(faults.envelope(429, "req_1", "enough", "enforced_spend_limit_reached"))
    assert told["error"] == {
        "type": "rate_limit_error",
        "message": "enough",
        "details": {"error_code": "enforced_spend_limit_reached"},
    }


def test_an_error_event_is_an_envelope_in_a_frame() -> None:
    assert faults.event(529, "req_1") == b"event: error\ndata: " + faults.envelope(529, "req_1") + b"\n\n"
