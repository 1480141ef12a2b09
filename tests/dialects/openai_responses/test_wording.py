"""The sentences of refusals, with the field and the code that go with them."""

import pytest

from gateway.core.faults import Fault, FaultKind
from gateway.dialects.openai_responses import wording


@pytest.mark.parametrize(
    ("fault", "text", "param", "code"),
    [
        (wording.no_output("call_1"), "No tool output found for function call call_1.", "input", ""),
        (
            wording.no_call("call_1", "input[2]"),
            "No tool call found for function call output with call_id call_1.",
            "input[2]",
            "",
        ),
        (wording.unsupported("a.b", ("x", "y")), "Invalid value for 'a.b': it must be one of x, y.", "a.b", "invalid_value"),
        (
            wording.no_input(),
            "One of 'input', 'previous_response_id', 'prompt' or 'conversation' must be provided.",
            "input",
            "missing_required_parameter",
        ),
    ],
)
def test_sentences(fault: Fault, text: str, param: str, code: str) -> None:
    assert (fault.kind, fault.text, fault.param, fault.code) == (FaultKind.INVALID, text, param, code)


@pytest.mark.parametrize(
    "fault", [wording.no_output("x" * 999), wording.no_call("x" * 999, "p"), wording.not_kept("x" * 999, "p")]
)
def test_ids_are_shown_in_part(fault: Fault) -> None:
    assert len(fault.text) < 250


def test_a_string_that_must_be_there() -> None:
    assert wording.text_of({"a": "b"}, "a", "") == "b"
    cases: list[tuple[dict[str, object], str]] = [
        ({}, "missing_required_parameter"),
        ({"a": None}, "missing_required_parameter"),
        ({"a": 1}, "invalid_type"),
    ]
    for holder, code in cases:
        with pytest.raises(Fault) as raised:
            wording.text_of(holder, "a", "input[1]")
        assert (raised.value.param, raised.value.code) == ("input[1].a", code)
