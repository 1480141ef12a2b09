"""The ledger: postings, accounts, receipts, and the proof that all of it fits together."""

import asyncio
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from gateway.control.admin.endpoint import Call, Endpoint, Nothing, Page
from gateway.control.admin.front import FrontDesk
from gateway.control.admin.limits import number
from gateway.control.books import ledger, verify
from gateway.control.store import Connection

PAGE_POSTINGS_MAX = 1000


class Entry(Struct, frozen=True, kw_only=True):
    """What one account gained by a posting; negative is what it lost."""

    account: str
    amount_nanodollars: int
    amount_usd: str


class Posting(Struct, frozen=True, kw_only=True):
    """One movement of value. Its entries sum up to zero; `seal` chains it to the posting before."""

    id: int
    kind: str
    at_ns: int
    workspace_id: int
    requests: int
    memo: str
    entries: list[Entry]
    seal: str


class Account(Struct, frozen=True, kw_only=True):
    """An account and the sum of its entries."""

    name: str
    balance_nanodollars: int
    balance_usd: str


class Tokens(Struct, frozen=True, kw_only=True):
    """Tokens by price class."""

    input: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int
    output: int


class Receipt(Struct, frozen=True, kw_only=True):
    """What one request took, what it cost and why: `rule` says what is billed of an ending like its own, `price_version` names
    the price list, `held_...` is what was set aside before it was sent. `posting` is its place in the ledger."""

    id: str
    key: str | None
    workspace: str | None
    started_ns: int
    duration_us: int
    ttft_us: int | None
    surface: str
    model_asked: str
    model_served: str
    provider: str
    status: int
    outcome: str
    fault: str | None
    rule: str
    input_estimated: bool
    output_estimated: bool
    tokens: Tokens
    price_version: str | None
    held_nanodollars: int
    held_tokens: int
    cost_nanodollars: int
    cost_usd: str
    posting: Posting | None


class Difference(Struct, frozen=True, kw_only=True):
    """Something that is not as it should be: what kind of thing, which one, and how it differs; `code` is a stable word for that,
    `values` are what stands in the sentence."""

    what: str
    which: str
    how: str
    code: str
    values: dict[str, int | str]


class Proof(Struct, frozen=True, kw_only=True):
    """What was looked at, and what differs. `proven` when nothing does."""

    proven: bool
    postings: int
    entries: int
    requests: int
    lots: int
    limits: int
    figures: int
    differences: list[Difference]


class PostingsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Of which workspace (an id or a name), and which part of the list, which begins with the latest posting."""

    workspace: str | None = None
    after: Annotated[int, Meta(ge=0, le=2**62)] = 2**62
    limit: Annotated[int, Meta(ge=1, le=PAGE_POSTINGS_MAX)] = 100


class AccountsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which part of the list."""

    after: Annotated[str, Meta(max_length=200)] = ""
    limit: Annotated[int, Meta(ge=1, le=PAGE_POSTINGS_MAX)] = 100


def list_postings(front: FrontDesk, call: Call[Nothing, PostingsQuery]) -> Page[Posting]:
    query = call.query
    workspace_id = None if query.workspace is None else front.desk.workspaces.find(query.workspace).id
    found = front.desk.ledger.postings(query.after, query.limit, workspace_id)
    more = str(found[-1][0].id) if len(found) == query.limit else None
    return Page([msgspec.convert(ledger.view(*one), Posting) for one in found], more)


def show(front: FrontDesk, call: Call[Nothing, Nothing]) -> Posting:
    return msgspec.convert(ledger.view(*front.desk.ledger.posting(number(call.path["id"]))), Posting)


def list_accounts(front: FrontDesk, call: Call[Nothing, AccountsQuery]) -> Page[Account]:
    found = front.desk.ledger.accounts(call.query.after, call.query.limit)
    more = found[-1].name if len(found) == call.query.limit else None
    return Page([msgspec.convert(ledger.view_account(one), Account) for one in found], more)


async def receipt(front: FrontDesk, call: Call[Nothing, Nothing]) -> Receipt:
    def look(connection: Connection) -> Receipt:
        row = ledger.request(connection, call.path["id"])
        call.asker.check_sees(row.workspace_id, ledger.missing(call.path["id"]))
        return msgspec.convert(ledger.receipt(connection, row), Receipt)

    return await front.reader.walk(look)


async def prove(front: FrontDesk, call: Call[Nothing, Nothing]) -> Proof:
    report = await asyncio.to_thread(front.verifier.books)
    await front.in_books(lambda: front.verifier.limit_rows(report))
    return msgspec.convert(verify.view(report), Proof)


ENDPOINTS = (
    Endpoint("GET", "/admin/v1/ledger", "List postings, latest first", list_postings, Page[Posting], query=PostingsQuery),
    Endpoint("GET", "/admin/v1/ledger/accounts", "List accounts and balances", list_accounts, Page[Account], query=AccountsQuery),
    Endpoint("GET", "/admin/v1/ledger/postings/{id}", "Show a posting", show, Posting),
    Endpoint("POST", "/admin/v1/ledger/verify", "Prove the books, and name what differs", prove, Proof),
    Endpoint("GET", "/admin/v1/receipts/{id}", "Show what one request took, what it cost and why", receipt, Receipt),
)
