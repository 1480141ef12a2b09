"""One round: the load runs against one target, and the target's clocks are read when the measured window opens and closes.

Owns: calling the load program and understanding its report. Refuses to know: figures and goals.
Strategy: the load says "begin" and "end" on its output; CPU time is read on hearing them. The reading comes some 50 us late at
both ends alike, on windows of a second and more.
"""

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loadtest.bench import accounting
from loadtest.bench.targets import Target

ROUND_TIMEOUT_S = 120.0  # the load gives up by itself after 30 s without a byte; this is for a load that hangs


class BrokenRoundError(Exception):
    """An answer was wrong, missing or late: the round measures nothing. The message names target and first error."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one round measured. Times in the unit of their name; percentiles by name ("p50", "p99", ...)."""

    target: str
    window_s: float
    calls: int
    events: int
    bytes_checked: int
    cpu_s: float
    memory_at_end: accounting.Memory | None
    latency_us: dict[str, float]
    first_event_us: dict[str, float]
    gap_us: dict[str, float]
    first_event_samples_us: list[float] = field(default_factory=list, repr=False)

    @property
    def cpu_us_per_call(self) -> float:
        """CPU of the target per answered call of the window, in microseconds."""
        return self.cpu_s * 1e6 / self.calls

    @property
    def cpu_us_per_event(self) -> float:
        """CPU of the target per event delivered in the window, in microseconds."""
        return self.cpu_s * 1e6 / self.events


def understand(target: str, report: dict[str, Any], cpu_s: float, memory_at_end: accounting.Memory | None) -> Round:
    """The load's report as a Round. Raises BrokenRoundError if it counted any error or its window stayed empty."""
    errors = {name: count for name, count in report["errors"].items() if count}
    if errors:
        raise BrokenRoundError(f"{target}: {errors}, first: {report['first_error']}")
    if report["window_s"] <= 0 or report["window_calls"] + report["window_events"] == 0:
        raise BrokenRoundError(f"{target}: nothing was answered while the window was open")
    return Round(
        target=target,
        window_s=report["window_s"],
        calls=report["window_calls"],
        events=report["window_events"],
        bytes_checked=report["all_bytes"],
        cpu_s=cpu_s,
        memory_at_end=memory_at_end,
        latency_us=report["latency_us"],
        first_event_us=report["first_event_us"],
        gap_us=report["gap_us"],
        first_event_samples_us=report["first_event_samples_us"],
    )


@dataclass(frozen=True, slots=True)
class Load:
    """The compiled load program."""

    program: Path

    def run(self, target: Target, mode: str, *, with_memory: bool = False, **options: int) -> Round:
        """Runs the load in `mode` ("calls" or "streams") with its options (names as in load.c, underscores for dashes).

        Raises BrokenRoundError when any byte was wrong or missing.
        """
        command = [str(self.program), mode, "--port", str(target.port), "--key", target.key]
        for name, value in options.items():
            command += [f"--{name.replace('_', '-')}", str(value)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        cpu_s = {"begin": 0.0, "end": 0.0}
        memory_at_end, last = None, ""
        try:
            assert process.stdout is not None
            for line in process.stdout:
                last = line.strip()
                if last in cpu_s and target.pid is not None:
                    cpu_s[last] = accounting.cpu_s(target.pid)
                    if last == "end" and with_memory:
                        memory_at_end = accounting.tree_memory(target.pid)
            process.wait(ROUND_TIMEOUT_S)
        finally:
            process.kill()
            process.communicate()
        if not last.startswith("{"):
            raise BrokenRoundError(f"{target.name}: the load ended without a report (exit {process.returncode})")
        return understand(target.name, json.loads(last), cpu_s["end"] - cpu_s["begin"], memory_at_end)

    def calls(self, target: Target, *, connections: int, window_s: float, warm_s: float, body_bytes: int) -> Round:
        """Closed loop of plain calls."""
        return self.run(
            target, "calls", connections=connections, window_ms=ms(window_s), warm_ms=ms(warm_s), body_bytes=body_bytes
        )

    def streams(
        self,
        target: Target,
        *,
        streams: int,
        rate: int,
        window_s: float,
        spread_s: float,
        then_events: int,
        with_memory: bool = False,
    ) -> Round:
        """Open streams at `rate` events per second each; `then_events` > 0 adds a second, short generation."""
        return self.run(
            target,
            "streams",
            with_memory=with_memory,
            connections=streams,
            rate=rate,
            window_ms=ms(window_s),
            spread_ms=ms(spread_s),
            then_events=then_events,
            body_bytes=2048,
        )


def ms(seconds: float) -> int:
    """Seconds as whole milliseconds."""
    return round(seconds * 1000)
