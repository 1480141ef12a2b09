"""Keys: minting, listing, revoking, and the copy of them in the shared file.

The database is the truth, the shared file is what workers look at. A change is durable in the database first and live in every
worker the moment after; a crash in between is healed by `rebuild` at the next start. The key itself exists only in the answer
to `mint`.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec

from gateway.control.store import KeyRecord, NewKey, Store
from gateway.core import ids
from gateway.core.clock import Clock
from gateway.core.money import NANODOLLARS_PER_DOLLAR, dollars
from gateway.state.keys import KeyRow, KeyState, KeyTable
from gateway.state.pepper import Pepper

KEY_PREFIX = "sk-ant-api03-"
KEY_RANDOM_CHARS = 93  # 6 bits each: 558 bits; the length is that of an Anthropic key because some clients check it
KEY_SUFFIX = "AA"
MINT_COUNT_MAX = 500
AMOUNT_MAX = 10**15  # of anything; keeps every sum of amounts inside 63 bits
PEPPER_META = "pepper_fingerprint"

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Amount = Annotated[int, msgspec.Meta(ge=1, le=AMOUNT_MAX)]


class OrderError(Exception):
    """An order for keys that cannot be carried out. The text is for whoever asked."""


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `mint` is asked for: `count` keys alike. Limits that are None do not apply."""

    name: Name
    count: Annotated[int, msgspec.Meta(ge=1, le=MINT_COUNT_MAX)] = 1
    workspace: Name = "default"
    plan: Name | None = None
    rpm: Amount | None = None  # requests a minute
    itpm: Amount | None = None  # input tokens a minute
    otpm: Amount | None = None  # output tokens a minute
    budget_tokens: Amount | None = None
    budget_usd: Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{1,6}(\.[0-9]{1,9})?\Z")] | None = None
    concurrency: Amount | None = None
    expires_at_s: Annotated[int, msgspec.Meta(ge=0, le=2**40)] = 0  # wall-clock seconds; 0 is never


@dataclass(frozen=True, slots=True)
class Minted:
    """A key at the only moment at which it can be seen."""

    record: KeyRecord
    key_text: str

    def __repr__(self) -> str:
        return f"<Minted {self.record.public_id}>"


class Keys:
    """The keys of this installation, in the database and in the shared file together.

    `table` is None when no shared file exists (nothing is serving); the keys then go live at the next start.
    """

    def __init__(self, store: Store, pepper: Pepper, clock: Clock, table: KeyTable | None) -> None:
        self._store = store
        self._pepper = pepper
        self._clock = clock
        self._table = table

    def mint(self, order: Order) -> list[Minted]:
        """Makes `order.count` keys in one transaction and puts them before the workers.

        Several keys are told apart by a running number: NAME-001, NAME-002. Raises OrderError when the order makes no sense or
        the shared file has no room, StoreError when the database fails; in both cases no key exists.
        """
        for text in (order.name, order.workspace, order.plan or "-"):
            if not text.isprintable() or text != text.strip():
                raise OrderError("names must be printable characters without blanks at the ends")
        if self._table is not None and len(self._table) + order.count > self._table.rows_max:
            raise OrderError(f"the shared file has room for {self._table.rows_max} keys and holds {len(self._table)}")
        key_texts = [fresh_key_text() for _ in range(order.count)]
        new = [self._new_key(order, key_text, number) for number, key_text in enumerate(key_texts, start=1)]
        records = self._store.insert_keys(order.workspace, new, self._now_s())
        if self._table is not None:
            for record in records:
                self._table.put(record.digest, row_of(record))
        return [Minted(record, key_text) for record, key_text in zip(records, key_texts, strict=True)]

    def revoke(self, public_id: str) -> KeyRecord:
        """Revokes a key: every worker refuses it from its next request on. Raises OrderError when there is no such key."""
        record = self._store.revoke_key(public_id, self._now_s())
        if record is None:
            raise OrderError(
                f"no key {public_id}" if is_key_id(public_id) else "not a key id: they look like key_ and 22 characters"
            )
        if self._table is not None:
            self._table.revoke(record.digest)
        return record

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
                self._table.put(record.digest, row_of(record))
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
                f"the pepper file is not the one with which the {len(records)} stored keys were made: "
                "restore it from the same backup as gateway.db, or no key will be recognised"
            )

    def _new_key(self, order: Order, key_text: str, number: int) -> NewKey:
        return NewKey(
            public_id=ids.text_of("key", ids.fresh_id()),
            digest=self._pepper.digest(key_text),
            name=order.name if order.count == 1 else f"{order.name}-{number:03d}",
            shown_prefix=key_text[: len(KEY_PREFIX) + 4],
            shown_suffix=key_text[-4:],
            expires_at_s=order.expires_at_s,
            plan=order.plan,
            rpm=order.rpm,
            itpm=order.itpm,
            otpm=order.otpm,
            budget_tokens=order.budget_tokens,
            budget_nanodollars=None if order.budget_usd is None else int(Decimal(order.budget_usd) * NANODOLLARS_PER_DOLLAR),
            concurrency=order.concurrency,
        )

    def _now_s(self) -> int:
        return self._clock.wall_ns() // 1_000_000_000


def read_order(body: bytes) -> Order:
    """An Order from JSON. Raises OrderError for everything else, however hostile."""
    try:
        return msgspec.json.decode(body, type=Order)
    except RecursionError:
        raise OrderError("nested too deeply") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise OrderError(str(error)) from None


def fresh_key_text() -> str:
    """A new key: 108 characters, 558 random bits."""
    return KEY_PREFIX + secrets.token_urlsafe(KEY_RANDOM_CHARS)[:KEY_RANDOM_CHARS] + KEY_SUFFIX


def row_of(record: KeyRecord) -> KeyRow:
    """What workers are told about a key."""
    state = KeyState.ACTIVE if record.state == "active" else KeyState.REVOKED
    return KeyRow(key_id=record.id, workspace_id=record.workspace_id, state=state, expires_at_s=record.expires_at_s)


def is_key_id(text: str) -> bool:
    """Whether this could be the id of a key (not the key itself, which must not be repeated in any answer)."""
    try:
        ids.bytes_of("key", text)
    except ValueError:
        return False
    return True


def view(record: KeyRecord) -> dict[str, Any]:
    """A key as shown to people and scripts: never the digest. Dates are ISO 8601 in UTC."""
    return {
        "id": record.public_id,
        "name": record.name,
        "workspace": record.workspace,
        "shown": f"{record.shown_prefix}...{record.shown_suffix}",
        "state": record.state,
        "created_at": _date(record.created_at_s),
        "expires_at": _date(record.expires_at_s or None),
        "revoked_at": _date(record.revoked_at_s),
        "plan": record.plan,
        "rpm": record.rpm,
        "itpm": record.itpm,
        "otpm": record.otpm,
        "budget_tokens": record.budget_tokens,
        "budget_usd": None if record.budget_nanodollars is None else dollars(record.budget_nanodollars),
        "concurrency": record.concurrency,
    }


def view_minted(minted: Minted) -> dict[str, Any]:
    """`view` with the key in it: the one answer that carries a key."""
    shown = view(minted.record)
    return {"id": shown.pop("id"), "key": minted.key_text, **shown}


def _date(seconds: int | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(min(seconds, 253402300799), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
