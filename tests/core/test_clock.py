"""The clocks: one that runs and one that is moved."""

from gateway.core.clock import Clock, ManualClock, SystemClock


def elapsed_ns(clock: Clock, since_ns: int) -> int:
    return clock.monotonic_ns() - since_ns


def test_system_clock_runs_forward() -> None:
    clock = SystemClock()
    start_ns = clock.monotonic_ns()
    assert elapsed_ns(clock, start_ns) >= 0
    assert clock.wall_ns() > 1_700_000_000_000_000_000


def test_manual_clock_stands_still_until_moved() -> None:
    clock = ManualClock(wall_ns=5, monotonic_ns=7)
    assert (clock.wall_ns(), clock.monotonic_ns()) == (5, 7)
    clock.advance(1.5)
    assert (clock.wall_ns(), clock.monotonic_ns()) == (1_500_000_005, 1_500_000_007)


def test_a_jump_moves_the_wall_clock_alone() -> None:
    clock = ManualClock()
    clock.jump(-3600)
    assert (clock.wall_ns(), clock.monotonic_ns()) == (-3_600_000_000_000, 0)
