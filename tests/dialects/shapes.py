"""Every field that a request may have, by the official SDKs' own types.

Owns the walk over a JSON Schema: for each field, at any depth and in each variant of a union, a document that has it and as
little else as possible, and the same document without it. New fields of a newer SDK are walked as soon as it is installed.
"""

import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

from pydantic import TypeAdapter

Schema = dict[str, Any]

# Values by the name of the field, where not just any text will do.
TEXTS = {
    "data": "aGVsbG8gd29ybGQhISEh",
    "media_type": "image/png",
    "url": "https://example.test/zq-picture.png",
    "file_data": "data:application/pdf;base64,JVBERi0xLjQK",
    "arguments": '{"zq":1}',
    "id": "call_zq",
    "tool_call_id": "call_zq",
    "tool_use_id": "call_zq",
}
TEXT = "zq-text"
NUMBER = 7654
# The values of the one field that is looked at, which stand nowhere else.
LEAF_TEXT = "zq-leaf"
LEAF_NUMBER = 8765


def schema_of(kind: Any) -> Schema:
    """The JSON Schema of a TypedDict of an SDK."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return TypeAdapter(kind).json_schema()


class Walk:
    """One schema with its definitions."""

    def __init__(self, schema: Schema) -> None:
        self.root = schema
        self._definitions: Schema = schema.get("$defs", {})

    def variants(self, schema: Schema) -> list[Schema]:
        """The alternatives of a schema, resolved: one for a plain one."""
        if "$ref" in schema:
            return self.variants(self._definitions[schema["$ref"].rpartition("/")[2]])
        for union in ("anyOf", "oneOf"):
            if union in schema:
                return [variant for one in schema[union] for variant in self.variants(one)]
        return [schema]

    def least(self, schema: Schema, name: str = "") -> Any:
        """The smallest instance of the first variant."""
        schema = next(one for one in self.variants(schema) if one.get("type") != "null")
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return schema["enum"][-1]
        kind = schema.get("type")
        if kind == "object":
            properties = schema.get("properties", {})
            return {key: self.least(properties[key], key) for key in schema.get("required", ())}
        if kind == "array":
            return [self.least(schema["items"], name)] if schema.get("items") else []
        if kind in ("integer", "number"):
            return NUMBER
        return True if kind == "boolean" else TEXTS.get(name, TEXT)

    def fields(self, schema: Schema, name: str = "", seen: tuple[int, ...] = ()) -> Iterator["Field"]:
        """Each field below a schema."""
        for one in self.variants(schema):
            if id(one) in seen or one.get("type") == "null":
                continue
            below = (*seen, id(one))
            if one.get("type") == "array" and one.get("items"):
                for field in self.fields(one["items"], name, below):
                    without = [] if field.without is GONE else [field.without]
                    yield field._replace(document=[field.document], without=without if field.path else GONE)
            elif one.get("type") == "object" and one.get("properties"):
                yield from self._members(one, below)
            elif one.get("type") == "object":
                yield Field((), {"zq": LEAF_NUMBER}, GONE, {"zq": LEAF_NUMBER})
            else:
                for value in one.get("enum", [one["const"]] if "const" in one else [self._leaf(one, name)]):
                    yield Field((), value, GONE, value)

    def _leaf(self, one: Schema, name: str) -> Any:
        least = self.least(one, name)
        return {TEXT: LEAF_TEXT, NUMBER: LEAF_NUMBER}.get(least, least) if isinstance(least, (str, int)) else least

    def _members(self, one: Schema, below: tuple[int, ...]) -> Iterator["Field"]:
        least = self.least(one)
        for key, member in one["properties"].items():
            for field in self.fields(member, key, below):
                document = {**least, key: field.document}
                without = {**least, key: field.without}
                if field.without is GONE:
                    del without[key]
                required = field.required if field.path else key in one.get("required", ())
                yield Field((key, *field.path), document, without, field.value, required)


GONE = object()


class Field(NamedTuple):
    """One field: its path (unions and positions leave no trace), a document that has it, the same without it, its value.

    `required` tells that the innermost object cannot be without it.
    """

    path: tuple[str, ...]
    document: Any
    without: Any
    value: Any
    required: bool = False
