"""The keeper of the books: runs the drain every 50 ms for as long as the process lives, whatever happens to the database.

A failure is reported once, then tried again ever more slowly up to two seconds; the end of it is reported too. Nothing here
decides what is entered.
"""

import asyncio
from concurrent.futures import Executor

import structlog

from gateway.control.books.drain import Drain
from gateway.control.jobs import Jobs
from gateway.control.metrics import Tally
from gateway.control.store import StoreError
from gateway.core.clock import Clock

INTERVAL_S = 0.05
ORPHANS_EVERY = 20  # passes; once a second, because every in-flight row has to be looked at. Jobs come then too
RETRY_S_MAX = 2.0


class Keeper:
    """Keeps the books until told to stop. `executor` has one thread, the one the Store belongs to."""

    def __init__(
        self, drain: Drain, jobs: Jobs, executor: Executor, tally: Tally, clock: Clock, interval_s: float = INTERVAL_S
    ) -> None:
        self._drain = drain
        self._jobs = jobs
        self._executor = executor
        self._tally = tally
        self._clock = clock
        self._interval_s = interval_s
        self._passes = 0
        self._kept_ns = clock.monotonic_ns()
        self._failing = False

    @property
    def failing(self) -> bool:
        """Whether the last attempt to write the books failed."""
        return self._failing

    @property
    def age_s(self) -> float:
        """Seconds since the books were last known to be complete."""
        return (self._clock.monotonic_ns() - self._kept_ns) / 1e9

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set, then makes a last pass."""
        delay_s = self._interval_s
        while not stop.is_set():
            delay_s = self._interval_s if await self.turn() else min(delay_s * 2, RETRY_S_MAX)
            try:
                await asyncio.wait_for(stop.wait(), delay_s)
            except TimeoutError:
                continue
        self._passes = 0  # the last pass looks for orphans too: the workers have just stopped, and some may have been killed
        await self.turn()

    async def turn(self) -> bool:
        """One pass. True when the books are written."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._executor, self._pass)
        except StoreError as error:
            self._report("books cannot be written", error=str(error))
        except Exception as error:  # noqa: BLE001 (a bug in here must not end the books for good: report it and go on trying)
            self._report("books failed", error=type(error).__name__, exc_info=error)
        else:
            self._kept_ns = self._clock.monotonic_ns()
            if self._failing:
                self._failing = False
                structlog.get_logger().info("books are written again")
            return True
        return False

    def _pass(self) -> None:
        self._drain.enter_all()
        if self._passes % ORPHANS_EVERY == 0:
            settled = self._drain.settle_orphans()
            if settled:
                structlog.get_logger().warning("settled requests of dead workers", requests=settled)
            self._jobs.run_due()
        self._passes += 1

    def _report(self, event: str, **facts: object) -> None:
        self._tally.enter_failures += 1
        if not self._failing:
            self._failing = True
            structlog.get_logger().error(event, **facts)
