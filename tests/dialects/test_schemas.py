"""JSON Schemas for upstreams that enforce a part of the language."""

from typing import Any

import pytest
from anthropic import transform_schema
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.schemas import DEPTH_MAX, enforceable, is_strict

Json = dict[str, Any]
CLOSED: Json = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        (CLOSED, True),
        ({"type": "string"}, True),
        ({**CLOSED, "required": []}, False),
        ({**CLOSED, "additionalProperties": True}, False),
        ({"type": "object"}, False),
        ({"type": "object", "properties": {}, "additionalProperties": False}, True),
        ({"type": "array", "items": CLOSED}, True),
        ({"type": "array", "items": {"type": "object"}}, False),
        ({"anyOf": [CLOSED, {"type": "null"}]}, True),
        ({"anyOf": [CLOSED, {"type": "object"}]}, False),
        ({**CLOSED, "$defs": {"a": {"type": "object"}}}, False),
        ({**CLOSED, "properties": {"n": {"type": "object"}}}, False),
        (True, False),
        ({"type": "array", "items": []}, False),
    ],
)
def test_is_strict(schema: object, strict: bool) -> None:
    assert is_strict(schema) is strict


@pytest.mark.parametrize(
    ("schema", "written"),
    [
        ({"type": "string", "format": "uuid"}, {"type": "string", "format": "uuid"}),
        ({"type": "string", "format": "hex"}, {"type": "string", "description": '{format: "hex"}'}),
        ({"type": "string", "maxLength": 3, "description": "a"}, {"type": "string", "description": "a\n\n{maxLength: 3}"}),
        ({"type": "array", "minItems": 1, "items": CLOSED}, {"type": "array", "minItems": 1, "items": CLOSED}),
        ({"type": "array", "minItems": 2}, {"type": "array", "description": "{minItems: 2}"}),
        ({"oneOf": [CLOSED]}, {"anyOf": [CLOSED]}),
        ({"type": "object"}, {"type": "object", "additionalProperties": False}),
        ({"enum": ["a"]}, {"enum": ["a"]}),
        (CLOSED, CLOSED),
    ],
)
def test_enforceable(schema: Json, written: Json) -> None:
    assert enforceable(schema) == written


SCHEMAS = st.recursive(
    st.sampled_from(
        [{"type": "string"}, {"type": "integer", "minimum": 1}, {"type": "null"}, {"enum": ["a", "b"]}, {"$ref": "#/$defs/a"}]
    ),
    lambda inner: st.one_of(
        st.builds(lambda items: {"type": "array", "items": items, "maxItems": 3}, inner),
        st.builds(lambda some: {"anyOf": some}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(
            lambda some: {"type": "object", "properties": some, "title": "t"},
            st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
        ),
    ),
    max_leaves=8,
)


@given(SCHEMAS)
def test_it_is_what_the_official_sdk_makes_of_it(schema: Json) -> None:
    def plain(one: Any) -> Any:
        """Without descriptions, whose wording is each one's own."""
        if isinstance(one, dict):
            return {key: plain(value) for key, value in one.items() if key != "description"}
        return [plain(value) for value in one] if isinstance(one, list) else one

    assert plain(enforceable(schema)) == plain(transform_schema(schema))


def test_no_depth_ends_the_stack() -> None:
    deep: Json = {"type": "string"}
    for _ in range(5 * DEPTH_MAX):
        deep = {"type": "array", "items": deep}
    assert not is_strict(deep)
    assert enforceable(deep)["type"] == "array"
