"""Limits: setting, removing and showing them, and their copies in the shared file.

The database is the truth about which limits there are, the shared file about what is used of them at this moment; the books
follow a moment later. A change is durable first and in force in every worker the moment after; a crash in between is healed by
`rebuild`. Knows nothing of why a limit exists: plans and credits make theirs through `grant`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

import msgspec
import structlog

from gateway.catalog import measures
from gateway.catalog.plans import LIMITS_PER_PLAN_MAX, Grant
from gateway.control.chains import Chains, spent, window_end_s
from gateway.control.orders import MissingError, OrderError, date
from gateway.control.store import Connection, KeyRecord, LimitRecord, Store, WorkspaceRecord
from gateway.control.store import limits as rows
from gateway.core.clock import Clock
from gateway.core.refusals import Refusal
from gateway.state.inflight import Orphan
from gateway.state.limits import LimitState, Metric, Window
from gateway.state.limits.rows import Amounts
from gateway.state.record import Charge

MINUTE_NS = 60_000_000_000
LIMITS_PER_OWNER_MAX = LIMITS_PER_PLAN_MAX  # a chain in the shared file has three owners and 24 places

# Limit and start of its window -> what the books say was used, in the metric's unit.
Used = dict[tuple[int, int], int]


class LimitOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A limit to be set, in the words of `gateway.catalog.measures`. `class` is a model class or a pattern of model names.

    Setting a limit of the same metric, class and window again changes its amount. An amount of 0 lets nothing pass.
    """

    metric: Annotated[str, msgspec.Meta(max_length=32)]
    amount: Annotated[int, msgspec.Meta(ge=0, le=measures.AMOUNT_MAX)] | Annotated[str, msgspec.Meta(max_length=32)]
    window: Annotated[str, msgspec.Meta(max_length=32)] | None = None
    model_class: Annotated[str, msgspec.Meta(max_length=200)] = msgspec.field(name="class", default=measures.ALL)

    def grant(self) -> Grant:
        """The limit it asks for. Raises OrderError when it makes no sense."""
        try:
            measures.check_metric(self.metric)
            window = measures.check_window(self.metric, self.window)
            measures.check_class(self.model_class)
            return Grant(self.metric, self.model_class, window, measures.read_amount(self.metric, self.amount))
        except Refusal as error:
            raise OrderError.like(error) from None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a limit stands now: used and held in the metric's unit, and the Unix time at which its window ends (0: none)."""

    used: int
    held: int
    window_start_s: int
    window_end_s: int


class Limits:
    """The limits of this installation, in the database and in the shared file together.

    `chains` is None when no shared file exists (nothing is serving); changes then go live at the next start.
    """

    def __init__(self, store: Store, clock: Clock, chains: Chains | None) -> None:
        self._store = store
        self._clock = clock
        self._chains = chains
        self._followers: list[Callable[[int], object]] = []
        self._touched: set[int] = set()

    def follow(self, act: Callable[[int], object]) -> None:
        """Tells `act` the number of every workspace whose own limits change, inside the transaction of the change."""
        self._followers.append(act)

    def set_for_key(self, key: KeyRecord, order: LimitOrder) -> LimitRecord:
        """Sets an own limit of a key, and of all keys of its line of rotations. Raises OrderError, StoreError."""
        if key.state != "active":
            raise OrderError("key.revoked", "key {key} is revoked", key=key.public_id)
        return self._set(key.workspace_id, "key", key.limits_key_id, order.grant())

    def set_for_workspace(self, workspace: WorkspaceRecord, order: LimitOrder) -> LimitRecord:
        """Sets an own limit of a workspace: what all its keys together may use. Raises OrderError, StoreError."""
        return self._set(workspace.id, "workspace", workspace.id, order.grant())

    def check_room(self, limits: int, owners: int) -> None:
        """Raises OrderError when the shared file has no room for so many more limits of so many more owners."""
        if self._chains is not None:
            self._chains.check_room(limits, owners)

    def remove(self, limit_id: int) -> LimitRecord:
        """Removes an own limit; those of plans, tiers and credits stand as long as their reason. Raises OrderError."""
        with self._store.transaction() as connection:
            record = rows.find(connection, limit_id)
            if record is None or record.removed_at_s is not None:
                raise MissingError("limit.missing", "no limit {number}", number=str(limit_id))
            if record.source != "own":
                raise OrderError(
                    "limit.not_own",
                    "limit {number} belongs to a {source} and cannot be removed by itself",
                    number=str(limit_id),
                    source=record.source,
                )
            self._take_out(connection, limit_id)
            removed = rows.find(connection, limit_id)
            self._tell_followers(record.scope, record.workspace_id)
        assert removed is not None
        return removed

    def find(self, limit_id: int) -> LimitRecord:
        """A limit in force. Raises MissingError."""
        with self._store.reading() as connection:
            record = rows.find(connection, limit_id)
        if record is None or record.removed_at_s is not None:
            raise MissingError("limit.missing", "no limit {number}", number=str(limit_id))
        return record

    def of_key(self, key: KeyRecord) -> list[LimitRecord]:
        """The own limits of a key, without those of its plan and workspace."""
        return self.of_owner("key", key.limits_key_id)

    def of_workspace(self, workspace: WorkspaceRecord) -> list[LimitRecord]:
        """All limits of a workspace: its own, its tier's and its credits."""
        return self.of_owner("workspace", workspace.id)

    def of_owner(self, scope: str, owner_id: int) -> list[LimitRecord]:
        with self._store.reading() as connection:
            return rows.of_owner(connection, scope, owner_id)

    def of_keys(self, keys: Iterable[KeyRecord]) -> dict[int, list[LimitRecord]]:
        """The own limits of many keys, by `limits_key_id`."""
        with self._store.reading() as connection:
            return rows.of_owners(connection, "key", {key.limits_key_id for key in keys})

    def chain_of_key(self, key: KeyRecord) -> list[LimitRecord]:
        """Every limit that a request with this key is counted against: the key's, its plan's, its workspace's."""
        chain = self.of_key(key)
        if key.plan_instance_id is not None:
            chain += self.of_owner("plan", key.plan_instance_id)
        return chain + self.of_owner("workspace", key.workspace_id)

    def standing(self, limit: LimitRecord) -> Standing:
        """How a limit stands now, as the shared file says, or as the books say where there is no shared file."""
        state = None if self._chains is None else self._chains.state(limit.id)
        if state is not None:
            return self._standing_of(state)
        with self._store.reading() as connection:
            if limit.source == "credits":
                return Standing(spent(connection, limit.workspace_id), 0, 0, 0)
            start_s, used = rows.used_at(connection, limit.id, self._now_s())
        return self._current(Standing(used, 0, start_s, window_end_s(limit.window, start_s)))

    def correct(self, limit_id: int, window_start_s: int, difference: int) -> None:
        """Adds to what is used in a window of a limit in the shared file, because the books count otherwise than the workers."""
        if self._chains is not None and not self._chains.correct(limit_id, window_start_s, difference):
            structlog.get_logger().info("limit to be corrected is gone or in another window", limit=limit_id)

    def settle_orphan(self, orphan: Orphan, record: bytes, real: Amounts, mono_ns: int) -> tuple[Charge, ...]:
        """Counts what a dead worker's request took, see `LimitTable.settle_orphan`. Raises LimitsBusyError."""
        return () if self._chains is None else self._chains.settle_orphan(orphan, record, real, mono_ns)

    def rebuild(self) -> None:
        """Makes the shared file hold the limits that the database says; what it counts already stays counted."""
        if self._chains is not None:
            with self._store.reading() as connection:
                standing = rows.in_force(connection)
            self._chains.rebuild(standing)
            self.touch(record.id for record in standing)

    def in_books(self) -> tuple[dict[int, LimitRecord], Used]:
        """Every limit that counts somebody, and all that was used of any."""
        with self._store.reading() as connection:
            records = {record.id: record for record in rows.in_force(connection)}
            used = rows.used_of_all(connection)
            for record in records.values():
                if record.source == "credits":
                    used[record.id, 0] = spent(connection, record.workspace_id)
        return records, used

    def in_window(self, records: Mapping[int, LimitRecord], used: Used) -> set[int]:
        """The limits that are, according to the books, in a window that has begun and will end."""
        now_s = self._now_s()
        return {
            limit_id
            for limit_id, start_s in used
            if limit_id in records and start_s <= now_s < window_end_s(records[limit_id].window, start_s)
        }

    def in_shared_file(self) -> dict[int, LimitState] | None:
        """Every limit there, as it is at nearly this moment; None when there is no shared file."""
        return None if self._chains is None else self._chains.states()

    def touch(self, limit_ids: Iterable[int]) -> None:
        """Notes that the books have counted something against limits."""
        self._touched.update(limit_ids)

    def agree(self, enter_all: Callable[[], object]) -> int:
        """Lets the shared file count what the books say of every limit touched since the last time. Returns how many differed.

        They differ when a control plane died between entering requests and correcting limits for them, and when the clock went
        back into a window that a row has forgotten. Workers go on counting meanwhile: a limit is corrected when it was found to
        differ by the same amount three times with nothing entered against it, which no settlement under way can look like.
        """
        if self._chains is None:
            return 0
        touched, self._touched = self._touched, set()
        found = self._deltas(self._chains, touched, enter_all)
        for _ in range(2):
            if found:
                again = self._deltas(self._chains, {limit_id for limit_id, _ in found}, enter_all)
                found = {kind: delta for kind, delta in found.items() if again.get(kind) == delta}
        for (limit_id, window_start_s), delta in found.items():
            self.correct(limit_id, window_start_s, delta)
        if found:
            structlog.get_logger().warning("limits have been corrected by the books", limits=len(found))
        return len(found)

    def _deltas(self, chains: Chains, limit_ids: Iterable[int], enter_all: Callable[[], object]) -> dict[tuple[int, int], int]:
        """By limit and window, what the shared file counts too little; for those that nothing was entered for meanwhile."""
        enter_all()
        states = {limit_id: state for limit_id in limit_ids if (state := chains.state(limit_id)) is not None and state.is_durable}
        before = {limit_id: self._booked(state) for limit_id, state in states.items()}
        enter_all()
        found = {}
        for limit_id, state in states.items():
            booked = self._booked(state)
            if booked != before[limit_id]:
                self._touched.add(limit_id)  # busy: another time
            elif booked != state.used:
                found[limit_id, state.window_start_s] = booked - state.used
        return found

    def _booked(self, state: LimitState) -> int:
        """What the books say was used in the window that a limit is in."""
        with self._store.reading() as connection:
            if state.credits:
                return spent(connection, state.owner_id)
            return rows.used_since(connection, state.limit_id, state.window_start_s)

    def grant(self, workspace_id: int, scope: str, owner_id: int, source: str, grants: Iterable[Grant]) -> list[LimitRecord]:
        """Makes the limits of one source (plan, tier, credits) be exactly `grants`. A limit that stays keeps what was used of it.

        Raises OrderError when the owner would have more than LIMITS_PER_OWNER_MAX.
        """
        wanted = {grant.kind: grant for grant in grants}
        with self._store.transaction() as connection:
            for record in rows.of_owner(connection, scope, owner_id):
                if record.source != source:
                    continue
                grant = wanted.pop(record.kind, None)
                if grant is None:
                    self._take_out(connection, record.id)
                elif grant.amount != record.amount:
                    self._change(connection, record, grant.amount)
            for grant in wanted.values():
                self._put_in(connection, workspace_id, scope, owner_id, source, grant)
            standing = rows.of_owner(connection, scope, owner_id)
            if len(standing) > LIMITS_PER_OWNER_MAX:
                raise _too_many(scope)
        return [record for record in standing if record.source == source]

    def _set(self, workspace_id: int, scope: str, owner_id: int, grant: Grant) -> LimitRecord:
        with self._store.transaction() as connection:
            standing = [record for record in rows.of_owner(connection, scope, owner_id) if record.source == "own"]
            same = next((record for record in standing if record.kind == grant.kind), None)
            if same is not None:
                record = self._change(connection, same, grant.amount)
            else:
                record = self._put_in(connection, workspace_id, scope, owner_id, "own", grant)
                self._tell_followers(scope, workspace_id)
            if len(rows.of_owner(connection, scope, owner_id)) > LIMITS_PER_OWNER_MAX:
                raise _too_many(scope)
        return record

    def _put_in(
        self, connection: Connection, workspace_id: int, scope: str, owner_id: int, source: str, grant: Grant
    ) -> LimitRecord:
        chains = self._chains
        if chains is not None:
            chains.reserve(grant.model_class)
        record = rows.insert(connection, workspace_id, scope, owner_id, source, grant, self._now_s())
        if chains is not None:
            self._store.when_committed(lambda: chains.put(record))
        return record

    def _change(self, connection: Connection, record: LimitRecord, amount: int) -> LimitRecord:
        rows.change(connection, record.id, amount)
        changed = replace(record, amount=amount)
        if (chains := self._chains) is not None:
            self._store.when_committed(lambda: chains.put(changed))
        return changed

    def _take_out(self, connection: Connection, limit_id: int) -> None:
        rows.remove(connection, limit_id, self._now_s())
        if (chains := self._chains) is not None:
            self._store.when_committed(lambda: chains.remove(limit_id))

    def _tell_followers(self, scope: str, workspace_id: int) -> None:
        if scope == "workspace":
            for act in self._followers:
                act(workspace_id)

    def _standing_of(self, state: LimitState) -> Standing:
        if state.metric is not Metric.CONCURRENCY and state.window is Window.MINUTE:
            # What was taken comes back evenly; what has not come back yet is in use.
            ahead_ns = max(state.debt_ns - self._clock.monotonic_ns(), 0)
            return Standing(min(-(-ahead_ns * state.amount // MINUTE_NS), state.amount), 0, 0, 0)
        return self._current(Standing(state.used, state.held, state.window_start_s, state.window_end_s))

    def _current(self, standing: Standing) -> Standing:
        """As it will be seen by the next request: a window that is over counts nothing any more."""
        if 0 < standing.window_end_s <= self._now_s():
            return Standing(0, standing.held, 0, 0)
        return standing

    def _now_s(self) -> int:
        return self._clock.wall_ns() // 1_000_000_000


def view(limit: LimitRecord, standing: Standing | None = None) -> dict[str, Any]:
    """A limit as shown to people and scripts; amounts in the metric's written form (dollars, messages, whole numbers)."""
    shown: dict[str, Any] = {
        "id": limit.id,
        "scope": limit.scope,
        "metric": limit.metric,
        "class": limit.model_class,
        "window": None if limit.metric == "concurrency" else limit.window,
        "amount": measures.write_amount(limit.metric, limit.amount),
        "source": limit.source,
    }
    if standing is not None:
        left = max(limit.amount - standing.used - standing.held, 0)
        shown |= {
            "used": measures.write_amount(limit.metric, standing.used),
            "held": measures.write_amount(limit.metric, standing.held),
            "remaining": measures.write_amount(limit.metric, left),
            "window_start": date(standing.window_start_s or None),
            "window_end": date(standing.window_end_s or None),
        }
    return shown


def _too_many(scope: str) -> OrderError:
    return OrderError("limit.too_many", "a {scope} can have at most {count} limits", scope=scope, count=LIMITS_PER_OWNER_MAX)
