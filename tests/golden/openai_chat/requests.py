"""Requests of clients that speak Chat Completions: an agent's turn in the middle of its work, and three small ones."""

from typing import Any

AGENT: dict[str, Any] = {
    "model": "gpt-5.5",
    "messages": [
        {"role": "system", "content": "You are a guide."},
        {"role": "developer", "content": [{"type": "text", "text": "Speak of ferries only."}]},
        {
            "role": "user",
            "name": "ann",
            "content": [
                {"type": "text", "text": "Plan my day on the island."},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "high"}},
                {"type": "image_url", "image_url": {"url": "https://example.org/quay.png"}},
                {"type": "file", "file": {"filename": "tides.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
            ],
        },
        {
            "role": "assistant",
            "content": "Let me look at the timetable.",
            "reasoning_content": "The timetable first.",
            "tool_calls": [
                {
                    "id": "call_Golden1",
                    "type": "function",
                    "function": {"name": "find_ferry", "arguments": '{"harbour": "Old Quay", "hour": 7}'},
                },
                {"id": "call_Golden2", "type": "function", "function": {"name": "look_outside", "arguments": ""}},
                {"id": "call_Golden3", "type": "custom", "custom": {"name": "note", "input": "Ferry at 7?\n"}},
            ],
        },
        {"role": "tool", "tool_call_id": "call_Golden2", "content": [{"type": "text", "text": "The sea."}]},
        {"role": "tool", "tool_call_id": "call_Golden1", "content": "no ferry before eight"},
        {"role": "tool", "tool_call_id": "call_Golden3", "content": ""},
        {"role": "user", "content": "Take the later one."},
        {"role": "system", "content": "The harbour closes at nine."},
        {"role": "user", "content": "And hurry."},
    ],
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "find_ferry",
                "description": "The next ferry.",
                "parameters": {
                    "type": "object",
                    "properties": {"harbour": {"type": "string"}, "hour": {"type": "integer"}},
                    "required": ["harbour", "hour"],
                    "additionalProperties": False,
                },
                "strict": True,
            },
        },
        {"type": "function", "function": {"name": "look_outside"}},
        {"type": "custom", "custom": {"name": "note", "description": "Notes a line.", "format": {"type": "text"}}},
    ],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "max_completion_tokens": 8000,
    "reasoning_effort": "high",
    "verbosity": "low",
    "prompt_cache_key": "golden",
    "metadata": {"quay": "3"},
    "user": "sailor-7",
    "stream": True,
    "stream_options": {"include_usage": True},
}
REQUESTS: dict[str, dict[str, Any]] = {
    "agent": AGENT,
    "text": {
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": "When does the ferry leave?"}],
        "max_tokens": 200,
        "temperature": 1.7,
        "top_p": 0.9,
        "presence_penalty": 0.5,
        "seed": 7,
        "stop": "\n\n",
        "n": 1,
    },
    "functions": {
        "model": "gpt-4",
        "messages": [
            {"role": "user", "content": "When does the ferry leave?"},
            {"role": "assistant", "content": None, "function_call": {"name": "find_ferry", "arguments": '{"hour": 7}'}},
            {"role": "function", "name": "find_ferry", "content": "at eight"},
        ],
        "functions": [{"name": "find_ferry", "parameters": {"type": "object", "properties": {"hour": {"type": "integer"}}}}],
        "function_call": {"name": "find_ferry"},
    },
    "structured": {
        "model": "gpt-5.5",
        "messages": [{"role": "user", "content": "As data, please."}],
        "response_format": {
            "type": "json_schema",
            "json_schema": {
                "name": "departure",
                "schema": {
                    "type": "object",
                    "properties": {"hour": {"type": "integer"}},
                    "required": ["hour"],
                    "additionalProperties": False,
                },
                "strict": True,
            },
        },
        "tools": [{"type": "function", "function": {"name": "now"}}],
        "tool_choice": {"type": "function", "function": {"name": "now"}},
        "parallel_tool_calls": False,
        "stop": ["END", " "],
        "service_tier": "flex",
        "logprobs": True,
        "top_logprobs": 2,
    },
}
