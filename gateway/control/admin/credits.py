"""Credits: bought for a workspace, looked at, refunded. Whoever may do this moves money."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from gateway.control import credits
from gateway.control.admin.endpoint import Call, Endpoint, Nothing, Page
from gateway.control.admin.front import FrontDesk
from gateway.control.admin.workspaces import seen
from gateway.control.credits import PurchaseOrder, RefundOrder
from gateway.control.orders import Name
from gateway.control.store import Lot as LotRecord

PAGE_LOTS_MAX = 1000


class Lot(Struct, frozen=True, kw_only=True):
    """Credits bought at one time, in dollars: amount = remaining + used + refunded + expired. Dates are ISO 8601 in UTC."""

    id: str
    amount_usd: str
    remaining_usd: str
    used_usd: str
    refunded_usd: str
    expired_usd: str
    bought_at: str
    expires_at: str
    ended_at: str | None
    memo: str


class Balance(Struct, frozen=True, kw_only=True):
    """What a workspace still has, and what it has used beyond that: the next purchase covers it."""

    workspace_id: str
    billing: str
    tier: str | None
    remaining_nanodollars: int
    remaining_usd: str
    owed_nanodollars: int
    owed_usd: str


class Purchase(PurchaseOrder, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Credits that were paid for. `memo` is for people, such as the number of a payment; `workspace` is an id or a name."""

    workspace: Name


class LotsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Whose lots, and which part of the list: `workspace` is an id or a name."""

    workspace: str
    after: Annotated[int, Meta(ge=0, le=2**62)] = 0
    limit: Annotated[int, Meta(ge=1, le=PAGE_LOTS_MAX)] = 100


def list_lots(front: FrontDesk, call: Call[Nothing, LotsQuery]) -> Page[Lot]:
    workspace = seen(front, call, call.query.workspace)
    records = front.desk.credits.lots(workspace, call.query.after, call.query.limit)
    more = str(records[-1].id) if len(records) == call.query.limit else None
    return Page([view(record) for record in records], more)


def buy(front: FrontDesk, call: Call[Purchase, Nothing]) -> Lot:
    return view(front.desk.credits.buy(front.desk.workspaces.find_open(call.body.workspace), call.body))


def refund(front: FrontDesk, call: Call[RefundOrder, Nothing]) -> Lot:
    return view(front.desk.credits.refund(call.path["id"], call.body))


def balance(front: FrontDesk, call: Call[Nothing, Nothing]) -> Balance:
    workspace = seen(front, call, call.path["id"])
    tier = front.desk.plans.tier_of(workspace)
    facts = credits.view_balance(front.desk.credits.balance(workspace))
    return Balance(workspace_id=workspace.public_id, billing=workspace.billing, tier=None if tier is None else tier.name, **facts)


def view(lot: LotRecord) -> Lot:
    return msgspec.convert(credits.view(lot), Lot)


ENDPOINTS = (
    Endpoint("GET", "/admin/v1/credits", "List the lots of a workspace, oldest first", list_lots, Page[Lot], query=LotsQuery),
    Endpoint(
        "POST", "/admin/v1/credits", "Credit a workspace with what was paid", buy, Lot, body=Purchase, status=201, makes=True
    ),
    Endpoint(
        "POST",
        "/admin/v1/credits/{id}/refund",
        "Give back what is unused of a lot, soon after its purchase",
        refund,
        Lot,
        body=RefundOrder,
        makes=True,
        up_to_date=True,  # what was used must not be given back
    ),
    Endpoint("GET", "/admin/v1/workspaces/{id}/balance", "Show what a workspace has and owes", balance, Balance),
)
