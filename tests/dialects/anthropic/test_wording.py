"""Wording: paths and sentences are put together as the upstream does."""

import pytest

from gateway.core.faults import FaultKind
from gateway.dialects.anthropic.wording import OF_TYPE, at, invalid, misfit


def test_a_path_a_colon_a_sentence() -> None:
    assert (at("a.0.b", "Field required").text, invalid("Only this.").text) == ("a.0.b: Field required", "Only this.")
    assert at("a", "b").kind is FaultKind.INVALID


@pytest.mark.parametrize("expected", list(OF_TYPE))
def test_a_missing_field_is_not_one_of_the_wrong_type(expected: type) -> None:
    assert misfit("a", {}, "b", expected).text == "a.b: Field required"
    assert misfit("a", {"b": None}, "b", expected).text.startswith("a.b: Input should be a valid ")
    assert misfit("", {}, "b", expected).text == "b: Field required"
