"""`python -m loadtest.bench`: starts the targets, measures what was asked for, prints the table and writes the results.

Owns: the command line and the order of things. Refuses to know: how a figure is measured or a target started.
Strategy: the targets of P1-P4 and P6 run side by side and idle while another is measured; P5 gets fresh processes, because
memory that an earlier load has left allocated would hide what a stream costs. Any wrong byte ends the run with exit code 1.
"""

import argparse
import dataclasses
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from loadtest.bench import accounting, figures, machine, report, targets, translated
from loadtest.bench.goals import GOALS, Figure
from loadtest.bench.programs import CompilerMissingError, compile_program
from loadtest.bench.rounds import BrokenRoundError, Load, Round
from loadtest.bench.targets import Target
from loadtest.processes import StartError, raise_file_limit

ROOT = Path(__file__).resolve().parents[2]
FIGURES = ("p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8")
# Those of calls and streams: what an open console could cost.
WATCHED = ("p1", "p2", "p4")
CROWD_WINDOW_S = 5.0


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line of the bench."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.bench", description="Paired bench of the gateway against nginx.")
    parser.add_argument("--only", default="", metavar="p1,p2", help=f"figures to measure, of {','.join(FIGURES)}; all by default")
    parser.add_argument("--pairs", type=int, default=5, help="interleaved rounds of each target (default 5)")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a measured window (default 2)")
    parser.add_argument("--quick", action="store_true", help="two short rounds of each: a look, not a measurement")
    parser.add_argument("--workers", type=int, default=1, help="workers of nginx and of the gateway alike (default 1)")
    parser.add_argument("--without", default="", metavar="nginx,gateway", help="targets to leave out")
    parser.add_argument("--peer", metavar="NAME=COMMAND", help="measure another proxy too; {port} and {upstream} are filled in")
    parser.add_argument("--subject", help="the target the rows are about (default: gateway, or the peer without a gateway)")
    parser.add_argument("--console", action="store_true", help="with the gateway's console open and live: P1, P2 and P4")
    parser.add_argument("--write", choices=("auto", "yes", "no"), default="auto", help="write results (auto: full runs only)")
    options = parser.parse_args(arguments)
    options.only = tuple(options.only.split(",")) if options.only else WATCHED if options.console else FIGURES
    options.without = tuple(options.without.split(",")) if options.without else ()
    unknown = set(options.only) - set(FIGURES)
    if unknown:
        parser.error(f"no such figure: {', '.join(sorted(unknown))}")
    if options.peer and "=" not in options.peer:
        parser.error("--peer needs NAME=COMMAND")
    if options.quick:
        options.pairs, options.seconds = 2, 1.0
    if options.subject is None:
        options.subject = options.peer.partition("=")[0] if options.peer and "gateway" in options.without else "gateway"
    return options


class Run:
    """One run: its folder, its upstream, and what was found so far."""

    def __init__(self, options: argparse.Namespace, stack: ExitStack) -> None:
        self.options = options
        self.stack = stack
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        self.nginx_program = None if "nginx" in options.without else targets.nginx_program()
        self.load = Load(compile_program("load", self.folder))
        self.upstream_port = stack.enter_context(targets.upstream(compile_program("upstream", self.folder)))
        self.pace = figures.Pace(options.pairs, options.seconds)
        self.figures: list[Figure] = []
        self.rounds: dict[str, Any] = {}
        self.broken: list[str] = []

    def proxies(self, use: str) -> dict[str, AbstractContextManager[Target]]:
        """The proxies to measure, not started yet; `use` names their folders."""
        options, port, workers = self.options, self.upstream_port, self.options.workers
        found: dict[str, AbstractContextManager[Target]] = {}
        if self.nginx_program is not None:
            found["nginx"] = targets.nginx(self.nginx_program, self.folder / f"nginx-{use}", port, workers)
        if "gateway" not in options.without:
            start = targets.watched if options.console else targets.gateway
            found["gateway"] = start(self.folder / f"gateway-{use}", port, workers)
        if options.peer:
            name, _, command = options.peer.partition("=")
            found[name] = targets.peer(name, command, self.folder / f"peer-{use}", port)
        return found

    def keep(self, name: str, rounds: Mapping[str, Sequence[Round]]) -> None:
        """Keeps raw rounds for the JSON file, without the single samples."""
        self.rounds[name] = {
            target: [
                {key: value for key, value in dataclasses.asdict(one).items() if key != "first_event_samples_us"} for one in many
            ]
            for target, many in rounds.items()
        }

    def side_by_side(self) -> None:
        """P1 to P4, P6 and P7: all targets are up, one is measured. A step that breaks does not keep the others from running."""
        steps = (
            ({"p1"}, "P1: plain calls, 50 connections", self.measure_calls),
            ({"p2", "p4"}, "P2, P4: 200 streams", self.measure_streams),
            ({"p3"}, "P3: one connection", self.measure_latency),
            ({"p6"}, "P6: 400 kB prompts", self.measure_prompts),
        )
        with ExitStack() as stack:
            proxies = [stack.enter_context(proxy) for proxy in self.proxies("side").values()]
            fresh = {proxy.name: figures.worker_memory(proxy) for proxy in proxies}
            for ids, title, measure in steps:
                if ids & set(self.options.only):
                    self.attempt(title, partial(measure, proxies))
            if "p7" in self.options.only:
                self.attempt("P7: memory", partial(self.measure_memory, proxies, fresh))

    def attempt(self, title: str, measure: Callable[[], None]) -> None:
        """Measures; a wrong answer is written down, and makes the whole run fail at its end."""
        self.say(title)
        try:
            measure()
        except BrokenRoundError as broken:
            self.broken.append(f"{title}: {broken}")

    def everyone(self, proxies: Sequence[Target]) -> list[Target]:
        """The upstream itself and the proxies."""
        return [Target("direct", self.upstream_port, targets.PLACEHOLDER_KEY, None), *proxies]

    def measure_calls(self, proxies: Sequence[Target]) -> None:
        """P1."""
        rounds = figures.measure_calls(self.load, self.everyone(proxies), self.pace)
        self.keep("calls", rounds)
        self.figures.append(figures.calls_figure(rounds, self.options.subject))

    def measure_streams(self, proxies: Sequence[Target]) -> None:
        """P2 and P4, which come out of the same rounds."""
        rounds = figures.measure_streams(self.load, self.everyone(proxies), self.pace)
        self.keep("streams", rounds)
        subject = self.options.subject
        found = [figures.events_figure(rounds, subject), *figures.first_event_figures(rounds, subject)]
        self.figures += [figure for figure in found if figure.id[:2] in self.options.only]

    def measure_latency(self, proxies: Sequence[Target]) -> None:
        """P3."""
        rounds = figures.measure_latency(self.load, self.everyone(proxies), self.pace)
        self.keep("latency", rounds)
        self.figures += figures.latency_figures(rounds, self.options.subject)

    def measure_prompts(self, proxies: Sequence[Target]) -> None:
        """P6."""
        small = figures.measure_prompts(self.load, proxies, self.pace, figures.SMALL_BYTES)
        large = figures.measure_prompts(self.load, proxies, self.pace, figures.LARGE_BYTES)
        self.keep("prompts_2kb", small)
        self.keep("prompts_400kb", large)
        self.figures.append(figures.prompt_figure(small, large, self.options.subject))

    def measure_memory(self, proxies: Sequence[Target], fresh: figures.Sizes) -> None:
        """P7, last of all: a worker that has run every load before."""
        used = {proxy.name: figures.measure_idle(self.load, proxy) for proxy in proxies}
        self.figures.append(figures.memory_figure(fresh, used, self.options.subject))

    def crowd(self) -> None:
        """P5: each proxy is started afresh and alone."""
        crowds: dict[str, tuple[accounting.Memory, Round]] = {}
        for name, proxy in self.proxies("crowd").items():
            with proxy as target:
                self.attempt(f"P5: 1000 streams, {name}", partial(self.measure_crowd, target, crowds))
        self.keep("crowd", {name: [one] for name, (_, one) in crowds.items()})
        if self.options.subject in crowds:
            self.figures += figures.crowd_figures(crowds, self.options.subject)

    def measure_crowd(self, target: Target, into: dict[str, tuple[accounting.Memory, Round]]) -> None:
        """P5 of one target."""
        into[target.name] = figures.measure_crowd(self.load, target, CROWD_WINDOW_S)

    def translation(self) -> None:
        """P8: the gateway alone, before its simulator."""
        with (
            targets.simulator(self.folder / "simulator") as simulator,
            targets.gateway(self.folder / "gateway-p8", simulator.port, self.options.workers) as target,
        ):
            self.attempt("P8: translated events", partial(self.measure_translation, target))

    def measure_translation(self, target: Target) -> None:
        """P8 of the gateway."""
        costs = translated.measure(target, self.options.pairs, self.options.seconds)
        self.rounds["translated"] = costs
        self.figures.append(translated.figure(costs))

    def say(self, text: str) -> None:
        """Progress, on stderr so that stdout holds the table alone."""
        print(text, file=sys.stderr, flush=True)


def finish(run: Run, began_s: float) -> None:
    """Prints the table; writes it down after a full run of the gateway."""
    options = run.options
    facts = machine.facts(run.nginx_program) | {"workers": str(options.workers)}
    if options.console:
        facts["console"] = "open and live"
    order = list(GOALS)
    run.figures.sort(key=lambda figure: order.index(figure.id))
    markdown = report.table(run.figures, facts)
    print(markdown)
    full = (
        options.only == FIGURES and not options.quick and not options.console and options.subject == "gateway" and not run.broken
    )
    if options.write == "yes" or (options.write == "auto" and full):
        name = f"{datetime.now(UTC):%Y-%m-%d}-{machine.commit(ROOT)}"
        settings = {"pairs": options.pairs, "window_s": options.seconds, "workers": options.workers, "subject": options.subject}
        found = report.document(run.figures, facts, settings, run.rounds)
        path = report.write_results(ROOT / "loadtest" / "results", name, found, markdown)
        run.say(f"wrote {path.relative_to(ROOT)}")
        if report.rewrite_readme(ROOT / "README.md", markdown):
            run.say("rewrote the table in README.md")
    run.say(f"took {time.monotonic() - began_s:.0f} s")


def main(arguments: Sequence[str]) -> int:
    """Runs the bench; returns the exit code: 0, 1 after a wrong answer, 2 when it could not be run."""
    options = parse_arguments(arguments)
    began_s = time.monotonic()
    raise_file_limit()
    try:
        with ExitStack() as stack:
            run = Run(options, stack)
            if set(options.only) - {"p5", "p8"}:
                run.side_by_side()
            if "p5" in options.only:
                run.crowd()
            if "p8" in options.only and "gateway" not in options.without:
                run.translation()
            finish(run, began_s)
            for broken_round in run.broken:
                print(f"BROKEN: {broken_round}", file=sys.stderr)
            return 1 if run.broken else 0
    except (CompilerMissingError, StartError) as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
