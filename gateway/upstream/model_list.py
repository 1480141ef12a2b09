"""Model lists: what an upstream says of the models that a credential of ours may use there.

Owns the question and the reading of the answer. A list is input like any other: what is no name of a model is passed over, and so
is what is beyond the bounds.
"""

from datetime import datetime

import orjson

from gateway.catalog.offers import Listed
from gateway.catalog.providers import Provider
from gateway.upstream.key_test import LIST_PATHS, headers_of
from gateway.upstream.transport.question import NoAnswerError, answer_of

TIMEOUT_S = 5.0
# OpenRouter's list, the longest known, has 400 rows in 1 MB.
BODY_BYTES_MAX = 8 * 1024 * 1024
MODELS_MAX = 2000
NAME_CHARS_MAX = 256
FACTS_BYTES_MAX = 16 * 1024
CREATED_S_MAX = 253402300799  # the end of the year 9999


def ask(provider: Provider, credential: int, timeout_s: float = TIMEOUT_S) -> tuple[Listed, ...]:
    """The provider's models, as told to the credential at this place of its pool. Raises NoAnswerError when it tells none."""
    path = LIST_PATHS[provider.dialect]
    if provider.dialect == "anthropic":
        path += "?limit=1000"
    status, body = answer_of(provider.origin, path, headers_of(provider, credential), timeout_s, bytes_max=BODY_BYTES_MAX)
    if status != 200:
        raise NoAnswerError(f"status {status}")
    return read(body, keep_facts=provider.dialect == "anthropic")


def read(body: bytes, *, keep_facts: bool) -> tuple[Listed, ...]:
    """The rows of a list in either maker's shape. Raises NoAnswerError for anything else."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise NoAnswerError("NoList") from None
    rows = document.get("data") if isinstance(document, dict) else None
    if not isinstance(rows, list):
        raise NoAnswerError("NoList")
    listed = (_read_row(row, keep_facts) for row in rows[:MODELS_MAX] if isinstance(row, dict))
    return tuple(row for row in listed if row is not None)


def _read_row(row: dict[str, object], keep_facts: bool) -> Listed | None:
    name, shown = row.get("id"), row.get("display_name")
    if not isinstance(name, str) or not 0 < len(name) <= NAME_CHARS_MAX or not (name.isascii() and name.isprintable()):
        return None
    facts = row if keep_facts and len(orjson.dumps(row)) <= FACTS_BYTES_MAX else {}
    shown = shown if isinstance(shown, str) and len(shown) <= NAME_CHARS_MAX and shown.isprintable() else ""
    return Listed(name, shown, _created_s(row.get("created", row.get("created_at"))), facts)


def _created_s(said: object) -> int:
    """Seconds since the epoch, however they are written; 0 for what cannot be a time."""
    if isinstance(said, str):
        try:
            said = int(datetime.fromisoformat(said).timestamp())
        except (ValueError, OverflowError):
            return 0
    return said if type(said) is int and 0 <= said <= CREATED_S_MAX else 0
