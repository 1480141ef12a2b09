"""The tools of a chat request and the choice among them, to the neutral form and back.

Owns the shapes in which clients send a tool: nested as Chat wants it, flat as Responses has it, Anthropic's, and the older
`functions`. Clients mix them in one request, so each tool is taken by its own shape.
"""

from gateway.core.profile import Profile
from gateway.dialects import freeform
from gateway.dialects.conversation import Choice, Conversation, ForeignTool, Tool
from gateway.dialects.losses import Losses
from gateway.dialects.names import Names
from gateway.dialects.openai_chat.wording import invalid, misfit, mistyped
from gateway.dialects.schemas import is_strict

Wire = dict[str, object]

_MODES = {"none": "none", "auto": "auto", "required": "any", "any": "any"}


def read(document: Wire) -> list[Tool | ForeignTool]:
    """`tools` and `functions`. Raises Fault."""
    read_tools: list[Tool | ForeignTool] = []
    for field in ("tools", "functions"):
        tools = document.get(field)
        if tools is not None and not isinstance(tools, list):
            raise mistyped(field, list)
        for index, tool in enumerate(tools or ()):
            place = f"{field}[{index}]"
            if not isinstance(tool, dict):
                raise mistyped(place, dict)
            read_tools.append(_read_one(tool, place) if field == "tools" else _read_function(tool, {}, place))
    return read_tools


def _read_one(tool: Wire, place: str) -> Tool | ForeignTool:
    kind = tool.get("type")
    inner = tool.get(kind) if isinstance(kind, str) else None
    if kind == "function":
        if isinstance(inner, dict):
            return _read_function(inner, tool, f"{place}.function")
        return _read_function({key: value for key, value in tool.items() if key != "type"}, {}, place)
    if "input_schema" in tool and kind in (None, "custom", "function"):
        flat = {key: value for key, value in tool.items() if key not in ("type", "input_schema")}
        return _read_function({**flat, "parameters": tool["input_schema"]}, {}, place)
    if kind == "custom":
        if isinstance(inner, dict):
            return _read_custom(inner, tool, f"{place}.custom")
        return _read_custom({key: value for key, value in tool.items() if key != "type"}, {}, place)
    if not isinstance(kind, str):
        raise misfit(place, tool, "type", str)
    return ForeignTool(kind, tool, f"{place}.type")


def _read_function(function: Wire, tool: Wire, place: str) -> Tool:
    name, description, parameters = function.get("name"), function.get("description"), function.get("parameters")
    if not isinstance(name, str) or not name:
        raise misfit(place, function, "name", str)
    if parameters is not None and not isinstance(parameters, dict):
        raise mistyped(f"{place}.parameters", dict)
    strict = function.get("strict")
    extras = {key: value for key, value in tool.items() if key not in ("type", "function") and value is not None}
    known = ("name", "description", "parameters", "strict")
    extras |= {f"function.{key}": value for key, value in function.items() if key not in known and value is not None}
    return Tool(
        name,
        description if isinstance(description, str) else "",
        parameters or {},
        strict=strict if isinstance(strict, bool) else None,
        extras=extras,
    )


def _read_custom(custom: Wire, tool: Wire, place: str) -> Tool:
    name, description, form = custom.get("name"), custom.get("description"), custom.get("format")
    if not isinstance(name, str) or not name:
        raise misfit(place, custom, "name", str)
    extras = {key: value for key, value in tool.items() if key not in ("type", "custom") and value is not None}
    known = ("name", "description", "format")
    extras |= {f"custom.{key}": value for key, value in custom.items() if key not in known and value is not None}
    grammar: Wire = {}
    if isinstance(form, dict) and form.get("type") == "grammar":
        nested = form.get("grammar")
        grammar = nested if isinstance(nested, dict) else form
    definition, syntax = grammar.get("definition"), grammar.get("syntax")
    return Tool(
        name,
        description if isinstance(description, str) else "",
        freeform=True,
        grammar=definition if isinstance(definition, str) else "",
        syntax=syntax if isinstance(syntax, str) else "",
        extras=extras,
    )


def read_choice(document: Wire) -> Choice | None:
    """`tool_choice`, or the older `function_call`. Raises Fault."""
    for field in ("tool_choice", "function_call"):
        choice = document.get(field)
        if isinstance(choice, str):
            if choice not in _MODES:
                raise invalid(field, "it must be none, auto, required or an object that names a tool")
            return Choice(_MODES[choice])  # type: ignore[arg-type]
        if isinstance(choice, dict):
            return _read_choice(field, choice)
        if choice is not None:
            raise mistyped(field, str)
    return None


def _read_choice(field: str, choice: Wire) -> Choice:
    kind = choice.get("type")
    if kind == "allowed_tools":
        allowed = choice.get("allowed_tools")
        holder = allowed if isinstance(allowed, dict) else choice
        tools = holder.get("tools")
        names = [name for tool in (tools if isinstance(tools, list) else []) if (name := _name_in(tool))]
        return Choice("any" if holder.get("mode") == "required" else "auto", allowed=names)
    if isinstance(kind, str) and kind in _MODES:
        return Choice(_MODES[kind])  # type: ignore[arg-type]
    name = _name_in(choice)
    if not name:
        raise invalid(field, "it must name a tool")
    return Choice("tool", name)


def _name_in(holder: object) -> str:
    """The name of a tool, nested or flat."""
    if not isinstance(holder, dict):
        return ""
    inner = next((holder[kind] for kind in ("function", "custom") if isinstance(holder.get(kind), dict)), holder)
    name = inner.get("name")
    return name if isinstance(name, str) else ""


def write(conversation: Conversation, profile: Profile, names: Names, losses: Losses) -> list[Wire]:
    """The tools for an upstream. Raises Fault for one that only another provider has."""
    choice = conversation.choice
    allowed = None if choice is None or choice.allowed is None else frozenset(choice.allowed)
    written: list[Wire] = []
    for tool in conversation.tools:
        if allowed is not None and tool.name not in allowed:
            continue
        if isinstance(tool, ForeignTool):
            losses.judge_tool(tool)
            continue
        losses.judge_all("tools", tool.extras)
        if tool.cache:
            losses.drop("cache")
        if tool.freeform and profile.freeform_tools:
            written.append(_write_custom(tool, names))
        else:
            written.append({"type": "function", "function": _write_function(tool, profile, names, losses)})
    return written


def _write_function(tool: Tool, profile: Profile, names: Names, losses: Losses) -> Wire:
    function: Wire = {"name": names.write(tool.name)}
    description = freeform.description(tool) if tool.freeform else tool.description
    if description:
        function["description"] = description
    function["parameters"] = freeform.SCHEMA if tool.freeform else {"type": "object", "properties": {}, **tool.schema}
    if tool.strict and profile.strict_tools and is_strict(function["parameters"]):
        function["strict"] = True
    elif tool.strict:
        losses.drop("strict")
    return function


def _write_custom(tool: Tool, names: Names) -> Wire:
    custom: Wire = {"name": names.write(tool.name), "description": tool.description}
    if tool.grammar:
        custom["format"] = {"type": "grammar", "grammar": {"definition": tool.grammar, "syntax": tool.syntax}}
    return {"type": "custom", "custom": custom}


def write_choice(conversation: Conversation, profile: Profile, names: Names, losses: Losses) -> object:
    """`tool_choice` for an upstream that has tools; None to leave it out."""
    choice = conversation.choice
    if choice is None:
        return None
    losses.judge_all("tool_choice", choice.extras)
    if choice.kind in ("any", "tool") and not profile.forced_tools:
        losses.drop("tool_choice")
        return "auto"
    if choice.kind != "tool":
        return {"auto": "auto", "any": "required", "none": "none"}[choice.kind]
    named = {"name": names.write(choice.name)}
    custom = profile.freeform_tools and any(
        isinstance(tool, Tool) and tool.freeform and tool.name == choice.name for tool in conversation.tools
    )
    return {"type": "custom", "custom": named} if custom else {"type": "function", "function": named}
