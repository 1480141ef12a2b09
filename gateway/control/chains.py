"""Chains: the copies of limits in the shared file, where every request is counted.

Owns the order of a caller's limits there (its key's, its plan's, its workspace's) and where each key's chain begins. Knows
nothing of why a limit exists. Everything here follows the database and is done after it: `rebuild` repeats at the next start
whatever a crash has left out.

Owners get an anchor with their first limit and keep it; a key's goes with the key.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from gateway.catalog import measures
from gateway.control.orders import OrderError
from gateway.control.store import Connection, KeyRecord, LimitRecord, Store
from gateway.control.store import credits as lot_rows
from gateway.control.store import keys as key_rows
from gateway.control.store import ledger as ledger_rows
from gateway.control.store import limits as limit_rows
from gateway.core.clock import Clock
from gateway.state.inflight import Orphan
from gateway.state.keys import KeyRow, KeyState
from gateway.state.layout import PATTERNS_MAX
from gateway.state.limits import (
    CLASS_BITS,
    LimitSpec,
    LimitState,
    LimitTable,
    Metric,
    PatternsFullError,
    Scope,
    Window,
)
from gateway.state.limits.rows import Amounts
from gateway.state.record import Charge
from gateway.state.shared import SharedFile

FIVE_HOURS_S = 5 * 3600
DAY_S = 86400

_SCOPES = {"workspace": Scope.WORKSPACE, "plan": Scope.PLAN, "key": Scope.KEY}


class Chains:
    """All limits of a shared file, and the keys that are counted against them."""

    def __init__(self, store: Store, shared: SharedFile, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._keys = shared.keys
        self._table = LimitTable(shared)

    def reserve(self, model_class: str) -> None:
        """Makes sure, before the database is changed, that a limit for these models will find room. Raises OrderError."""
        self.check_room(1, 1)
        self._class_bit(model_class)

    def check_room(self, limits: int, owners: int) -> None:
        """Raises OrderError when so many limits of so many owners find no room."""
        # Each owner may need an anchor, and so may its plan and its workspace.
        if self._table.room < limits + owners + 2:
            raise OrderError("limit.no_room", "the shared file has no room for more limits")

    def put(self, limit: LimitRecord) -> None:
        """Makes a limit count from the next request on, or gives it its present amount."""
        state = self._table.state(limit.id)
        if state is not None:
            if state.amount != limit.amount:
                self._table.change(limit.id, limit.amount)
            return
        keys = self._keys_of(limit.scope, limit.owner_id)
        if limit.scope == "key" and not keys:
            return  # the last of its line was revoked meanwhile
        there = self._table.anchor(_SCOPES[limit.scope], limit.owner_id)
        is_first = there is None or self._table.is_empty(there)
        anchor = self._anchor(limit, keys)
        used, start_s = self._used(limit)
        self._table.add(anchor, self._spec(limit), used, start_s, window_end_s(limit.window, start_s))
        if is_first:
            self.point(keys)

    def remove(self, limit_id: int) -> None:
        """Counts nothing against a limit any more."""
        state = self._table.state(limit_id)
        if state is None:
            return
        self._table.remove(limit_id)
        anchor = self._table.anchor(state.scope, state.owner_id)
        if anchor is not None and self._table.is_empty(anchor):
            self.point(self._keys_of(state.scope.name.lower(), state.owner_id))

    def state(self, limit_id: int) -> LimitState | None:
        """How a limit stands at this moment."""
        return self._table.state(limit_id)

    def states(self) -> dict[int, LimitState]:
        """How all limits stand, each at nearly this moment."""
        return {state.limit_id: state for state in self._table.states()}

    def correct(self, limit_id: int, window_start_s: int, difference: int) -> bool:
        """Adds to what is used in a window. False when the limit is gone or its window is over."""
        return self._table.correct(limit_id, window_start_s, difference)

    def settle_orphan(self, orphan: Orphan, record: bytes, real: Amounts, mono_ns: int) -> tuple[Charge, ...]:
        """Counts what a dead worker's request took, see `LimitTable.settle_orphan`. Raises LimitsBusyError."""
        return self._table.settle_orphan(orphan, record, real, mono_ns)

    def row_of(self, key: KeyRecord) -> KeyRow:
        """What workers are told about a key."""
        state = KeyState.ACTIVE if key.state == "active" else KeyState.REVOKED
        return KeyRow(key.id, key.workspace_id, state, key.ends_at_s, self._begin(key), self.allowed(key.models))

    def allowed(self, models: Iterable[str]) -> int:
        """The bits of a list of models, whose patterns get their places; 0 for an empty list, which allows all.

        Inside a transaction the list has to be in the database already. Raises OrderError when the patterns find no room.
        """
        bits = 0
        for model_class in models:
            bits |= 1 << self._class_bit(model_class)
        return bits

    def point(self, keys: Iterable[KeyRecord]) -> None:
        """Lets keys be counted from where their chains begin now."""
        for key in keys:
            if key.state == "active":
                self._join(key)
                row = self.row_of(key)
                if self._keys.find(key.digest) not in (None, row):
                    self._keys.put(key.digest, row)

    def forget(self, limits_key_id: int) -> None:
        """Frees the limits of a line of keys of which none is in force."""
        anchor = self._table.anchor(Scope.KEY, limits_key_id)
        if anchor is not None:
            self._table.remove_anchor(anchor)

    def rebuild(self, limits: Iterable[LimitRecord]) -> None:
        """Makes the table hold exactly these limits. Those that it holds already keep what is used and held of them."""
        wanted = {limit.id: limit for limit in limits}
        for state in list(self._table.states()):
            if state.limit_id not in wanted:
                self._table.remove(state.limit_id)
        with self._store.reading() as connection:
            lines = key_rows.lines_in_force(connection)
        for scope, owner_id, anchor in list(self._table.anchors()):
            if scope is Scope.KEY and owner_id not in lines:
                self._table.remove_anchor(anchor)
        for limit in wanted.values():
            self.put(limit)

    def _begin(self, key: KeyRecord) -> int:
        """The anchor nearest to the key; 0 when nothing limits it, so that no worker takes a lock for nothing."""
        nearest = self._table.anchor(Scope.KEY, key.limits_key_id)
        if nearest is None and key.plan_instance_id is not None:
            nearest = self._table.anchor(Scope.PLAN, key.plan_instance_id)
        if nearest is None:
            nearest = self._table.anchor(Scope.WORKSPACE, key.workspace_id)
        return 0 if nearest is None or self._table.is_empty(nearest) else nearest

    def _join(self, key: KeyRecord) -> None:
        """Puts a key's own limits before those of its plan, once that has some."""
        if key.plan_instance_id is not None and self._table.anchor(Scope.KEY, key.limits_key_id) is not None:
            plan = self._table.anchor(Scope.PLAN, key.plan_instance_id)
            if plan is not None:
                self._table.key_anchor(key.limits_key_id, plan)

    def _anchor(self, limit: LimitRecord, keys: Sequence[KeyRecord]) -> int:
        workspace = self._table.workspace_anchor(limit.workspace_id)
        if limit.scope == "workspace":
            return workspace
        if limit.scope == "plan":
            return self._table.plan_anchor(limit.owner_id, workspace)
        instance_id = keys[0].plan_instance_id
        plan = None if instance_id is None else self._table.anchor(Scope.PLAN, instance_id)
        return self._table.key_anchor(limit.owner_id, plan or workspace)

    def _keys_of(self, scope: str, owner_id: int) -> list[KeyRecord]:
        """The keys whose chains an owner's limits are in."""
        with self._store.reading() as connection:
            return key_rows.counted_by(connection, scope, owner_id)

    def _spec(self, limit: LimitRecord) -> LimitSpec:
        return LimitSpec(
            limit_id=limit.id,
            metric=Metric(measures.METRICS[limit.metric]),
            window=Window(measures.WINDOWS[limit.window]),
            class_bit=self._class_bit(limit.model_class),
            amount=limit.amount,
            credits=limit.source == "credits",
        )

    def _class_bit(self, model_class: str) -> int:
        try:
            return CLASS_BITS[model_class] if model_class in CLASS_BITS else self._table.pattern_bit(model_class, self._listed)
        except PatternsFullError:
            raise OrderError(
                "limit.patterns_full", "all {count} places for patterns are in use by limits and keys", count=PATTERNS_MAX
            ) from None

    def _listed(self) -> set[int]:
        """The bits that lists of keys name: in the database, where a change begins, and in the table, where it arrives."""
        with self._store.reading() as connection:
            listed = key_rows.models_in_force(connection)
        named = self._keys.allowed_bits()
        return {bit for bit, text in self._table.patterns.texts().items() if text in listed or named >> bit & 1}

    def _used(self, limit: LimitRecord) -> tuple[int, int]:
        """What the books say was used of a limit, and since when: for one that the table does not know."""
        with self._store.reading() as connection:
            if limit.source == "credits":
                return spent(connection, limit.workspace_id), 0
            # A window that the clock has not reached yet is one that it has left by going back.
            start_s, used = limit_rows.used_at(connection, limit.id, self._clock.wall_ns() // 1_000_000_000)
        return used, start_s


def spent(connection: Connection, workspace_id: int) -> int:
    """What a workspace has used of its credits, and beyond them, in nanodollars."""
    credited = lot_rows.credited(connection, workspace_id)
    owed = -ledger_rows.balance(connection, f"owed/{workspace_id}")
    return credited - lot_rows.remaining(connection, workspace_id) + owed


def window_end_s(window: str, start_s: int) -> int:
    """When a window that began at `start_s` ends, in Unix time; 0 when none has begun or it never ends."""
    if not start_s:
        return 0
    if window == "5h":
        return start_s + FIVE_HOURS_S
    if window == "day":
        return start_s + DAY_S
    if window == "month":
        begin = datetime.fromtimestamp(start_s, UTC)
        year, month = divmod(begin.year * 12 + begin.month, 12)
        return int(begin.replace(year=year, month=month + 1, day=1).timestamp())
    return 0
