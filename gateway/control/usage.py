"""Usage: totals over the request rows, by key, workspace, model or day (UTC).

Pure: it reads what people write (`7d`, `by model`) and lays out the answer; the statements and the numbers are the store's.
"""

import re
from datetime import UTC, datetime
from typing import Any

from gateway.control.store import UsageTotal
from gateway.core.money import dollars
from gateway.core.refusals import Refusal

GROUPS = ("key", "workspace", "model", "day")
PAGE_ROWS_MAX = 1000

_SPAN = re.compile(r"\A([0-9]{1,6})([mhdw])\Z")
_SPAN_UNITS_S = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


class UsageError(Refusal):
    """A question about usage that cannot be read. It says what is expected."""


def since_ns(text: str, now_ns: int) -> int:
    """The start of a span such as `24h` or `7d` before now, or of an ISO date (UTC by default), in wall nanoseconds."""
    span = _SPAN.match(text)
    if span:
        return max(0, now_ns - int(span[1]) * _SPAN_UNITS_S[span[2]] * 1_000_000_000)
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return max(0, int(moment.timestamp())) * 1_000_000_000
    except (ValueError, OverflowError):
        raise UsageError("usage.since", "since must be a span (30m, 24h, 7d, 4w) or a date (2026-11-21)") from None


def group(text: str) -> str:
    """One of the groups that totals can be taken over."""
    if text not in GROUPS:
        raise UsageError("field.choice", "{field} must be one of {choices}", field="by", choices=", ".join(GROUPS))
    return text


def after(by: str, text: str | None) -> str | int | None:
    """The place after which the next page starts, as an earlier page's `next` told it."""
    if text is None or by not in ("key", "workspace"):
        return text
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise UsageError("list.place", "after must be the next of an earlier page")
    return int(text)


def view(by: str, total: UsageTotal) -> dict[str, Any]:
    """One group's totals as shown to people and scripts."""
    shown: dict[str, Any] = {by: total.label}
    if total.name is not None:
        shown["name"] = total.name
    return shown | {
        "requests": total.requests,
        "errors": total.errors,
        "input_tokens": total.input_tokens,
        "cache_read_tokens": total.cache_read_tokens,
        "cache_write_5m_tokens": total.cache_write_5m_tokens,
        "cache_write_1h_tokens": total.cache_write_1h_tokens,
        "output_tokens": total.output_tokens,
        "cost_nanodollars": total.cost_nanodollars,
        "cost_usd": dollars(total.cost_nanodollars),
    }
