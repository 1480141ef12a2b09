"""Writes the recorded streams and bodies of this folder: `python tests/golden/anthropic/write.py`, then read the diff.

The texts are our own; the shapes are what an Anthropic upstream sends, down to the zero to fifteen spaces before the last
brace of a payload. Every stream is one that clients must be able to read; two of them end badly on purpose (an error event, no
end at all).
"""

import json
from pathlib import Path
from typing import Any

from tests.golden.anthropic.requests import REQUESTS

FOLDER = Path(__file__).resolve().parent
Event = tuple[str, dict[str, Any]]
PING: Event = ("ping", {"type": "ping"})


def usage(input_tokens: int, *, read: int = 0, write: int = 0, output: int = 1) -> dict[str, Any]:
    return {
        "input_tokens": input_tokens,
        "cache_creation_input_tokens": write,
        "cache_read_input_tokens": read,
        "cache_creation": {"ephemeral_5m_input_tokens": write, "ephemeral_1h_input_tokens": 0},
        "output_tokens": output,
        "output_tokens_details": None,
        "server_tool_use": None,
        "service_tier": "standard",
        "speed": None,
        "inference_geo": "global",
    }


def message(name: str, model: str, figures: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "model": model,
        "id": f"msg_01Golden{name}",
        "type": "message",
        "role": "assistant",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
        "container": None,
        "diagnostics": None,
        "usage": figures,
        **more,
    }


def start(name: str, model: str, figures: dict[str, Any]) -> Event:
    return "message_start", {"type": "message_start", "message": message(name, model, figures)}


def block(index: int, kind: str, **fields: Any) -> Event:
    return "content_block_start", {"type": "content_block_start", "index": index, "content_block": {"type": kind, **fields}}


def delta(index: int, kind: str, **fields: Any) -> Event:
    return "content_block_delta", {"type": "content_block_delta", "index": index, "delta": {"type": kind, **fields}}


def stop(index: int) -> Event:
    return "content_block_stop", {"type": "content_block_stop", "index": index}


def text(index: int, *parts: str, first: bool = False) -> list[Event]:
    return [
        block(index, "text", text=""),
        *([PING] if first else []),
        *(delta(index, "text_delta", text=part) for part in parts),
        stop(index),
    ]


def end(
    reason: str,
    input_tokens: int,
    output_tokens: int,
    *,
    read: int = 0,
    write: int = 0,
    sequence: str | None = None,
    details: dict[str, Any] | None = None,
    thinking: int = 0,
    searches: int = 0,
    more: dict[str, Any] | None = None,
    **top: Any,
) -> list[Event]:
    figures = {
        "input_tokens": input_tokens,
        "cache_creation_input_tokens": write,
        "cache_read_input_tokens": read,
        "output_tokens": output_tokens,
        "output_tokens_details": {"thinking_tokens": thinking} if thinking else None,
        "server_tool_use": {"web_search_requests": searches, "web_fetch_requests": 0} if searches else None,
        **(more or {}),
    }
    change = {"stop_reason": reason, "stop_sequence": sequence, "stop_details": details, "container": None}
    return [
        ("message_delta", {"type": "message_delta", "delta": change, "usage": figures, **top}),
        ("message_stop", {"type": "message_stop"}),
    ]


def call(index: int, tool: str, *parts: str, kind: str = "tool_use", prefix: str = "toolu") -> list[Event]:
    return [
        block(
            index,
            kind,
            id=f"{prefix}_01Golden{index}{tool.title().replace('_', '')}",
            name=tool,
            input={},
            caller={"type": "direct"},
        ),
        delta(index, "input_json_delta", partial_json=""),
        *(delta(index, "input_json_delta", partial_json=part) for part in parts),
        stop(index),
    ]


SEARCH_RESULT = {
    "type": "web_search_result",
    "title": "Tides of the week",
    "url": "https://example.org/tides",
    "encrypted_content": "Z29sZGVuLWNvbnRlbnQ=",
    "page_age": None,
}
CITATION = {
    "type": "web_search_result_location",
    "cited_text": "High water at 06:12",
    "url": "https://example.org/tides",
    "title": "Tides of the week",
    "encrypted_index": "Z29sZGVuLWluZGV4",
}

STREAMS: dict[str, list[Event]] = {
    "text": [
        start("Text", "claude-sonnet-5-5", usage(31, read=2048, write=512)),
        *text(0, "The", " ferry", " leaves at", " seven.", first=True),
        *end("end_turn", 31, 9, read=2048, write=512),
    ],
    "unicode": [
        start("Unicode", "claude-sonnet-5-5", usage(12)),
        *text(
            0,
            "Grüße, ",
            "паром в семь, ",
            "渡し船は七時",
            " \U0001f6a2 ",
            'a "quote", a \\ and\na tab\t',
            "\u2028\x7f\u0000",
            first=True,
        ),
        *end("end_turn", 12, 44),
    ],
    "tool_use": [
        start("Tool", "claude-sonnet-5-5", usage(398)),
        *text(0, "Let me look", " at the timetable.", first=True),
        *call(1, "find_ferry", '{"harbour":', ' "Old', ' Quay, pier 3"', ', "hour": 7}'),
        *call(2, "now"),
        *end("tool_use", 398, 74),
    ],
    "thinking": [
        start("Think", "claude-opus-4-6", usage(52)),
        block(0, "thinking", thinking="", signature=""),
        PING,
        delta(0, "thinking_delta", thinking="Seven plus the crossing"),
        delta(0, "thinking_delta", thinking=" makes half past eight."),
        delta(0, "signature_delta", signature="Z29sZGVuLXNpZ25hdHVyZS1ub3QtcmVhbA=="),
        stop(0),
        *text(1, "You arrive at ", "8:30."),
        *end("end_turn", 52, 63, thinking=41),
    ],
    "thinking_omitted": [
        start("ThinkOmitted", "claude-opus-5-5", usage(52)),
        block(0, "thinking", thinking="", signature=""),
        PING,
        delta(0, "signature_delta", signature="Z29sZGVuLW9taXR0ZWQ="),
        stop(0),
        *text(1, "At 8:30."),
        *end("end_turn", 52, 47, thinking=42),
    ],
    "redacted_thinking": [
        start("Redacted", "claude-sonnet-4-5-20250929", usage(52)),
        block(0, "redacted_thinking", data="Z29sZGVuLXJlZGFjdGVk"),
        PING,
        stop(0),
        *text(1, "At half past eight."),
        *end("end_turn", 52, 33),
    ],
    "web_search": [
        start("Search", "claude-sonnet-5-5", usage(2210)),
        *text(0, "I'll look up the tides.", first=True),
        *call(1, "web_search", '{"query": "tides', ' this week"}', kind="server_tool_use", prefix="srvtoolu"),
        block(
            2,
            "web_search_tool_result",
            tool_use_id="srvtoolu_01Golden1WebSearch",
            caller={"type": "direct"},
            content=[SEARCH_RESULT],
        ),
        stop(2),
        block(3, "text", text="", citations=[]),
        delta(3, "citations_delta", citation=CITATION),
        delta(3, "text_delta", text="High water is at 06:12."),
        stop(3),
        *end("end_turn", 9120, 188, searches=1),
    ],
    "max_tokens": [
        start("Max", "claude-sonnet-5-5", usage(17)),
        *text(0, "The timetable has", " forty", first=True),
        *end("max_tokens", 17, 6),
    ],
    "stop_sequence": [
        start("Sequence", "claude-sonnet-5-5", usage(21)),
        *text(0, "six, seven, ", first=True),
        *end("stop_sequence", 21, 5, sequence="eight"),
    ],
    "refusal": [
        start("Refusal", "claude-opus-5-5", usage(38)),
        *end(
            "refusal", 38, 3, details={"type": "refusal", "category": "cyber", "explanation": "Stopped by a safeguard (golden)."}
        ),
    ],
    "empty": [start("Empty", "claude-sonnet-5-5", usage(38)), *end("end_turn", 38, 2)],
    "error_midway": [
        start("Error", "claude-sonnet-5-5", usage(25)),
        block(0, "text", text=""),
        PING,
        delta(0, "text_delta", text="The first half"),
        (
            "error",
            {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}, "request_id": "req_01GoldenError"},
        ),
    ],
    "truncated": [
        start("Truncated", "claude-sonnet-5-5", usage(25)),
        block(0, "text", text=""),
        delta(0, "text_delta", text="The line goes de"),
    ],
    "beta_compaction": [
        start("Compaction", "claude-opus-4-6", usage(171_000)),
        block(0, "compaction", content=None, encrypted_content=None),
        delta(0, "compaction_delta", content="What was said so far, in short (golden).", encrypted_content=None),
        stop(0),
        *text(1, "Going on."),
        *end(
            "end_turn",
            850,
            5,
            more={
                "fallback_credit": None,
                "iterations": [
                    {"type": "compaction", "input_tokens": 171_000, "output_tokens": 320, "cache_creation": None},
                    {"type": "message", "model": None, "input_tokens": 850, "output_tokens": 5, "cache_creation": None},
                ],
            },
            context_management={"applied_edits": []},
        ),
    ],
    "new_fields": [
        (
            "message_start",
            {"type": "message_start", "message": message("New", "claude-sonnet-6", usage(9), mood="calm"), "lane": 2},
        ),
        (
            "content_block_start",
            {"index": 0, "type": "content_block_start", "content_block": {"text": "", "type": "text", "tone": {"a": [1, 1.50]}}},
        ),
        PING,
        delta(0, "text_delta", text="Not", estimated_tokens=1),
        PING,
        delta(0, "text_delta", text=" known yet."),
        stop(0),
        *end("end_turn", 9, 4, more={"moon_tokens": 7}),
    ],
    # What Anthropic's API never sends, and something in its place may.
    "two_starts": [
        start("TwoStarts", "claude-sonnet-5-5", usage(25)),
        start("TwoStarts", "claude-sonnet-5-5", usage(25)),
        *text(0, "All the same."),
        *end("end_turn", 25, 4),
    ],
    "thinking_in_text": [
        start("Mixed", "claude-sonnet-5-5", usage(25)),
        block(0, "text", text=""),
        delta(0, "text_delta", text="Seven."),
        delta(0, "thinking_delta", thinking="Or was it eight?"),
        delta(0, "text_delta", text=" Eight."),
        stop(0),
        *end("end_turn", 25, 4),
    ],
    "unknown_index": [
        start("Index", "claude-sonnet-5-5", usage(25)),
        block(0, "text", text=""),
        delta(5, "text_delta", text="Somewhere else."),
        stop(0),
        *end("end_turn", 25, 4),
    ],
    "one_event_too_many": [
        start("More", "claude-sonnet-5-5", usage(25)),
        *text(0, "Seven."),
        *end("end_turn", 25, 4),
        *text(1, "And more."),
    ],
    "input_no_json": [
        start("NoJson", "claude-sonnet-5-5", usage(25)),
        *call(0, "find_ferry", "seven ", "o'clock"),
        *call(1, "now", " {", "}"),
        *end("tool_use", 25, 4),
    ],
}

BODIES: dict[str, dict[str, Any]] = {
    "message_text": message(
        "BodyText",
        "claude-sonnet-5-5",
        usage(31, read=2048, write=512, output=9),
        content=[{"type": "text", "text": "The ferry leaves at seven.", "citations": None}],
        stop_reason="end_turn",
    ),
    "message_thinking": message(
        "BodyThink",
        "claude-opus-4-6",
        {**usage(52, output=63), "output_tokens_details": {"thinking_tokens": 41}},
        content=[
            {"type": "thinking", "thinking": "Seven plus the crossing.", "signature": "Z29sZGVuLXNpZ25hdHVyZS1ub3QtcmVhbA=="},
            {"type": "text", "text": "You arrive at 8:30.", "citations": None},
        ],
        stop_reason="end_turn",
    ),
    "message_tool_use": message(
        "BodyTool",
        "claude-sonnet-5-5",
        usage(398, output=74),
        content=[
            {"type": "text", "text": "Let me look at the timetable.", "citations": None},
            {
                "type": "tool_use",
                "id": "toolu_01Golden1FindFerry",
                "name": "find_ferry",
                "input": {"harbour": "Old Quay, pier 3", "hour": 7},
                "caller": {"type": "direct"},
            },
        ],
        stop_reason="tool_use",
    ),
}


def written(events: list[Event], seed: int) -> bytes:
    """The bytes of a stream. The spaces before the last brace follow from `seed`, so they differ from stream to stream."""
    parts = []
    for place, (name, payload) in enumerate(events):
        if name == "ping":
            parts.append('event: ping\ndata: {"type": "ping"}\n\n')
            continue
        compact = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
        padding = "" if name == "error" else " " * ((seed * 5 + place * 11) % 16)
        parts.append(f"event: {name}\ndata: {compact[:-1]}{padding}}}\n\n")
    return "".join(parts).encode()


def everything() -> dict[str, bytes]:
    """File name -> content of all recorded files."""
    files = {f"stream_{name}.sse": written(events, seed) for seed, (name, events) in enumerate(STREAMS.items())}
    for name, body in BODIES.items():
        files[f"{name}.json"] = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    for name, document in REQUESTS.items():
        files[f"request_{name}.json"] = json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n"
    return files


if __name__ == "__main__":
    for file_name, content in everything().items():
        (FOLDER / file_name).write_bytes(content)
