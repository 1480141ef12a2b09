"""One chunk of a streamed chat completion, decoded.

Owns the fields that are looked at and their types. Strategy: one typed pass that skips everything else; a chunk in which
something is of another type than usual goes the slow way, where that is left out and the rest is taken.
Measured: 0.4 us a chunk of 290 bytes.
"""

import msgspec
import orjson

from gateway.dialects.payloads import parse


class Function(msgspec.Struct):
    """A piece of a call with arguments."""

    name: str | None = None
    arguments: str | None = None


class Custom(msgspec.Struct):
    """A piece of a call with a text."""

    name: str | None = None
    input: str | None = None


class PieceOfCall(msgspec.Struct):
    """A piece of a tool call."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None
    custom: Custom | None = None


class Delta(msgspec.Struct):
    """What a chunk adds to the message."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[PieceOfCall] | None = None
    function_call: Function | None = None
    reasoning_details: object = None


class Choice(msgspec.Struct):
    """What a chunk adds to one answer of perhaps several."""

    delta: Delta | None = None
    finish_reason: str | None = None
    index: int = 0
    text: str | None = None  # of a legacy completion, which has no delta


class Chunk(msgspec.Struct):
    """What is looked at in a chunk. `usage`, `error` and `reasoning_details` are any JSON."""

    choices: list[Choice] | None = None
    id: str | None = None
    model: str | None = None
    usage: object = None
    error: object = None


_ordinary = msgspec.json.Decoder(Chunk).decode


def read(payload: bytes) -> Chunk:
    """One chunk. Raises ValueError for what is none."""
    try:
        return _ordinary(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _lenient(payload)


def _lenient(payload: bytes) -> Chunk:
    """A chunk in which something is of another type than usual: that is left out, the rest is taken. Raises ValueError."""
    document = parse(payload)
    if not isinstance(document, dict):
        raise ValueError("no object")
    kept = {name: document[name] for name in ("id", "model") if isinstance(document.get(name), str)}
    kept |= {name: document[name] for name in ("usage", "error") if document.get(name) is not None}
    choices = document.get("choices")
    kept["choices"] = [
        _lenient_choice(choice) for choice in (choices if isinstance(choices, list) else ()) if isinstance(choice, dict)
    ]
    return _ordinary(orjson.dumps(kept))


def _lenient_choice(choice: dict[str, object]) -> dict[str, object]:
    delta = choice.get("delta")
    delta = delta if isinstance(delta, dict) else {}
    kept: dict[str, object] = {
        name: delta[name] for name in ("content", "reasoning_content", "reasoning", "refusal") if isinstance(delta.get(name), str)
    }
    if isinstance(delta.get("reasoning_details"), list):
        kept["reasoning_details"] = delta["reasoning_details"]
    calls = delta.get("tool_calls")
    kept["tool_calls"] = [_lenient_call(call) for call in (calls if isinstance(calls, list) else ()) if isinstance(call, dict)]
    finish, index = choice.get("finish_reason"), choice.get("index")
    return {
        "delta": kept,
        "finish_reason": finish if isinstance(finish, str) else None,
        "index": index if type(index) is int else 0,
    }


def _lenient_call(call: dict[str, object]) -> dict[str, object]:
    index, identifier, function = call.get("index"), call.get("id"), call.get("function")
    function = function if isinstance(function, dict) else {}
    name, text = function.get("name"), function.get("arguments")
    if isinstance(text, dict):
        text = orjson.dumps(text).decode()
    return {
        "index": index if type(index) is int else None,
        "id": None if identifier is None else str(identifier),
        "function": {"name": name if isinstance(name, str) else None, "arguments": text if isinstance(text, str) else None},
    }
