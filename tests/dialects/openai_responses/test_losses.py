"""No field of a request vanishes: each is carried to the upstream, refused, or named as dropped.

The fields are those of the OpenAI SDK's own types, so that a new one there turns this red until somebody has decided about it.
Each optional field, in each form its type allows, is put into a request and left out of it; the difference must show in the
upstream's body, in a fault that names a field, or in the list of what was dropped. What is lost as a whole is not looked into.
"""

import re
import types
from collections.abc import Callable, Iterator
from functools import partial
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, Required, Union, get_args, get_origin

import pytest
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming
from typing_extensions import get_type_hints, is_typeddict

from gateway.core.faults import Fault, FaultKind
from gateway.core.profile import DEFAULTS
from gateway.dialects.anthropic import conversation as anthropic
from gateway.dialects.losses import IDLE, Losses
from gateway.dialects.openai_chat import conversation as openai_chat
from gateway.dialects.openai_responses import conversation as openai_responses

WRITERS = {"anthropic": anthropic.write, "openai_chat": openai_chat.write}

Document = dict[str, Any]
Put = Callable[[Any], Document]
ABSENT = object()
DEPTH_MAX = 12
# Tools stand in namespaces and in items too.
TOOLS = re.compile(r"^(input\.)?tools(\.tools)?")

# Strings that are looked into: one that does for each of these fields.
STRINGS = {
    "image_url": "data:image/png;base64,iVBORw0KGgo=",
    "file_data": "data:application/pdf;base64,JVBERi0=",
    "file_url": "https://files.test/a.pdf",
    "arguments": "{}",
}
# Names of things in a store that is not here, and the states they are in: they ask for nothing, wherever they stand.
SAYS_NOTHING = frozenset(("id", "status"))
# What is carried otherwise than to the upstream, or is said although it holds anyway: path and value.
ELSEWHERE: tuple[tuple[str, object], ...] = (
    ("metadata", ...),  # repeated in the answer
    ("include", "reasoning.encrypted_content"),  # always given
    ("model", ...),  # the target's own name of it goes upstream
    ("parallel_tool_calls", True),
    ("stream", False),
    ("tool_choice", "auto"),
    ("text", {}),
    ("text.format", {"type": "text"}),
    ("tools.format", {"type": "text"}),
    ("tools.strict", False),
    ("reasoning", {}),
    ("tools.allowed_callers", "direct"),
    ("tools.execution", "client"),
    ("input.execution", "server"),
    ("input.type", "message"),
)


_LITERAL: Any = Literal
_REQUIRED: tuple[Any, ...] = (Required,)
_AROUND: tuple[Any, ...] = (Annotated, Required, NotRequired)


class Member(NamedTuple):
    """A field of one of the SDK's types."""

    name: str
    kind: Any
    required: bool


def plain(kind: Any) -> Any:
    """A type without what is said around it."""
    while get_origin(kind) in _AROUND:
        kind = get_args(kind)[0]
    return kind


def members(kind: Any) -> list[Member]:
    hints = get_type_hints(kind, include_extras=True)
    return [Member(name, plain(inner), get_origin(inner) in _REQUIRED) for name, inner in hints.items()]


def variants(kind: Any, field: str = "") -> Iterator[tuple[Any, Any]]:
    """The smallest value of each form of a type, and the form."""
    kind = plain(kind)
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        for member in get_args(kind):
            yield from variants(member, field)
    elif origin is _LITERAL:
        yield from ((value, kind) for value in get_args(kind))
    elif is_typeddict(kind):
        yield {member.name: smallest(member) for member in members(kind) if member.required}, kind
    elif kind in (str, object):
        yield STRINGS.get(field, "x"), kind
    elif kind in (int, float):
        yield 1, kind
    elif kind is bool:
        yield from ((True, kind), (False, kind))
    elif origin is dict:
        yield {"x": "x"}, kind
    elif kind is not types.NoneType:
        assert origin is not None, kind
        yield from (([value], ListOf(form)) for value, form in variants(get_args(kind)[0], field))


class ListOf(NamedTuple):
    """The form of a list whose one element has this form."""

    form: Any


def smallest(member: Member) -> Any:
    return next(variants(member.kind, member.name))[0]


class Outcome(NamedTuple):
    body: bytes
    dropped: tuple[str, ...]
    fault: Fault | None


def outcome(document: Document, dialect: str) -> Outcome:
    losses = Losses("openai_responses")
    try:
        read = openai_responses.read(document, losses)
        return Outcome(WRITERS[dialect](read, "m", DEFAULTS[dialect], losses).body, losses.dropped, None)
    except Fault as fault:
        return Outcome(b"", (), fault)


def told(path: str, value: object) -> bool:
    path = TOOLS.sub("tools", path)
    if path.rpartition(".")[2] in SAYS_NOTHING:
        return True
    if value in IDLE["openai_responses"].get(path, ()):
        return True
    return any(path == known and said in (..., value) for known, said in ELSEWHERE)


def vanished(path: str, member: Member, put: Put, dialect: str, depth: int = 0) -> Iterator[str]:
    """Paths of all that makes no difference, at this field and below."""
    assert depth < DEPTH_MAX, path
    for value, form in variants(member.kind, member.name):
        if isinstance(form, ListOf):
            put_one = partial(put_in_list, put)
            yield from missed(path, value[0], form.form, put_one, dialect, depth)
        else:
            yield from missed(path, value, form, put, dialect, depth)


def missed(path: str, value: Any, form: Any, put: Put, dialect: str, depth: int) -> Iterator[str]:
    """The same for one form of a field."""
    without, found = outcome(put(ABSENT), dialect), outcome(put(value), dialect)
    if found.fault is not None:
        assert found.fault.kind is FaultKind.INVALID
        assert found.fault.param, path
    elif found.body != without.body or without.fault is not None:
        yield from missed_inside(path, value, form, put, dialect, depth)
    elif found.dropped == without.dropped and not told(path, value):
        yield f"{path}: {value}"


def missed_inside(path: str, value: Any, form: Any, put: Put, dialect: str, depth: int) -> Iterator[str]:
    """The same for what a value is made of."""
    if not is_typeddict(form):
        return
    for member in members(form):
        place, put_inside = f"{path}.{member.name}", partial(put_in_object, put, value, member.name)
        if not member.required:
            yield from vanished(place, member, put_inside, dialect, depth + 1)
            continue
        for each, inner in variants(member.kind, member.name):
            if isinstance(inner, ListOf):
                put_one = partial(put_in_list, put_inside)
                yield from missed(place, each[0], inner.form, put_one, dialect, depth + 1)
            else:
                yield from missed_inside(place, each, inner, put_inside, dialect, depth + 1)


def put_in_list(put: Put, value: Any) -> Document:
    return put([] if value is ABSENT else [value])


def put_in_object(put: Put, holder: Document, name: str, value: Any) -> Document:
    rest = {key: kept for key, kept in holder.items() if key != name}
    return put(rest if value is ABSENT else {**rest, name: value})


def document_with(field: str, value: Any) -> Document:
    """A request with this field, and with what the field needs to be looked at."""
    tools: list[Document] = [{"type": kind, "name": "x", "parameters": {}} for kind in ("function", "custom")]
    document: Document = {"model": "m", "input": "hello", "tools": tools}
    if value is ABSENT:
        if field not in ("model", "input"):
            document.pop(field, None)
        return document
    if field == "input" and isinstance(value, list):
        document["tools"] = []
        around = [*(partners(item, side) for side in ("call", "output") for item in value), [], []]
        value = [{"role": "user", "content": "hello"}, *around[0], *value, *around[1], {"role": "assistant", "content": "so"}]
    if field == "tools":
        value = [{"execution": "client", **tool} if tool.get("type") == "tool_search" else tool for tool in value]
    return {**document, field: value}


def partners(item: Any, side: str) -> list[Document]:
    """The answer to a call, or the call to an answer: neither stands alone."""
    kind = item.get("type") if isinstance(item, dict) else None
    if side == "output" and kind in ("function_call", "custom_tool_call"):
        return [{"type": f"{kind}_output", "call_id": item["call_id"], "output": "x"}]
    if side == "call" and kind == "function_call_output":
        return [{"type": "function_call", "call_id": item.get("call_id"), "name": "x", "arguments": "{}"}]
    if side == "call" and kind == "custom_tool_call_output":
        return [{"type": "custom_tool_call", "call_id": item["call_id"], "name": "x", "input": "x"}]
    return []


@pytest.mark.parametrize("dialect", WRITERS)
@pytest.mark.parametrize("member", members(ResponseCreateParamsNonStreaming), ids=lambda member: member.name)
def test_no_field_vanishes(member: Member, dialect: str) -> None:
    assert list(vanished(member.name, member, lambda value: document_with(member.name, value), dialect)) == []
