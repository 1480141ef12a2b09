"""R7: the retry matrix as data. Where each ending leads, in which order, and what bounds it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.upstream.course import ATTEMPTS_MAX, DEADLINE_MS, RETRY_RESERVE, RETRY_SHARE, Budget, Course
from gateway.upstream.pool.reading import Told
from gateway.upstream.pool.standing import Ending

NOW = 1_000


def way(providers: list[str], credentials: int, *endings: Ending) -> list[tuple[int, int]]:
    """Plays a call whose attempts end so, over pools that give out their untried credentials in order.

    Returns the (target, credential) of each attempt.
    """
    course = Course(providers, NOW, Budget())
    made: list[tuple[int, int]] = []
    left = list(endings)
    while left:
        free = [place for place in range(credentials) if not course.tried >> place & 1]
        if not free:
            if course.skips():
                continue
            break
        made.append((course.target, free[0]))
        if not course.goes_on(Told(left.pop(0)), free[0], NOW):
            break
    return made


LIMITED, OVERLOADED, FAILED, UNREACHABLE = Ending.LIMITED, Ending.OVERLOADED, Ending.FAILED, Ending.UNREACHABLE


@pytest.mark.parametrize(
    ("providers", "credentials", "endings", "attempts"),
    [
        (["a"], 3, [Ending.FINE] * 5, [(0, 0)]),
        (["a"], 3, [Ending.ANSWERED] * 5, [(0, 0)]),
        (["a"], 3, [Ending.ABANDONED] * 5, [(0, 0)]),
        (["a"], 3, [LIMITED] * 5, [(0, 0), (0, 1), (0, 2)]),
        (["a"], 1, [LIMITED] * 5, [(0, 0)]),  # never again at the one that said wait
        (["a"], 1, [Ending.REFUSED] * 5, [(0, 0)]),
        (["a"], 3, [Ending.REFUSED, Ending.UNPAID, Ending.FINE], [(0, 0), (0, 1), (0, 2)]),
        (["a"], 3, [Ending.FORBIDDEN] * 5, [(0, 0), (0, 1)]),  # twice: it is the request's own
        (["a", "b"], 2, [LIMITED] * 5, [(0, 0), (0, 1), (1, 0), (1, 1)]),
        (["a", "a", "b"], 1, [LIMITED, OVERLOADED, Ending.FINE], [(0, 0), (1, 0), (2, 0)]),  # the next model may do
        (["a", "a", "b"], 2, [UNREACHABLE, Ending.FINE], [(0, 0), (2, 0)]),  # the same host would not
        (["a"], 2, [UNREACHABLE] * 5, [(0, 0), (0, 0)]),  # once more, when there is nobody else
        (["a"], 1, [FAILED] * 5, [(0, 0), (0, 0)]),
        (["a"], 2, [FAILED] * 5, [(0, 0), (0, 1), (0, 0)]),
        (["a"], 1, [OVERLOADED] * 5, [(0, 0), (0, 0)]),
        (["a", "b"], 1, [FAILED] * 5, [(0, 0), (1, 0), (0, 0)]),
        (["a"], 9, [LIMITED] * 20, [(0, place) for place in range(ATTEMPTS_MAX)]),
    ],
)
def test_where_a_call_goes(
    providers: list[str], credentials: int, endings: list[Ending], attempts: list[tuple[int, int]]
) -> None:
    """R7."""
    assert way(providers, credentials, *endings) == attempts


def test_nothing_is_begun_after_the_deadline() -> None:
    """R7: a timeout after ten minutes is not followed by another."""
    course = Course(["a", "b"], NOW, Budget())
    assert course.goes_on(Told(LIMITED), 0, NOW + DEADLINE_MS - 1)
    assert not course.goes_on(Told(LIMITED), 1, NOW + DEADLINE_MS)


def test_at_most_a_fifth_of_the_calls_are_tried_again() -> None:
    budget = Budget()
    calls, again = 10_000, 0
    for _ in range(calls):
        budget.call()
        again += Course(["a", "b"], NOW, budget).goes_on(Told(FAILED), 0, NOW)
    assert again <= RETRY_RESERVE + RETRY_SHARE * calls
    assert again >= RETRY_SHARE * calls
    assert repr(Budget()) == "<Budget of 50.0>"


def test_fifty_streams_that_lose_their_upstream_at_once_all_go_on() -> None:
    budget = Budget()
    courses = [Course(["a", "b"], NOW, budget) for _ in range(50)]
    assert all(course.goes_on(Told(UNREACHABLE), 0, NOW) for course in courses)
    assert {course.target for course in courses} == {1}


def test_the_most_telling_failure_is_shown() -> None:
    course = Course(["a"], NOW, Budget())
    assert [course.keeps(Told(ending)) for ending in (Ending.REFUSED, LIMITED, Ending.UNPAID, UNREACHABLE, LIMITED)] == [
        True,
        True,
        False,
        False,
        True,
    ]
    assert "after 0 attempt(s)" in repr(course)


@given(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=8), st.integers(1, 4), st.lists(st.sampled_from(Ending), max_size=20)
)
def test_every_call_ends_and_never_tries_one_place_twice_but_for_the_last_resort(
    providers: list[str], credentials: int, endings: list[Ending]
) -> None:
    made = way(providers, credentials, *endings)
    assert len(made) <= ATTEMPTS_MAX
    assert len(made) - len(set(made)) <= 1
    if not any(ending in (OVERLOADED, FAILED, UNREACHABLE) for ending in endings[: len(made)]):
        assert len(made) == len(set(made))
        assert made == sorted(made)
