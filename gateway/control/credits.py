"""Credits: bought in lots, used oldest first, refunded while fresh and unused, lost when their time is over.

Every change is a posting in the ledger and a change of the lot in one transaction. What a prepaid workspace may still spend
stands in one limit of its own: all that was ever credited, less what was refunded or expired, against all that was used.

Terms (`plans.toml`): the least that can be bought, months of validity, days of refund. Nobody but `expire` ends a lot by time,
so a clock that jumps takes nothing away in the middle of a call.
"""

from calendar import monthrange
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from gateway.catalog import measures
from gateway.catalog.plans import CreditTerms, Grant
from gateway.control.books.ledger import CASH, EXPIRED, Draft, Ledger
from gateway.control.limits import Limits
from gateway.control.orders import Dollars, Memo, MissingError, OrderError, check_text, date, nanodollars
from gateway.control.plans import PlansInUse
from gateway.control.store import Lot, Store, WorkspaceRecord
from gateway.control.store import credits as rows
from gateway.control.store import ledger as ledger_rows
from gateway.control.store import workspaces as workspace_rows
from gateway.core import ids
from gateway.core.clock import Clock
from gateway.core.money import dollars

DAY_S = 86400
CREDITED_MAX = 2**62  # of one workspace, in nanodollars: what the shared file can count with room to spare


class PurchaseOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Credits that were paid for. `memo` is for people, such as the number of a payment."""

    amount_usd: Dollars
    memo: Memo = ""


class RefundOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The unused part of a lot is to be given back."""

    memo: Memo = ""


class BillingOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a workspace pays: `prepaid` with credits, or on an `open` account."""

    billing: Literal["open", "prepaid"]


@dataclass(frozen=True, slots=True)
class Balance:
    """What a workspace has, in nanodollars: what its lots still hold, and what it has used beyond them."""

    remaining: int
    owed: int


class Credits:
    """The credits of this installation."""

    def __init__(self, store: Store, ledger: Ledger, limits: Limits, plans: PlansInUse, terms: CreditTerms, clock: Clock) -> None:
        self._store = store
        self._ledger = ledger
        self._limits = limits
        self._plans = plans
        self._terms = terms
        self._clock = clock

    def buy(self, workspace: WorkspaceRecord, order: PurchaseOrder) -> Lot:
        """Credits a workspace with a new lot; what it owes is covered from it at once. Raises OrderError, StoreError."""
        check_text(order.memo)
        amount = nanodollars(order.amount_usd)
        least = max(self._terms.purchase_min_nanodollars, 1)
        if amount < least:
            raise OrderError(
                "credits.too_little", "the least that can be bought is {least_usd} dollars", least_usd=dollars(least)
            )
        now_s = self._now_s()
        with self._store.transaction() as connection:
            if rows.credited(connection, workspace.id) + amount > CREDITED_MAX:
                raise OrderError("credits.too_much", "the workspace cannot hold that much")
            owed = -ledger_rows.balance(connection, f"owed/{workspace.id}")
            covered = min(amount, max(owed, 0))
            public_id = ids.text_of("lot", ids.fresh_id())
            ends_s = months_later(now_s, self._terms.valid_months)
            lot = rows.insert(connection, public_id, workspace.id, amount, amount - covered, now_s, ends_s, order.memo)
            draft = Draft("purchase", workspace.id, memo=order.memo)
            draft.move(CASH, lot.account, amount)
            draft.move(lot.account, f"owed/{workspace.id}", covered)
            self._ledger.post(draft)
            self._changed(workspace)
        return lot

    def refund(self, lot_id: str, order: RefundOrder) -> Lot:
        """Gives back what is left of a lot and not held by calls under way. Raises OrderError when it is too old or empty.

        The caller has let the books catch up (`Drain.catch_up`), outside of any transaction, so that what was used is known.
        """
        check_text(order.memo)
        now_s = self._now_s()
        with self._store.transaction() as connection:
            lot = self.lot(lot_id)
            if now_s - lot.bought_at_s > self._terms.refund_days * DAY_S:
                raise OrderError(
                    "credits.too_late",
                    "credits are refunded within {count} days of their purchase",
                    count=self._terms.refund_days,
                )
            amount = min(lot.remaining, self._free(lot.workspace_id, lot.remaining))
            if amount <= 0:
                raise OrderError("credits.nothing_left", "nothing of it is left")
            rows.refund(connection, lot.id, amount, now_s)
            draft = Draft("refund", lot.workspace_id, memo=order.memo)
            draft.move(lot.account, CASH, amount)
            self._ledger.post(draft)
            workspace = workspace_rows.numbered(connection, lot.workspace_id)
            assert workspace is not None
            self._changed(workspace)
            return self.lot(lot_id)

    def expire(self) -> list[Lot]:
        """Ends every lot whose time is over. A job of the keeper. Raises StoreError."""
        now_s = self._now_s()
        with self._store.transaction() as connection:
            past = rows.past(connection, now_s)
            for lot in past:
                rows.expire(connection, lot.id, now_s)
                draft = Draft("expiry", lot.workspace_id)
                draft.move(lot.account, EXPIRED, lot.remaining)
                self._ledger.post(draft)
            for workspace_id in {lot.workspace_id for lot in past}:
                workspace = workspace_rows.numbered(connection, workspace_id)
                assert workspace is not None
                self._changed(workspace)
        return past

    def set_billing(self, workspace: WorkspaceRecord, order: BillingOrder) -> WorkspaceRecord:
        """Makes a workspace pay in advance or on an open account. Raises OrderError, StoreError."""
        changed = replace(workspace, billing=order.billing)
        with self._store.transaction() as connection:
            workspace_rows.change(connection, changed)
            self._changed(changed)
        return changed

    def balance(self, workspace: WorkspaceRecord) -> Balance:
        """What a workspace has."""
        with self._store.reading() as connection:
            owed = -ledger_rows.balance(connection, f"owed/{workspace.id}")
            return Balance(rows.remaining(connection, workspace.id), owed)

    def lots(self, workspace: WorkspaceRecord, after_id: int = 0, limit: int = -1) -> list[Lot]:
        """Lots in order of purchase, also those that are used up; a negative limit means all."""
        with self._store.reading() as connection:
            return rows.page(connection, workspace.id, after_id, limit)

    def lot(self, lot_id: str) -> Lot:
        """Raises MissingError."""
        with self._store.reading() as connection:
            lot = rows.find(connection, lot_id)
        if lot is None:
            raise MissingError("credits.lot_missing", "no such lot")
        return lot

    def _changed(self, workspace: WorkspaceRecord) -> None:
        """Brings the credits' limit and the rate tier up to date, inside the transaction of the change."""
        grants = []
        if workspace.billing == "prepaid":
            grants = [Grant("cost", measures.ALL, "total", rows.credited(self._store.connection, workspace.id))]
        self._limits.grant(workspace.id, "workspace", workspace.id, "credits", grants)
        self._plans.apply_tier(workspace)

    def _free(self, workspace_id: int, remaining: int) -> int:
        """What of the credits is neither used nor held at this moment, calls under way included."""
        for limit in self._limits.of_owner("workspace", workspace_id):
            if limit.source == "credits":
                standing = self._limits.standing(limit)
                return limit.amount - standing.used - standing.held
        return remaining

    def _now_s(self) -> int:
        return self._clock.wall_ns() // 1_000_000_000


def months_later(moment_s: int, months: int) -> int:
    """The same day and time some calendar months later, UTC; the last day of a month that has no such day."""
    begin = datetime.fromtimestamp(moment_s, UTC)
    year, month = divmod(begin.year * 12 + begin.month - 1 + months, 12)
    day = min(begin.day, monthrange(year, month + 1)[1])
    return int(begin.replace(year=year, month=month + 1, day=day).timestamp())


def view(lot: Lot) -> dict[str, Any]:
    """A lot as shown to people and scripts."""
    return {
        "id": lot.public_id,
        "amount_usd": dollars(lot.amount),
        "remaining_usd": dollars(lot.remaining),
        "used_usd": dollars(lot.used),
        "refunded_usd": dollars(lot.refunded),
        "expired_usd": dollars(lot.expired),
        "bought_at": date(lot.bought_at_s),
        "expires_at": date(lot.expires_at_s),
        "ended_at": date(lot.ended_at_s),
        "memo": lot.memo,
    }


def view_balance(balance: Balance) -> dict[str, Any]:
    """A balance as shown to people and scripts."""
    return {
        "remaining_nanodollars": balance.remaining,
        "remaining_usd": dollars(balance.remaining),
        "owed_nanodollars": balance.owed,
        "owed_usd": dollars(balance.owed),
    }
