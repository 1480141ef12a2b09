"""Writes the recorded streams and bodies of this folder: `python -m tests.golden.openai_chat.write`, then read the diff.

The texts are our own; the shapes are what servers of OpenAI's chat protocol send, the official one and the many that came after
it. The second half are their habits and mistakes, each of which a client of another dialect must never notice.
"""

import json
from pathlib import Path
from typing import Any

from tests.golden.openai_chat.requests import REQUESTS

FOLDER = Path(__file__).resolve().parent
CREATED_S = 1_795_233_600
Chunk = dict[str, Any] | str
Json = dict[str, Any]

FIGURES: Json = {
    "prompt_tokens": 1225,
    "completion_tokens": 40,
    "total_tokens": 1265,
    "prompt_tokens_details": {"cached_tokens": 1024, "audio_tokens": 0},
    "completion_tokens_details": {
        "reasoning_tokens": 16,
        "audio_tokens": 0,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    },
}


def chunk(delta: Json | None, finish: str | None = None, **more: Any) -> Json:
    """One chunk; without a delta one without choices."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
    return {
        "id": "chatcmpl-Golden0001",
        "object": "chat.completion.chunk",
        "created": CREATED_S,
        "model": "gpt-golden",
        "service_tier": "default",
        "system_fingerprint": "fp_golden",
        "choices": choices,
        "usage": None,
        **more,
    }


ROLE = chunk({"role": "assistant", "content": "", "refusal": None})
USAGE = chunk(None, usage=FIGURES)


def text(*parts: str) -> list[Chunk]:
    return [chunk({"content": part}) for part in parts]


def thought(*parts: str, field: str = "reasoning_content") -> list[Chunk]:
    return [chunk({field: part}) for part in parts]


def finish(reason: str | None) -> list[Chunk]:
    last: list[Chunk] = [] if reason is None else [chunk({}, reason)]
    return [*last, USAGE, "[DONE]"]


def piece(index: int | None, arguments: str | None, *, name: str | None = None, identifier: str | None = None) -> Json:
    """One entry of `tool_calls`."""
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    call: Json = {} if index is None else {"index": index}
    if identifier is not None:
        call |= {"id": identifier, "type": "function"}
    return {**call, "function": function}


def calls(*pieces: Json) -> Json:
    return chunk({"tool_calls": list(pieces)})


FERRY = piece(0, "", name="find_ferry", identifier="call_GoldenFerry")
NOW = piece(1, "", name="now", identifier="call_GoldenNow")

STREAMS: dict[str, list[Chunk]] = {
    "text": [{**ROLE, "obfuscation": "aX3"}, *text("The", " ferry", " leaves at", " seven."), *finish("stop")],
    "unicode": [
        ROLE,
        *text("Grüße, ", "паром, ", "渡し船 ", "\U0001f6a2 ", 'a "quote", a \\ and\na tab\t\u2028\x7f'),
        *finish("stop"),
    ],
    "length": [ROLE, *text("The timetable has", " forty"), *finish("length")],
    "content_filter": [ROLE, *text("How to"), *finish("content_filter")],
    "refusal": [
        chunk({"role": "assistant", "content": None, "refusal": ""}),
        chunk({"refusal": "I can't say."}),
        *finish("stop"),
    ],
    "tools": [
        chunk({"role": "assistant", "content": None, "tool_calls": [FERRY], "refusal": None}),
        *(calls(piece(0, part)) for part in ('{"harbour":', ' "Old', ' Quay", "hour": 7}')),
        calls(NOW),
        calls(piece(1, "{}")),
        *finish("tool_calls"),
    ],
    "text_then_tool": [ROLE, *text("Let me", " look."), calls(FERRY), calls(piece(0, '{"hour": 7}')), *finish("tool_calls")],
    "reasoning": [
        chunk({"role": "assistant", "content": None, "reasoning_content": ""}),
        *thought("Seven plus", " the crossing."),
        *text("At ", "8:30."),
        *finish("stop"),
    ],
    "reasoning_between": [
        ROLE,
        *thought("Which harbour?", field="reasoning"),
        *text("Let me look."),
        *thought("The old one.", field="reasoning"),
        calls(FERRY),
        calls(piece(0, '{"hour": 7}')),
        *thought("That will do.", field="reasoning"),
        *finish("tool_calls"),
    ],
    "reasoning_details": [
        ROLE,
        chunk({"reasoning": "Seven plus", "reasoning_details": [{"type": "reasoning.text", "text": "Seven plus", "index": 0}]}),
        chunk({"reasoning": " one.", "reasoning_details": [{"type": "reasoning.text", "text": " one.", "index": 0}]}),
        chunk(
            {"reasoning_details": [{"type": "reasoning.text", "signature": "Z29sZGVu", "text": "Seven plus one.", "index": 0}]}
        ),
        chunk({"reasoning_details": [{"type": "reasoning.encrypted", "data": "Z29sZGVuLTI=", "index": 1}]}),
        *text("At 8."),
        *finish("stop"),
    ],
    "no_usage": [ROLE, *text("Seven."), chunk({}, "stop"), "[DONE]"],
    "usage_on_finish": [ROLE, *text("Seven."), chunk({}, "stop", usage=FIGURES), "[DONE]"],
    "usage_in_every_chunk": [
        chunk({"role": "assistant", "content": "Sev"}, usage={"prompt_tokens": 1225, "completion_tokens": 1}),
        chunk({"content": "en."}, "stop", usage={"prompt_tokens": 1225, "completion_tokens": 2}),
        "[DONE]",
    ],
    "no_finish": [ROLE, *text("Seven."), "[DONE]"],
    "no_done": [ROLE, *text("Seven."), chunk({}, "stop"), USAGE],
    "truncated": [ROLE, *text("The line goes de")],
    "error_midway": [
        ROLE,
        *text("The first half"),
        {"error": {"message": "The server had an error.", "type": "server_error", "param": None, "code": None}},
    ],
    "error_with_status": [ROLE, {"error": {"message": "Slow down.", "code": 429}}, "[DONE]"],
    "error_first": [{"error": "No such luck."}],
    "role_in_every_chunk": [
        *(chunk({"role": "assistant", "content": part}) for part in ("Sev", "en", ".")),
        *finish("stop"),
    ],
    "empty_pieces": [ROLE, *text("", "Seven", "", "."), chunk({"content": None}), *finish("stop")],
    "nothing": [ROLE, *finish("stop")],
    "stop_after_tool": [
        ROLE,
        calls(piece(0, '{"hour": 7}', name="find_ferry", identifier="functions.find_ferry:0")),
        *finish("stop"),
    ],
    "tools_in_one_chunk": [
        chunk(
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [
                    piece(0, '{"hour": 7}', name="find_ferry", identifier="call_GoldenFerry"),
                    piece(1, "{}", name="now", identifier="call_GoldenNow"),
                ],
            },
            "tool_calls",
        ),
        "[DONE]",
    ],
    "tools_interleaved": [
        calls(FERRY, NOW),
        calls(piece(1, "{")),
        calls(piece(0, '{"hour"')),
        calls(piece(1, '"zone": "UTC"}'), piece(0, ": 7}")),
        *finish("tool_calls"),
    ],
    "tools_with_one_index": [
        calls(piece(0, '{"hour": 7}', name="find_ferry", identifier="call_GoldenFerry")),
        calls(piece(0, "{}", name="now", identifier="call_GoldenNow")),
        *finish("tool_calls"),
    ],
    "tools_without_index": [
        calls(piece(None, '{"hour"', name="find_ferry", identifier="call_GoldenFerry")),
        calls(piece(None, ": 7}")),
        calls(piece(None, "{}", name="now", identifier="call_GoldenNow")),
        *finish("tool_calls"),
    ],
    "tool_repeated": [
        *(calls(piece(0, part, name="find_ferry", identifier="call_GoldenFerry")) for part in ("", '{"hour"', ": 7}")),
        *finish("tool_calls"),
    ],
    "tool_name_in_pieces": [
        calls(piece(0, None, name="find_", identifier="call_GoldenFerry")),
        calls(piece(0, "", name="ferry")),
        calls(piece(0, '{"hour": 7}')),
        *finish("tool_calls"),
    ],
    "tool_without_arguments": [calls(FERRY), *finish("tool_calls")],
    "tool_without_id": [calls(piece(0, '{"hour": 7}', name="find_ferry")), *finish("tool_calls")],
    "words_amid_tool": [calls(FERRY), calls(piece(0, '{"hour"')), *text("Wait."), calls(piece(0, ": 7}")), *finish("tool_calls")],
    "arguments_no_json": [calls(FERRY), calls(piece(0, "seven")), calls(piece(0, " o'clock")), *finish("tool_calls")],
    "arguments_in_a_string": [calls(FERRY), calls(piece(0, '"{\\"hour\\"')), calls(piece(0, ': 7}"')), *finish("tool_calls")],
    "arguments_cut": [calls(FERRY), calls(piece(0, '{"hour": ')), *finish("length")],
    "arguments_as_object": [
        chunk(
            {"tool_calls": [{"index": 0, "id": "call_GoldenFerry", "function": {"name": "find_ferry", "arguments": {"hour": 7}}}]}
        ),
        *finish("tool_calls"),
    ],
    "function_call": [
        chunk({"role": "assistant", "content": None, "function_call": {"name": "find_ferry", "arguments": ""}}),
        chunk({"function_call": {"arguments": '{"hour": 7}'}}),
        *finish("function_call"),
    ],
    "odd_types": [
        chunk({"role": "assistant", "content": 7, "tool_calls": "none"}, id=5, model=None),
        {**chunk({"content": "Seven."}), "usage": "soon"},
        {"choices": [None, {"delta": None}, {"index": 3, "delta": {"content": "another"}}]},
        *finish("stop"),
    ],
    "late_pieces": [ROLE, *text("Seven."), *finish("stop"), *text(" And more.")],
}

# Written byte by byte, because of how they are framed or spelled.
RAW: dict[str, bytes] = {
    "comments": b": OPENROUTER PROCESSING\n\n" * 2
    + f"data: {json.dumps(ROLE)}\n\n: OPENROUTER PROCESSING\n\ndata: {json.dumps(text('Seven.')[0])}\n\n".encode()
    + f"data: {json.dumps(chunk({}, 'stop'))}\n\ndata: [DONE]\n\n".encode(),
    "crlf": "".join(f"data: {json.dumps(one)}\r\n\r\n" for one in [ROLE, *text("Seven."), chunk({}, "stop")]).encode()
    + b"data: [DONE]\r\n\r\n",
    "half_characters": f"data: {json.dumps(ROLE)}\n\n".encode()
    + b'data: {"choices":[{"index":0,"delta":{"content":"a \\ud83d"}}]}\n\n'
    + b'data: {"choices":[{"index":0,"delta":{"content":"b \xf0\x9f"}}]}\n\n'
    + f"data: {json.dumps(chunk({}, 'stop'))}\n\ndata: [DONE]\n\n".encode(),
    "garbled": f"data: {json.dumps(ROLE)}\n\n".encode() + b"data: <html>Bad gateway</html>\n\n",
}


def body(message: Json, reason: str, **more: Any) -> Json:
    return {
        "id": "chatcmpl-Golden0002",
        "object": "chat.completion",
        "created": CREATED_S,
        "model": "gpt-golden",
        "choices": [{"index": 0, "message": {"role": "assistant", **message}, "logprobs": None, "finish_reason": reason}],
        "usage": FIGURES,
        "service_tier": "default",
        "system_fingerprint": "fp_golden",
        **more,
    }


def whole_call(identifier: str, name: str, arguments: str) -> Json:
    return {"id": identifier, "type": "function", "function": {"name": name, "arguments": arguments}}


BODIES: dict[str, Json] = {
    "completion_text": body({"content": "The ferry leaves at seven.", "refusal": None, "annotations": []}, "stop"),
    "completion_tools": body(
        {
            "content": None,
            "refusal": None,
            "tool_calls": [
                whole_call("call_GoldenFerry", "find_ferry", '{"harbour":"Old Quay","hour":7}'),
                whole_call("functions.now:1", "now", ""),
            ],
        },
        "tool_calls",
    ),
    "completion_reasoning": body({"content": "At 8:30.", "reasoning_content": "Seven plus the crossing."}, "stop"),
    "completion_reasoning_details": body(
        {
            "content": "At 8.",
            "reasoning": "Seven plus one.",
            "reasoning_details": [
                {"type": "reasoning.text", "text": "Seven plus one.", "signature": "Z29sZGVu", "index": 0},
                {"type": "reasoning.encrypted", "data": "Z29sZGVuLTI=", "index": 1},
            ],
        },
        "stop",
    ),
    "completion_refusal": body({"content": None, "refusal": "I can't say."}, "stop"),
    "completion_length": body({"content": "The timetable has forty"}, "length"),
    "completion_bad_arguments": body(
        {
            "content": "",
            "tool_calls": [
                whole_call("call_1", "find_ferry", "seven o'clock"),
                whole_call("call_2", "find_ferry", '"{\\"hour\\": 7}"'),
                whole_call("call_3", "find_ferry", '{"hour": '),
                whole_call("call_4", "find_ferry", "null"),
                whole_call("call_5", "find_ferry", '{"note": "two\nlines"}'),
            ],
        },
        "stop",
    ),
    "completion_function_call": body(
        {"content": None, "function_call": {"name": "find_ferry", "arguments": '{"hour": 7}'}}, "function_call"
    ),
    "completion_no_usage": body({"content": "The ferry leaves at seven."}, "stop", usage=None),
    "completion_empty": body({"content": ""}, "stop"),
}


def written(chunks: list[Chunk]) -> bytes:
    """The bytes of a stream."""
    lines = (one if isinstance(one, str) else json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in chunks)
    return "".join(f"data: {line}\n\n" for line in lines).encode()


def everything() -> dict[str, bytes]:
    """File name -> content of all recorded files."""
    files = {f"stream_{name}.sse": written(chunks) for name, chunks in STREAMS.items()}
    files |= {f"stream_{name}.sse": content for name, content in RAW.items()}
    for name, document in BODIES.items():
        files[f"{name}.json"] = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    for name, document in REQUESTS.items():
        files[f"request_{name}.json"] = json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n"
    return files


if __name__ == "__main__":
    for file_name, content in everything().items():
        (FOLDER / file_name).write_bytes(content)
