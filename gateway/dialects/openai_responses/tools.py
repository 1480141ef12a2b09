"""The tools of a request, the choice among them, and the form in which each is called.

Owns what this wire has and no other: tools in namespaces, tools that take free text, and the search that a client itself does
for tools it has not shown yet. Each becomes a plain tool under a name of its own, and its `Form` remembers how its calls must
look: a client that offered a tool in one form does not know it in another. Tools that the provider would run stay foreign.

A found tool (`tool_search_output`) and a tool that is added later (`additional_tools`) is a tool like the others.
"""

from typing import NamedTuple

from gateway.core.profile import Profile
from gateway.dialects import freeform
from gateway.dialects.conversation import Choice, Conversation, Extras, ForeignTool, Tool
from gateway.dialects.losses import Losses
from gateway.dialects.names import Names
from gateway.dialects.openai_chat.wording import invalid, misfit, missing, mistyped
from gateway.dialects.openai_responses.wording import text_of, unsupported
from gateway.dialects.schemas import is_strict

SEARCH = "tool_search"
MODES = ("none", "auto", "required")
# Parameters of a tool that says nothing about them.
NO_PARAMETERS: dict[str, object] = {"type": "object", "properties": {}}

_FUNCTION_FIELDS = frozenset(("type", "name", "description", "parameters", "strict"))
_CUSTOM_FIELDS = frozenset(("type", "name", "description", "format"))
_SEARCH_FIELDS = frozenset(("type", "execution", "description", "parameters"))
_NAMESPACE_FIELDS = frozenset(("type", "name", "description", "tools"))


class Form(NamedTuple):
    """How a tool is called on this wire: `function`, `custom` or `tool_search`, and its name there."""

    kind: str
    name: str
    namespace: str = ""


class Toolbox:
    """The tools of one request as they are read: the neutral ones, and the form of each by its neutral name."""

    def __init__(self) -> None:
        self.tools: list[Tool | ForeignTool] = []
        self.forms: dict[str, Form] = {}
        self._names: dict[Form, str] = {}
        self._plain: dict[tuple[str, str], str] = {}  # by kind and name alone: the first such tool
        self._taken: dict[str, int] = {}  # how many tools would have had this name

    def add_all(self, entries: object, path: str) -> None:
        """Reads an array of tools. Raises Fault."""
        if type(entries) is not list:
            raise mistyped(path, list)
        for place, entry in enumerate(entries):
            self._add(entry, f"{path}[{place}]", "")

    def name_of(self, form: Form) -> str:
        """The neutral name of a tool by its form; of one that is not there, the name it would have."""
        return self._names.get(form) or _joined(form)

    def find(self, kind: str, name: str, namespace: object) -> str:
        """The neutral name of a tool that was offered; empty of one that was not. Without a namespace, the first of that name."""
        if isinstance(namespace, str):
            return self._names.get(Form(kind, name, namespace), "")
        return self._plain.get((kind, name), "")

    def _add(self, entry: object, path: str, namespace: str) -> None:
        if type(entry) is not dict:
            raise mistyped(path, dict)
        kind = text_of(entry, "type", path)
        if kind == "function":
            self._add_function(entry, path, namespace)
        elif kind == "custom":
            self._add_custom(entry, path, namespace)
        elif kind == "namespace" and not namespace:
            self._add_namespace(entry, path)
        elif kind == SEARCH and entry.get("execution") == "client":
            self._add_search(entry, path)
        else:
            self.tools.append(ForeignTool(kind, entry, path))

    def _add_function(self, entry: dict[str, object], path: str, namespace: str) -> None:
        strict = entry.get("strict")
        if strict is not None and type(strict) is not bool:
            raise mistyped(f"{path}.strict", bool)
        name = self._take(Form("function", _name(entry, path), namespace))
        if name:
            schema = _schema(entry, path)
            self.tools.append(Tool(name, _description(entry, path), schema, strict=strict, extras=_rest(entry, _FUNCTION_FIELDS)))

    def _add_custom(self, entry: dict[str, object], path: str, namespace: str) -> None:
        name = self._take(Form("custom", _name(entry, path), namespace))
        if name:
            syntax, grammar = _grammar(entry, f"{path}.format")
            extras = _rest(entry, _CUSTOM_FIELDS)
            description = _description(entry, path)
            self.tools.append(Tool(name, description, freeform=True, syntax=syntax, grammar=grammar, extras=extras))

    def _add_namespace(self, entry: dict[str, object], path: str) -> None:
        namespace = _name(entry, path)
        inner = entry.get("tools")
        if type(inner) is not list:
            raise misfit(path, entry, "tools", list)
        for place, tool in enumerate(inner):
            self._add(tool, f"{path}.tools[{place}]", namespace)

    def _add_search(self, entry: dict[str, object], path: str) -> None:
        name = self._take(Form(SEARCH, SEARCH))
        if name:
            self.tools.append(Tool(name, _description(entry, path), _schema(entry, path), extras=_rest(entry, _SEARCH_FIELDS)))

    def _take(self, form: Form) -> str:
        """A free neutral name for a tool; empty when it is there already, since a search may find the same tool twice."""
        if form in self._names:
            return ""
        plain = name = _joined(form)
        while name in self.forms:
            self._taken[plain] = self._taken.get(plain, 1) + 1
            name = f"{plain}_{self._taken[plain]}"
        self.forms[name] = form
        self._names[form] = name
        self._plain.setdefault((form.kind, form.name), name)
        return name


def read_choice(value: object, box: Toolbox) -> Choice:
    """`tool_choice` by the names of the tools that were read. Raises Fault, also for a tool that the provider would run."""
    if type(value) is str:
        if value not in MODES:
            raise unsupported("tool_choice", MODES)
        return Choice("any" if value == "required" else "none" if value == "none" else "auto")
    if type(value) is not dict:
        raise mistyped("tool_choice", dict)
    if value.get("type") != "allowed_tools":
        return Choice("tool", _chosen(value, "tool_choice", box))
    mode = value.get("mode")
    if mode not in ("auto", "required"):
        raise unsupported("tool_choice.mode", ("auto", "required"))
    entries = value.get("tools")
    if type(entries) is not list:
        raise misfit("tool_choice", value, "tools", list)
    allowed: list[str] = []
    for place, entry in enumerate(entries):
        path = f"tool_choice.tools[{place}]"
        if type(entry) is not dict:
            raise mistyped(path, dict)
        if text_of(entry, "type", path) in ("function", "custom", SEARCH):
            allowed.append(_chosen(entry, path, box))
    return Choice("any" if mode == "required" else "auto", allowed=allowed)


def _chosen(entry: dict[str, object], path: str, box: Toolbox) -> str:
    kind = text_of(entry, "type", path)
    if kind not in ("function", "custom", SEARCH):
        raise unsupported(f"{path}.type", ("function", "custom", "allowed_tools"))
    name = box.find(kind, SEARCH if kind == SEARCH else text_of(entry, "name", path), entry.get("namespace"))
    if not name:
        raise invalid(path, "the tool is not in 'tools'")
    return name


def write(conversation: Conversation, profile: Profile, names: Names, losses: Losses) -> list[dict[str, object]]:
    """The tools for an upstream. Raises Fault for one that only another provider has."""
    written: list[dict[str, object]] = []
    for tool in conversation.tools:
        if isinstance(tool, ForeignTool):
            losses.judge_tool(tool)
            continue
        losses.judge_all("tools", tool.extras)
        if tool.cache:
            losses.drop("cache")
        if tool.freeform and profile.freeform_tools:
            written.append(_write_custom(tool, names))
        else:
            written.append(_write_function(tool, profile, names, losses))
    return written


def _write_custom(tool: Tool, names: Names) -> dict[str, object]:
    written: dict[str, object] = {"type": "custom", "name": names.write(tool.name), "description": tool.description}
    if tool.grammar:
        written["format"] = {"type": "grammar", "syntax": tool.syntax, "definition": tool.grammar}
    return written


def _write_function(tool: Tool, profile: Profile, names: Names, losses: Losses) -> dict[str, object]:
    schema = freeform.SCHEMA if tool.freeform else {"type": "object", "properties": {}, **tool.schema}
    strict = bool(tool.strict) and profile.strict_tools and is_strict(schema)
    if tool.strict and not strict:
        losses.drop("strict")
    return {
        "type": "function",
        "name": names.write(tool.name),
        "description": freeform.description(tool) if tool.freeform else tool.description,
        "parameters": schema,
        # Left out it means "strict if possible", which changes the schema of a client that did not ask for it.
        "strict": strict,
    }


def write_choice(conversation: Conversation, profile: Profile, names: Names, losses: Losses) -> object:
    """`tool_choice` for an upstream that has tools; None to leave it out."""
    choice = conversation.choice
    if choice is None:
        return None
    losses.judge_all("tool_choice", choice.extras)
    if choice.kind in ("any", "tool") and not profile.forced_tools:
        losses.drop("tool_choice")
        return "auto"
    custom = {tool.name for tool in conversation.tools if isinstance(tool, Tool) and tool.freeform and profile.freeform_tools}

    def named(name: str) -> dict[str, object]:
        return {"type": "custom" if name in custom else "function", "name": names.write(name)}

    if choice.kind == "tool":
        return named(choice.name)
    mode = {"auto": "auto", "any": "required", "none": "none"}[choice.kind]
    if choice.allowed is None:
        return mode
    return {"type": "allowed_tools", "mode": mode, "tools": [named(name) for name in choice.allowed]}


def _joined(form: Form) -> str:
    """The neutral name: that of the namespace before it, as models know such names (`server__tool`)."""
    if not form.namespace:
        return form.name
    return form.namespace + ("" if form.namespace.endswith("_") else "__") + form.name


def _name(entry: dict[str, object], path: str) -> str:
    name = text_of(entry, "name", path)
    if not name:
        raise missing(f"{path}.name")
    return name


def _description(entry: dict[str, object], path: str) -> str:
    value = entry.get("description")
    if value is None:
        return ""
    if type(value) is not str:
        raise mistyped(f"{path}.description", str)
    return value


def _grammar(entry: dict[str, object], path: str) -> tuple[str, str]:
    """Syntax and definition of what a custom tool's input must follow; both empty for any text."""
    value = entry.get("format")
    if value is None:
        return "", ""
    if type(value) is not dict:
        raise mistyped(path, dict)
    if value.get("type") == "text":
        return "", ""
    return text_of(value, "syntax", path), text_of(value, "definition", path)


def _schema(entry: dict[str, object], path: str) -> dict[str, object]:
    value = entry.get("parameters")
    if value is None:
        return NO_PARAMETERS
    if type(value) is not dict:
        raise mistyped(f"{path}.parameters", dict)
    return value


def _rest(entry: dict[str, object], known: frozenset[str]) -> Extras:
    return {field: value for field, value in entry.items() if field not in known and value not in (None, [])}
