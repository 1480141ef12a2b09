"""Keys as people and scripts see them: never the digest, never the key."""

from collections.abc import Iterable
from typing import Any

from gateway.catalog import measures
from gateway.control import limits as limit_orders
from gateway.control.orders import date
from gateway.control.store import KeyRecord, LimitRecord
from gateway.core.money import dollars

# The usual limits, which have names of their own: metric and window, for all models.
USUAL = {
    "rpm": ("requests", "minute"),
    "itpm": ("input_tokens", "minute"),
    "otpm": ("output_tokens", "minute"),
    "budget_tokens": ("total_tokens", "total"),
    "budget_usd": ("cost", "total"),
    "concurrency": ("concurrency", "total"),
}


def view(record: KeyRecord, limits: Iterable[LimitRecord], now_s: int) -> dict[str, Any]:
    """A key as shown to people and scripts: never the digest. Dates are ISO 8601 in UTC."""
    shown_limits = list(limits)
    return {
        "id": record.public_id,
        "name": record.name,
        "workspace": record.workspace,
        "workspace_id": record.workspace_public_id,
        "shown": f"{record.shown_prefix}...{record.shown_suffix}",
        "state": "expired" if record.state == "active" and 0 < record.ends_at_s <= now_s else record.state,
        "created_at": date(record.created_at_s),
        "expires_at": date(record.ends_at_s or None),
        "revoked_at": date(record.revoked_at_s),
        "replaces": record.replaces_public_id,
        "rotated_until": date(record.rotated_until_s),
        "plan": record.plan,
        "models": list(record.models),
        **_usual(shown_limits),
        "limits": [limit_orders.view(one) for one in shown_limits],
    }


def _usual(limits: list[LimitRecord]) -> dict[str, int | str | None]:
    amounts = {(one.metric, one.window): one.amount for one in limits if one.model_class == measures.ALL}
    shown: dict[str, int | str | None] = {name: amounts.get(kind) for name, kind in USUAL.items()}
    budget = amounts.get(USUAL["budget_usd"])
    return shown | {"budget_usd": None if budget is None else dollars(budget)}
