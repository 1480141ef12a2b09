"""R8: the mover on a virtual clock. Every ending from every state; who leaves, for how long, and who may come back."""

import sys
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.upstream.pool.standing import (
    DRAINED,
    HEALED_BY,
    LEAST_MS,
    MOVES,
    NO_WAIT_GIVEN,
    OUT_MS_MAX,
    PROBE_MS,
    VOUCHED_MS,
    Ending,
    Reason,
    Scope,
    State,
    due,
    moved,
    pack,
    probing,
    unpack,
    vouched,
)

NOW = 1_000_000
HEALTHY = State()


def out(reason: Reason, left_ms: int = 10_000, strikes: int = 1) -> State:
    return State(reason, strikes, NOW + left_ms)


@pytest.mark.parametrize(
    ("scope", "ending", "reason", "out_ms"),
    [
        (Scope.CREDENTIAL, Ending.REFUSED, Reason.REFUSED, 60_000),
        (Scope.CREDENTIAL, Ending.FORBIDDEN, Reason.REFUSED, 30_000),
        (Scope.CREDENTIAL, Ending.UNPAID, Reason.UNPAID, 300_000),
        (Scope.MODEL, Ending.LIMITED, Reason.LIMITED, 1_000),
    ],
)
def test_what_leaves_at_once(scope: Scope, ending: Ending, reason: Reason, out_ms: int) -> None:
    """R8: after the answer there is no further pick."""
    after = moved(HEALTHY, scope, ending, NOW)
    assert after == State(reason, 1, NOW + out_ms)
    assert after.is_out(NOW + out_ms - 1)
    assert not after.is_out(NOW + out_ms)


@pytest.mark.parametrize(
    ("scope", "ending", "reason", "in_a_row"),
    [
        (Scope.PROVIDER_MODEL, Ending.OVERLOADED, Reason.OVERLOADED, 2),
        (Scope.PROVIDER, Ending.UNREACHABLE, Reason.FAILING, 2),
        (Scope.PROVIDER, Ending.FAILED, Reason.FAILING, 5),
        (Scope.CREDENTIAL, Ending.FAILED, Reason.FAILING, 3),
    ],
)
def test_what_leaves_after_several_in_a_row(scope: Scope, ending: Ending, reason: Reason, in_a_row: int) -> None:
    """R8: a 529 leaves one more pick, and no more."""
    state = HEALTHY
    for _ in range(in_a_row - 1):
        state = moved(state, scope, ending, NOW)
        assert not state.needs_probe
    fresh = moved(state, scope, Ending.FINE, NOW)
    assert fresh == HEALTHY
    state = moved(state, scope, ending, NOW)
    assert (state.reason, state.until_ms) == (reason, NOW + 1_000)


@pytest.mark.parametrize(
    ("wait_ms", "out_ms"),
    [(0, LEAST_MS), (200, LEAST_MS), (7_000, 7_000), (7_001, 7_001), (OUT_MS_MAX + 1, OUT_MS_MAX), (10**12, OUT_MS_MAX)],
)
def test_what_the_upstream_asks_for_is_done_within_bounds(wait_ms: int, out_ms: int) -> None:
    """R8: at the asked moment and not before; never less than a second, never more than a day."""
    assert moved(HEALTHY, Scope.MODEL, Ending.LIMITED, NOW, wait_ms=wait_ms).until_ms == NOW + out_ms
    assert moved(HEALTHY, Scope.PROVIDER_MODEL, Ending.OVERLOADED, NOW, wait_ms=wait_ms) == State(
        Reason.OVERLOADED, 1, NOW + out_ms
    )


def test_backoff_doubles_with_every_probe_that_fails_up_to_its_bound() -> None:
    state, now_ms, waits = HEALTHY, NOW, []
    for _ in range(9):
        state = moved(probing(state, now_ms) if state.needs_probe else state, Scope.MODEL, Ending.LIMITED, now_ms, is_probe=True)
        waits.append(state.until_ms - now_ms)
        now_ms = state.until_ms
    assert waits == [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]


def test_calls_that_fail_together_count_as_one() -> None:
    state = moved(HEALTHY, Scope.CREDENTIAL, Ending.REFUSED, NOW)
    for later_ms in range(50):
        assert moved(state, Scope.CREDENTIAL, Ending.REFUSED, NOW + later_ms) == state
    # One that ends long after says that it is still so, without another strike.
    assert moved(state, Scope.CREDENTIAL, Ending.REFUSED, NOW + 70_000) == State(Reason.REFUSED, 1, NOW + 130_000)


def test_a_longer_wait_counts_and_a_shorter_one_does_not() -> None:
    state = moved(HEALTHY, Scope.MODEL, Ending.LIMITED, NOW, wait_ms=10_000)
    assert moved(state, Scope.MODEL, Ending.LIMITED, NOW + 1, wait_ms=5_000) == state
    assert moved(state, Scope.MODEL, Ending.LIMITED, NOW + 1, wait_ms=20_000).until_ms == NOW + 20_001
    assert moved(state, Scope.MODEL, Ending.LIMITED, NOW + 1) == state


@pytest.mark.parametrize("ending", Ending)
@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.HEALTHY])
def test_a_call_that_is_no_probe_brings_nobody_back(reason: Reason, ending: Ending) -> None:
    """R8: it may have begun before."""
    for scope in Scope:
        after = moved(out(reason), scope, ending, NOW)
        assert after.is_out(NOW + 9_999)


@pytest.mark.parametrize("ending", Ending)
@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.HEALTHY])
def test_every_end_of_a_probe_has_its_result(reason: Reason, ending: Ending) -> None:
    (scope,) = {
        scope
        for scope, moves in MOVES.items()
        for move in moves.values()
        if move.reason is reason and (reason is not Reason.FAILING or scope is Scope.CREDENTIAL)
    }
    before = probing(State(reason, 2, NOW), NOW)
    assert before.is_out(NOW)
    after = moved(before, scope, ending, NOW + 5, is_probe=True)
    move = MOVES[scope].get(ending)
    if move is not None and move.reason is reason:
        assert (after.strikes, after.is_out(NOW + 5)) == (3, True)
    elif move is not None and move.strikes == 1:
        assert (after.reason, after.strikes) == (move.reason, 1)
    elif ending in HEALED_BY[reason]:
        assert after.reason is Reason.HEALTHY
    else:
        assert after == State(reason, 2, NOW + 5)  # it showed nothing: the next call probes at once
    assert not after.probing


def test_a_403_after_a_test_that_was_passed_is_the_callers_own() -> None:
    """A caller whose requests are forbidden for their own sake must not take the credential from everybody else."""
    refused = moved(HEALTHY, Scope.CREDENTIAL, Ending.FORBIDDEN, NOW)
    for good in (vouched(refused, NOW), moved(probing(refused, NOW), Scope.CREDENTIAL, Ending.FINE, NOW, is_probe=True)):
        assert not good.needs_probe
        assert moved(good, Scope.CREDENTIAL, Ending.FORBIDDEN, NOW + VOUCHED_MS - 1) == good
        assert moved(good, Scope.CREDENTIAL, Ending.FORBIDDEN, NOW + VOUCHED_MS).needs_probe
        assert moved(good, Scope.CREDENTIAL, Ending.REFUSED, NOW).needs_probe  # a 401 never is


def test_what_a_test_and_an_operator_can_do() -> None:
    assert not vouched(out(Reason.REFUSED), NOW).needs_probe
    for reason in (Reason.UNPAID, Reason.FAILING, Reason.LIMITED):
        after = vouched(out(reason, strikes=3), NOW)
        assert (after.reason, after.strikes, after.is_out(NOW)) == (reason, 3, False)
    assert due(HEALTHY, NOW) == HEALTHY


def test_a_damaged_word_keeps_nobody_out() -> None:
    for word in (0xFFFF_FFFF_FFFF_FFFF & ~DRAINED, 15, 5 | 63 << 4 | (1 << 51) << 12):
        assert not unpack(word).is_out(NOW)


states = st.builds(State, st.sampled_from(Reason), st.integers(0, 63), st.integers(0, 2**40), st.booleans())


@given(states)
def test_a_state_fits_its_word(state: State) -> None:
    assert unpack(pack(state)) == unpack(pack(state) | DRAINED) == state
    assert pack(state) & DRAINED == 0
    assert pack(state) < 1 << 62


waits = st.one_of(st.just(NO_WAIT_GIVEN), st.integers(0, 20_000), st.integers(0, 10**12))
events = st.tuples(st.integers(0, 40_000), st.sampled_from(Ending), waits, st.booleans())


def told(events: list[tuple[int, Ending, int, bool]], scope: Scope) -> Iterator[tuple[int, Ending, int, State, State]]:
    """Plays calls that end, some of them begun as probes whenever one may be, and yields time, ending, wait, before, after."""
    state, now_ms, probe = HEALTHY, NOW, None
    for passed_ms, ending, wait_ms, is_probe in events:
        now_ms += passed_ms
        if state.needs_probe and not state.is_out(now_ms):
            state = probing(state, now_ms)
            probe = pack(state)
        before = state
        state = moved(state, scope, ending, now_ms, wait_ms=wait_ms, is_probe=is_probe and pack(state) == probe)
        yield now_ms, ending, wait_ms, before, state


def check(scope: Scope, sequence: list[tuple[int, Ending, int, bool]]) -> None:
    asked_ms = last_ms = 0
    for now_ms, ending, wait_ms, before, after in told(sequence, scope):
        move = MOVES[scope].get(ending)
        out_ms = min(max(wait_ms, LEAST_MS), OUT_MS_MAX)
        if move is not None and wait_ms >= 0 and not (ending is Ending.FORBIDDEN and before.reason is Reason.HEALTHY):
            asked_ms = max(asked_ms, now_ms + out_ms)
        if move is not None:
            last_ms = max(last_ms, now_ms + (out_ms if wait_ms >= 0 else move.most_ms))
        if now_ms < asked_ms:
            assert after.is_out(now_ms), "back before the upstream's time"
        assert not after.is_out(max(last_ms, now_ms + PROBE_MS)), "out past its last deadline"


@settings(max_examples=200)
@given(st.sampled_from(Scope), st.lists(events, max_size=30))
def test_nobody_comes_back_early_and_nobody_stays_out(scope: Scope, sequence: list[tuple[int, Ending, int, bool]]) -> None:
    """R8."""
    check(scope, sequence)


def test_ten_thousand_sequences() -> None:
    """R8: as above, seeded and longer."""
    seed = Random().randrange(2**32)
    sys.stderr.write(f"seed {seed}\n")
    chance = Random(seed)
    endings, scopes = list(Ending), list(Scope)
    for _ in range(10_000):
        length = chance.randrange(40)
        sequence = [
            (
                int(chance.expovariate(1 / chance.choice((5, 500, 20_000)))),
                chance.choice(endings),
                chance.choice((NO_WAIT_GIVEN, NO_WAIT_GIVEN, 0, chance.randrange(20_000), 10**12)),
                chance.random() < 0.7,
            )
            for _ in range(length)
        ]
        check(chance.choice(scopes), sequence)
