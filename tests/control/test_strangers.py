from gateway.control.metrics import Tally
from gateway.control.strangers import REMEMBERED, Refusal, Strangers
from gateway.core.clock import ManualClock
from gateway.core.faults import FaultKind
from gateway.core.outcome import Outcome
from gateway.core.usage import Usage
from tests.control.test_metrics import observe


def test_the_newest_since_a_moment_is_told() -> None:
    strangers = Strangers()
    assert strangers.latest(0) is None
    for moment in (5, 9, 7):
        strangers.note(Refusal(moment, 401, FaultKind.UNAUTHENTICATED))
    assert strangers.latest(6) == Refusal(9, 401, FaultKind.UNAUTHENTICATED)
    assert strangers.latest(9) is not None
    assert strangers.latest(10) is None


def test_a_flood_is_forgotten() -> None:
    strangers = Strangers()
    for moment in range(3 * REMEMBERED):
        strangers.note(Refusal(moment, 401, FaultKind.UNAUTHENTICATED))
    assert repr(strangers) == f"<Strangers {REMEMBERED}>"


def test_calls_without_a_key_are_noted_and_others_are_not() -> None:
    tally = Tally()
    observe(tally, key_id=7, status=400, outcome=Outcome.REFUSED, fault=FaultKind.INVALID, usage=Usage())
    assert tally.strangers.latest(0) is None
    observe(tally, key_id=0, status=401, outcome=Outcome.REFUSED, fault=FaultKind.UNAUTHENTICATED, usage=Usage())
    found = tally.strangers.latest(0)
    assert found is not None
    assert found[1:] == (401, FaultKind.UNAUTHENTICATED)


def test_a_call_that_went_astray() -> None:
    strangers = Strangers()
    strangers.stray(ManualClock(wall_ns=77))(FaultKind.MISSING)
    assert strangers.latest(0) == Refusal(77, 404, FaultKind.MISSING)
