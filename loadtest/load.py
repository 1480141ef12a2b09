"""`python -m loadtest.load`: many streams through the gateway, then the same streams straight to the simulator, side by side.

Owns: the two locust runs and their table. Refuses to know: how a stream is checked (`scenarios`), how a gateway is started
(`targets`).
Strategy: locust does the holding open and the checking in a process of its own; what the gateway adds is the difference between
the two runs. The simulator answers one question always alike, so a text that differs between the runs was damaged on the way.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtest.bench import targets
from loadtest.bench.spread import percentile
from loadtest.processes import StartError, raise_file_limit

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
RAMP_S = 2  # all streams are open after this long
STOP_TIMEOUT_S = 60  # for streams that are open when time is up; the users give up on silence after half of it


@dataclass(frozen=True, slots=True)
class Found:
    """One locust run: exact figures in milliseconds, failures by kind, digests of the texts by question."""

    name: str
    first_content_ms: list[float]
    duration_ms: list[float]
    failures: dict[str, int]
    texts: dict[str, list[str]]
    events: int

    @property
    def verdict(self) -> str | None:
        """What is wrong with this run, None if nothing is."""
        if self.failures:
            return "; ".join(f"{count} times {kind}" for kind, count in sorted(self.failures.items()))
        return None if self.duration_ms else "no stream was finished"


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line of the load run."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.load", description="Many checked streams through the gateway.")
    parser.add_argument("--streams", type=int, default=120, help="streams open at any time (default 120)")
    parser.add_argument("--seconds", type=int, default=20, help="length of each of the two runs (default 20)")
    parser.add_argument("--tokens", type=int, default=120, help="tokens of a simulated answer (default 120)")
    parser.add_argument("--rate", type=int, default=30, help="tokens per second of a simulated answer (default 30)")
    parser.add_argument("--workers", type=int, default=1, help="workers of the gateway that is started (default 1)")
    parser.add_argument("--url", help="load this running gateway instead, and nothing else")
    parser.add_argument("--key", default=os.environ.get("LOADTEST_KEY", ""), help="key for --url (better: LOADTEST_KEY)")
    options = parser.parse_args(arguments)
    if options.url and not options.key:
        parser.error("--url needs a key")
    return options


def hold_streams(name: str, url: str, key: str, options: argparse.Namespace, folder: Path) -> Found:
    """Runs locust headless against `url` and returns what it found. Raises StartError when locust itself fails."""
    results, log = folder / f"{name}.json", folder / f"{name}.log"
    command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--only-summary", "--host", url]
    command += ["--users", str(options.streams), "--spawn-rate", str(max(1, options.streams // RAMP_S))]
    command += ["--run-time", f"{options.seconds}s", "--stop-timeout", str(STOP_TIMEOUT_S), "--results", str(results)]
    script = f"text_tokens={options.tokens};tokens_per_s={options.rate}"
    environment = dict(os.environ, LOADTEST_KEY=key, LOADTEST_SCRIPT=script)
    with log.open("wb") as output:
        subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, env=environment, check=False)
    if not results.exists():
        raise StartError(f"locust left no results:\n{log.read_text(errors='replace')[-2000:]}")
    found: dict[str, Any] = json.loads(results.read_text())
    return Found(name=name, **found)


def table(runs: Sequence[Found]) -> str:
    """The percentiles of all runs, one line for each metric and run."""
    lines = [f"{'':30}{'streams':>9}{'events':>10}" + "".join(f"{name + ' ms':>11}" for name in SHARES)]
    for metric in ("first_content_ms", "duration_ms"):
        for run in runs:
            values: list[float] = getattr(run, metric)
            shown = "".join(f"{percentile(values, share):>11.1f}" if values else f"{'-':>11}" for share in SHARES.values())
            label = f"{metric.removesuffix('_ms').replace('_', ' ')}, {run.name}"
            lines.append(f"{label:30}{len(values):>9}{run.events:>10}{shown}")
    return "\n".join(lines)


def differing_texts(runs: Sequence[Found]) -> list[str]:
    """Questions that were not always answered with the same text, in one run or between runs."""
    digests: dict[str, set[str]] = {}
    for run in runs:
        for question, texts in run.texts.items():
            digests.setdefault(question, set()).update(texts)
    return sorted(question for question, texts in digests.items() if len(texts) > 1)


def judge(runs: Sequence[Found], simulated: bool) -> Mapping[str, str]:
    """What went wrong, by run; empty if nothing did. Texts are compared only when the simulator wrote them."""
    wrong = {run.name: run.verdict for run in runs if run.verdict is not None}
    if simulated and differing_texts(runs):
        wrong["texts"] = f"{len(differing_texts(runs))} questions were answered with different texts"
    return wrong


def run_all(options: argparse.Namespace, folder: Path, stack: ExitStack) -> list[Found]:
    """Starts what is needed and makes the runs."""
    if options.url:
        return [hold_streams("gateway", options.url, options.key, options, folder)]
    upstream = stack.enter_context(targets.simulator(folder / "simulator"))
    gateway = stack.enter_context(targets.gateway(folder / "gateway", upstream.port, options.workers))
    return [hold_streams(one.name, f"http://127.0.0.1:{one.port}", one.key, options, folder) for one in (gateway, upstream)]


def main(arguments: Sequence[str]) -> int:
    """Runs the load; exit code 0, 1 after any error or broken stream, 2 when it could not be run."""
    options = parse_arguments(arguments)
    raise_file_limit()
    with tempfile.TemporaryDirectory(prefix="load-") as folder, ExitStack() as stack:
        try:
            runs = run_all(options, Path(folder), stack)
        except StartError as error:
            print(error, file=sys.stderr)
            return 2
    print(f"{options.streams} streams for {options.seconds} s")
    print(table(runs))
    wrong = judge(runs, simulated=not options.url)
    for name, what in wrong.items():
        print(f"WRONG {name}: {what}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
