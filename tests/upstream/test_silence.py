"""R17: silence on a virtual clock. Heartbeat within 15 s, pings are no progress, the hard limit holds."""

import pytest

from gateway.catalog.models import Model
from gateway.upstream.silence import PING_AFTER_MS, Patience, Silence, Verdict, patience

PATIENCE = Patience(head_ms=600_000, progress_ms=300_000, hard_ms=3_600_000)


def play(silence: Silence, until_ms: int, step_ms: int = 1_000, *, may_ping: bool = True) -> list[tuple[int, Verdict]]:
    """Looks every step from 0 on, sends the pings that are due, and stops at a verdict that ends the answer."""
    seen: list[tuple[int, Verdict]] = []
    for now_ms in range(0, until_ms + 1, step_ms):
        verdict = silence.verdict(now_ms, may_ping=may_ping)
        if verdict is Verdict.NOTHING:
            continue
        seen.append((now_ms, verdict))
        if verdict is not Verdict.PING:
            break
        silence.sent(now_ms)
    return seen


def test_ten_minutes_of_silence() -> None:
    """R17: a ping every 15 s, and then the answer is given up."""
    silence = Silence(Patience(600_000, 600_000, 3_600_000), 0)
    silence.progressed(0)
    seen = play(silence, 700_000)
    assert seen == [
        *((PING_AFTER_MS * count, Verdict.PING) for count in range(1, 600_000 // PING_AFTER_MS + 1)),
        (600_000, Verdict.STALLED),
    ]


def test_the_upstreams_own_pings_are_no_progress_but_reach_the_client() -> None:
    """R17."""
    silence = Silence(PATIENCE, 0)
    silence.progressed(0)
    for now_ms in range(0, 299_001, 1_000):
        silence.sent(now_ms)  # a ping of the upstream, passed on
        assert silence.verdict(now_ms, may_ping=True) is Verdict.NOTHING
    assert silence.verdict(300_000, may_ping=True) is Verdict.STALLED


def test_one_byte_a_second_that_never_becomes_an_event() -> None:
    """R17: nothing is told of bytes that make no event, so the client is pinged and the upstream runs out of time."""
    silence = Silence(PATIENCE, 0)
    silence.progressed(0)
    assert play(silence, 400_000)[-1] == (300_000, Verdict.STALLED)
    assert len(play(Silence(PATIENCE, 0), 299_000)) == 299_000 // PING_AFTER_MS


def test_the_hard_limit_holds_for_the_busiest_answer() -> None:
    """R17."""
    silence = Silence(PATIENCE, 0)
    for now_ms in range(0, 3_600_000, 100_000):
        silence.progressed(now_ms)
        silence.sent(now_ms)
        assert silence.verdict(now_ms, may_ping=True) is Verdict.NOTHING
    assert silence.verdict(3_600_000, may_ping=True) is Verdict.OVER


def test_nobody_is_pinged_where_that_may_not_be() -> None:
    silence = Silence(PATIENCE, 0)
    silence.progressed(0)
    assert play(silence, 400_000, may_ping=False) == [(300_000, Verdict.STALLED)]
    assert silence.due_ms(may_ping=False) == 300_000
    assert silence.due_ms(may_ping=True) == PING_AFTER_MS


def test_each_attempt_waits_for_its_own_head() -> None:
    silence = Silence(PATIENCE, 0)
    assert silence.verdict(599_999, may_ping=False) is Verdict.NOTHING
    assert silence.verdict(600_000, may_ping=False) is Verdict.STALLED
    silence.asked(50_000)
    assert silence.verdict(649_999, may_ping=False) is Verdict.NOTHING
    silence.progressed(60_000)
    assert silence.verdict(360_000, may_ping=False) is Verdict.STALLED
    assert silence.due_ms(may_ping=False) == 360_000


def test_a_client_that_does_not_read_is_not_the_upstreams_fault() -> None:
    silence = Silence(PATIENCE, 0)
    silence.progressed(0)
    silence.held(200_000)
    assert silence.verdict(210_000, may_ping=True) is Verdict.NOTHING
    assert silence.verdict(499_999, may_ping=False) is Verdict.NOTHING


@pytest.mark.parametrize(("own", "expected"), [(True, Patience(600_000, 30_000, 90_500)), (False, PATIENCE)])
def test_a_model_may_have_a_patience_of_its_own(own: bool, expected: Patience) -> None:
    model = Model("m", "M", "v5", 1, 1, "other", (), 30.0 if own else 0.0, 90.5 if own else 0.0)
    gateway = {"head_timeout_s": 600.0, "idle_timeout_s": 300.0, "call_limit_s": 3600.0}
    assert patience(model, **gateway) == expected
    assert patience(None, **gateway) == PATIENCE
