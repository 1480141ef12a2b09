"""A figure and how far its rounds lie apart.

Owns: the few statistics the bench needs, on plain lists of floats. Refuses to know: where they come from and what they mean.
Strategy: medians throughout. On shared cores a round is now and then disturbed, and one disturbed round must not move the figure.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some rounds, the lowest and the highest of them, all in the unit of the rounds."""

    median: float
    low: float
    high: float


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie, by nearest rank. Raises ValueError when there are none."""
    if not values:
        raise ValueError("no values to take a percentile of")
    if not 0 <= share <= 1:
        raise ValueError("a share lies between 0 and 1")
    ordered = sorted(values)
    return ordered[round(share * (len(ordered) - 1))]


def median(values: Sequence[float]) -> float:
    """The middle value, or the mean of the two middle ones. Raises ValueError when there are none."""
    if not values:
        raise ValueError("no values to take a median of")
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def spread(values: Sequence[float]) -> Spread:
    """Median, lowest and highest. Raises ValueError when there are none."""
    return Spread(median(values), min(values, default=0.0), max(values, default=0.0))


def paired(left: Sequence[float], right: Sequence[float]) -> list[tuple[float, float]]:
    """The rounds of two targets, each with its neighbour in time. Raises ValueError when their numbers differ."""
    return list(zip(left, right, strict=True))


def ratios(left: Sequence[float], right: Sequence[float]) -> list[float]:
    """left / right round by round, so that what slowed both in one round cancels out; only rounds with right above 0."""
    return [a / b for a, b in paired(left, right) if b > 0]


def differences(left: Sequence[float], right: Sequence[float]) -> list[float]:
    """left - right round by round."""
    return [a - b for a, b in paired(left, right)]
