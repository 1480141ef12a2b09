"""Models as OpenAI's API writes them: all at once, and one by itself.

Beside OpenAI's fields stands the name for people: some clients of either maker's ask for a list without saying whose they are.
"""

from collections.abc import Sequence

import orjson

from gateway.core.faults import Fault, FaultKind
from gateway.dialects.models import ModelRow


def write_list(rows: Sequence[ModelRow], query: str) -> bytes:
    """All of them; OpenAI's list has no pages, so the query says nothing."""
    return orjson.dumps({"object": "list", "data": [_document(row) for row in rows]})


def write_one(row: ModelRow) -> bytes:
    """One model."""
    return orjson.dumps(_document(row))


def missing(name: str) -> Fault:
    """A 404 about a model that is not there."""
    return Fault(FaultKind.MISSING, f"The model '{name}' does not exist or you do not have access to it.", param="model")


def _document(row: ModelRow) -> dict[str, object]:
    return {
        "id": row.id,
        "object": "model",
        "created": row.created_s,
        "owned_by": row.owned_by,
        "display_name": row.display_name,
    }
