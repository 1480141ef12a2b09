"""Models: the simulator's small catalogue in the shape of the models endpoints.

Any model name is answered; the list is what clients are shown. Knows no HTTP.
"""

from typing import Any

from gateway.simulator.prompt import Refusal

# id, display name, created, line, lifecycle, context, max output, thinking types
_ROWS = (
    ("claude-sonnet-5-5", "Claude Sonnet 5.5", "2026-09-01", "sonnet", "active", 1_000_000, 128_000, ("adaptive", "disabled")),
    ("claude-haiku-5-5", "Claude Haiku 5.5", "2026-08-20", "haiku", "active", 400_000, 64_000, ("adaptive", "disabled")),
    ("claude-opus-5-5", "Claude Opus 5.5", "2026-08-01", "opus", "active", 1_000_000, 128_000, ("adaptive", "disabled")),
    (
        "claude-opus-4-6",
        "Claude Opus 4.6",
        "2026-02-05",
        "opus",
        "active",
        1_000_000,
        128_000,
        ("adaptive", "enabled", "disabled"),
    ),
    ("claude-haiku-4-5-20251001", "Claude Haiku 4.5", "2025-10-01", "haiku", "active", 200_000, 64_000, ("enabled", "disabled")),
    (
        "claude-sonnet-4-5-20250929",
        "Claude Sonnet 4.5",
        "2025-09-29",
        "sonnet",
        "deprecated",
        200_000,
        64_000,
        ("enabled", "disabled"),
    ),
)
ALIASES = {"claude-haiku-4-5": "claude-haiku-4-5-20251001", "claude-sonnet-4-5": "claude-sonnet-4-5-20250929"}

_THINKING = ("adaptive", "between_tools", "disabled", "enabled")


def _supported(yes: bool = True) -> dict[str, Any]:
    return {"supported": yes}


def _model(row: tuple[str, str, str, str, str, int, int, tuple[str, ...]]) -> dict[str, Any]:
    name, display, created, line, lifecycle, context, output, thinking = row
    efforts = ("low", "medium", "high", "xhigh", "max")
    is_adaptive = "adaptive" in thinking
    return {
        "type": "model",
        "id": name,
        "display_name": display,
        "created_at": f"{created}T00:00:00Z",
        "lifecycle": lifecycle,
        "line": line,
        "max_input_tokens": context,
        "max_tokens": output,
        "deprecated_at": "2026-06-01T00:00:00Z" if lifecycle == "deprecated" else None,
        "retires_at": "2027-01-01T00:00:00Z" if lifecycle == "deprecated" else None,
        "capabilities": {
            **{group: _supported() for group in ("batch", "citations", "code_execution", "image_input", "pdf_input")},
            "context_management": {
                **_supported(),
                **{edit: _supported() for edit in ("clear_thinking_20251015", "clear_tool_uses_20250919", "compact_20260112")},
            },
            "effort": {**_supported(is_adaptive), **{effort: _supported(is_adaptive) for effort in efforts}},
            "server_tools": {**_supported(), "web_search": _supported(), "code_execution": _supported()},
            "structured_outputs": _supported(),
            "thinking": {**_supported(), "types": {kind: _supported(kind in thinking) for kind in _THINKING}},
        },
    }


CATALOGUE: dict[str, dict[str, Any]] = {row[0]: _model(row) for row in _ROWS}


def one(name: str) -> dict[str, Any]:
    """The model of that id or alias. Raises Refusal (404)."""
    found = CATALOGUE.get(ALIASES.get(name, name))
    if found is None:
        raise Refusal(404, f"model: {name[:200]}")
    return found


def page(rows: list[dict[str, Any]], query: dict[str, list[str]]) -> dict[str, Any]:
    """One page of a list by `limit` (1..1000, default 20), `before_id`, `after_id`. Raises Refusal (400)."""
    text = (query.get("limit") or ["20"])[-1]
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= 1000:
        raise Refusal(400, "limit: Input should be between 1 and 1000")
    limit = int(text)
    names = [row["id"] for row in rows]
    start, stop = 0, len(rows)
    if "after_id" in query:
        start = _place(names, query["after_id"][-1]) + 1
    elif "before_id" in query:
        stop = _place(names, query["before_id"][-1])
        start = max(0, stop - limit)
    shown = rows[start:stop][:limit]
    return {
        "data": shown,
        "has_more": start > 0 if "before_id" in query else start + len(shown) < len(rows),
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
    }


def _place(names: list[str], name: str) -> int:
    if name not in names:
        raise Refusal(400, "the cursor is not in the list")
    return names.index(name)


def listing(query: dict[str, list[str]]) -> dict[str, Any]:
    """A page of the catalogue, newest first; `lifecycle[]` narrows it."""
    wanted = query.get("lifecycle[]")
    return page([model for model in CATALOGUE.values() if wanted is None or model["lifecycle"] in wanted], query)


OPENAI_NAMES = ("gpt-5.5", "gpt-5.5-mini", "text-embedding-3-small")
OPENAI_CREATED_S = 1_780_000_000


def openai_listing() -> dict[str, Any]:
    """What a client of OpenAI's is shown."""
    return {"object": "list", "data": [openai_one(name) for name in OPENAI_NAMES]}


def openai_one(name: str) -> dict[str, Any]:
    """One of those. Raises Refusal (404)."""
    if name not in OPENAI_NAMES:
        raise Refusal(404, f"The model '{name[:100]}' does not exist")
    return {"id": name, "object": "model", "created": OPENAI_CREATED_S, "owned_by": "simulator"}
