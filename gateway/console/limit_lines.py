"""Limits as lines of a page: in words, with how far each is used up and when it begins anew.

Pure. A window that is not under way and a limit by the minute, which comes back continuously, have no time at which they reset.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from gateway.console.formats import Formats
from gateway.console.texts import Texts

NEARLY = 0.8  # from this share on a limit is shown as one to look at


@dataclass(frozen=True, slots=True)
class LimitLine:
    """`share` is what is used and held, from 0 to 1, None where the amount is nothing. `kind` is ok, warn or bad."""

    id: int
    what: str
    amount: str
    used: str
    left: str
    share: float | None
    kind: str
    resets: str
    scope: str
    removable: bool


def lines(standings: Iterable[Mapping[str, Any]], own_scope: str, text: Texts, write: Formats, now_s: int) -> list[LimitLine]:
    """Limits as `GET /admin/v1/limits` tells them; those set for `own_scope` itself may be removed."""
    return [_line(one, own_scope, text, write, now_s) for one in standings]


def name_of(limit: Mapping[str, Any], text: Texts) -> str:
    """`input tokens a minute, Opus`: what a limit counts, over which time, and for which models unless for all."""
    window = text(f"window.{limit['window']}") if limit["window"] else ""
    what = " ".join(part for part in (text(f"metric.{limit['metric']}"), window) if part)
    model_class = limit["class"]
    return what if model_class == "all" else f"{what}, {model_class}"


def amount_of(metric: str, amount: str, write: Formats) -> str:
    """An amount in its metric's own way."""
    return write.dollars(amount) if metric == "cost" else write.number(amount)


def _line(limit: Mapping[str, Any], own_scope: str, text: Texts, write: Formats, now_s: int) -> LimitLine:
    metric, amount = limit["metric"], Decimal(limit["amount"])
    taken = Decimal(limit["used"]) + Decimal(limit["held"])
    share = None if not amount else min(float(taken / amount), 1.0)
    end = write.local(limit["window_end"])
    resets = ""
    if end is not None:
        left_s = int(end.timestamp()) - now_s
        at = write.clock(limit["window_end"]) if left_s < 86400 else write.when(limit["window_end"])
        resets = text("limits.resets", at=at, span=write.span(left_s))
    return LimitLine(
        id=limit["id"],
        what=name_of(limit, text),
        amount=amount_of(metric, limit["amount"], write),
        used=amount_of(metric, str(taken), write),
        left=amount_of(metric, limit["remaining"], write),
        share=share,
        kind="bad" if share is None or share >= 1 else "warn" if share >= NEARLY else "ok",
        resets=resets,
        scope=limit["scope"],
        removable=limit["source"] == "own" and limit["scope"] == own_scope,
    )
