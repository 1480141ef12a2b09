"""Answers: what the simulator says to a prompt, before it is written in any format.

Pure: a prompt and a script give blocks, a stop reason and the figures of usage. Max tokens and stop sequences are honoured here,
so that a stream and a body of the same request say the same.
"""

from dataclasses import dataclass
from typing import Any

import orjson

from gateway.core.ids import fresh_id, text_of
from gateway.core.usage import Usage
from gateway.simulator import prose
from gateway.simulator.prompt import Prompt, signature_of
from gateway.simulator.script import Script

THINKING_TOKENS = 16  # when the request asks to think and no script says how long
SCHEMA_DEPTH_MAX = 8  # a schema may be nested without end; deeper values stay empty


@dataclass(slots=True)
class Block:
    """One content block. `pieces` are its tokens: text, thinking or parts of a tool's JSON input."""

    kind: str  # text, thinking, tool_use
    pieces: list[str]
    name: str = ""
    id: str = ""
    signature: str = ""
    shown: bool = True  # thinking only: False keeps the text back and sends the signature alone
    custom: bool = False  # tool_use only: its input is a text

    @property
    def text(self) -> str:
        return "".join(self.pieces)


@dataclass(slots=True)
class Answer:
    """What is said and what it costs."""

    id: str
    model: str
    blocks: list[Block]
    stop_reason: str
    stop_sequence: str | None
    usage: Usage
    thinking_tokens: int


def compose(prompt: Prompt, script: Script, usage: Usage, body_sha256: str | None) -> Answer:
    """The answer to `prompt`. `usage` holds the input side and is completed here; a `body_sha256` is said in the text."""
    left = prompt.max_tokens
    blocks: list[Block] = []
    wanted = THINKING_TOKENS if script.thinking_tokens is None and prompt.thinks else script.thinking_tokens or 0
    thinking_tokens = min(wanted, left)
    if thinking_tokens:
        thought = prose.deliberation(prompt.last_text, thinking_tokens)
        blocks.append(Block("thinking", thought, signature=signature_of("".join(thought)), shown=prompt.shows_thinking))
        left -= thinking_tokens
    tool = _tool(prompt, script)
    stop_reason, stop_sequence = "end_turn", None
    if tool is None or script.text_tokens:
        said, stop_sequence = _until_stop(_text(prompt, script, body_sha256), prompt.stop_sequences)
        if len(said) > left:
            said, stop_sequence, stop_reason = said[:left], None, "max_tokens"
        if said:
            blocks.append(Block("text", said))
            left -= len(said)
        if stop_sequence is not None:
            stop_reason, tool = "stop_sequence", None
    if tool is not None and stop_reason == "end_turn":
        stop_reason = "tool_use"
        for _ in range(script.calls):
            call = _call(tool, script.input)
            if len(call.pieces) > left:
                call.pieces, stop_reason = call.pieces[:left], "max_tokens"
            blocks.append(call)
            left -= len(call.pieces)
    usage.output_tokens = sum(len(block.pieces) for block in blocks)
    return Answer(text_of("msg", fresh_id()), prompt.model, blocks, stop_reason, stop_sequence, usage, thinking_tokens)


def _text(prompt: Prompt, script: Script, body_sha256: str | None) -> list[str]:
    tokens = script.text_tokens
    if prompt.schema is not None and tokens is None:
        written = orjson.dumps(_example(prompt.schema, 0)).decode()
        return [written[place : place + 8] for place in range(0, len(written), 8)]
    said = prose.echo(prompt.last_text) if tokens is None else prose.passage(prompt.last_text, tokens)
    if body_sha256 is not None:
        said = [*prose.pieces(f"sha256 {body_sha256}"), "\n", *said]
    return said


def _until_stop(said: list[str], stop_sequences: list[str]) -> tuple[list[str], str | None]:
    """The pieces before the first stop sequence, and that sequence."""
    if not stop_sequences:
        return said, None
    whole = "".join(said)
    found = [(place, stop) for stop in stop_sequences if (place := whole.find(stop)) >= 0]
    if not found:
        return said, None
    place, stop = min(found)
    kept: list[str] = []
    for piece in said:
        if place <= 0:
            break
        kept.append(piece[:place])
        place -= len(piece)
    return kept, stop


def _tool(prompt: Prompt, script: Script) -> dict[str, Any] | None:
    if script.tool is None:
        return prompt.wanted_tool
    for tool in prompt.body.get("tools") or ():
        if isinstance(tool, dict) and tool.get("name") == script.tool:
            return tool
    return {"name": script.tool, "input_schema": {}}


def _call(tool: dict[str, Any], given: str | None) -> Block:
    """A call of the tool with a given input, or with one that fits."""
    custom = bool(tool.get("custom"))
    if given is None:
        value = _example(tool.get("input_schema"), 0)
        given = "" if not value or not isinstance(value, dict) else orjson.dumps(value).decode()
        given = "simulated words" if custom else given
    parts = [given[place : place + 8] for place in range(0, len(given), 8)]
    # A call costs at least one token; a tool without arguments sends the empty part alone, as upstream does.
    return Block("tool_use", parts or [""], name=str(tool["name"]), id=text_of("toolu", fresh_id()), custom=custom)


def _example(schema: Any, depth: int) -> Any:
    """A value that fits a JSON Schema, as far as its plain keywords go."""
    if not isinstance(schema, dict) or depth > SCHEMA_DEPTH_MAX:
        return {}
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return schema["enum"][0]
    kind = schema.get("type", "object")
    if isinstance(kind, list):
        kind = kind[0] if kind else "object"
    if kind == "object":
        properties = schema.get("properties")
        return {name: _example(inner, depth + 1) for name, inner in (properties if isinstance(properties, dict) else {}).items()}
    if kind == "array":
        return [_example(schema["items"], depth + 1)] if "items" in schema else []
    plain: dict[str, Any] = {"string": "simulated", "integer": 1, "number": 1.5, "boolean": True, "null": None}
    return plain.get(str(kind), "simulated")
