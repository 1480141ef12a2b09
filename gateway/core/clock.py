"""Time as an argument: monotonic for intervals, wall clock only for calendar windows and records."""

import time
from typing import Protocol


class Clock(Protocol):
    """What code that measures or schedules is handed, so that tests can move time."""

    def monotonic_ns(self) -> int: ...

    def wall_ns(self) -> int: ...


class SystemClock:
    """The machine's own clocks."""

    monotonic_ns = staticmethod(time.monotonic_ns)
    wall_ns = staticmethod(time.time_ns)


class ManualClock:
    """A clock that stands still until it is moved."""

    def __init__(self, wall_ns: int = 0, monotonic_ns: int = 0) -> None:
        self._wall_ns = wall_ns
        self._monotonic_ns = monotonic_ns

    def monotonic_ns(self) -> int:
        return self._monotonic_ns

    def wall_ns(self) -> int:
        return self._wall_ns

    def advance(self, seconds: float) -> None:
        """Moves both clocks forward."""
        self._monotonic_ns += round(seconds * 1e9)
        self._wall_ns += round(seconds * 1e9)

    def jump(self, seconds: float) -> None:
        """Moves the wall clock alone, as an operator or a time server does."""
        self._wall_ns += round(seconds * 1e9)
