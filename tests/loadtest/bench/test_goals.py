import pytest

from loadtest.bench.goals import GOALS, Figure
from loadtest.bench.spread import spread


@pytest.mark.parametrize(
    ("id", "value", "verdict"),
    [
        ("p1", 3.0, "goal"),
        ("p1", 3.1, "first step"),
        ("p1", 6.0, "first step"),
        ("p1", 6.1, "missed"),
        ("p7", 80.0, "goal"),
        ("p7", 80.1, "missed"),
        ("p5.errors", 1.0, "missed"),
    ],
)
def test_verdicts_at_the_bounds(id: str, value: float, verdict: str) -> None:
    assert Figure(id, spread([value]), "").verdict == verdict


def test_what_was_not_measured_passes_nothing() -> None:
    assert Figure("p1", None, "no nginx").verdict == "not measured"


def test_a_first_step_is_milder_than_its_goal() -> None:
    assert all(goal.first_step is None or goal.first_step > goal.goal for goal in GOALS.values())
