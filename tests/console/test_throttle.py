from gateway.console.throttle import FORGET_S, NAME, VISITOR, VISITORS_MAX, Throttle
from gateway.core.clock import ManualClock


def test_a_visitor_who_guesses_waits_longer_and_longer() -> None:
    clock = ManualClock()
    throttle = Throttle(clock)
    waits = []
    for number in range(VISITOR.free + 12):
        throttle.fail("a", f"name {number}")
        waits.append(throttle.wait_s("a", "another"))
    assert waits[: VISITOR.free - 1] == [0] * (VISITOR.free - 1)
    assert waits[VISITOR.free :] == sorted(waits[VISITOR.free :])
    assert waits[VISITOR.free] > 0
    assert max(waits) <= VISITOR.wait_s_max + 1
    assert throttle.wait_s("b", "another") == 0
    clock.advance(max(waits) + 1)
    assert throttle.wait_s("a", "another") == 0


def test_a_name_that_many_try_is_slow_and_never_locked() -> None:
    throttle = Throttle(ManualClock())
    for number in range(NAME.free + 30):
        throttle.fail(f"visitor {number}", "Ann")
    assert 0 < throttle.wait_s("somebody else", "ann") <= NAME.wait_s_max + 1


def test_it_forgets() -> None:
    clock = ManualClock()
    throttle = Throttle(clock)
    for _ in range(VISITOR.free + 1):
        throttle.fail("a", "n")
    assert throttle.wait_s("a", "n")
    clock.advance(FORGET_S + 1)
    throttle.fail("a", "n")
    assert throttle.wait_s("a", "n") == 0
    for _ in range(VISITOR.free + 1):
        throttle.fail("a", "n")
    throttle.forget("a", "n")
    assert throttle.wait_s("a", "n") == 0


def test_it_stays_small() -> None:
    throttle = Throttle(ManualClock())
    for number in range(VISITORS_MAX):
        throttle.fail(f"v{number}", f"n{number}")
    assert repr(throttle) == f"<Throttle {VISITORS_MAX} remembered>"
