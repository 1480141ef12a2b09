"""Jobs: what the books' thread does from time to time, as a table.

Owns when a job is due, by the monotonic clock. A job that fails is reported and comes again at its next time; it never stops the
books. Knows nothing of what the jobs do but for one rule about the wall clock: what takes something away for good because of a
date waits until that clock has been steady for an hour.
"""

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from gateway.control.orders import OrderError
from gateway.control.store import StoreError
from gateway.core.clock import Clock

STEADY_S = 3600.0
JUMP_S = 60.0  # a time server steers a clock by less than this between two looks


@dataclass(frozen=True, slots=True)
class Job:
    """`act` is done every `every_s` seconds; with `needs_steady_clock` only once the wall clock can be believed."""

    name: str
    every_s: float
    act: Callable[[], object]
    needs_steady_clock: bool = False


class Jobs:
    """Jobs and when they are due. The first time is at the first call."""

    def __init__(self, clock: Clock, *jobs: Job) -> None:
        self._clock = clock
        self._due_ns = dict.fromkeys(jobs, clock.monotonic_ns())
        self._steady = SteadyClock(clock)

    def run_due(self) -> None:
        """Does what is due."""
        self._steady.look()
        now_ns = self._clock.monotonic_ns()
        for job, due_ns in self._due_ns.items():
            if now_ns < due_ns or (job.needs_steady_clock and not self._steady.is_steady):
                continue
            self._due_ns[job] = now_ns + round(job.every_s * 1e9)
            try:
                job.act()
            except (StoreError, OrderError) as error:
                structlog.get_logger().error("job failed", job=job.name, error=str(error))


class SteadyClock:
    """Whether the wall clock has kept pace with the monotonic one for STEADY_S, as far as has been looked."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since_ns = self._monotonic_ns = clock.monotonic_ns()
        self._wall_ns = clock.wall_ns()

    @property
    def is_steady(self) -> bool:
        return self._clock.monotonic_ns() - self._since_ns >= STEADY_S * 1e9

    def look(self) -> None:
        """To be called often: a jump is seen by comparing both clocks with the last look."""
        passed_ns = self._clock.monotonic_ns() - self._monotonic_ns
        if abs(self._clock.wall_ns() - self._wall_ns - passed_ns) > JUMP_S * 1e9:
            structlog.get_logger().warning("the clock has jumped; credits do not expire for an hour")
            self._since_ns = self._clock.monotonic_ns()
        self._monotonic_ns, self._wall_ns = self._clock.monotonic_ns(), self._clock.wall_ns()
