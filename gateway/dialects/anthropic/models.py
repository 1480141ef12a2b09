"""Lists of models: Anthropic's, written in OpenAI's shape for callers who speak that dialect."""

from datetime import datetime

import orjson


def as_openai(body: bytes) -> bytes:
    """A list of models, or one model, as OpenAI's API writes it. Anything else comes back untouched."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body
    if not isinstance(document, dict):
        return body
    rows = document.get("data")
    if isinstance(rows, list):
        return orjson.dumps({"object": "list", "data": [_model(row) for row in rows if isinstance(row, dict)]})
    if document.get("type") == "model":
        return orjson.dumps(_model(document))
    return body


def _model(row: dict[str, object]) -> dict[str, object]:
    return {"id": row.get("id"), "object": "model", "created": _unix(row.get("created_at")), "owned_by": "anthropic"}


def _unix(created_at: object) -> int:
    if not isinstance(created_at, str):
        return 0
    try:
        return int(datetime.fromisoformat(created_at).timestamp())
    except (ValueError, OverflowError):
        return 0
