"""Standing: where a credential stands, and the one function that moves it.

Owns the states, how an ending moves them, and for how long. Knows no shared file, no header and no clock: it is handed a state,
an ending and the time.

A state is one word, so that workers can move it by compare_swap: reason, strikes, two marks and the time until which it holds, in
milliseconds of the machine's monotonic clock. Nothing is stored that has to be taken away again: a state that is over simply is
over, so nothing stays out for ever. Who comes back does so with one call, the probe: it moves the state to `probing`, and as long
as that holds nobody else picks; the probe's own ending decides. A probe that never ends (its worker died) is over after PROBE_MS,
and the next call probes.

Four states stand over one call, and each ending is put to all of them by the tables below:

    CREDENTIAL        the credential at any model          refused, unpaid, failing
    MODEL             the credential at this model         limited
    PROVIDER          the provider at any model            failing
    PROVIDER_MODEL    the provider at this model           overloaded
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

PROBE_MS = 30_000
LEAST_MS = 1_000  # whatever an upstream asks for, a second is waited
OUT_MS_MAX = 86_400_000  # the longest that is waited without trying: a day
VOUCHED_MS = 600_000
NO_WAIT_GIVEN = -1

_UNTIL_SHIFT = 12
_STRIKES_SHIFT = 4
_STRIKES_MAX = 63
_PROBING = 1 << 10
DRAINED = 1 << 11  # set and cleared by the operator alone; every move keeps it


class Reason(IntEnum):
    """Why something is out. The numbers stand in the shared file."""

    HEALTHY = 0
    LIMITED = 1
    REFUSED = 2
    UNPAID = 3
    OVERLOADED = 4
    FAILING = 5

    @property
    def word(self) -> str:
        """The name used in tables, metrics and docs."""
        return self.name.lower()


class Ending(IntEnum):
    """What came of a call, as far as it says something about who answered it."""

    FINE = 0
    ANSWERED = 1  # an error that is the caller's own
    LIMITED = 2
    REFUSED = 3  # 401
    FORBIDDEN = 4  # 403, which may also be the caller's own
    UNPAID = 5
    OVERLOADED = 6
    FAILED = 7
    UNREACHABLE = 8
    ABANDONED = 9  # nobody waited for the end


class Scope(IntEnum):
    CREDENTIAL = 0
    MODEL = 1
    PROVIDER = 2
    PROVIDER_MODEL = 3


class Move(NamedTuple):
    """Where an ending leads: out for `reason` at the `strikes`-th in a row, for `first_ms` and twice that each time, up to
    `most_ms`."""

    reason: Reason
    strikes: int
    first_ms: int
    most_ms: int


# One refused credential is out at once; what an upstream does to everybody may happen once without consequence, or a single stray
# 529 in a hundred calls would close the gate for all of them.
MOVES: dict[Scope, dict[Ending, Move]] = {
    Scope.CREDENTIAL: {
        Ending.REFUSED: Move(Reason.REFUSED, 1, 60_000, 3_600_000),
        Ending.FORBIDDEN: Move(Reason.REFUSED, 1, 30_000, 600_000),
        Ending.UNPAID: Move(Reason.UNPAID, 1, 300_000, 3_600_000),
        Ending.FAILED: Move(Reason.FAILING, 3, 1_000, 30_000),
    },
    Scope.MODEL: {
        Ending.LIMITED: Move(Reason.LIMITED, 1, 1_000, 60_000),
    },
    Scope.PROVIDER: {
        Ending.FAILED: Move(Reason.FAILING, 5, 1_000, 30_000),
        Ending.UNREACHABLE: Move(Reason.FAILING, 2, 1_000, 30_000),
    },
    Scope.PROVIDER_MODEL: {
        Ending.OVERLOADED: Move(Reason.OVERLOADED, 2, 1_000, 60_000),
    },
}

# Which endings show that a reason no longer holds. An answer of any kind shows that somebody is there; only a good one shows that
# a limit, a bill or an overload is over.
_ALIVE = frozenset({Ending.FINE, Ending.ANSWERED, Ending.LIMITED, Ending.REFUSED, Ending.FORBIDDEN, Ending.UNPAID})
HEALED_BY: dict[Reason, frozenset[Ending]] = {
    Reason.HEALTHY: frozenset(),
    Reason.LIMITED: frozenset({Ending.FINE}),
    Reason.REFUSED: frozenset({Ending.FINE, Ending.LIMITED}),
    Reason.UNPAID: frozenset({Ending.FINE}),
    Reason.OVERLOADED: frozenset({Ending.FINE}),
    Reason.FAILING: _ALIVE,
}


@dataclass(frozen=True, slots=True)
class State:
    """A state, unpacked. Of a healthy one `strikes` counts the bad endings in a row, and until `until_ms` a 403 is taken for the
    caller's own, because a test has just shown that the credential is good. Of any other, `strikes` counts how often in a row it
    went out, and `until_ms` is when it is over; while it is `probing`, when the probe is given up."""

    reason: Reason = Reason.HEALTHY
    strikes: int = 0
    until_ms: int = 0
    probing: bool = False

    def is_out(self, now_ms: int) -> bool:
        """Whether nobody may pick it now, not even as a probe. A time no move can have set is none: the word was damaged."""
        return self.reason is not Reason.HEALTHY and now_ms < self.until_ms <= now_ms + OUT_MS_MAX

    @property
    def needs_probe(self) -> bool:
        """Whether the next pick is a probe, once it is not out."""
        return self.reason is not Reason.HEALTHY


_REASONS = tuple(Reason)
_SCOPE_OF_REASON = {move.reason: scope for scope, moves in MOVES.items() for move in moves.values()}


def pack(state: State) -> int:
    """The word of a state, without the mark of the operator."""
    strikes = min(state.strikes, _STRIKES_MAX) << _STRIKES_SHIFT
    return state.reason | strikes | (_PROBING if state.probing else 0) | state.until_ms << _UNTIL_SHIFT


def unpack(word: int) -> State:
    """The state in a word. A reason of a later version counts as failing, which ends by itself."""
    reason = word & 15
    return State(
        _REASONS[reason] if reason < len(_REASONS) else Reason.FAILING,
        word >> _STRIKES_SHIFT & _STRIKES_MAX,
        word >> _UNTIL_SHIFT,
        bool(word & _PROBING),
    )


def probing(state: State, now_ms: int) -> State:
    """The state with a probe under way."""
    return State(state.reason, state.strikes, now_ms + PROBE_MS, True)


def due(state: State, now_ms: int) -> State:
    """The state with its time over: the next call is a probe. For an operator, and for a probe that showed nothing."""
    return State(state.reason, state.strikes, now_ms) if state.needs_probe else state


def vouched(state: State, now_ms: int) -> State:
    """After a test with a question of our own, which the upstream answered: a refusal is over; other reasons may be."""
    if state.reason in (Reason.HEALTHY, Reason.REFUSED):
        return State(until_ms=now_ms + VOUCHED_MS)
    return due(state, now_ms)


def moved(
    state: State, scope: Scope, ending: Ending, now_ms: int, *, wait_ms: int = NO_WAIT_GIVEN, is_probe: bool = False
) -> State:
    """Where a state goes when a call has ended. `wait_ms` is how long the upstream asked to be left alone.

    `is_probe` says that the call was the probe of this very state; any other call may have begun before the state came about, so
    its success proves nothing, and its failure adds no strike to those that were counted.
    """
    move = MOVES[scope].get(ending)
    if state.reason is Reason.HEALTHY:
        return _moved_from_health(state, scope, move, ending, now_ms, wait_ms)
    if is_probe:
        if move is not None and (move.reason is state.reason or move.strikes == 1 or wait_ms >= 0):
            return _out(move, state.strikes + 1 if move.reason is state.reason else 1, now_ms, wait_ms)
        if ending in HEALED_BY[state.reason]:
            return State(until_ms=now_ms + VOUCHED_MS) if state.reason is Reason.REFUSED else State()
        return due(state, now_ms)
    if move is None or (move.strikes > 1 and wait_ms < 0):
        return state
    if move.reason is state.reason and wait_ms < 0 and state.is_out(now_ms):
        return state  # another call of the same moment; the wait is counted from the first
    later = _out(move, state.strikes if move.reason is state.reason else 1, now_ms, wait_ms)
    # A probe that is under way has set a time for itself, not one that the upstream asked for.
    return later if state.probing or later.until_ms > state.until_ms else state


def _moved_from_health(state: State, scope: Scope, move: Move | None, ending: Ending, now_ms: int, wait_ms: int) -> State:
    if move is None:
        heals = any(ending in HEALED_BY[one.reason] for one in MOVES[scope].values())
        return State(until_ms=state.until_ms) if state.strikes and heals else state
    if ending is Ending.FORBIDDEN and now_ms < state.until_ms:
        return state
    strikes = state.strikes + 1
    if strikes < move.strikes and wait_ms < 0:
        return State(strikes=strikes, until_ms=state.until_ms)
    return _out(move, 1, now_ms, wait_ms)


def _out(move: Move, strikes: int, now_ms: int, wait_ms: int) -> State:
    asked_ms = min(max(wait_ms, LEAST_MS), OUT_MS_MAX)
    backoff_ms = min(move.first_ms << min(strikes - 1, 16), move.most_ms)
    return State(move.reason, min(strikes, _STRIKES_MAX), now_ms + (asked_ms if wait_ms >= 0 else backoff_ms))
