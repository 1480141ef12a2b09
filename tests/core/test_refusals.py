"""A refusal: one sentence, its code, and the values that stand in it."""

import pytest

from gateway.core.faults import FaultKind
from gateway.core.refusals import Refusal


class NarrowError(Refusal):
    """What callers of some part know refusals as."""


def test_a_refusal_is_its_sentence() -> None:
    refused = Refusal("plan.full", "the plan {plan} allows {count} keys, {name!r} has them", plan="max", count=5, name="a'b")
    assert str(refused) == 'the plan max allows 5 keys, "a\'b" has them'
    assert (refused.code, refused.values) == ("plan.full", {"plan": "max", "count": 5, "name": "a'b"})


def test_values_are_only_ever_values() -> None:
    """Names that people chose may look like gaps."""
    assert str(Refusal("x", "no {name}", name="{code}{0}{name.__class__}")) == "no {code}{0}{name.__class__}"


def test_a_gap_without_a_value_is_a_bug() -> None:
    with pytest.raises(KeyError):
        Refusal("x", "no {name}", nam="a")


def test_values_may_be_called_anything() -> None:
    refused = Refusal("x", "{self} {code} {sentence}", self=1, code=2, sentence=3)
    assert (str(refused), refused.code) == ("1 2 3", "x")


def test_a_refusal_under_another_name_is_the_same() -> None:
    refused = Refusal("limit.window", "unknown window `{word}`", word="week")
    narrow = NarrowError.like(refused)
    assert type(narrow) is NarrowError
    assert (str(narrow), narrow.code, narrow.values) == (str(refused), "limit.window", {"word": "week"})


def test_the_fault_of_a_refusal_says_the_same() -> None:
    fault = Refusal("limit.missing", "no limit {number}", number=7).fault(FaultKind.MISSING, retry_after_s=3)
    assert (fault.kind, fault.text, fault.retry_after_s) == (FaultKind.MISSING, "no limit 7", 3)
    assert (fault.code, fault.values) == ("limit.missing", {"number": 7})
