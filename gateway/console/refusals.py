"""Refusals on pages: why something was not done, in the visitor's language; and what differs in the books.

Both come as data: a code and the values of an English sentence. The text of that code is filled with the same values, written as
this page writes numbers, money and the words it has. A code that has no text is said in the English words it came with: whoever
looks at a page never finds a blank. Pure.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from gateway.console.formats import Formats
from gateway.console.texts import Texts
from gateway.core.faults import Fault
from gateway.core.refusals import Refusal

# The name of a value that is a word of the interface -> where the page's own word for it stands.
WORDS = {
    "asker": "word.asker.",
    "by": "word.by.",
    "metric": "metric.",
    "needed": "role.",
    "role": "role.",
    "scope": "word.scope.",
    "source": "word.source.",
    "thing": "word.thing.",
}
# Fields of forms and filters, by their names in the interface -> how forms call them. Others keep those names.
FIELDS = {
    "amount": "limits.amount",
    "amount_usd": "books.amount_usd",
    "billing": "workspaces.billing",
    "budget_tokens": "limits.budget_tokens",
    "budget_usd": "limits.budget_usd",
    "by": "figures.group",
    "class": "limits.class",
    "concurrency": "limits.concurrency",
    "count": "keys.count",
    "email": "workspaces.email",
    "expires_at_s": "keys.expires_days",
    "expires_days": "keys.expires_days",
    "itpm": "limits.itpm",
    "key": "requests.key",
    "memo": "books.memo",
    "metric": "limits.metric",
    "min_duration_ms": "requests.min_duration",
    "min_ttft_ms": "requests.min_ttft",
    "model": "requests.model",
    "models": "keys.models",
    "name": "keys.name",
    "otpm": "limits.otpm",
    "outcome": "requests.outcome",
    "password": "login.password",
    "plan": "keys.plan",
    "provider": "requests.provider",
    "role": "workspaces.role",
    "rpm": "limits.rpm",
    "since": "figures.span",
    "status": "requests.status",
    "surface": "requests.surface",
    "time_zone": "workspaces.time_zone",
    "until": "requests.until",
    "window": "limits.window",
    "workspace": "keys.workspace",
}


def said(refused: Fault | Refusal, text: Texts, write: Formats) -> str:
    """What a page says of a refusal, or of the fault that was made of one."""
    if f"fault.{refused.code}" not in text:
        return str(refused)
    return text(f"fault.{refused.code}", **_written(refused.values, text, write))


def differs(found: Mapping[str, Any], text: Texts, write: Formats) -> tuple[str, str, str]:
    """What a page says of a difference as the verification of the ledger tells it: kind of thing, which one, how it differs."""
    kind, how = str(found["what"]), str(found["how"])
    if f"word.kind.{kind}" in text:
        kind = text(f"word.kind.{kind}")
    if f"difference.{found['code']}" in text:
        how = text(f"difference.{found['code']}", **_written(found["values"], text, write))
    return kind, str(found["which"]), how


def _written(values: Mapping[str, object], text: Texts, write: Formats) -> dict[str, object]:
    count = values.get("count")
    counted = {"count": count, "number": write.number(count)} if isinstance(count, int) else {}
    return {name: _value(name, value, text, write) for name, value in values.items()} | counted


def _value(name: str, value: object, text: Texts, write: Formats) -> str:
    if name == "field" and value in FIELDS:
        return text(FIELDS[str(value)])
    if name in WORDS and f"{WORDS[name]}{value}" in text:
        return text(f"{WORDS[name]}{value}")
    if name.endswith("_usd"):
        return write.dollars(str(value))
    if name.endswith("_s") and isinstance(value, int):
        return write.span(value)
    if name.endswith("_at") and isinstance(value, int):
        return write.when(value)
    if isinstance(value, int | Decimal):
        return write.number(value)
    # What somebody sent may hold marks that turn the sentence around it.
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in str(value))
