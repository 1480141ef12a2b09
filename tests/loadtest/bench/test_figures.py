from typing import Any

import pytest

from loadtest.bench import figures
from loadtest.bench.accounting import Memory
from loadtest.bench.rounds import Round
from loadtest.bench.targets import Target


def a_round(target: str, **values: Any) -> Round:
    known: dict[str, Any] = {
        "window_s": 1.0,
        "calls": 1000,
        "events": 1000,
        "bytes_checked": 1,
        "cpu_s": 0.0,
        "memory_at_end": None,
        "latency_us": {},
        "first_event_us": {},
        "gap_us": {"p99": 1000.0},
    }
    return Round(target=target, **(known | values))


def test_calls_are_a_ratio_of_cpu_pair_by_pair() -> None:
    rounds = {
        "direct": [a_round("direct")] * 2,
        "nginx": [a_round("nginx", cpu_s=0.010), a_round("nginx", cpu_s=0.020)],
        "gateway": [a_round("gateway", cpu_s=0.040), a_round("gateway", cpu_s=0.060)],
    }
    found = figures.calls_figure(rounds, "gateway")
    assert found.value is not None
    assert [found.value.median, found.value.low, found.value.high] == pytest.approx([3.5, 3.0, 4.0])
    assert found.context == "nginx 15.0 us per call, gateway 50.0 us per call"


def test_events_count_events_and_not_calls() -> None:
    rounds = {"nginx": [a_round("nginx", cpu_s=0.1, events=10_000)], "gateway": [a_round("gateway", cpu_s=0.15, events=10_000)]}
    found = figures.events_figure(rounds, "gateway")
    assert found.value is not None
    assert found.value.median == pytest.approx(1.5)


def test_without_nginx_there_is_no_ratio() -> None:
    found = figures.calls_figure({"direct": [a_round("direct")], "gateway": [a_round("gateway", cpu_s=0.05)]}, "gateway")
    assert found.value is None
    assert "50.0 us per call" in found.context


def test_latency_is_what_is_added_to_the_direct_call() -> None:
    def timed(target: str, p50: float, p99: float) -> list[Round]:
        return [a_round(target, latency_us={"p50": p50, "p99": p99})]

    rounds = {"direct": timed("direct", 20, 30), "nginx": timed("nginx", 60, 90), "gateway": timed("gateway", 320, 530)}
    p50, p99 = figures.latency_figures(rounds, "gateway")
    assert (p50.id, p99.id) == ("p3.p50", "p3.p99")
    assert p50.value is not None
    assert p99.value is not None
    assert [p50.value.median, p99.value.median] == pytest.approx([0.3, 0.5])


def test_first_events_are_added_time_against_nginx_and_a_late_tail() -> None:
    def opened(target: str, usual: float, late: float) -> list[Round]:
        return [a_round(target, first_event_samples_us=[usual] * 95 + [late] * 5)] * 2

    rounds = {"direct": opened("direct", 100, 200), "nginx": opened("nginx", 200, 300), "gateway": opened("gateway", 250, 5200)}
    p50, p99 = figures.first_event_figures(rounds, "gateway")
    assert p50.value is not None
    assert p99.value is not None
    assert p50.value.median == pytest.approx(1.5)
    assert p99.value.median == pytest.approx(5.0)


def test_a_ratio_to_noise_is_no_ratio() -> None:
    found = figures.ratio_of_small_differences([0.2, 0.2, 0.2], [0.1, 0.1, 0.0001])
    assert found is not None
    assert found.median == pytest.approx(2.0)
    assert found.high == pytest.approx(2000.0)
    assert figures.ratio_of_small_differences([0.2, 0.2], [-0.1, 0.0]) is None


def test_a_stream_costs_what_resident_memory_grew_by() -> None:
    crowd = a_round("gateway", memory_at_end=Memory(90_000_000, 70_000_000), events=100, cpu_s=0.001)
    errors, memory = figures.crowd_figures({"gateway": (Memory(60_000_000, 50_000_000), crowd)}, "gateway")
    assert errors.verdict == "goal"
    assert memory.value is not None
    assert memory.value.median == pytest.approx(30.0)
    assert "20.0 kB PSS" in memory.context


def test_a_prompt_costs_what_it_takes_beyond_nginx() -> None:
    small = {name: [a_round(name, cpu_s=cost)] for name, cost in (("nginx", 0.02), ("gateway", 0.06))}
    large = {name: [a_round(name, cpu_s=cost)] for name, cost in (("nginx", 0.12), ("gateway", 0.96))}
    found = figures.prompt_figure(small, large, "gateway")
    assert found.value is not None
    assert found.value.median == pytest.approx(0.8)


def test_a_worker_is_weighed_after_its_work() -> None:
    fresh = {"gateway": [Memory(40_000_000, 20_000_000)], "nginx": [Memory(7_000_000, 4_000_000)]}
    used = {"gateway": [Memory(90_000_000, 60_000_000)], "nginx": [Memory(8_000_000, 5_000_000)]}
    found = figures.memory_figure(fresh, used, "gateway")
    assert found.value is not None
    assert found.value.median == 90.0
    assert found.verdict == "missed"
    assert found.context.startswith("gateway 90.0 MB RSS, 60.0 MB PSS, 40.0 MB RSS at start")
    assert figures.memory_figure(fresh, used | {"gateway": []}, "gateway").value is None


def test_rounds_are_interleaved_and_no_target_is_always_first() -> None:
    order: list[str] = []
    targets = [Target(name, 1, "", None) for name in ("direct", "nginx", "gateway")]

    def measure(target: Target) -> Round:
        order.append(target.name)
        return a_round(target.name)

    rounds = figures.interleaved(targets, 3, measure)
    assert order == ["direct", "nginx", "gateway", "nginx", "gateway", "direct", "gateway", "direct", "nginx"]
    assert {name: len(many) for name, many in rounds.items()} == {"direct": 3, "nginx": 3, "gateway": 3}
