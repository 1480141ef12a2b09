"""Writes the recorded streams, bodies and requests of this folder: `python -m tests.golden.openai_responses.write`, then read
the diff.

The texts are our own; the shapes are what a Responses upstream sends (`stream_*.sse`, `response_*.json`) and what a client sends
(`request_*.json`). Several streams are what sloppy servers send instead: without deltas, without the opening of an item, with
calls in pieces between each other.
"""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
CREATED_S = 1_795_233_600

Event = dict[str, Any]
Item = dict[str, Any]

FIGURES = {
    "input_tokens": 36,
    "input_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 4},
    "output_tokens": 87,
    "output_tokens_details": {"reasoning_tokens": 64},
    "total_tokens": 123,
}


def response(status: str, *output: Item, **more: Any) -> dict[str, Any]:
    return {
        "id": "resp_0Golden",
        "object": "response",
        "created_at": CREATED_S,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "model": "gpt-5.5-2026-04-23",
        "output": list(output),
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": "medium", "summary": None},
        "service_tier": "default",
        "store": False,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": FIGURES if status in ("completed", "incomplete") else None,
        "metadata": {},
        **more,
    }


def opening() -> list[Event]:
    return [{"type": f"response.{name}", "response": response("in_progress")} for name in ("created", "in_progress")]


def closing(*output: Item) -> list[Event]:
    return [{"type": "response.completed", "response": response("completed", *output)}]


def part(text: str, kind: str = "output_text") -> Item:
    return (
        {"type": kind, "annotations": [], "logprobs": [], "text": text} if kind == "output_text" else {"type": kind, kind: text}
    )


def message(*parts: Item, place: int = 0, status: str = "completed") -> Item:
    return {"id": f"msg_0Golden{place}", "type": "message", "status": status, "role": "assistant", "content": list(parts)}


def reasoning(*texts: str, place: int = 0, content: str | None = "Z29sZGVuLWVuY3J5cHRlZA==", raw: bool = False) -> Item:
    summary = [] if raw else [{"type": "summary_text", "text": text} for text in texts]
    item: Item = {"id": f"rs_0Golden{place}", "type": "reasoning", "summary": summary, "encrypted_content": content}
    return {**item, "content": [{"type": "reasoning_text", "text": text} for text in texts]} if raw else item


def call(name: str, arguments: str, place: int = 0) -> Item:
    identity = {"id": f"fc_0Golden{place}", "type": "function_call", "status": "completed"}
    return {**identity, "arguments": arguments, "call_id": f"call_0Golden{place}", "name": name}


def custom(name: str, text: str, place: int = 0) -> Item:
    identity = {"id": f"ctc_0Golden{place}", "type": "custom_tool_call", "status": "completed"}
    return {**identity, "call_id": f"call_0Golden{place}", "name": name, "input": text}


def added(item: Item, place: int) -> Event:
    empty: dict[str, Any] = {"content": [], "summary": [], "arguments": "", "input": "", "encrypted_content": None}
    begun = {key: empty.get(key, value) for key, value in item.items()}
    return {"type": "response.output_item.added", "output_index": place, "item": {**begun, "status": "in_progress"}}


def done(item: Item, place: int) -> Event:
    return {"type": "response.output_item.done", "output_index": place, "item": item}


def at(item: Item, place: int, kind: str, **more: Any) -> Event:
    return {"type": f"response.{kind}", "item_id": item["id"], "output_index": place, **more}


def said(item: Item, place: int, *pieces: str, index: int = 0) -> list[Event]:
    """One part of a message, in pieces."""
    told = item["content"][index]
    field = "text" if told["type"] == "output_text" else "refusal"
    more: dict[str, Any] = {"logprobs": []} if field == "text" else {}
    empty = {**told, field: ""}
    return [
        at(item, place, "content_part.added", content_index=index, part=empty),
        *(at(item, place, f"{told['type']}.delta", content_index=index, delta=piece, **more) for piece in pieces),
        at(item, place, f"{told['type']}.done", content_index=index, **{field: told[field]}, **more),
        at(item, place, "content_part.done", content_index=index, part=told),
    ]


def thought(item: Item, place: int, *summaries: list[str]) -> list[Event]:
    """The parts of a summary, each in pieces."""
    events: list[Event] = []
    for index, pieces in enumerate(summaries):
        whole = {"type": "summary_text", "text": "".join(pieces)}
        events += (
            at(item, place, "reasoning_summary_part.added", summary_index=index, part={**whole, "text": ""}),
            *(at(item, place, "reasoning_summary_text.delta", summary_index=index, delta=piece) for piece in pieces),
            at(item, place, "reasoning_summary_text.done", summary_index=index, text=whole["text"]),
            at(item, place, "reasoning_summary_part.done", summary_index=index, part=whole),
        )
    return events


def pieces_of(item: Item, place: int, *pieces: str) -> list[Event]:
    """The arguments of a call, or the input of a custom one."""
    kind, field = ("function_call_arguments", "arguments") if "arguments" in item else ("custom_tool_call_input", "input")
    return [
        *(at(item, place, f"{kind}.delta", delta=piece) for piece in pieces),
        at(item, place, f"{kind}.done", **{field: item[field]}),
    ]


TEXT = message(part("The ferry leaves at seven."))
ODD = message(part('Grüße, 渡し船 \U0001f6a2 a "quote", a \\ and\na tab\t\u2028\x7f\u0000'))
THOUGHT = reasoning("Seven plus the crossing.", "Half past eight, then.")
RAW = reasoning("Seven plus the crossing makes half past eight.", raw=True, content=None)
HIDDEN = reasoning()
LOOK = message(part("Let me look."), place=1)
FIND = call("find_ferry", '{"harbour": "Old Quay, pier 3", "hour": 7}', 2)
NOW = call("now", "{}", 3)
TALKS = call("find_ferry", "seven o'clock", 2)
PATCH = custom("apply_patch", '*** Begin Patch\n+ "é" \\ \U0001f6a2\n*** End Patch\n')
TWO_PARTS = message(part("I can tell you the time."), part("I will not tell you the key.", "refusal"))
SEARCH: Item = {
    "id": "ws_0Golden",
    "type": "web_search_call",
    "status": "completed",
    "action": {"type": "search", "query": "tides"},
}

STREAMS: dict[str, list[Event]] = {
    "text": [
        *opening(),
        added(TEXT, 0),
        *said(TEXT, 0, "The", " ferry", " leaves at", " seven."),
        done(TEXT, 0),
        *closing(TEXT),
    ],
    "unicode": [*opening(), added(ODD, 0), *said(ODD, 0, *ODD["content"][0]["text"]), done(ODD, 0), *closing(ODD)],
    "tools": [
        *opening(),
        added(THOUGHT, 0),
        *thought(THOUGHT, 0, ["Seven plus", " the crossing."], ["Half past eight, then."]),
        done(THOUGHT, 0),
        added(LOOK, 1),
        *said(LOOK, 1, "Let me", " look."),
        done(LOOK, 1),
        added(FIND, 2),
        *pieces_of(FIND, 2, '{"harbour": "Old', ' Quay, pier 3"', ', "hour": 7}'),
        done(FIND, 2),
        added(NOW, 3),
        *pieces_of(NOW, 3, "{}"),
        done(NOW, 3),
        *closing(THOUGHT, LOOK, FIND, NOW),
    ],
    "custom_tool": [
        *opening(),
        added(PATCH, 0),
        *pieces_of(PATCH, 0, "*** Begin Patch\n+ ", '"é" \\ \U0001f6a2', "\n*** End Patch\n"),
        done(PATCH, 0),
        *closing(PATCH),
    ],
    "arguments_no_json": [
        *opening(),
        added(TALKS, 0),
        *pieces_of(TALKS, 0, "seven ", "o'clock"),
        done(TALKS, 0),
        added(NOW, 1),
        *pieces_of(NOW, 1, "", " {", "}"),
        done(NOW, 1),
        *closing(TALKS, NOW),
    ],
    "reasoning_hidden": [*opening(), added(HIDDEN, 0), done(HIDDEN, 0), *closing(HIDDEN)],
    "reasoning_raw": [
        *opening(),
        added(RAW, 0),
        at(RAW, 0, "reasoning_text.delta", content_index=0, delta="Seven plus the crossing"),
        at(RAW, 0, "reasoning_text.delta", content_index=0, delta=" makes half past eight."),
        at(RAW, 0, "reasoning_text.done", content_index=0, text=RAW["content"][0]["text"]),
        done(RAW, 0),
        *closing(RAW),
    ],
    "refusal": [
        *opening(),
        added(TWO_PARTS, 0),
        *said(TWO_PARTS, 0, "I can tell you", " the time."),
        *said(TWO_PARTS, 0, "I will not", " tell you the key.", index=1),
        done(TWO_PARTS, 0),
        *closing(TWO_PARTS),
    ],
    "web_search": [
        *opening(),
        added(SEARCH, 0),
        at(SEARCH, 0, "web_search_call.in_progress"),
        at(SEARCH, 0, "web_search_call.searching"),
        at(SEARCH, 0, "web_search_call.completed"),
        done(SEARCH, 0),
        added(LOOK, 1),
        *said(LOOK, 1, "Let me look."),
        done(LOOK, 1),
        *closing(SEARCH, LOOK),
    ],
    "max_output_tokens": [
        *opening(),
        added(TEXT, 0),
        *said(message(part("The ferry")), 0, "The ferry"),
        done(message(part("The ferry"), status="incomplete"), 0),
        {
            "type": "response.incomplete",
            "response": response("incomplete", message(part("The ferry")), incomplete_details={"reason": "max_output_tokens"}),
        },
    ],
    "content_filter": [
        *opening(),
        {"type": "response.incomplete", "response": response("incomplete", incomplete_details={"reason": "content_filter"})},
    ],
    "empty": [*opening(), *closing()],
    "no_deltas": [*opening(), done(TEXT, 0), done({**FIND, "status": "completed"}, 1), *closing(TEXT, FIND)],
    "only_the_end": closing(THOUGHT, TEXT, PATCH, NOW),
    "not_opened": [
        *opening(),
        *said(TEXT, 0, "The ferry", " leaves at seven."),
        *pieces_of(FIND, 1, FIND["arguments"]),
        done(FIND, 1),
        *closing(TEXT, FIND),
    ],
    "not_closed": [
        *opening(),
        added(TEXT, 0),
        *said(TEXT, 0, "The ferry", " leaves at seven.")[:-2],
        added(FIND, 1),
        *pieces_of(FIND, 1, '{"harbour": "Old Quay, pier 3",')[:-1],
        *closing(TEXT, FIND),
    ],
    "interleaved": [
        *opening(),
        added(FIND, 0),
        added(NOW, 1),
        *pieces_of(FIND, 0, '{"harbour": "Old')[:-1],
        *pieces_of(NOW, 1, "{}"),
        done(NOW, 1),
        *pieces_of(FIND, 0, ' Quay, pier 3", "hour": 7}'),
        done(FIND, 0),
        *closing(FIND, NOW),
    ],
    "one_place_for_all": [
        *opening(),
        added(TEXT, 0),
        *said(TEXT, 0, "The ferry leaves at seven."),
        done(TEXT, 0),
        added(FIND, 0),
        *pieces_of(FIND, 0, FIND["arguments"]),
        done(FIND, 0),
        *closing(TEXT, FIND),
    ],
    "unknown_events": [
        {"type": "response.metadata", "headers": {}},
        *opening(),
        {"type": "keepalive"},
        added(TEXT, 0),
        at(TEXT, 0, "output_text.glow", delta={"a": 1}),
        *said(TEXT, 0, "The ferry leaves at seven."),
        done(TEXT, 0),
        *closing(TEXT),
        at(TEXT, 0, "output_text.delta", content_index=0, delta="after the end"),
    ],
    "failed": [
        *opening(),
        added(TEXT, 0),
        *said(TEXT, 0, "The")[:2],
        {
            "type": "response.failed",
            "response": response(
                "failed", error={"code": "rate_limit_exceeded", "message": "Rate limit reached. Please try again in 1.5s."}
            ),
        },
    ],
    "error_flat": [*opening(), {"type": "error", "code": "server_error", "message": "The ferry sank (golden).", "param": None}],
    "error_nested": [
        {
            "type": "error",
            "error": {
                "type": "invalid_request_error",
                "code": "context_length_exceeded",
                "message": "Too long.",
                "param": "input",
            },
        }
    ],
    "truncated": [*opening(), added(TEXT, 0), *said(TEXT, 0, "The ferry")[:2]],
}

BODIES: dict[str, dict[str, Any]] = {
    "text": response("completed", TEXT),
    "tools": response("completed", THOUGHT, LOOK, FIND, NOW),
    "custom_tool": response("completed", PATCH),
    "incomplete": response("incomplete", message(part("The ferry")), incomplete_details={"reason": "max_output_tokens"}),
    "refusal": response("completed", TWO_PARTS),
}

# A turn of an agent at the command line, as Codex sends it: instructions as messages, tools in all forms, images from a tool.
AGENT: dict[str, Any] = {
    "model": "claude-sonnet-5-5",
    "input": [
        {
            "type": "message",
            "id": "msg_1",
            "role": "developer",
            "content": [{"type": "input_text", "text": "You work in a harbour."}],
        },
        {
            "type": "message",
            "id": "msg_2",
            "role": "developer",
            "content": [{"type": "input_text", "text": "Nets are read-only."}],
        },
        {"type": "message", "id": "msg_3", "role": "user", "content": [{"type": "input_text", "text": "<cwd>/quay</cwd>"}]},
        {"type": "message", "id": "msg_4", "role": "user", "content": [{"type": "input_text", "text": "Paint the boat."}]},
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "First see the boat."}],
            "content": None,
            "encrypted_content": "sluice1.t.Rmlyc3Qgc2VlIHRoZSBib2F0Lg==.Z29sZGVuLXNpZ25hdHVyZQ==",
        },
        {"type": "message", "id": "msg_5", "role": "assistant", "content": [{"type": "output_text", "text": "Let me see."}]},
        {"type": "function_call", "id": "fc_1", "name": "view_image", "arguments": '{"path":"boat.png"}', "call_id": "toolu_1"},
        {"type": "function_call", "id": "fc_2", "name": "list", "namespace": "paint", "arguments": "{}", "call_id": "toolu_2"},
        {
            "type": "function_call_output",
            "call_id": "toolu_2",
            "output": "red\nblue",
        },
        {
            "type": "function_call_output",
            "call_id": "toolu_1",
            "output": [{"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo=", "detail": "original"}],
        },
        {"type": "custom_tool_call", "id": "ctc_1", "name": "apply_patch", "input": "*** Begin Patch\n", "call_id": "toolu_3"},
        {"type": "custom_tool_call_output", "call_id": "toolu_3", "output": "Exit code: 1"},
        {"type": "tool_search_call", "call_id": "toolu_4", "execution": "client", "arguments": {"query": "brush"}},
        {
            "type": "tool_search_output",
            "call_id": "toolu_4",
            "execution": "client",
            "status": "completed",
            "tools": [{"type": "function", "name": "brush", "description": "Brushes.", "parameters": {"type": "object"}}],
        },
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "The tide turns."}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Go on."}]},
    ],
    "tools": [
        {
            "type": "function",
            "name": "view_image",
            "description": "Shows a picture.",
            "strict": False,
            "parameters": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
        },
        {
            "type": "custom",
            "name": "apply_patch",
            "description": "Edits files.",
            "format": {"type": "grammar", "syntax": "lark", "definition": "start: begin hunk+ end"},
        },
        {
            "type": "namespace",
            "name": "paint",
            "description": "Paint.",
            "tools": [{"type": "function", "name": "list", "description": "Lists paints.", "parameters": {"type": "object"}}],
        },
        {"type": "tool_search", "execution": "client", "description": "Finds tools.", "parameters": {"type": "object"}},
        {"type": "web_search", "external_web_access": True},
    ],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "reasoning": {"effort": "high", "summary": "auto"},
    "store": False,
    "stream": True,
    "include": ["reasoning.encrypted_content"],
    "prompt_cache_key": "00000000-0000-7000-8000-000000000000",
    "text": {"verbosity": "low"},
    "client_metadata": {"session_id": "00000000-0000-7000-8000-000000000000"},
}

REQUESTS: dict[str, dict[str, Any]] = {
    "agent": AGENT,
    "text": {"model": "gpt-5.5", "input": "When does the ferry leave?", "instructions": "Be short.", "max_output_tokens": 64},
    "structured": {
        "model": "gpt-5.5",
        "input": [{"role": "user", "content": "When?"}],
        "text": {
            "format": {
                "type": "json_schema",
                "name": "departure",
                "strict": True,
                "schema": {
                    "type": "object",
                    "properties": {"hour": {"type": "integer", "minimum": 0}},
                    "required": ["hour"],
                    "additionalProperties": False,
                },
            }
        },
        "tool_choice": {"type": "function", "name": "now"},
        "parallel_tool_calls": False,
        "tools": [{"type": "function", "name": "now", "parameters": None, "strict": True}],
        "temperature": 0.2,
        "safety_identifier": "sailor-7",
    },
}


def stream(events: list[Event]) -> bytes:
    """The bytes of a stream, with its numbers."""
    frames = []
    for number, event in enumerate(events):
        payload = json.dumps({**event, "sequence_number": number}, ensure_ascii=False, separators=(",", ":"))
        frames.append(f"event: {event['type']}\ndata: {payload}\n\n")
    return "".join(frames).encode()


def everything() -> dict[str, bytes]:
    """File name -> content of all recorded files."""
    files = {f"stream_{name}.sse": stream(events) for name, events in STREAMS.items()}
    for kind, documents in (("response", BODIES), ("request", REQUESTS)):
        for name, document in documents.items():
            text = json.dumps(document, ensure_ascii=False, indent=1 if kind == "request" else None)
            files[f"{kind}_{name}.json"] = text.encode() + b"\n"
    return files


if __name__ == "__main__":
    for file_name, content in everything().items():
        (FOLDER / file_name).write_bytes(content)
