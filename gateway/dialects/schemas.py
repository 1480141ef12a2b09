"""JSON Schemas on their way to an upstream that enforces only a part of the language.

Owns two questions: is a schema as OpenAI's strict mode wants it, and what would it be as Anthropic's structured outputs want
it. What is not enforced there goes into the description, where the model may still heed it, as Anthropic's own SDK does it.
Neither resolves references, and neither judges whether a schema makes sense: the upstream does.
"""

import orjson

Schema = dict[str, object]

_BRANCHES = ("anyOf", "oneOf", "allOf")
_MAPS = ("properties", "$defs", "definitions")
_ENFORCED = frozenset(
    {"$ref", "$defs", "definitions", "type", "enum", "const", "anyOf", "allOf", "description", "title", "default"}
)
_ENFORCED_OF: dict[str, frozenset[str]] = {
    "object": frozenset({"properties", "required", "additionalProperties"}),
    "array": frozenset({"items", "minItems"}),
    "string": frozenset({"format"}),
}
_FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"},
)
DEPTH_MAX = 100  # deeper than any schema, far from the end of the stack


def is_strict(schema: object, depth: int = 0) -> bool:
    """Whether every object in it is closed and has all its properties required, as OpenAI's strict mode demands."""
    if not isinstance(schema, dict) or depth > DEPTH_MAX:
        return False
    properties = schema.get("properties")
    if schema.get("type") == "object" or properties is not None:
        required = schema.get("required", [])
        if schema.get("additionalProperties") is not False or not isinstance(required, list):
            return False
        if not isinstance(properties, dict) or any(name not in required for name in properties):
            return False
    return all(is_strict(inner, depth + 1) for inner in _inner(schema))


def _inner(schema: Schema) -> list[object]:
    found: list[object] = []
    for key in _MAPS:
        entries = schema.get(key)
        found += entries.values() if isinstance(entries, dict) else ()
    for key in _BRANCHES:
        branches = schema.get(key)
        found += branches if isinstance(branches, list) else ()
    if "items" in schema:
        found.append(schema["items"])
    return found


def enforceable(schema: Schema, depth: int = 0) -> Schema:
    """The same schema with objects closed and with everything that is not enforced said in the description."""
    if depth > DEPTH_MAX:
        return {}
    kind = schema.get("type")
    enforced = _ENFORCED | _ENFORCED_OF.get(kind, frozenset()) if isinstance(kind, str) else _ENFORCED
    written: Schema = {}
    spoken: list[str] = []
    for key, value in schema.items():
        if key == "oneOf" and "anyOf" not in schema:
            written["anyOf"] = _each(value, depth)
        elif key not in enforced or (key == "format" and value not in _FORMATS) or (key == "minItems" and value not in (0, 1)):
            spoken.append(f"{key}: {orjson.dumps(value).decode()}")
        elif key in _BRANCHES:
            written[key] = _each(value, depth)
        elif key in _MAPS and isinstance(value, dict):
            written[key] = {name: _one(inner, depth) for name, inner in value.items()}
        elif key == "items":
            written[key] = _one(value, depth)
        else:
            written[key] = value
    if kind == "object":
        written["additionalProperties"] = False
    if spoken:
        said = written.get("description")
        written["description"] = (f"{said}\n\n" if isinstance(said, str) and said else "") + "{" + ", ".join(spoken) + "}"
    return written


def _one(schema: object, depth: int) -> object:
    return enforceable(schema, depth + 1) if isinstance(schema, dict) else schema


def _each(schemas: object, depth: int) -> object:
    return [_one(schema, depth) for schema in schemas] if isinstance(schemas, list) else schemas
