"""The ledger: double entry in nanodollars, only ever added to, each posting sealed to the one before.

An entry says what an account gained, so the entries of a posting sum up to zero. The accounts:

    cash           the world outside; minus what was paid in and not given back
    lot/<id>       what is left of credits bought at one time
    owed/<id>      minus what a prepaid workspace has used beyond its credits; the next purchase covers it
    open/<id>      minus what a workspace with an open account has used; billed outside, never covered by a purchase
    usage          all that was used
    expired        credits whose time was over

`seal` is a keyed BLAKE2b over the seal before, the posting's facts, its entries and the digest of its request rows; its key is
derived from the pepper. Whoever changes a row without the pepper, be it a failing disk, is found out by `verify`.
"""

import hashlib
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.control.orders import MissingError, OrderError
from gateway.control.store import Account, Connection, Entry, Posting, RequestRow, Store
from gateway.control.store import keys as key_rows
from gateway.control.store import ledger as rows
from gateway.control.store import requests as request_rows
from gateway.control.store import workspaces as workspace_rows
from gateway.core import ids
from gateway.core.clock import Clock
from gateway.core.faults import FaultKind
from gateway.core.money import dollars
from gateway.core.outcome import Outcome
from gateway.state.pepper import Pepper
from gateway.state.record import Flags, Surface

CASH, USAGE, EXPIRED = "cash", "usage", "expired"
NO_REQUESTS = b""  # digest of a posting without requests

_FACTS = struct.Struct("<qqqq")
_AMOUNT = struct.Struct("<qH")
_ENTRY = struct.Struct("<qqq")

# What is billed of a request, by its outcome; the manual says the same under 'How endings are billed'.
RULES = {
    Outcome.FINISHED: "usage as reported by the upstream",
    Outcome.REFUSED: "nothing",
    Outcome.REJECTED: "nothing",
    Outcome.CLIENT_GONE: "input as reported, output as streamed",
    Outcome.UPSTREAM_DIED: "after content: input as reported, output as streamed; before: nothing",
    Outcome.WORKER_KILLED: "as the row in flight last said, output as streamed",
    Outcome.BUDGET_ENDED: "input as reported, output as streamed",
}


@dataclass(slots=True)
class Draft:
    """A posting about to be made: entries by account name, in nanodollars, of which those of 0 are left out."""

    kind: str
    workspace_id: int
    amounts: dict[str, int] = field(default_factory=dict)
    memo: str = ""
    requests: int = 0
    requests_digest: bytes = NO_REQUESTS

    def move(self, source: str, target: str, amount: int) -> None:
        """Moves an amount from one account to another."""
        self.amounts[source] = self.amounts.get(source, 0) - amount
        self.amounts[target] = self.amounts.get(target, 0) + amount


class Seal:
    """Makes the seals of postings. Knows the key derived from the pepper, and nothing else."""

    __slots__ = ("_key",)

    def __init__(self, pepper: Pepper) -> None:
        self._key = pepper.derived(b"ledger seal")

    def of(
        self,
        former: bytes,
        posting_id: int,
        kind: str,
        at_ns: int,
        workspace_id: int,
        requests: int,
        memo: str,
        requests_digest: bytes,
        entries: Sequence[tuple[str, int]],
    ) -> bytes:
        """32 bytes over all facts of a posting; `entries` are (account, amount) in the order of the accounts' numbers."""
        parts = [former, _FACTS.pack(posting_id, at_ns, workspace_id, requests), requests_digest]
        for text in (kind, memo):
            raw = text.encode()
            parts.append(len(raw).to_bytes(4, "little") + raw)
        for account, amount in entries:
            raw = account.encode()
            parts.append(_AMOUNT.pack(amount, len(raw)) + raw)
        return hashlib.blake2b(b"".join(parts), digest_size=32, key=self._key, person=b"posting").digest()

    def __repr__(self) -> str:
        return "<Seal>"


class Ledger:
    """The ledger of this installation. Belongs to the thread of its Store."""

    def __init__(self, store: Store, pepper: Pepper, clock: Clock) -> None:
        self._store = store
        self._seal = Seal(pepper)
        self._clock = clock
        self._account_ids: dict[str, int] = {}

    def next_id(self) -> int:
        """The number that the next posting will have."""
        with self._store.reading() as connection:
            return rows.last(connection)[0] + 1

    def post(self, *drafts: Draft) -> list[Posting]:
        """Makes postings, numbered in order, in the transaction that is open or in one of their own. Raises StoreError."""
        if not drafts:
            return []
        at_ns = self._clock.wall_ns()
        with self._store.transaction() as connection:
            posting_id, former = rows.last(connection)
            postings: list[Posting] = []
            entries: list[tuple[int, int, int, int]] = []
            for draft in drafts:
                posting_id += 1
                lines = sorted((self._account_id(name), name, amount) for name, amount in draft.amounts.items() if amount)
                assert sum(draft.amounts.values()) == 0, "a posting does not balance"
                sealed = [(name, amount) for _, name, amount in lines]
                facts = (draft.kind, at_ns, draft.workspace_id, draft.requests, draft.memo, draft.requests_digest)
                former = self._seal.of(former, posting_id, *facts, sealed)
                postings.append(Posting(posting_id, *facts, former))
                entries += [
                    (posting_id, account, amount, entry_check_sum(posting_id, account, amount)) for account, _, amount in lines
                ]
            rows.insert(connection, postings, entries)
        return postings

    def balance(self, account: str) -> int:
        """What an account holds; 0 when it was never used."""
        with self._store.reading() as connection:
            return rows.balance(connection, account)

    def accounts(self, after: str = "", limit: int = -1) -> list[Account]:
        """Accounts by name, those after a name."""
        with self._store.reading() as connection:
            return rows.accounts(connection, after, limit)

    def postings(
        self, before_id: int = 2**62, limit: int = 100, workspace_id: int | None = None
    ) -> list[tuple[Posting, list[Entry]]]:
        """Postings with their entries, latest first, those before a number."""
        with self._store.reading() as connection:
            page = rows.page(connection, before_id, limit, workspace_id)
            entries = rows.entries_of(connection, [posting.id for posting in page])
        return [(posting, entries[posting.id]) for posting in page]

    def posting(self, posting_id: int) -> tuple[Posting, list[Entry]]:
        """One posting with its entries. Raises MissingError."""
        with self._store.reading() as connection:
            posting = rows.find(connection, posting_id)
            if posting is None:
                raise MissingError("posting.missing", "no posting {number}", number=str(posting_id))
            return posting, rows.entries_of(connection, [posting_id])[posting_id]

    def _account_id(self, name: str) -> int:
        number = self._account_ids.get(name)
        if number is None:
            number = rows.account_id(self._store.connection, name)
            # Noted only when it stays: an account that was opened in a transaction which fails does not exist.
            self._store.when_committed(lambda: self._account_ids.__setitem__(name, number))
        return number


def entry_check_sum(posting_id: int, account_id: int, amount: int) -> int:
    """CRC-32 of an entry: names the entry that a failing disk has changed, where the seal names the posting."""
    return zlib.crc32(_ENTRY.pack(posting_id, account_id, amount))


def view(posting: Posting, entries: Sequence[Entry]) -> dict[str, Any]:
    """A posting as shown to people and scripts; amounts exact, in nanodollars and in dollars as text."""
    return {
        "id": posting.id,
        "kind": posting.kind,
        "at_ns": posting.at_ns,
        "workspace_id": posting.workspace_id,
        "requests": posting.requests,
        "memo": posting.memo,
        "entries": [
            {"account": entry.account, "amount_nanodollars": entry.amount, "amount_usd": dollars(entry.amount)}
            for entry in entries
        ],
        "seal": posting.seal.hex(),
    }


def view_account(account: Account) -> dict[str, Any]:
    """An account as shown to people and scripts."""
    return {"name": account.name, "balance_nanodollars": account.balance, "balance_usd": dollars(account.balance)}


def request(connection: Connection, request_id: str) -> RequestRow:
    """The row of a request: a walk over all of them, never for the connection that writes. Raises OrderError, MissingError."""
    try:
        wanted = ids.bytes_of("req", request_id)
    except ValueError:
        raise OrderError("request.not_an_id", "not a request id: they look like req_ and 22 characters") from None
    row = request_rows.find(connection, wanted)
    if row is None:
        raise missing(request_id)
    return row


def missing(request_id: str) -> MissingError:
    """What is said of a request that is not there."""
    return MissingError("request.not_found", "no request {request} in the books", request=request_id)


def receipt(connection: Connection, row: RequestRow) -> dict[str, Any]:
    """What one request took, what it cost and why."""
    version = request_rows.price_list(connection, row.price_list_id)
    workspace = workspace_rows.numbered(connection, row.workspace_id)
    posting = None if row.posting_id is None else rows.find(connection, row.posting_id)
    return view_receipt(row, version) | {
        "key": key_rows.public_id_of(connection, row.key_id),
        "workspace": None if workspace is None else workspace.public_id,
        "posting": None if posting is None else view(posting, rows.entries_of(connection, [posting.id])[posting.id]),
    }


def view_receipt(row: RequestRow, price_version: str | None) -> dict[str, Any]:
    """The facts of a receipt that stand in the request's own row."""
    outcome = Outcome(row.outcome)
    return {
        "id": ids.text_of("req", row.request_id),
        "started_ns": row.started_ns,
        "duration_us": row.duration_us,
        "ttft_us": row.ttft_us,
        "surface": Surface(row.surface).name.lower(),
        "model_asked": row.model_asked,
        "model_served": row.model_served,
        "provider": row.provider,
        "status": row.status,
        "outcome": outcome.word,
        "fault": None if row.fault == FaultKind.NONE else FaultKind(row.fault).word,
        "rule": RULES[outcome],
        "input_estimated": bool(row.flags & Flags.INPUT_ESTIMATED),
        "output_estimated": bool(row.flags & Flags.OUTPUT_ESTIMATED),
        "tokens": {
            "input": row.input_tokens,
            "cache_read": row.cache_read_tokens,
            "cache_write_5m": row.cache_write_5m_tokens,
            "cache_write_1h": row.cache_write_1h_tokens,
            "output": row.output_tokens,
        },
        "price_version": price_version,
        "held_nanodollars": row.held_nanodollars,
        "held_tokens": row.held_tokens,
        "cost_nanodollars": row.cost_nanodollars,
        "cost_usd": dollars(row.cost_nanodollars),
    }


def drawn(draft: Draft, lots: Sequence[tuple[int, int]], amount: int, rest_account: str) -> list[tuple[int, int]]:
    """Takes `amount` from lots (id, remaining), oldest first, then from `rest_account`, for usage. Returns (lot, taken)."""
    takes = []
    for lot_id, remaining in lots:
        if amount <= 0:
            break
        take = min(remaining, amount)
        draft.move(f"lot/{lot_id}", USAGE, take)
        takes.append((lot_id, take))
        amount -= take
    if amount > 0:
        draft.move(rest_account, USAGE, amount)
    return takes
