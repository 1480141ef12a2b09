"""The scale of effort."""

import pytest

from gateway.dialects.effort import BUDGETS, ORDER, clamp, of_budget

CLAUDE = ("low", "medium", "high", "xhigh", "max")


@pytest.mark.parametrize(
    ("effort", "taken", "nearest"),
    [
        ("high", CLAUDE, "high"),
        ("minimal", CLAUDE, "low"),
        ("max", ("low", "medium", "high"), "high"),
        ("xhigh", ("low", "max"), "low"),
        ("medium", ("high",), "high"),
        ("low", ("none", "high"), "high"),  # less would be none at all
        ("low", (), ""),
        ("low", ("none",), ""),
        ("enormous", CLAUDE, ""),
        ("", CLAUDE, ""),
    ],
)
def test_the_nearest_word_that_is_taken(effort: str, taken: tuple[str, ...], nearest: str) -> None:
    assert clamp(effort, taken) == nearest


def test_budgets() -> None:
    assert [of_budget(tokens) for tokens in (0, 1023, 1024, 2048, 4096, 10**9)] == [
        "minimal",
        "minimal",
        "low",
        "medium",
        "high",
        "high",
    ]
    assert list(BUDGETS) == [word for word in ORDER if word != "none"]
    assert sorted(BUDGETS.values()) == list(BUDGETS.values())
