"""The limit table as the control plane writes it: who has which limits, and how far they are used.

Owns anchors, chains and rows that are used again; knows neither prices nor SQLite. Every change of a chain is one store of one
word, made under the account's lock, so it has happened or not, whenever its writer dies. What was cut off from its chain but
not freed is freed when the next control plane opens the table.

Not thread-safe, and one at a time: whoever opens the table holds the control lock, by which workers know that it lives.
"""

import sys
from collections import deque
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING

from gateway.state.layout import CONTROL_EPOCH_AT, LIMITS_GENERATION_AT
from gateway.state.limits import rows
from gateway.state.limits.holds import account_of, charges_of
from gateway.state.limits.locks import AccountLocks, deadline, owner_word
from gateway.state.limits.patterns import PatternTable
from gateway.state.limits.rows import AMOUNT_MAX, LIMITS_PER_ANCHOR_MAX, Amounts, LimitSpec, LimitState, Links, Scope
from gateway.state.record import Charge

if TYPE_CHECKING:
    from gateway.state.inflight import Orphan
    from gateway.state.shared import SharedFile


class LimitTableFullError(Exception):
    """Every row of the table is in use."""


class LimitTable:
    """All limits of the shared file. Anchors are named by references, limits by their numbers in the books."""

    __slots__ = ("_anchors", "_free", "_layout", "_limits", "_locks", "_members", "_parents", "_region", "owner", "patterns")

    def __init__(self, shared: "SharedFile") -> None:
        self._region = shared.region
        self._layout = shared.layout
        self.owner = owner_word(shared.layout.slots, self._region.add(CONTROL_EPOCH_AT, 1))
        self._locks = AccountLocks(self._region, self._layout, shared.run_dir, self.owner)
        self._locks.clear_log(self._layout.slots)
        self.patterns = PatternTable(self._region, self._layout)
        self._anchors: dict[tuple[Scope, int], int] = {}
        self._limits: dict[int, int] = {}
        self._members: dict[int, list[int]] = {}  # limits behind each anchor, nearest first
        self._parents: dict[int, int] = {}  # the anchor behind each anchor's limits
        self._free: deque[int] = deque()
        self._collect()

    def __len__(self) -> int:
        """Limits in the table."""
        return len(self._limits)

    @property
    def room(self) -> int:
        """Rows that are free: a limit takes one, and so does an anchor."""
        return len(self._free) + self._layout.limits_capacity - self._rows_used()

    def workspace_anchor(self, workspace_id: int) -> int:
        """The reference of a workspace's anchor, which is made if there is none. Raises LimitTableFullError, ValueError."""
        index = self._anchors.get((Scope.WORKSPACE, workspace_id))
        if index is None:
            index = self._make_anchor(Scope.WORKSPACE, workspace_id, 0)
        return self._reference(index)

    def plan_anchor(self, instance_id: int, workspace_anchor: int) -> int:
        """The reference of a plan instance's anchor before its workspace's. Raises LimitTableFullError, ValueError."""
        return self._anchor_before(Scope.PLAN, instance_id, workspace_anchor)

    def key_anchor(self, key_id: int, parent: int) -> int:
        """The reference of a key's anchor before a plan's or a workspace's. Raises LimitTableFullError, ValueError.

        A key that has an anchor is moved before `parent` if it stands elsewhere.
        """
        return self._anchor_before(Scope.KEY, key_id, parent)

    def anchor(self, scope: Scope, owner_id: int) -> int | None:
        """The reference of an anchor, None when there is none."""
        index = self._anchors.get((scope, owner_id))
        return None if index is None else self._reference(index)

    def anchors(self) -> Iterator[tuple[Scope, int, int]]:
        """Scope, owner's number and reference of every anchor."""
        for (scope, owner_id), index in list(self._anchors.items()):
            yield scope, owner_id, self._reference(index)

    def is_empty(self, anchor: int) -> bool:
        """Whether no limit counts a caller that begins at this anchor. Raises ValueError."""
        place = self._anchor_index(anchor)
        while place and not self._members[place]:
            place = self._parents.get(place, 0)
        return not place

    def add(self, anchor: int, spec: LimitSpec, used: int = 0, window_start_s: int = 0, window_end_s: int = 0) -> int:
        """Puts a limit behind an anchor and returns its row. It counts from the next request on.

        Raises ValueError when the limit is there already, the anchor is gone or has its eight limits; LimitTableFullError.
        """
        place = self._anchor_index(anchor)
        if spec.limit_id in self._limits:
            raise ValueError(f"limit {spec.limit_id} is in the table already")
        if len(self._members[place]) >= LIMITS_PER_ANCHOR_MAX:
            raise ValueError(f"an anchor has at most {LIMITS_PER_ANCHOR_MAX} limits")
        links = self._links(place)
        index = self._fill(rows.limit_bytes(spec, links, used, window_start_s, window_end_s))
        with self._locks.holding(links.account):
            self._link(place, index)
        self._region.add(LIMITS_GENERATION_AT, 1)
        self._limits[spec.limit_id] = index
        self._members[place].insert(0, index)
        return index

    def change(self, limit_id: int, amount: int) -> None:
        """Gives a limit another amount; what is used and held stays. Raises KeyError, ValueError."""
        if not 0 <= amount <= AMOUNT_MAX:
            raise ValueError(f"an amount is out of range: {amount}")
        at = self._at(self._limits[limit_id])
        with self._locks.holding(self._links(self._limits[limit_id]).account):
            self._region.store(at + rows.DEBT_FRACTION_AT, 0)  # it is in parts of the amount
            self._region.store(at + rows.AMOUNT_AT, amount)

    def correct(self, limit_id: int, window_start_s: int, difference: int) -> bool:
        """Adds to what is used in a window, down to 0. False when the limit is gone or its window is another by now."""
        index = self._limits.get(limit_id)
        if index is None:
            return False
        with self._locks.holding(self._links(index).account):
            state = self._state(index)
            if not state.is_durable or state.window_start_s != window_start_s:
                return False
            used = min(max(state.used + difference, 0), AMOUNT_MAX)
            self._region.store(self._at(index) + rows.USED_AT, used)
        return True

    def remove(self, limit_id: int) -> None:
        """Takes a limit out of its chain; what requests in flight hold of it is forgotten. Raises KeyError."""
        index = self._limits[limit_id]
        links = self._links(index)
        assert links.scope is not None
        place = self._anchors[links.scope, links.owner_id]
        members = self._members[place]
        position = members.index(index)
        with self._locks.holding(links.account):
            self._link(members[position - 1] if position else place, links.next)
            # Under the lock too: a settlement that finds the old generation under it may still write to the row.
            self._release(index)
        self._region.add(LIMITS_GENERATION_AT, 1)
        members.remove(index)
        del self._limits[limit_id]

    def move(self, anchor: int, parent: int) -> None:
        """Puts an anchor with its limits before another of the same workspace. Raises ValueError."""
        place, above = self._anchor_index(anchor), self._anchor_index(parent)
        links, target = self._links(place), self._links(above)
        assert links.scope is not None
        assert target.scope is not None
        if target.scope >= links.scope:
            raise ValueError("a key stands before a plan or a workspace, a plan before a workspace")
        if links.account != target.account:
            raise ValueError("the limits of one workspace cannot be moved to another")
        members = self._members[place]
        with self._locks.holding(links.account):
            self._link(members[-1] if members else place, above)
        self._region.add(LIMITS_GENERATION_AT, 1)
        self._parents[place] = above

    def remove_anchor(self, anchor: int) -> None:
        """Takes an anchor and its limits out. Raises ValueError while other anchors stand before it."""
        place = self._anchor_index(anchor)
        if place in self._parents.values():
            raise ValueError("other anchors stand before this one")
        for index in list(self._members[place]):
            self.remove(self._links(index).limit_id)
        links = self._links(place)
        assert links.scope is not None
        with self._locks.holding(links.account):
            self._release(place)
        self._region.add(LIMITS_GENERATION_AT, 1)
        del self._anchors[links.scope, links.owner_id]
        del self._members[place]
        self._parents.pop(place, None)

    def state(self, limit_id: int) -> LimitState | None:
        """A limit as it is now, None when it is not in the table."""
        index = self._limits.get(limit_id)
        return None if index is None else self._locked_state(index)

    def states(self) -> Iterator[LimitState]:
        """All limits, each as it is when it comes."""
        for index in list(self._limits.values()):
            yield self._locked_state(index)

    def describe(self, index: int) -> LimitState | None:
        """The limit in a row, None when there is none."""
        return rows.state_of(self._region, self._layout, index)

    def pattern_bit(self, text: str, kept: Callable[[], Collection[int]] = tuple) -> int:
        """The class bit of a pattern, see PatternTable.bit. `kept` are bits that are in use by others than limits."""
        return self.patterns.bit(text, lambda: {self._state(index).class_bit for index in self._limits.values()} | set(kept()))

    def settle_orphan(self, orphan: "Orphan", record: bytes, real: Amounts, mono_ns: int) -> tuple[Charge, ...]:
        """Counts what a dead worker's request really took of its limits, by metric, and returns what it was charged to.

        `record` becomes the row's last word with it. Settled ones stay as they are, so this may be done again after a crash; the
        row is freed by `InflightTable.free_orphan`. Raises LimitsBusyError.
        """
        row = self._layout.row_at(orphan.slot, orphan.row)
        undo_at = self._layout.undo_of(self._layout.slots)
        deadline_s = deadline()
        while True:
            done = self._region.limits_settle(0, row, record, self._layout.limits_at, undo_at, self.owner, real, mono_ns)
            if not isinstance(done, tuple):
                return charges_of(self._region, self._layout, row)
            self._locks.wait(account_of(self._region, row), done[1], deadline_s)

    def _anchor_before(self, scope: Scope, owner_id: int, parent: int) -> int:
        above = self._anchor_index(parent)
        index = self._anchors.get((scope, owner_id))
        if index is None:
            target = self._links(above).scope
            if target is None or target >= scope:
                raise ValueError("a key stands before a plan or a workspace, a plan before a workspace")
            index = self._make_anchor(scope, owner_id, above)
        elif self._parents.get(index) != above:
            self.move(self._reference(index), parent)
        return self._reference(index)

    def _make_anchor(self, scope: Scope, owner_id: int, above: int) -> int:
        index = self._fill(rows.anchor_bytes(scope, owner_id, above, self._links(above).account if above else 0))
        self._anchors[scope, owner_id] = index
        self._members[index] = []
        if above:
            self._parents[index] = above
        return index

    def _collect(self) -> None:
        """Reads the table as a former control plane left it. Raises ValueError when its chains make no sense."""
        found = {index: self._links(index) for index in range(1, self._rows_used())}
        for index, links in found.items():
            if links.is_anchor and links.scope is not None:
                self._anchors[links.scope, links.owner_id] = index
                self._members[index], parent = self._walk(links, found)
                if parent:
                    self._parents[index] = parent
        linked = {index for members in self._members.values() for index in members} | self._members.keys()
        self._limits = {found[index].limit_id: index for members in self._members.values() for index in members}
        for index, links in found.items():
            if links.scope is None:
                self._free.append(index)
            elif index not in linked:
                with self._locks.holding(links.account):
                    self._release(index)

    def _walk(self, anchor: Links, found: dict[int, Links]) -> tuple[list[int], int]:
        """The limits behind an anchor, and the anchor behind them; 0 for a workspace's."""
        members: list[int] = []
        following = anchor.next
        while following:
            row = found.get(following)
            if row is None or row.scope is None or len(members) > LIMITS_PER_ANCHOR_MAX:
                raise ValueError("the limit table is damaged: a chain makes no sense")
            if row.is_anchor:
                break
            members.append(following)
            following = row.next
        return members, following

    def _allocate(self) -> int:
        """A free row: the one that has been free for longest, else a fresh one."""
        if self._free:
            return self._free.popleft()
        index = self._rows_used()
        if index >= self._layout.limits_capacity:
            raise LimitTableFullError(f"the limit table is full: {self._layout.limits_capacity} rows")
        self._region.store(self._layout.limits_at, index + 1)
        return index

    def _release(self, index: int) -> None:
        generation = self._links(index).generation + 1 & 0xFFFFFFFF
        self._region.store(self._at(index), generation << 32)
        self._free.append(index)

    def _fill(self, row: bytes) -> int:
        """Puts a row into a free place, to which no chain leads yet. Its head comes last: then it is there, and whole."""
        index = self._allocate()
        at = self._at(index)
        self._region.write(at + 8, row[8:])
        if not self._links(index).account:  # a workspace's anchor is its own account
            self._region.store(at + rows.NEXT_AT, index << 32)
        self._region.store(at, self._links(index).generation << 32 | int.from_bytes(row[:8], sys.byteorder))
        return index

    def _link(self, before: int, following: int) -> None:
        at = self._at(before) + rows.NEXT_AT
        self._region.store(at, self._region.load(at) >> 32 << 32 | following)

    def _anchor_index(self, anchor: int) -> int:
        index = rows.index_of(anchor)
        if index not in self._members or self._reference(index) != anchor:
            raise ValueError("there is no such anchor")
        return index

    def _locked_state(self, index: int) -> LimitState:
        with self._locks.holding(self._links(index).account):
            return self._state(index)

    def _state(self, index: int) -> LimitState:
        state = rows.state_of(self._region, self._layout, index)
        assert state is not None
        return state

    def _reference(self, index: int) -> int:
        return rows.reference(index, self._links(index).generation)

    def _links(self, index: int) -> Links:
        return rows.links_of(self._region, self._layout, index)

    def _at(self, index: int) -> int:
        return rows.row_at(self._layout, index)

    def _rows_used(self) -> int:
        return self._region.load(self._layout.limits_at)
