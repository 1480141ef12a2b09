"""Faults as data: every kind has its traits, and the stored numbers never move."""

import pytest

from gateway.core.faults import TRAITS, Fault, FaultKind, Source

# Journal records hold these numbers: a change here breaks the books of every installation.
STORED = {
    "none": 0,
    "invalid": 1,
    "unauthenticated": 2,
    "forbidden": 3,
    "missing": 4,
    "method": 5,
    "slow": 6,
    "oversized": 7,
    "unsupported": 8,
    "limited": 9,
    "unpaid": 10,
    "broken": 11,
    "unavailable": 12,
    "unreachable": 13,
    "stalled": 14,
    "truncated": 15,
    "garbled": 16,
    "failed": 17,
}


def test_stored_numbers_stay() -> None:
    numbers = {kind.word: int(kind) for kind in FaultKind}
    assert {word: numbers.get(word) for word in STORED} == STORED


def test_every_kind_but_none_has_traits() -> None:
    assert set(TRAITS) == set(FaultKind) - {FaultKind.NONE}


@pytest.mark.parametrize("kind", list(TRAITS), ids=lambda kind: kind.word)
def test_the_status_tells_the_side(kind: FaultKind) -> None:
    traits = TRAITS[kind]
    assert (traits.status < 500) == (traits.source is Source.CLIENT)
    # Nothing of ours or of the upstream is the client's to repair, so it may always come back.
    assert traits.retryable or traits.source is Source.CLIENT


def test_our_own_faults_are_never_401() -> None:
    assert [kind for kind, traits in TRAITS.items() if traits.status == 401] == [FaultKind.UNAUTHENTICATED]


def test_a_fault_shows_kind_status_and_text() -> None:
    fault = Fault(FaultKind.LIMITED, "too many calls", retry_after_s=7)
    assert repr(fault) == "<Fault limited 429: too many calls>"
    assert (fault.status, fault.traits.retryable, fault.retry_after_s) == (429, True, 7)
    with pytest.raises(Fault, match="too many calls"):
        raise fault
