"""Requests of clients that speak Anthropic's dialect: an agent's turn in the middle of its work, and two small ones."""

from typing import Any

AGENT: dict[str, Any] = {
    "model": "claude-sonnet-5-5",
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "<reminder>Golden.</reminder>"},
                {"type": "text", "text": "Plan my day on the island.", "cache_control": {"type": "ephemeral"}},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "The timetable first.", "signature": "Z29sZGVuLXNpZ25hdHVyZQ=="},
                {"type": "redacted_thinking", "data": "Z29sZGVuLXJlZGFjdGVk"},
                {"type": "text", "text": "Let me look at the timetable."},
                {
                    "type": "tool_use",
                    "id": "toolu_01Golden1FindFerry",
                    "name": "find_ferry",
                    "input": {"harbour": "Old Quay", "hour": 7},
                    "caller": {"type": "direct"},
                },
                {"type": "tool_use", "id": "toolu_01Golden2Look", "name": "look_outside", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_01Golden2Look",
                    "content": [
                        {"type": "text", "text": "The sea, now:"},
                        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
                    ],
                },
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_01Golden1FindFerry",
                    "content": "no ferry before eight",
                    "is_error": True,
                },
                {"type": "text", "text": "Take the later one.", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
                {
                    "type": "document",
                    "title": "Tides",
                    "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
                },
            ],
        },
        {"role": "system", "content": "The harbour closes at nine."},
    ],
    "system": [
        {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.329.golden; cc_entrypoint=cli;"},
        {"type": "text", "text": "You are a guide.", "cache_control": {"type": "ephemeral", "ttl": "1h", "scope": "global"}},
        {"type": "text", "text": "Speak of ferries only."},
    ],
    "tools": [
        {
            "name": "find_ferry",
            "description": "The next ferry.",
            "input_schema": {
                "type": "object",
                "properties": {"harbour": {"type": "string"}, "hour": {"type": "integer"}},
                "required": ["harbour"],
            },
            "eager_input_streaming": True,
        },
        {"name": "look_outside", "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral"}},
    ],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    "metadata": {"user_id": '{"device_id":"golden","session_id":"00000000-0000-7000-8000-000000000000"}'},
    "max_tokens": 64000,
    "thinking": {"type": "adaptive", "display": "omitted"},
    "output_config": {"effort": "high"},
    "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    "safeguards": {"golden": True},
    "stream": True,
}
REQUESTS: dict[str, dict[str, Any]] = {
    "agent": AGENT,
    "text": {
        "model": "claude-haiku-4-5",
        "max_tokens": 200,
        "messages": [
            {"role": "user", "content": "When does the ferry leave?"},
            {"role": "user", "content": "Tomorrow, I mean."},
            {"role": "assistant", "content": "It leaves"},
        ],
        "system": "Be short.",
        "temperature": 0.2,
        "top_p": 0.9,
        "top_k": 40,
        "stop_sequences": ["\n\nHuman:", "END"],
    },
    "structured": {
        "model": "claude-opus-4-5",
        "max_tokens": 9000,
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "image", "source": {"type": "url", "url": "https://example.org/quay.png"}},
                    {
                        "type": "document",
                        "title": "Notes",
                        "context": "From the pilot.",
                        "source": {"type": "text", "media_type": "text/plain", "data": "The tide turns at six."},
                        "citations": {"enabled": True},
                    },
                    {
                        "type": "search_result",
                        "source": "https://example.org/tides",
                        "title": "Tides of the week",
                        "content": [{"type": "text", "text": "High water at 06:12"}],
                    },
                    {"type": "text", "text": "As data, please."},
                ],
            }
        ],
        "thinking": {"type": "enabled", "budget_tokens": 4096},
        "output_config": {
            "format": {
                "type": "json_schema",
                "schema": {
                    "type": "object",
                    "properties": {"hour": {"type": "integer"}},
                    "required": ["hour"],
                    "additionalProperties": False,
                },
            }
        },
        "tools": [{"name": "now", "input_schema": {"type": "object", "properties": {}}, "strict": True}],
        "tool_choice": {"type": "none"},
        "service_tier": "standard_only",
    },
}
