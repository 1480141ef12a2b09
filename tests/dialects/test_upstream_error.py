"""What an upstream's refusal means here."""

import pytest

from gateway.core.faults import FaultKind
from gateway.dialects.upstream_error import OUT_OF_CREDIT, REFUSED_US, fault_of, overflow_of


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, FaultKind.INVALID),
        (401, FaultKind.UNAVAILABLE),
        (402, FaultKind.UNAVAILABLE),
        (403, FaultKind.FORBIDDEN),
        (404, FaultKind.MISSING),
        (408, FaultKind.STALLED),
        (409, FaultKind.FAILED),
        (413, FaultKind.OVERSIZED),
        (422, FaultKind.INVALID),
        (429, FaultKind.LIMITED),
        (500, FaultKind.FAILED),
        (502, FaultKind.FAILED),
        (503, FaultKind.UNAVAILABLE),
        (504, FaultKind.STALLED),
        (529, FaultKind.UNAVAILABLE),
        (599, FaultKind.FAILED),
        (302, FaultKind.FAILED),
    ],
)
def test_kinds(status: int, kind: FaultKind) -> None:
    assert fault_of(status, "why").kind is kind
    assert fault_of(status, "").text


def test_what_is_the_operators_matter_is_not_told_as_the_callers() -> None:
    assert fault_of(401, "Incorrect API key provided: sk-...").text == REFUSED_US
    assert fault_of(429, "x", code="insufficient_quota").text == OUT_OF_CREDIT
    assert fault_of(429, "You exceeded your current quota, please check your plan").text == OUT_OF_CREDIT
    assert fault_of(400, "Your credit balance is too low to access the Anthropic API.").text == OUT_OF_CREDIT
    assert fault_of(429, "Spend cap.", code="enforced_spend_limit_reached").text == OUT_OF_CREDIT
    assert fault_of(400, "You have reached your specified workspace API usage limits.").text == OUT_OF_CREDIT


@pytest.mark.parametrize(
    ("text", "figures"),
    [
        ("prompt is too long: 214032 tokens > 200000 maximum", (214032, 200000)),
        (
            "This model's maximum context length is 128000 tokens. However, your messages resulted in 140000 tokens. Please",
            (140000, 128000),
        ),
        ("maximum context length is 8192 tokens, however you requested 9000 tokens (8000 in your prompt)", (9000, 8192)),
        ("the prompt does not fit", None),
    ],
)
def test_prompts_that_are_too_long(text: str, figures: tuple[int, int] | None) -> None:
    assert overflow_of(text) == figures
    fault = fault_of(400, text)
    assert (fault.code == "context_length_exceeded") == (figures is not None)
    assert fault.text == text


def test_an_oversized_prompt_is_an_invalid_request() -> None:
    assert fault_of(413, "Request size exceeds the context window").kind is FaultKind.INVALID


def test_a_missing_model_is_named() -> None:
    fault = fault_of(404, "model: claude-x")
    assert (fault.param, fault.code) == ("model", "model_not_found")
    fault = fault_of(404, "File expired.", code="file_expired")
    assert (fault.param, fault.code) == ("", "file_expired")


def test_texts_are_bounded() -> None:
    assert len(fault_of(400, "x" * 100_000).text) == 4000
