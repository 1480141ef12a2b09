"""Notes of choices: what a pick looked at comes back from its few bytes, whatever the figures."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.state.layout import CHOICE_BYTES
from gateway.state.record import choice_in
from gateway.upstream.pool import choice
from gateway.upstream.pool.choice import DRAINED, FULL, PROBING, TRIED, WORDS, Choice, Considered, considered
from gateway.upstream.pool.pool import CONSIDERED_MAX, WARM_MOST
from gateway.upstream.pool.standing import Reason
from tests.state.conftest import numbered

PARTS_MAX = CHOICE_BYTES // 6
passed = st.tuples(st.integers(0, 255), st.sampled_from([*list(map(int, Reason))[1:], PROBING, DRAINED, TRIED]))
scored = st.tuples(
    st.integers(0, 255), st.booleans(), st.booleans(), st.integers(0, 65534), st.floats(0, WARM_MOST, allow_nan=False)
)


def noted(looked: list[Any]) -> bytes:
    made = Choice()
    made.passed_over(1, TRIED)
    made.begin()
    for one in looked:
        if len(one) == 2:
            made.passed_over(*one)
        else:
            made.compared(*one)
    return made.note()


def meant(one: Any) -> Considered:
    if len(one) == 2:
        return Considered(one[0], WORDS[one[1]], False, None, None)
    place, is_due, is_warm, in_flight, score = one
    return Considered(place, "due" if is_due else "healthy", is_warm, in_flight, score)


def same(found: list[Considered], wanted: list[Considered]) -> bool:
    """Alike but for what a score loses by its few bits."""
    assert [one._replace(score=None) for one in found] == [one._replace(score=None) for one in wanted]
    for one, other in zip(found, wanted, strict=True):
        assert (one.score is None) is (other.score is None)
        assert one.score is None or other.score is None or abs(one.score - other.score) <= 0.5 / choice.SCORE_ONE
    return True


@given(st.lists(passed | scored, max_size=PARTS_MAX))
def test_a_note_comes_back(looked: list[Any]) -> None:
    note = noted(looked)
    assert len(note) == 6 * len(looked) <= CHOICE_BYTES
    assert same(considered(note), [meant(one) for one in looked])
    # As a settlement brings it, and with whatever stands behind it in a record.
    assert (
        considered(choice_in(numbered(1, choice=note).pack())) == considered(note.ljust(CHOICE_BYTES, b"\0")) == considered(note)
    )


@given(st.lists(passed, max_size=30), st.lists(scored, max_size=CONSIDERED_MAX), st.randoms(use_true_random=False))
def test_what_was_compared_is_always_noted(passed_over: list[Any], compared: list[Any], dice: Any) -> None:
    """A pick compares eight keys at most, and may pass over any number before and between."""
    looked = [*passed_over, *compared]
    dice.shuffle(looked)
    found = considered(noted(looked))
    assert len(found) == min(len(looked), PARTS_MAX)
    kept = [meant(one) for one in looked if len(one) > 2]
    assert same([one for one in found if one.score is not None], kept)
    others = [meant(one) for one in looked if len(one) == 2]
    assert [one for one in found if one.score is None] == others[: PARTS_MAX - len(kept)]


@given(st.integers(0, 2**40), st.integers(-(2**40), 2**40), st.floats(-10, 1e9))
def test_no_figure_is_too_large_to_be_noted(place: int, in_flight: int, score: float) -> None:
    [one] = considered(noted([(place, False, True, in_flight, score)]))
    assert one.place == min(place, 255)
    assert one.in_flight == min(max(in_flight, 0), 65534)
    assert one.score is not None
    assert 0 <= one.score < 65535 / choice.SCORE_ONE
    assert one.warm
    assert one.standing == "healthy"


def test_a_key_that_is_full_has_calls_and_no_score() -> None:
    made = Choice()
    made.passed_over(3, FULL, 70_000)
    assert considered(made.note()) == [Considered(3, "full", False, 65534, None)]


@given(st.binary(max_size=70))
def test_any_bytes_can_be_read(raw: bytes) -> None:
    found = considered(raw)
    assert len(found) <= PARTS_MAX
    assert {one.standing for one in found} <= set(WORDS.values())


def test_a_note_is_empty_when_nothing_was_looked_at() -> None:
    assert Choice().note() == b""
    assert considered(b"") == []
