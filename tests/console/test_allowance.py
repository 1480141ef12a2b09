"""What visitors are allowed."""

from gateway.console.allowance import ADDRESSES_MAX, Allowance
from gateway.core.clock import ManualClock


def test_an_address_has_a_burst_and_then_its_rate() -> None:
    clock = ManualClock()
    allowance = Allowance(6, 3, 1000, clock.monotonic_ns)
    assert [allowance.take("a") for _ in range(4)] == [0, 0, 0, 10]
    assert allowance.take("b") == 0
    clock.advance(9.5)
    assert allowance.take("a") == 1
    clock.advance(0.5)
    assert [allowance.take("a"), allowance.take("a")] == [0, 10]
    clock.advance(3600)
    assert [allowance.take("a") for _ in range(4)] == [0, 0, 0, 10]


def test_all_addresses_together_have_a_bound() -> None:
    clock = ManualClock()
    allowance = Allowance(60, 60, 5, clock.monotonic_ns)
    assert [allowance.take(str(number)) for number in range(6)] == [0, 0, 0, 0, 0, 12]
    clock.advance(12)
    assert [allowance.take("x"), allowance.take("y")] == [0, 12]


def test_addresses_are_forgotten() -> None:
    allowance = Allowance(1, 1, 10**6, ManualClock().monotonic_ns)
    for number in range(ADDRESSES_MAX + 10):
        assert allowance.take(str(number)) == 0
    assert repr(allowance) == f"<Allowance of {ADDRESSES_MAX} addresses>"
