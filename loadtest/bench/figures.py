"""P1 to P7: how each figure is measured, and how it follows from its rounds.

Owns: the shapes of the loads and the arithmetic. Refuses to know: goals, files, how targets are started.
Strategy: every measurement is a list of pairs of rounds, interleaved (direct, nginx, gateway, nginx, gateway, direct, ...), so
a change of the machine's mood meets all targets alike; ratios and differences are taken round by round and then their median.
From rounds to rows is pure, and tested without a socket.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from loadtest.bench import accounting
from loadtest.bench.goals import Figure
from loadtest.bench.rounds import Load, Round
from loadtest.bench.spread import Spread, differences, median, percentile, ratios, spread
from loadtest.bench.targets import Target

REST_S = 5.0  # before a worker counts as idle
SMALL_BYTES = 2048
LARGE_BYTES = 400_000
NO_NGINX = "nginx is not installed or was left out"

Rounds = Mapping[str, Sequence[Round]]  # by target name, in order of time
Sizes = Mapping[str, Sequence[accounting.Memory]]  # by target name, one for each worker


@dataclass(frozen=True, slots=True)
class Pace:
    """How long to measure: `pairs` rounds of each target, windows of `window_s` seconds."""

    pairs: int = 5
    window_s: float = 2.0


def interleaved(targets: Sequence[Target], pairs: int, measure: Callable[[Target], Round]) -> dict[str, list[Round]]:
    """Measures every target `pairs` times; each pass begins with another target, so that none always follows the same one."""
    rounds: dict[str, list[Round]] = {target.name: [] for target in targets}
    for turn in range(pairs):
        first = turn % len(targets)
        for target in (*targets[first:], *targets[:first]):
            rounds[target.name].append(measure(target))
    return rounds


def measure_calls(load: Load, targets: Sequence[Target], pace: Pace) -> dict[str, list[Round]]:
    """P1: plain calls on 50 connections."""
    return interleaved(
        targets,
        pace.pairs,
        lambda target: load.calls(target, connections=50, window_s=pace.window_s, warm_s=0.3, body_bytes=SMALL_BYTES),
    )


def measure_streams(load: Load, targets: Sequence[Target], pace: Pace) -> dict[str, list[Round]]:
    """P2 and P4: 200 streams of 50 events per second, then 200 short ones opened while the others run."""
    return interleaved(
        targets,
        pace.pairs,
        lambda target: load.streams(target, streams=200, rate=50, window_s=pace.window_s, spread_s=1.0, then_events=50),
    )


def measure_latency(load: Load, targets: Sequence[Target], pace: Pace) -> dict[str, list[Round]]:
    """P3: one connection, one call after the other. Rounds are short and many: the difference is small."""
    return interleaved(
        targets,
        pace.pairs * 2,
        lambda target: load.calls(target, connections=1, window_s=pace.window_s / 3, warm_s=0.1, body_bytes=SMALL_BYTES),
    )


def measure_prompts(load: Load, targets: Sequence[Target], pace: Pace, body_bytes: int) -> dict[str, list[Round]]:
    """P6: plain calls of one size on 8 connections."""
    return interleaved(
        targets,
        pace.pairs,
        lambda target: load.calls(target, connections=8, window_s=pace.window_s / 2, warm_s=0.2, body_bytes=body_bytes),
    )


def measure_crowd(load: Load, target: Target, window_s: float) -> tuple[accounting.Memory, Round]:
    """P5: 1000 streams of 20 events per second; with the memory of all the target's processes before the first of them."""
    load.calls(
        target, connections=10, window_s=0.2, warm_s=0.1, body_bytes=SMALL_BYTES
    )  # what is loaded once is not a stream's cost
    assert target.pid is not None
    before = accounting.tree_memory(target.pid)
    crowd = load.streams(target, streams=1000, rate=20, window_s=window_s, spread_s=2.0, then_events=0, with_memory=True)
    return before, crowd


def column(rounds: Sequence[Round], value: Callable[[Round], float]) -> list[float]:
    """One number of each round."""
    return [value(one) for one in rounds]


def ratio_figure(id: str, rounds: Rounds, subject: str, value: Callable[[Round], float], unit: str) -> Figure:
    """A figure that is subject / nginx, pair by pair."""
    costs = {name: median(column(many, value)) for name, many in rounds.items() if name != "direct"}
    context = ", ".join(f"{name} {cost:.1f} {unit}" for name, cost in costs.items())
    if "nginx" not in rounds:
        return Figure(id, None, f"{NO_NGINX}; {context}")
    return Figure(id, spread(ratios(column(rounds[subject], value), column(rounds["nginx"], value))), context)


def calls_figure(rounds: Rounds, subject: str) -> Figure:
    """P1."""
    return ratio_figure("p1", rounds, subject, lambda one: one.cpu_us_per_call, "us per call")


def events_figure(rounds: Rounds, subject: str) -> Figure:
    """P2."""
    return ratio_figure("p2", rounds, subject, lambda one: one.cpu_us_per_event, "us per event")


def latencies_ms(rounds: Sequence[Round], point: str) -> list[float]:
    """One percentile of the latency of each round, in milliseconds."""
    return column(rounds, lambda one: one.latency_us[point] / 1000)


def added_ms(rounds: Rounds, name: str, point: str) -> list[float]:
    """Latency of a target beyond the direct call's, pair by pair, in milliseconds."""
    return differences(latencies_ms(rounds[name], point), latencies_ms(rounds["direct"], point))


def latency_figures(rounds: Rounds, subject: str) -> list[Figure]:
    """P3, one row for each percentile."""
    rows = []
    for point in ("p50", "p99"):
        added = {name: spread(added_ms(rounds, name, point)) for name in rounds if name != "direct"}
        direct = median(latencies_ms(rounds["direct"], point))
        context = f"direct {direct:.3f} ms, added: " + ", ".join(f"{name} {many.median:.3f} ms" for name, many in added.items())
        rows.append(Figure(f"p3.{point}", added[subject], context))
    return rows


def first_event_ms(rounds: Sequence[Round], share: float) -> float:
    """A percentile of the time to the first content event over the samples of all rounds together, in milliseconds."""
    return percentile([sample for one in rounds for sample in one.first_event_samples_us], share) / 1000


def first_event_figures(rounds: Rounds, subject: str) -> list[Figure]:
    """P4. A round holds 200 samples, too few for a p99: that is taken over all rounds, and its spread over halves of them."""
    others = [name for name in rounds if name != "direct"]
    per_round = {
        name: column(many, lambda one: percentile(one.first_event_samples_us, 0.5) / 1000) for name, many in rounds.items()
    }
    added = {name: differences(per_round[name], per_round["direct"]) for name in others}
    context = f"direct {median(per_round['direct']):.3f} ms, added: " + ", ".join(
        f"{n} {median(added[n]):.3f} ms" for n in others
    )
    if "nginx" in rounds:
        row = Figure("p4.p50", ratio_of_small_differences(added[subject], added["nginx"]), context)
    else:
        row = Figure("p4.p50", None, f"{NO_NGINX}; {context}")
    late = {name: first_event_ms(many, 0.99) for name, many in rounds.items()}
    halves = [first_event_ms(rounds[subject][start::2], 0.99) - late["direct"] for start in (0, 1) if rounds[subject][start::2]]
    value = Spread(late[subject] - late["direct"], min(halves), max(halves))
    context = f"direct {late['direct']:.3f} ms, added: " + ", ".join(
        f"{name} {late[name] - late['direct']:.3f} ms" for name in others
    )
    return [row, Figure("p4.p99", value, context)]


def ratio_of_small_differences(left: Sequence[float], right: Sequence[float]) -> Spread | None:
    """Median over median, with the rounds' own ratios as its spread; None when `right` is lost in noise (not above 0).

    A difference of some ten microseconds may come out near 0 in one round, and a ratio to that says nothing.
    """
    of_rounds = ratios(left, right)
    if median(right) <= 0 or not of_rounds:
        return None
    return Spread(median(left) / median(right), min(of_rounds), max(of_rounds))


def crowd_figures(crowds: Mapping[str, tuple[accounting.Memory, Round]], subject: str, streams: int = 1000) -> list[Figure]:
    """P5: reached only when no byte was wrong, so there are no errors; memory is the growth of all processes together."""
    growth_kb, parts = {}, []
    for name, (before, crowd) in crowds.items():
        assert crowd.memory_at_end is not None
        growth_kb[name] = (crowd.memory_at_end.rss_bytes - before.rss_bytes) / 1000 / streams
        shared_kb = (crowd.memory_at_end.pss_bytes - before.pss_bytes) / 1000 / streams
        parts.append(
            f"{name} {growth_kb[name]:.1f} kB RSS, {shared_kb:.1f} kB PSS, {crowd.cpu_us_per_event:.1f} us per event, "
            f"gap p99 {crowd.gap_us['p99'] / 1000:.1f} ms"
        )
    crowd = crowds[subject][1]
    checked = f"{crowd.events} events in the window, {crowd.bytes_checked} body bytes compared"
    return [
        Figure("p5.errors", Spread(0.0, 0.0, 0.0), checked),
        Figure("p5.memory", spread([growth_kb[subject]]), "; ".join(parts)),
    ]


def prompt_figure(small: Rounds, large: Rounds, subject: str) -> Figure:
    """P6: what a large prompt costs more than a small one, beyond what it costs nginx more."""
    extra = {
        name: [us / 1000 for us in differences(*(column(size[name], lambda one: one.cpu_us_per_call) for size in (large, small)))]
        for name in small
        if name != "direct"
    }
    context = "400 kB costs more than 2 kB: " + ", ".join(f"{name} {median(many):.3f} ms" for name, many in extra.items())
    if "nginx" not in extra:
        return Figure("p6", None, f"{NO_NGINX}; {context}")
    return Figure("p6", spread(differences(extra[subject], extra["nginx"])), context)


def measure_idle(load: Load, target: Target) -> list[accounting.Memory]:
    """P7: memory of each of a target's workers, idle for a while, but after it has worked: what first use adds is in it."""
    load.calls(target, connections=50, window_s=0.5, warm_s=0.1, body_bytes=SMALL_BYTES)
    time.sleep(REST_S)
    return worker_memory(target)


def worker_memory(target: Target) -> list[accounting.Memory]:
    """Memory of each of a target's workers now."""
    return [] if target.pid is None else [accounting.memory(pid) for pid in accounting.workers(target.pid, target.port)]


def memory_figure(fresh: Sizes, used: Sizes, subject: str) -> Figure:
    """P7 from the memory of all workers by target, right after the start and idle again after work."""
    parts = []
    for name in used:
        for before, after in zip(fresh[name], used[name], strict=False):  # a worker may have been replaced in between
            sizes = f"{after.rss_bytes / 1e6:.1f} MB RSS, {after.pss_bytes / 1e6:.1f} MB PSS"
            parts.append(f"{name} {sizes}, {before.rss_bytes / 1e6:.1f} MB RSS at start")
    if not used.get(subject):
        return Figure("p7", None, "no process was found that listens on the port")
    return Figure("p7", spread([size.rss_bytes / 1e6 for size in used[subject]]), "; ".join(parts))
