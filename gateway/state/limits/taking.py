"""Taking: a worker counts its requests against their callers' limits, exactly, together with all other workers.

`take` holds the worst case of a request of every limit of its caller, or nothing; `settle` corrects it to what was used, in one
step with the end of the request's in-flight row. Each is one call of native_fastpath. What happens when a lock is not to be had
is decided here: a new request is refused after a tenth of a second, a settlement waits until the lock is free and counts as
in flight until then.
"""

import struct
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gateway.state.layout import HOLDS_AT, LIMITS_GENERATION_AT
from gateway.state.limits import rows
from gateway.state.limits.holds import account_of
from gateway.state.limits.locks import AccountLocks, LimitsBusyError, deadline, owner_word
from gateway.state.limits.moments import Calendar, Moment
from gateway.state.limits.rows import Amounts, LimitState

if TYPE_CHECKING:
    from gateway.state.inflight import InflightRows
    from gateway.state.shared import SharedFile
    from gateway.state.workers import WorkerSlot

_FIGURES: Final = struct.Struct("=20q")
_LOCKED: Final = -1
_GROUPS: Final = ("requests", "tokens", "input_tokens", "output_tokens")

# Of the limit with the least left, for requests, tokens, input and output tokens: size, what is left, nanoseconds until all of it
# is there again (0: no such moment); all -1 when there is no such limit.
Figures = tuple[int, ...]
NO_FIGURES: Final[Figures] = (-1,) * 12
# Size, what is left, nanoseconds until all of it is there again (0: no such moment).
Tightness = tuple[int, int, int]


def _tightest(figures: bytes) -> dict[str, Tightness]:
    numbers = _FIGURES.unpack(figures)[8:]
    groups = zip(_GROUPS, (numbers[start : start + 3] for start in range(0, 12, 3)), strict=True)
    return {name: (size, left, reset_ns) for name, (size, left, reset_ns) in groups if size >= 0}


class Taken:
    """What a request was granted; figures are unpacked when they are asked for."""

    __slots__ = ("_figures",)

    def __init__(self, figures: bytes) -> None:
        self._figures = figures

    @property
    def granted(self) -> Amounts:
        """By metric, the least that a limit granted that does not come back by itself; -1 where all that was asked for was."""
        numbers: Amounts = _FIGURES.unpack(self._figures)[:8]
        return numbers

    @property
    def figures(self) -> Figures:
        """How the caller stands after this request."""
        return _FIGURES.unpack(self._figures)[8:]

    @property
    def tightest(self) -> dict[str, Tightness]:
        """The limit with the least left after this request, of requests, tokens, input_tokens, output_tokens; if there is one."""
        return _tightest(self._figures)


@dataclass(frozen=True, slots=True)
class Refused:
    """The limit that refuses; of several the one that does so for longest. `wait_ns` is -1 when waiting does not help."""

    limit: LimitState
    wait_ns: int
    packed: bytes | None = None

    @property
    def figures(self) -> Figures:
        """How the caller stands without this request; nothing before its amounts were known."""
        return NO_FIGURES if self.packed is None else _FIGURES.unpack(self.packed)[8:]

    @property
    def tightest(self) -> dict[str, Tightness]:
        """As of Taken, without this request; empty before its amounts were known."""
        return _tightest(self.packed) if self.packed is not None else {}


@dataclass(slots=True)
class _Late:
    """A settlement that could not be made yet."""

    account: int
    row: int
    record: bytes
    real: Amounts


class Limits:
    """A worker's way to the limit table. Belongs to the slot's owner; `rows` are the worker's own."""

    __slots__ = (
        "_calendar",
        "_generation",
        "_late",
        "_layout",
        "_locks",
        "_metrics",
        "_owner",
        "_region",
        "_ring_at",
        "_rows",
        "_table_at",
        "_undo_at",
    )

    def __init__(self, shared: "SharedFile", slot: "WorkerSlot", inflight: "InflightRows") -> None:
        """Takes back what a former owner of the slot left half done. Raises LimitsBusyError."""
        layout = shared.layout
        self._region = shared.region
        self._layout = layout
        self._rows = inflight
        self._table_at = layout.limits_at
        self._undo_at = layout.undo_of(slot.index)
        self._ring_at = layout.ring_at(slot.index)
        self._owner = owner_word(slot.index, slot.epoch)
        self._locks = AccountLocks(shared.region, layout, shared.run_dir, self._owner)
        self._locks.clear_log(slot.index)
        self._calendar = Calendar()
        self._late: deque[_Late] = deque()
        self._metrics: dict[int, int] = {}
        self._generation = -1

    def metrics(self, first: int) -> int:
        """A bit for each metric that a limit behind the anchor `first` counts; 0 when there is no limit, so nothing to take.

        Remembered until a chain changes, so that who has no limit pays for none and nobody estimates what nothing counts.
        """
        generation = self._region.load(LIMITS_GENERATION_AT)
        if generation != self._generation:
            # Read before the chains: a change in between is seen by the next call.
            self._generation = generation
            self._metrics.clear()
        known = self._metrics.get(first)
        if known is None:
            known = self._metrics[first] = rows.metrics_behind(self._region, self._layout, rows.index_of(first))
        return known

    def moment(self, wall_ns: int, mono_ns: int) -> Moment:
        """What `peek` and `take` want to know of both clocks."""
        return self._calendar.moment(wall_ns, mono_ns)

    def peek(self, first: int, mask: int, now: Moment) -> Refused | None:
        """A limit behind the anchor `first` that certainly has nothing left, for requests of all models of `mask`; else None.

        Changes nothing. For floods that shall end before their body is read: then the mask is 1.
        """
        found = self._region.limits_peek(self._table_at, first, mask, now)
        if found is None:
            return None
        limit = rows.state_of(self._region, self._layout, found[0])
        return Refused(limit, found[1]) if limit is not None else None

    def take(self, first: int, row: int, mask: int, full: Amounts, least: Amounts, now: Moment) -> Taken | Refused:
        """Holds `full` of every limit behind the anchor `first` that counts models of `mask`, or nothing of any.

        A limit that has less left holds what it has, if that is at least `least`: then the request must end where that ends. One
        whose metric is not asked for (`full` 0) is passed by, but cost and total tokens still refuse when nothing is left and
        `least` is not 0. `row` is the request's in-flight row. Raises LimitsBusyError.
        """
        deadline_s = 0.0
        while True:
            result = self._region.limits_take(
                self._table_at, self._undo_at, self._owner, first, row + HOLDS_AT, mask, full, least, now
            )
            if isinstance(result, bytes):
                return Taken(result)
            if len(result) == 3:
                limit = rows.state_of(self._region, self._layout, result[0])
                if limit is not None:
                    return Refused(limit, result[1], result[2])
                continue  # it was removed in this moment
            if result[0] != _LOCKED:
                raise LimitsBusyError("the caller's limits have just been rebuilt")
            deadline_s = deadline_s or deadline()
            account = rows.links_of(self._region, self._layout, rows.index_of(first)).account
            self._locks.wait(account, result[1], deadline_s)

    def settle(self, row: int, record: bytes, real: Amounts, mono_ns: int) -> bool:
        """Ends an in-flight row: counts `real` by metric instead of what it holds, appends `record`, frees the row.

        False when the journal is full; then nothing has changed. While somebody else keeps the limits locked the row stays in
        flight, with `record` as its last word, until a later call or `settle_late` gets through.
        """
        done = self._region.limits_settle(self._ring_at, row, record, self._table_at, self._undo_at, self._owner, real, mono_ns)
        if done is True:
            self._rows.freed(row)
            if self._late:
                self._settle_first_late(mono_ns)
            return True
        return isinstance(done, tuple) and self._settle_locked(row, record, real, mono_ns, done[1])

    def settle_late(self, mono_ns: int) -> int:
        """Tries once more what `settle` could not do; returns how many still wait."""
        for _ in range(len(self._late)):
            self._settle_first_late(mono_ns)
        return len(self._late)

    def _settle_first_late(self, mono_ns: int) -> None:
        late = self._late.popleft()
        if not self._settle(late.row, late.record, late.real, mono_ns)[0]:
            self._late.append(late)

    def _settle_locked(self, row: int, record: bytes, real: Amounts, mono_ns: int, holder: int) -> bool:
        """Goes on trying, unless others have waited for the same lock in vain."""
        account = account_of(self._region, row)
        deadline_s = 0.0 if any(late.account == account for late in self._late) else deadline()
        while True:
            try:
                self._locks.wait(account, holder, deadline_s)
            except LimitsBusyError:
                self._late.append(_Late(account, row, record, real))
                return True
            done, holder = self._settle(row, record, real, mono_ns)
            if not holder:
                return done

    def _settle(self, row: int, record: bytes, real: Amounts, mono_ns: int) -> tuple[bool, int]:
        """Whether it is done, and the word of whoever holds the lock; without one it did not fit into the journal."""
        done = self._region.limits_settle(self._ring_at, row, record, self._table_at, self._undo_at, self._owner, real, mono_ns)
        if done is True:
            self._rows.freed(row)
            return True, 0
        return False, done[1] if isinstance(done, tuple) else 0
