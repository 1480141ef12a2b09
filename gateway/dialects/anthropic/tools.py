"""The tools of a request and the choice among them: checked, read into the neutral form, written from it.

Owns the checks of custom tools, of `tool_choice`, and of the names. A tool of a type that is not `custom` belongs to the
upstream, which adds new ones all the time: only the type's own type is looked at. Some of these are run by the client all the
same (bash, text editor, memory); their input is documented, so that they can be offered to any model as ordinary tools.
"""

import re

from gateway.core.profile import Profile
from gateway.dialects import freeform
from gateway.dialects.anthropic.blocks import cache_of, marked, rest
from gateway.dialects.anthropic.wording import DICTIONARY, LIST, STRING, at, misfit
from gateway.dialects.conversation import Choice, Conversation, ForeignTool, Tool
from gateway.dialects.losses import Losses
from gateway.dialects.names import Names
from gateway.dialects.schemas import enforceable

NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
NAME_CHARS_MAX = 128
FORCED_CHOICES = frozenset({"any", "tool"})
STRICT_MAX = 20

_TEXT = {"type": "string"}
_WHOLE = {"type": "integer"}
_EDITS = {
    "path": _TEXT,
    "file_text": _TEXT,
    "old_str": _TEXT,
    "new_str": _TEXT,
    "insert_line": _WHOLE,
    "insert_text": _TEXT,
    "view_range": {"type": "array", "items": _WHOLE},
}
# Tools that Anthropic defines and the client runs, by the beginning of their type: what they are for and what they take.
CLIENT_TOOLS: dict[str, tuple[str, dict[str, object]]] = {
    "bash_2": (
        "Runs a command in a bash shell that stays open between calls. `restart` starts a new one.",
        {"type": "object", "properties": {"command": _TEXT, "restart": {"type": "boolean"}}},
    ),
    "text_editor_2": (
        "Views and edits text files. `view` shows a file or lines of it; `create` writes `file_text`; `str_replace` "
        "puts `new_str` in the place of the only `old_str`; `insert` puts `insert_text` after line `insert_line`.",
        {
            "type": "object",
            "properties": {"command": {"type": "string", "enum": ["view", "create", "str_replace", "insert"]}, **_EDITS},
            "required": ["command", "path"],
        },
    ),
    "memory_2": (
        "Keeps notes in files under /memories from one conversation to the next. Commands as of a text editor, and `delete` and "
        "`rename` (`old_path` to `new_path`).",
        {
            "type": "object",
            "properties": {
                "command": {"type": "string", "enum": ["view", "create", "str_replace", "insert", "delete", "rename"]},
                **_EDITS,
                "old_path": _TEXT,
                "new_path": _TEXT,
            },
            "required": ["command"],
        },
    ),
}


def check(document: dict[str, object]) -> int:
    """Checks `tools` and returns how many carry `cache_control`. Raises Fault."""
    tools = document.get("tools")
    if tools is None:
        return 0
    if type(tools) is not list:
        raise at("tools", LIST)
    breakpoints = 0
    custom: set[str] = set()
    names: set[str] = set()
    for index, tool in enumerate(tools):
        if type(tool) is not dict:
            raise at(f"tools.{index}", DICTIONARY)
        kind = tool.get("type")
        name = tool.get("name")
        if kind is None or kind == "custom":
            _check_custom(index, tool)
            if name in names:
                raise at("tools", "Tool names must be unique.")
            custom.add(str(name))
        elif type(kind) is not str:
            raise at(f"tools.{index}.type", STRING)
        elif type(name) is str and name in custom:
            raise at("tools", "Tool names must be unique.")
        if type(name) is str:
            names.add(name)
        if tool.get("cache_control") is not None:
            breakpoints += 1
    return breakpoints


def _check_custom(index: int, tool: dict[str, object]) -> None:
    path = f"tools.{index}.custom"
    name = tool.get("name")
    if type(name) is not str:
        raise misfit(path, tool, "name", str)
    if not NAME.fullmatch(name):
        if len(name) > NAME_CHARS_MAX:
            raise at(f"{path}.name", f"String should have at most {NAME_CHARS_MAX} characters")
        raise at(f"{path}.name", "String should match pattern '^[a-zA-Z0-9_-]{1,128}$'")
    schema = tool.get("input_schema")
    if type(schema) is not dict:
        raise misfit(path, tool, "input_schema", dict)
    kind = schema.get("type", "object")
    if kind != "object":
        raise at(f"{path}.input_schema.type", "Input should be 'object'")
    description = tool.get("description")
    if description is not None and type(description) is not str:
        raise at(f"{path}.description", STRING)


def choice_of(document: dict[str, object]) -> str:
    """The type of `tool_choice`, checked; empty when there is none. Raises Fault."""
    choice = document.get("tool_choice")
    if choice is None:
        return ""
    if type(choice) is not dict:
        raise at("tool_choice", DICTIONARY)
    kind = choice.get("type")
    if type(kind) is not str:
        raise misfit("tool_choice", choice, "type", str)
    if kind == "tool" and type(choice.get("name")) is not str:
        raise misfit("tool_choice.tool", choice, "name", str)
    return kind


def read(tools: object) -> list[Tool | ForeignTool]:
    """The tools of a request, in the neutral form. Raises Fault."""
    if tools is None:
        return []
    if not isinstance(tools, list):
        raise at("tools", LIST)
    return [_read_one(index, tool) for index, tool in enumerate(tools)]


def _read_one(index: int, tool: object) -> Tool | ForeignTool:
    if not isinstance(tool, dict):
        raise at(f"tools.{index}", DICTIONARY)
    kind = tool.get("type")
    if kind is None or kind == "custom":
        _check_custom(index, tool)
        strict = tool.get("strict")
        return Tool(
            tool["name"],
            tool.get("description") or "",
            tool["input_schema"],
            strict=strict if isinstance(strict, bool) else None,
            cache=cache_of(tool),
            extras=rest(tool, "type", "name", "description", "input_schema", "strict", "cache_control"),
        )
    if not isinstance(kind, str):
        raise at(f"tools.{index}.type", STRING)
    name = tool.get("name")
    for beginning, (description, schema) in CLIENT_TOOLS.items():
        if kind.startswith(beginning) and isinstance(name, str):
            return Tool(name, description, schema, cache=cache_of(tool), extras=rest(tool, "name", "cache_control"))
    return ForeignTool(kind, tool, f"tools.{index}")


def read_choice(document: dict[str, object]) -> tuple[Choice | None, bool | None]:
    """`tool_choice`, and whether several tools may be called at once where it says so. Raises Fault."""
    kind = choice_of(document)
    choice = document.get("tool_choice")
    if not kind or not isinstance(choice, dict):
        return None, None
    single = choice.get("disable_parallel_tool_use")
    parallel = not single if isinstance(single, bool) else None
    extras = rest(choice, "type", "name", "disable_parallel_tool_use")
    if kind not in ("auto", "any", "tool", "none"):
        raise at("tool_choice", f"Input tag '{kind[:NAME_CHARS_MAX]}' is none of 'auto', 'any', 'tool', 'none'")
    return Choice(kind, choice["name"] if kind == "tool" else "", extras=extras), parallel  # type: ignore[arg-type]


def write(conversation: Conversation, profile: Profile, names: Names, losses: Losses) -> list[dict[str, object]]:
    """The tools for an upstream. Raises Fault for one that only another provider has."""
    choice = conversation.choice
    allowed = None if choice is None or choice.allowed is None else frozenset(choice.allowed)
    written: list[dict[str, object]] = []
    strict = 0
    for tool in conversation.tools:
        if allowed is not None and tool.name not in allowed:
            continue
        if isinstance(tool, ForeignTool):
            losses.judge_tool(tool)
            continue
        losses.judge_all("tools", tool.extras)
        wire: dict[str, object] = {"name": names.write(tool.name)}
        description = freeform.description(tool) if tool.freeform else tool.description
        if description:
            wire["description"] = description
        schema = freeform.SCHEMA if tool.freeform else {"type": "object", "properties": {}, **tool.schema}
        if tool.strict and profile.strict_tools and strict < STRICT_MAX:
            strict += 1
            schema = enforceable(schema)
            wire["strict"] = True
        elif tool.strict:
            losses.drop("strict")
        wire["input_schema"] = schema
        if tool.cache and not profile.cache_marks:
            losses.drop("cache")
        written.append(marked(wire, tool.cache if profile.cache_marks else ""))
    return written


def write_choice(conversation: Conversation, profile: Profile, names: Names, losses: Losses) -> dict[str, object] | None:
    """`tool_choice` for an upstream that has tools; None to leave it out."""
    choice = conversation.choice
    kind = choice.kind if choice else "auto"
    if choice is not None:
        losses.judge_all("tool_choice", choice.extras)
    wire: dict[str, object] = {"type": kind}
    if kind in FORCED_CHOICES and not profile.forced_tools:
        losses.drop("tool_choice")
        wire = {"type": "auto"}
    elif kind == "tool" and choice is not None:
        wire["name"] = names.write(choice.name)
    if conversation.parallel is False and kind != "none":
        if profile.parallel_tools:
            wire["disable_parallel_tool_use"] = True
        else:
            losses.drop("parallel")
    return None if choice is None and len(wire) == 1 else wire
