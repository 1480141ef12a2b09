"""Lists of models: Anthropic's, written in OpenAI's shape for callers who speak that dialect, and the other way round."""

from datetime import UTC, datetime

import orjson

CREATED_S_MAX = 253402300799  # the end of the year 9999


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


def as_anthropic(body: bytes) -> bytes:
    """OpenAI's list of models, or one model, as Anthropic's API writes it. Anything else comes back untouched."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body
    if not isinstance(document, dict):
        return body
    rows = document.get("data")
    if isinstance(rows, list):
        data = [_anthropic_model(row) for row in rows if isinstance(row, dict)]
        ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {"first_id": None, "last_id": None}
        return orjson.dumps({"data": data, "has_more": False, **ends})
    if document.get("object") == "model":
        return orjson.dumps(_anthropic_model(document))
    return body


def _anthropic_model(row: dict[str, object]) -> dict[str, object]:
    created = row.get("created")
    moment = datetime.fromtimestamp(created if type(created) is int and 0 <= created < CREATED_S_MAX else 0, UTC)
    shown = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"type": "model", "id": row.get("id"), "display_name": row.get("id"), "created_at": shown}


def _model(row: dict[str, object]) -> dict[str, object]:
    return {"id": row.get("id"), "object": "model", "created": _unix(row.get("created_at")), "owned_by": "anthropic"}


def _unix(created_at: object) -> int:
    if not isinstance(created_at, str):
        return 0
    try:
        return int(datetime.fromisoformat(created_at).timestamp())
    except (ValueError, OverflowError):
        return 0
