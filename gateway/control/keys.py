"""Keys: minting, listing, revoking, rotating, and the copy of them in the shared file.

The database is the truth, the shared file is what workers look at. A change is durable in the database first and live in every
worker the moment after; a crash in between is healed by `rebuild` at the next start. The key itself exists only in the answer
to `mint` or `rotate`.
"""

import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from gateway.control import allow_lists, orders
from gateway.control.allow_lists import ModelNames, ModelsOrder
from gateway.control.chains import Chains
from gateway.control.key_views import USUAL, view
from gateway.control.limits import LIMITS_PER_OWNER_MAX, LimitOrder, Limits
from gateway.control.orders import Amount, Dollars, MissingError, Moment, Name, OrderError, check_text
from gateway.control.plans import PlansInUse
from gateway.control.store import KeyRecord, LimitRecord, NewKey, Store, WorkspaceRecord
from gateway.control.store import keys as rows
from gateway.control.workspaces import DEFAULT, Workspaces
from gateway.core import ids
from gateway.core.clock import Clock
from gateway.state.keys import KeyRow, KeyTable
from gateway.state.pepper import Pepper

__all__ = ["OrderError"]  # besides what is defined here; those who order keys meet it first

KEY_PREFIX = "sk-ant-api03-"
KEY_RANDOM_CHARS = 93  # 6 bits each: 558 bits; the length is that of an Anthropic key because some clients check it
KEY_SUFFIX = "AA"
MINT_COUNT_MAX = 500
GRACE_S_MAX = 90 * 86400
PEPPER_META = "pepper_fingerprint"


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `mint` is asked for: `count` keys alike. Limits that are None do not apply.

    The six by name are the usual ones, `limits` holds any others. `workspace` is an id or a name; a name that nobody has is
    given to a new workspace. Without `plan` the workspace's own choice counts, without `models` they may use all.
    """

    name: Name
    count: Annotated[int, msgspec.Meta(ge=1, le=MINT_COUNT_MAX)] = 1
    workspace: Name = DEFAULT
    plan: Name | None = None
    rpm: Amount | None = None  # requests a minute
    itpm: Amount | None = None  # input tokens a minute
    otpm: Amount | None = None  # output tokens a minute
    budget_tokens: Amount | None = None
    budget_usd: Dollars | None = None
    concurrency: Amount | None = None
    limits: Annotated[tuple[LimitOrder, ...], msgspec.Meta(max_length=LIMITS_PER_OWNER_MAX)] = ()
    models: ModelNames = ()  # classes and patterns
    expires_at_s: Moment = 0  # wall-clock seconds; 0 is never

    def all_limits(self) -> list[LimitOrder]:
        """The limits by name and the others. Raises OrderError when two limit the same."""
        found = [
            LimitOrder(metric=metric, window=None if metric == "concurrency" else window, amount=amount)
            for name, (metric, window) in USUAL.items()
            if (amount := getattr(self, name)) is not None
        ]
        found += self.limits
        kinds = [one.grant().kind for one in found]
        if len(set(kinds)) < len(kinds):
            raise OrderError("limit.twice", "two of the limits have the same metric, class and window")
        return found


class RotationOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A new key in place of an old one, which works on for `grace_s` seconds."""

    grace_s: Annotated[int, msgspec.Meta(ge=0, le=GRACE_S_MAX)] = 86400


@dataclass(frozen=True, slots=True)
class Minted:
    """A key at the only moment at which it can be seen."""

    record: KeyRecord
    key_text: str
    limits: tuple[LimitRecord, ...] = ()

    def __repr__(self) -> str:
        return f"<Minted {self.record.public_id}>"


class Keys:
    """The keys of this installation, in the database and in the shared file together.

    `table` and `chains` are None when no shared file exists (nothing is serving); the keys then go live at the next start.
    """

    def __init__(
        self,
        store: Store,
        pepper: Pepper,
        clock: Clock,
        table: KeyTable | None,
        chains: Chains | None,
        workspaces: Workspaces,
        plans: PlansInUse,
        limits: Limits,
    ) -> None:
        self._store = store
        self._pepper = pepper
        self._clock = clock
        self._table = table
        self._chains = chains
        self._workspaces = workspaces
        self._plans = plans
        self._limits = limits

    def mint(self, order: Order) -> list[Minted]:
        """Makes `order.count` keys in one transaction and puts them before the workers.

        Several keys are told apart by a running number: NAME-001, NAME-002. Raises OrderError when the order makes no sense, the
        plan forbids it or the shared file has no room, StoreError when the database fails; in all cases no key exists.
        """
        check_text(order.name, order.workspace, order.plan)
        wanted, models = order.all_limits(), allow_lists.checked(order.models)
        self._check_room(order.count)
        if wanted:
            self._limits.check_room(order.count * len(wanted), order.count)
        with self._store.transaction() as connection:
            workspace = self._workspaces.find_or_create(order.workspace)
            if workspace.archived_at_s is not None:
                raise OrderError("workspace.archived", "the workspace {name!r} is archived", name=workspace.name)
            plan = order.plan or workspace.plan
            instance_id = None if plan is None else self._plans.place(workspace, plan, order.count).id
            minted = []
            for number in range(1, order.count + 1):
                key_text = fresh_key_text()
                name = order.name if order.count == 1 else f"{order.name}-{number:03d}"
                new = self._new_key(key_text, name, order.expires_at_s, instance_id, models)
                [record] = rows.insert(connection, workspace.id, [new], self._now_s())
                if number == 1:
                    self._reserve(models)
                limits = tuple(self._limits.set_for_key(record, one) for one in wanted)
                minted.append(Minted(record, key_text, limits))
            self._store.when_committed(lambda: self._show(one.record for one in minted))
        return minted

    def rotate(self, public_id: str, order: RotationOrder) -> Minted:
        """Makes a key in place of another: same name, workspace, plan, models and limits, and what was used of them stays used.

        The old key works for the time of grace, then never again. Raises OrderError when it is revoked, over or rotated already.
        """
        self._check_room(1)
        now_s = self._now_s()
        with self._store.transaction() as connection:
            old = self.find(public_id)
            if old.state != "active" or old.rotated_until_s is not None or 0 < old.ends_at_s <= now_s:
                raise OrderError("key.not_in_force", "key {key} is not in force and cannot be rotated", key=public_id)
            key_text = fresh_key_text()
            new = self._new_key(key_text, old.name, old.expires_at_s, old.plan_instance_id, old.models, old)
            [record] = rows.insert(connection, old.workspace_id, [new], now_s)
            rows.end_rotated(connection, old.id, now_s + order.grace_s)
            ended = self.find(public_id)
            self._store.when_committed(lambda: self._show((record, ended)))
        return Minted(record, key_text, tuple(self._limits.of_key(record)))

    def allow(self, public_id: str, order: ModelsOrder) -> KeyRecord:
        """Gives a key, and all keys of its line of rotations, another list of models, in force from the next request on.

        Raises OrderError when the key is revoked, the list makes no sense or the shared file has no room for its patterns.
        """
        models = allow_lists.checked(order.models)
        with self._store.transaction() as connection:
            record = self.find(public_id)
            if record.state != "active":
                raise OrderError("key.revoked", "key {key} is revoked", key=public_id)
            rows.allow(connection, record.limits_key_id, models)
            self._reserve(models)
            line = rows.counted_by(connection, "key", record.limits_key_id)
            self._store.when_committed(lambda: self._show(line))
            return self.find(public_id)

    def revoke(self, public_id: str) -> KeyRecord:
        """Revokes a key: every worker refuses it from its next request on. Raises OrderError when there is no such key."""
        with self._store.transaction() as connection:
            record = rows.revoke(connection, public_id, self._now_s())
            if record is None:
                raise missing(public_id)
            self._store.when_committed(lambda: self._hide(record))
        return record

    def revoke_all(self, workspace: WorkspaceRecord) -> int:
        """Revokes every key of a workspace. Returns how many were in force."""
        with self._store.transaction() as connection:
            active = [key for key in rows.page(connection, within=[workspace.id]) if key.state == "active"]
            for key in active:
                self.revoke(key.public_id)
        return len(active)

    def rename(self, public_id: str, name: str) -> KeyRecord:
        """Gives a key another name. Raises OrderError."""
        check_text(name)
        with self._store.transaction() as connection:
            record = rows.rename(connection, public_id, name)
        if record is None:
            raise missing(public_id)
        return record

    def find(self, public_id: str) -> KeyRecord:
        """A key by its id. Raises MissingError."""
        record = self._store.key(public_id)
        if record is None:
            raise missing(public_id)
        return record

    def page(
        self,
        after_id: int = 0,
        limit: int = -1,
        within: Collection[int] | None = None,
        search: str = "",
        *,
        newest_first: bool = False,
    ) -> list[KeyRecord]:
        """Keys in order of minting or the other way round, those after a number, with `search` in their names; of all
        workspaces, or `within` those of these numbers."""
        with self._store.reading() as connection:
            return rows.page(connection, after_id, limit, within, search, newest_first=newest_first)

    def views(self, records: Sequence[KeyRecord]) -> list[dict[str, Any]]:
        """Keys with their own limits, as shown to people and scripts."""
        found = self._limits.of_keys(records)
        now_s = self._now_s()
        return [view(record, found[record.limits_key_id], now_s) for record in records]

    def view(self, record: KeyRecord) -> dict[str, Any]:
        """A key with its own limits, as shown to people and scripts."""
        return self.views([record])[0]

    def view_minted(self, minted: Minted) -> dict[str, Any]:
        """`view` with the key in it: the one answer that carries a key."""
        shown = view(minted.record, minted.limits, self._now_s())
        return {"id": shown.pop("id"), "key": minted.key_text, **shown}

    def rebuild(self) -> int:
        """Makes the shared file's key table agree with the database and returns how many keys are in force.

        Workers may be looking at the table meanwhile, so rows are replaced one by one. Only a table that also holds keys which
        the database does not know (an older backup was restored) is emptied first: those must not open the door again. Raises
        OrderError when the pepper is not the one with which the stored keys were made.
        """
        records = self._store.keys()
        self.check_pepper(records)
        if self._table is None:
            return sum(record.state == "active" for record in records)
        known = sum(self._table.find(record.digest) is not None for record in records)
        if known < len(self._table):
            self._table.clear()
        in_force = 0
        for record in records:
            if record.state == "active":
                self._table.put(record.digest, self._row_of(record))
                in_force += 1
            elif self._table.find(record.digest) is not None:
                self._table.revoke(record.digest)
        return in_force

    def check_pepper(self, records: Sequence[KeyRecord]) -> None:
        """Raises OrderError if the stored keys were made with another pepper: none of them could ever be recognised."""
        stored = self._store.meta(PEPPER_META)
        if stored is None or (stored != self._pepper.fingerprint() and not records):
            self._store.set_meta(PEPPER_META, self._pepper.fingerprint())
        elif stored != self._pepper.fingerprint():
            raise OrderError(
                "key.other_pepper",
                "the pepper file is not the one with which the {count} stored keys were made: "
                "restore it from the same backup as gateway.db, or no key will be recognised",
                count=len(records),
            )

    def _check_room(self, count: int) -> None:
        if self._table is not None and len(self._table) + count > self._table.rows_max:
            raise OrderError(
                "key.no_room",
                "the shared file has room for {count} keys and holds {held}",
                count=self._table.rows_max,
                held=len(self._table),
            )

    def _reserve(self, models: Sequence[str]) -> None:
        """Makes sure, while the database can still be left as it was, that the patterns of a new list find room."""
        if self._chains is not None:
            self._chains.allowed(models)

    def _show(self, records: Iterable[KeyRecord]) -> None:
        if self._table is not None:
            for record in records:
                self._table.put(record.digest, self._row_of(record))

    def _hide(self, record: KeyRecord) -> None:
        if self._table is not None:
            self._table.revoke(record.digest)
        if self._chains is not None:
            with self._store.reading() as connection:
                left = rows.counted_by(connection, "key", record.limits_key_id)
            if not left:
                self._chains.forget(record.limits_key_id)

    def _row_of(self, record: KeyRecord) -> KeyRow:
        assert self._chains is not None, "a table of keys comes with one of limits"
        return self._chains.row_of(record)

    def _new_key(
        self,
        key_text: str,
        name: str,
        expires_at_s: int,
        instance_id: int | None,
        models: tuple[str, ...],
        replaces: KeyRecord | None = None,
    ) -> NewKey:
        return NewKey(
            public_id=ids.text_of("key", ids.fresh_id()),
            digest=self._pepper.digest(key_text),
            name=name,
            shown_prefix=key_text[: len(KEY_PREFIX) + 4],
            shown_suffix=key_text[-4:],
            expires_at_s=expires_at_s,
            plan_instance_id=instance_id,
            replaces=replaces,
            models=models,
        )

    def _now_s(self) -> int:
        return self._clock.wall_ns() // 1_000_000_000


def read_order(body: bytes) -> Order:
    """An Order from JSON. Raises OrderError for everything else, however hostile."""
    return orders.read(body, Order)


def fresh_key_text() -> str:
    """A new key: 108 characters, 558 random bits."""
    return KEY_PREFIX + secrets.token_urlsafe(KEY_RANDOM_CHARS)[:KEY_RANDOM_CHARS] + KEY_SUFFIX


def is_key_id(text: str) -> bool:
    """Whether this could be the id of a key (not the key itself, which must not be repeated in any answer)."""
    try:
        ids.bytes_of("key", text)
    except ValueError:
        return False
    return True


def missing(public_id: str) -> MissingError:
    """What is said of a key that is not there."""
    if is_key_id(public_id):
        return MissingError("key.missing", "no key {key}", key=public_id)
    return MissingError("key.not_an_id", "not a key id: they look like key_ and 22 characters")
