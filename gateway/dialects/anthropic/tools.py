"""The tools of a request and the choice among them.

Owns the checks of custom tools, of `tool_choice`, and of the names. A tool of a type that is not `custom` belongs to the
upstream, which adds new ones all the time: only the type's own type is looked at.
"""

import re

from gateway.dialects.anthropic.wording import DICTIONARY, LIST, STRING, at, misfit

NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
NAME_CHARS_MAX = 128
FORCED_CHOICES = frozenset({"any", "tool"})


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
