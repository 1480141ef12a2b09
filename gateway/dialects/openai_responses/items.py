"""The input of a request: items into turns.

The wire's list is flat: words, thoughts, calls and the answers to them each stand alone. Strategy: everything of one side in a
row is one turn, and the answers to the calls of an assistant turn come first in the turn after it, wherever they stood. A call
without an answer and an answer without a call are refused, in the words of the API.

Items that only their provider understands (searches and shells it ran, compactions) stay opaque. Ids and states of items name
what a store holds; there is none here, so they say nothing. What stands inside an item is read in `parts`.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

from gateway.dialects import freeform, signatures
from gateway.dialects.conversation import Block, Extras, Opaque, RedactedThinking, Text, Thinking, ToolResult, ToolUse, Turn
from gateway.dialects.losses import Losses
from gateway.dialects.openai_chat import arguments
from gateway.dialects.openai_chat.wording import misfit, mistyped
from gateway.dialects.openai_responses.parts import read_content
from gateway.dialects.openai_responses.seal import unseal
from gateway.dialects.openai_responses.tools import SEARCH, Form, Toolbox
from gateway.dialects.openai_responses.wording import no_call, no_output, not_kept, text_of, unsupported

Item = dict[str, object]
Role = Literal["user", "assistant", "system"]

ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant", "system": "system", "developer": "system"}

_IDENTITY = frozenset(("type", "id", "status"))
_MESSAGE_FIELDS = _IDENTITY | {"role", "content"}
_CALL_FIELDS = _IDENTITY | {"call_id", "name", "namespace", "arguments", "input", "execution"}
_OUTPUT_FIELDS = _IDENTITY | {"call_id", "name", "namespace", "output", "tools", "execution"}
_REASONING_FIELDS = _IDENTITY | {"summary", "content", "encrypted_content"}


class Entry(NamedTuple):
    """What one item brings to the conversation. An answer brings no block of its own: it goes where its call is."""

    role: Role
    blocks: list[Block]
    extras: Extras = {}  # noqa: RUF012 (a tuple's default, never changed)
    answer: ToolResult | None = None


def read_items(items: list[object], box: Toolbox, losses: Losses) -> list[Turn]:
    """The turns of an input; instructions at the beginning are turns too. Raises Fault."""
    entries: list[Entry] = []
    answers: dict[str, ToolResult] = {}
    places: dict[str, str] = {}
    for place, item in enumerate(items):
        path = f"input[{place}]"
        if type(item) is not dict:
            raise mistyped(path, dict)
        kind = text_of(item, "type", path) if item.get("type") is not None or "role" not in item else "message"
        entry = _READERS.get(kind, _read_opaque)(item, path, box)
        entries.append(entry)
        if entry.answer is not None:
            if entry.answer.id in answers:
                losses.drop(f"input.{kind}")
            answers[entry.answer.id] = entry.answer
            places[entry.answer.id] = path
    return _assemble(entries, answers, places, losses)


def _assemble(entries: list[Entry], answers: dict[str, ToolResult], places: dict[str, str], losses: Losses) -> list[Turn]:
    turns: list[Turn] = []
    for role, blocks, extras, _ in [*entries, Entry("user", [])]:
        if turns and turns[-1].role == "assistant" and role != "assistant":
            results: list[Block] = [_answer(block, answers) for block in turns[-1].blocks if isinstance(block, ToolUse)]
            turns.append(Turn("user", results))
        if turns and turns[-1].role == role:
            last = turns[-1]
            last.blocks.extend(blocks)
            last.extras.update(extras)
        else:
            turns.append(Turn(role, [*blocks], {**extras}))
    called = {block.id for turn in turns for block in turn.blocks if isinstance(block, ToolUse)}
    for identifier, path in places.items():
        if identifier not in called:
            raise no_call(identifier, f"{path}.call_id")
    for turn in turns:
        _drop_idle_thoughts(turn, losses)
    return [turn for turn in turns if turn.blocks]


def _answer(call: ToolUse, answers: dict[str, ToolResult]) -> ToolResult:
    found = answers.get(call.id)
    if found is None:
        raise no_output(call.id)
    return found


def _drop_idle_thoughts(turn: Turn, losses: Losses) -> None:
    """Thoughts at the end of a turn led to nothing: the answer was cut. No provider takes them back like that."""
    while turn.role == "assistant" and turn.blocks and isinstance(turn.blocks[-1], Thinking | RedactedThinking):
        turn.blocks.pop()
        losses.drop("input.reasoning")


def _read_message(item: Item, path: str, box: Toolbox) -> Entry:
    role = text_of(item, "role", path)
    if role not in ROLES:
        raise unsupported(f"{path}.role", tuple(ROLES))
    return Entry(ROLES[role], read_content(item, "content", path), _rest(item, _MESSAGE_FIELDS))


def _read_call(item: Item, path: str, box: Toolbox) -> Entry:
    given = arguments.read(text_of(item, "arguments", path))
    return _call(item, path, Form("function", text_of(item, "name", path), _namespace(item)), given, box)


def _read_custom_call(item: Item, path: str, box: Toolbox) -> Entry:
    given = freeform.wrap(text_of(item, "input", path))
    return _call(item, path, Form("custom", text_of(item, "name", path), _namespace(item)), given, box)


def _read_search(item: Item, path: str, box: Toolbox) -> Entry:
    if item.get("execution") != "client":
        return _read_opaque(item, path, box)
    return _call(item, path, Form(SEARCH, SEARCH), arguments.read(item.get("arguments")), box)


def _call(item: Item, path: str, form: Form, given: dict[str, object], box: Toolbox) -> Entry:
    identifier = text_of(item, "call_id", path)
    return Entry("assistant", [ToolUse(identifier, box.name_of(form), given, extras=_rest(item, _CALL_FIELDS))])


def _read_output(item: Item, path: str, box: Toolbox) -> Entry:
    identifier = text_of(item, "call_id", path)
    result = ToolResult(identifier, read_content(item, "output", path), extras=_rest(item, _OUTPUT_FIELDS))
    return Entry("user", [], answer=result)


def _read_found(item: Item, path: str, box: Toolbox) -> Entry:
    """The answer to a search for tools: in the words of a result, the names of the tools that are there now."""
    if item.get("execution") != "client":
        return _read_opaque(item, path, box)
    found = Toolbox()
    found.add_all(item.get("tools"), f"{path}.tools")
    text = "Tools found: " + ", ".join(map(box.name_of, found.forms.values())) if found.forms else "No tools found."
    identifier = text_of(item, "call_id", path)
    return Entry("user", [], answer=ToolResult(identifier, [Text(text)], extras=_rest(item, _OUTPUT_FIELDS)))


def _read_reasoning(item: Item, path: str, box: Toolbox) -> Entry:
    content = item.get("encrypted_content")
    if content is not None and type(content) is not str:
        raise misfit(path, item, "encrypted_content", str)
    block = unseal(content) if content else None
    if block is None:
        identifier = item.get("id")
        signature = signatures.mark("openai_responses", identifier if type(identifier) is str else "", content) if content else ""
        block = Thinking(_said(item, path), signature)
    block.extras = _rest(item, _REASONING_FIELDS)
    return Entry("assistant", [block])


def _said(item: Item, path: str) -> str:
    """The thoughts that an item of another gateway or provider tells, as far as it does."""
    texts: list[str] = []
    for field in ("content", "summary"):
        pieces = item.get(field)
        if pieces is None:
            continue
        if type(pieces) is not list:
            raise misfit(path, item, field, list)
        for place, piece in enumerate(pieces):
            if type(piece) is not dict:
                raise mistyped(f"{path}.{field}[{place}]", dict)
            texts.append(text_of(piece, "text", f"{path}.{field}[{place}]"))
        if texts:
            break
    return "\n\n".join(texts)


def _refuse_reference(item: Item, path: str, box: Toolbox) -> Entry:
    raise not_kept(text_of(item, "id", path), f"{path}.id")


def _read_added_tools(item: Item, path: str, box: Toolbox) -> Entry:
    return Entry("user", [])


def _read_opaque(item: Item, path: str, box: Toolbox) -> Entry:
    kind = str(item["type"])
    return Entry("user" if kind.endswith(("_output", "_response")) else "assistant", [Opaque(kind, item, path)])


_READERS: dict[str, Callable[[Item, str, Toolbox], Entry]] = {
    "message": _read_message,
    "function_call": _read_call,
    "function_call_output": _read_output,
    "custom_tool_call": _read_custom_call,
    "custom_tool_call_output": _read_output,
    "tool_search_call": _read_search,
    "tool_search_output": _read_found,
    "additional_tools": _read_added_tools,
    "reasoning": _read_reasoning,
    "item_reference": _refuse_reference,
}


def collect_tools(items: list[object], box: Toolbox) -> None:
    """Adds the tools that stand in the items: those found by a search and those added on the way. Raises Fault."""
    for place, item in enumerate(items):
        if type(item) is dict and (
            item.get("type") == "additional_tools"
            or (item.get("type") == "tool_search_output" and item.get("execution") == "client")
        ):
            box.add_all(item.get("tools"), f"input[{place}].tools")


def _namespace(item: Item) -> str:
    value = item.get("namespace")
    return value if type(value) is str else ""


def _rest(item: Item, known: frozenset[str]) -> Extras:
    return {field: value for field, value in item.items() if field not in known and value not in (None, [])}
