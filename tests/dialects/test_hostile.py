"""Bodies and streams in which anything may stand anywhere: a fault, never another exception, and never a broken frame."""

import copy
import json
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.faults import Fault, FaultKind
from gateway.core.profile import DEFAULTS
from gateway.dialects.losses import Losses
from gateway.dialects.sse import Parser
from gateway.dialects.translation import CODECS
from tests import torture
from tests.golden.translated import write

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", " ", "x", "a" * 300, "tool", "user", "data:image/png;base64,", "https://", "\u0000", "call_1"]),
    st.sampled_from([[], {}, [[]], [{}], {"type": "text"}, [None], {"type": []}, {"name": 1}, [{"type": "tool_use"}]]),
)

PICTURE = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
CHAT: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "system", "content": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "a"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"}},
                {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
            ],
        },
        {
            "role": "assistant",
            "content": "b",
            "reasoning_content": "c",
            "reasoning_details": [{"type": "reasoning.text", "text": "c", "signature": "s", "at": [0, 0]}],
            "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "d"}]},
        {"role": "user", "content": "e"},
    ],
    "tools": [
        {"type": "function", "function": {"name": "f", "description": "g", "parameters": {"type": "object"}, "strict": True}},
        {
            "type": "custom",
            "custom": {"name": "h", "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "i"}}},
        },
    ],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "j", "schema": {"type": "object", "properties": {}}}},
    "stop": ["k"],
    "stream": True,
    "stream_options": {"include_usage": True},
    "reasoning_effort": "low",
    "thinking": {"type": "enabled", "budget_tokens": 2000},
    "max_tokens": 9,
    "temperature": 0.5,
    "top_k": 3,
    "user": "l",
}
MESSAGES: dict[str, Any] = {
    "model": "m",
    "max_tokens": 9,
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "image", "source": PICTURE},
                {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "a"}]}, "title": "b"},
                {"type": "search_result", "title": "c", "source": "d", "content": [{"type": "text", "text": "e"}]},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "f", "signature": "g"},
                {"type": "redacted_thinking", "data": "h"},
                {"type": "text", "text": "i"},
                {"type": "tool_use", "id": "call_1", "name": "j", "input": {"k": 1}},
                {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "call_1",
                    "content": [{"type": "image", "source": PICTURE}],
                    "is_error": True,
                },
                {"type": "text", "text": "l"},
            ],
        },
        {"role": "system", "content": "m"},
    ],
    "tools": [
        {
            "name": "j",
            "description": "n",
            "input_schema": {"type": "object", "properties": {"k": {"type": "integer"}}},
            "strict": True,
        },
        {"type": "bash_20250124", "name": "bash"},
    ],
    "tool_choice": {"type": "tool", "name": "j", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 2000, "display": "omitted"},
    "output_config": {"effort": "high", "format": {"type": "json_schema", "schema": {"type": "object"}}},
    "stop_sequences": ["o"],
    "metadata": {"user_id": "p"},
    "temperature": 1,
}
RESPONSES: dict[str, Any] = {
    "model": "m",
    "instructions": "Be brief.",
    "input": [
        {"role": "developer", "content": "Nets are read-only."},
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}},
                {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"},
                {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="},
            ],
        },
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "b"}],
            "encrypted_content": "sluice1.t.Yg==.c",
        },
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "d", "annotations": []}]},
        {"type": "function_call", "call_id": "call_1", "name": "e", "namespace": "f", "arguments": "{}"},
        {"type": "custom_tool_call", "call_id": "call_2", "name": "g", "input": "h"},
        {"type": "function_call_output", "call_id": "call_1", "output": [{"type": "input_text", "text": "i"}]},
        {"type": "custom_tool_call_output", "call_id": "call_2", "output": "j"},
        {"type": "tool_search_call", "call_id": "call_3", "execution": "client", "arguments": {"k": 1}},
        {"type": "tool_search_output", "call_id": "call_3", "execution": "client", "tools": [{"type": "custom", "name": "l"}]},
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
    ],
    "tools": [
        {"type": "custom", "name": "g", "format": {"type": "grammar", "syntax": "lark", "definition": "m"}},
        {"type": "namespace", "name": "f", "tools": [{"type": "function", "name": "e", "parameters": {"type": "object"}}]},
        {"type": "tool_search", "execution": "client"},
        {"type": "web_search"},
    ],
    "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "custom", "name": "g"}]},
    "parallel_tool_calls": False,
    "reasoning": {"effort": "low", "summary": "auto"},
    "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True}, "verbosity": "low"},
    "include": ["reasoning.encrypted_content"],
    "max_output_tokens": 9,
    "temperature": 0.5,
    "safety_identifier": "o",
    "service_tier": "default",
    "metadata": {"p": "q"},
}
DOCUMENTS = {"anthropic": MESSAGES, "openai_chat": CHAT, "openai_responses": RESPONSES}
REQUESTS = [(client, upstream, DOCUMENTS[client]) for client, upstream in write.PAIRS]


def places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values in a document."""
    inner = document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    return [path, *(place for key, value in inner for place in places(value, (*path, key)))]


def changed(document: Any, changes: list[tuple[int, Any]]) -> Any:
    """The document with other values in some places."""
    document = copy.deepcopy(document)
    for place, value in changes:
        paths = places(document)[1:]
        if not paths:
            break
        *way, last = paths[place % len(paths)]
        holder = document
        for step in way:
            holder = holder[step]
        holder[last] = copy.deepcopy(value)
    return document


read: Counter[str] = Counter()  # what was changed in some places, and read without anything worse than a refusal


def teardown_module() -> None:
    counts = ", ".join(f"{count} {what}" for what, count in read.items())
    torture.proved("R9", f"{counts}, each changed in up to four places: read and written, or refused")


CHANGES = st.lists(st.tuples(st.integers(0, 10_000), ODD), min_size=1, max_size=4)


@pytest.mark.parametrize(("client", "upstream", "document"), REQUESTS, ids=lambda value: value if isinstance(value, str) else "")
def test_the_documents_themselves_are_fine(client: str, upstream: str, document: Any) -> None:
    losses = Losses(client)
    conversation = CODECS[client].read_request(copy.deepcopy(document), losses)
    assert orjson.loads(CODECS[upstream].write_request(conversation, "served", DEFAULTS[upstream], losses).body)


@pytest.mark.torture
@pytest.mark.parametrize(("client", "upstream", "document"), REQUESTS, ids=lambda value: value if isinstance(value, str) else "")
@given(changes=CHANGES)
@settings(max_examples=torture.rounds(100, 2000))
def test_requests(client: str, upstream: str, document: Any, changes: list[tuple[int, Any]]) -> None:
    losses = Losses(client)
    body, refused = b"{}", None
    try:
        conversation = CODECS[client].read_request(changed(document, changes), losses)
        body = CODECS[upstream].write_request(conversation, "served", DEFAULTS[upstream], losses).body
    except Fault as fault:
        refused = fault
    assert refused is None or (refused.kind is FaultKind.INVALID and refused.text)
    assert isinstance(orjson.loads(body), dict)
    losses.header().decode("ascii")
    read["requests"] += 1


BODIES = [
    (client, upstream, path) for client, upstream in write.PAIRS for path in write.sources(upstream) if path.suffix == ".json"
]
SOURCES = [
    (client, upstream, path) for client, upstream in write.PAIRS for path in write.sources(upstream) if path.suffix == ".sse"
]


def ids(case: tuple[str, str, Path]) -> str:
    return f"{case[0]}-{case[2].name}"


@pytest.mark.torture
@pytest.mark.parametrize("case", BODIES, ids=ids)
@given(changes=CHANGES)
@settings(max_examples=torture.rounds(20, 200))
def test_answers(case: tuple[str, str, Path], changes: list[tuple[int, Any]]) -> None:
    client, upstream, path = case
    exchange = write.translation(client, upstream)
    answer = b"{}"
    with suppress(Fault):
        answer = exchange.reply(orjson.dumps(changed(orjson.loads(path.read_bytes()), changes)))
    assert isinstance(orjson.loads(answer), dict)
    assert exchange.usage.input_tokens >= 0
    read["answers"] += 1


@pytest.mark.torture
@pytest.mark.parametrize("case", SOURCES, ids=ids)
@given(at=st.integers(0, 100), changes=CHANGES)
@settings(max_examples=torture.rounds(4, 40))
def test_streams(case: tuple[str, str, Path], at: int, changes: list[tuple[int, Any]]) -> None:
    client, upstream, path = case
    events = Parser().feed(path.read_bytes())
    chosen = at % len(events)
    frames = []
    for place, event in enumerate(events):
        data = event.data
        if place == chosen and data.startswith(b"{") and b"\\ud83d" not in data and b'\xf0\x9f"' not in data:
            data = json.dumps(changed(orjson.loads(data), changes)).encode()
        frames.append(b"event: " + event.name + b"\ndata: " + data + b"\n\n" if event.name else b"data: " + data + b"\n\n")
    stream = write.translation(client, upstream, stream=True).streaming()
    out = stream.feed(b"".join(frames)) + stream.end()
    assert stream.ended or stream.error is not None
    for event in Parser().feed(out):
        if not event.data.startswith(b"[DONE]"):
            assert isinstance(orjson.loads(event.data), dict)
    order(client, out)
    read["streams"] += 1


def order(client: str, out: bytes) -> None:
    """Anthropic's events in the order in which clients take them."""
    if client != "anthropic":
        return
    index, opened = -1, False
    for event in Parser().feed(out):
        name = event.name.decode()
        if name == "content_block_start":
            assert not opened
            index, opened = index + 1, True
        elif name in ("content_block_delta", "content_block_stop"):
            assert opened
            opened = name == "content_block_delta"
        elif name in ("message_delta", "message_stop"):
            assert not opened
        if name.startswith("content_block_"):
            assert orjson.loads(event.data)["index"] == index
