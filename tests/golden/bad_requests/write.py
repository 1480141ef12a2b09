"""Writes what becomes of requests that are wrong in one place: `python -m tests.golden.bad_requests.write`, then read the diff.

One file for each pair, named client_to_upstream. For each request stands there the refusal as the client reads it, or, where it
can be helped, the body that the upstream gets with what was dropped on the way.
"""

import json
from pathlib import Path
from typing import Any

from gateway.core.faults import Fault
from gateway.dialects.anthropic.request import check
from gateway.dialects.translation import CODECS
from tests.golden.translated.write import PAIRS, exchange

FOLDER = Path(__file__).resolve().parent
TIFF = "SUkqAAgAAAA="

Json = dict[str, Any]


def anthropic(*messages: Json) -> Json:
    tools = [{"name": "find_ferry", "input_schema": {"type": "object", "properties": {}}}]
    return {"model": "asked-model", "max_tokens": 64, "messages": list(messages), "tools": tools}


def chat(*messages: Json) -> Json:
    tools = [{"type": "function", "function": {"name": "find_ferry", "parameters": {"type": "object", "properties": {}}}}]
    return {"model": "asked-model", "messages": list(messages), "tools": tools}


def responses(*items: Json) -> Json:
    tools = [{"type": "function", "name": "find_ferry", "parameters": {"type": "object", "properties": {}}}]
    return {"model": "asked-model", "input": list(items), "tools": tools}


def user(content: object) -> Json:
    return {"role": "user", "content": content}


def assistant(content: object, **more: Any) -> Json:
    return {"role": "assistant", "content": content, **more}


def called(arguments: object) -> Json:
    function = {"name": "find_ferry", "arguments": arguments}
    return assistant(None, tool_calls=[{"id": "call_1", "type": "function", "function": function}])


def use(given: object) -> Json:
    return {"type": "tool_use", "id": "toolu_1", "name": "find_ferry", "input": given}


def call_item(arguments: object) -> Json:
    return {"type": "function_call", "call_id": "call_1", "name": "find_ferry", "arguments": arguments}


ASK = user("When does the ferry leave?")
RESULT: Json = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "at seven"}
ANSWER: Json = {"role": "tool", "tool_call_id": "call_1", "content": "at seven"}
OUTPUT: Json = {"type": "function_call_output", "call_id": "call_1", "output": "at seven"}
SOURCE: Json = {"type": "base64", "media_type": "image/tiff", "data": TIFF}
URL = f"data:image/tiff;base64,{TIFF}"

BAD: dict[str, dict[str, Json]] = {
    "anthropic": {
        "arguments_no_object": anthropic(ASK, assistant([use("seven o'clock")]), user([RESULT])),
        "result_without_call": anthropic(ASK, assistant("Let me look."), user([RESULT])),
        "call_without_result": anthropic(ASK, assistant([use({})]), user("And?")),
        "empty_content": anthropic(user("")),
        "empty_list": anthropic(user([])),
        "no_messages": anthropic(),
        "image_of_unknown_type": anthropic(user([{"type": "image", "source": SOURCE}])),
        "block_of_unknown_type": anthropic(user([{"type": "smell", "data": "tar"}])),
    },
    "openai_chat": {
        "arguments_no_json": chat(ASK, called("seven o'clock"), ANSWER),
        "arguments_cut": chat(ASK, called('{"hour": '), ANSWER),
        "result_without_call": chat(ASK, assistant("Let me look."), ANSWER),
        "call_without_result": chat(ASK, called("{}"), user("And?")),
        "empty_content": chat(user("")),
        "empty_list": chat(user([])),
        "no_messages": chat(),
        "image_of_unknown_type": chat(user([{"type": "image_url", "image_url": {"url": URL}}])),
        "part_of_unknown_type": chat(user([{"type": "smell", "data": "tar"}])),
    },
    "openai_responses": {
        "arguments_no_json": responses(ASK, call_item("seven o'clock"), OUTPUT),
        "arguments_cut": responses(ASK, call_item('{"hour": '), OUTPUT),
        "result_without_call": responses(ASK, OUTPUT),
        "call_without_result": responses(ASK, call_item("{}"), user("And?")),
        "empty_content": responses(user("")),
        "empty_list": responses(user([])),
        "no_items": responses(),
        "image_of_unknown_type": responses(user([{"type": "input_image", "image_url": URL}])),
        "part_of_unknown_type": responses(user([{"type": "smell", "data": "tar"}])),
    },
}


def outcome(client: str, upstream: str, document: Json) -> Json:
    """What becomes of a request."""
    try:
        if client == "anthropic":
            check(json.dumps(document).encode(), version="2023-06-01", betas=frozenset(), count_tokens=False)
        sent = exchange(client, upstream, document)
    except Fault as fault:
        status, _, body = CODECS[client].write_fault(fault, "req_Golden")
        return {"status": status, "refused": json.loads(body)["error"]}
    return {"dropped": sent.losses.dropped, "sent": json.loads(sent.body)}


def everything() -> dict[str, bytes]:
    """File name -> content of all recorded files."""
    files = {
        f"{client}_to_{upstream}.json": {name: outcome(client, upstream, document) for name, document in BAD[client].items()}
        for client, upstream in PAIRS
    }
    return {name: json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n" for name, document in files.items()}


if __name__ == "__main__":
    for file_name, content in everything().items():
        (FOLDER / file_name).write_bytes(content)
