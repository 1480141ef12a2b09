"""What each figure should be, and how near it came.

Owns: the table of goals and the verdict over one row. Refuses to know: how a figure is measured.
Strategy: goals are data; every goal is an upper bound, so there is one comparison for all.
"""

from dataclasses import dataclass

from loadtest.bench.spread import Spread


@dataclass(frozen=True, slots=True)
class Goal:
    """An upper bound for a figure. `first_step` is the milder bound that counts until the goal is in reach, or None."""

    title: str
    unit: str
    goal: float
    first_step: float | None = None


GOALS: dict[str, Goal] = {
    "p1": Goal("P1 CPU per plain call, 50 connections", "x nginx", 3.0, 6.0),
    "p2": Goal("P2 CPU per streamed event, 200 streams of 50/s", "x nginx", 1.3, 1.8),
    "p3.p50": Goal("P3 added latency, one connection, p50", "ms", 0.15, 0.35),
    "p3.p99": Goal("P3 added latency, one connection, p99", "ms", 0.4),
    "p4.p50": Goal("P4 added time to first event, 200 streams, p50", "x nginx", 2.0),
    "p4.p99": Goal("P4 added time to first event, 200 streams, p99", "ms", 10.0),
    "p5.errors": Goal("P5 broken streams of 1000 at 20/s", "streams", 0.0),
    "p5.memory": Goal("P5 memory per open stream", "kB", 40.0),
    "p6": Goal("P6 CPU of a 400 kB prompt beyond the copy", "ms", 1.0),
    "p7": Goal("P7 resident memory of an idle worker", "MB", 80.0),
    "p8": Goal("P8 CPU per translated event, 100 streams of 50/s", "x passed", 2.5),
}


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table. `value` is None when it was not measured; `context` says why, or what the figure is made of."""

    id: str
    value: Spread | None
    context: str

    @property
    def goal(self) -> Goal:
        """The goal this figure is held against."""
        return GOALS[self.id]

    @property
    def verdict(self) -> str:
        """One of: goal, first step, missed, not measured."""
        if self.value is None:
            return "not measured"
        if self.value.median <= self.goal.goal:
            return "goal"
        if self.goal.first_step is not None and self.value.median <= self.goal.first_step:
            return "first step"
        return "missed"
