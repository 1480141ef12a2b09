"""Models as Anthropic's API writes them: a page of a list, and one by itself."""

from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import parse_qs

import orjson

from gateway.core.faults import Fault, FaultKind
from gateway.dialects.anthropic.wording import at
from gateway.dialects.models import ModelRow

PAGE_ROWS = 20
PAGE_ROWS_MAX = 1000
_CURSORS = ("after_id", "before_id")


def write_list(rows: Sequence[ModelRow], query: str) -> bytes:
    """The page that the query asks for: `limit`, `after_id`, `before_id`, `lifecycle[]`. Raises Fault INVALID."""
    asked = parse_qs(query, keep_blank_values=True)
    lifecycles = asked.get("lifecycle[]")
    documents = [_document(row) for row in rows]
    if lifecycles is not None:
        documents = [one for one in documents if one["lifecycle"] in lifecycles]
    limit = _limit(asked)
    start, stop = 0, len(documents)
    names = [one["id"] for one in documents]
    for cursor in _CURSORS:
        name = (asked.get(cursor) or [""])[-1]
        if not name:
            continue
        if name not in names:
            raise at(cursor, "the list has no such model")
        if cursor == "after_id":
            start = names.index(name) + 1
        else:
            stop = names.index(name)
    backwards = "before_id" in asked and "after_id" not in asked
    shown = documents[start:stop][-limit:] if backwards else documents[start:stop][:limit]
    page = {
        "data": shown,
        "has_more": stop - start > limit,
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
    }
    return orjson.dumps(page)


def write_one(row: ModelRow) -> bytes:
    """One model."""
    return orjson.dumps(_document(row))


def missing(name: str) -> Fault:
    """A 404 about a model that is not there."""
    return Fault(FaultKind.MISSING, f"model: {name}", param="model")


def _document(row: ModelRow) -> dict[str, object]:
    created = datetime.fromtimestamp(row.created_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    own = {"type": "model", "id": row.id, "display_name": row.display_name, "created_at": created}
    return {"lifecycle": "active", **row.facts, **own}


def _limit(asked: dict[str, list[str]]) -> int:
    text = (asked.get("limit") or [str(PAGE_ROWS)])[-1]
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= PAGE_ROWS_MAX:
        raise at("limit", f"Input should be between 1 and {PAGE_ROWS_MAX}")
    return int(text)
