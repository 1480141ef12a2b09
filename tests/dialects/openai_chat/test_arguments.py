"""Arguments of calls: texts that stand for objects."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.openai_chat.arguments import UNPARSED, read, write

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.text(st.characters(exclude_categories=["Cs"]))),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text("abc"), inner, max_size=3)),
    max_leaves=6,
)


@given(st.dictionaries(st.text("abc"), JSON, max_size=3))
def test_objects_come_back(arguments: dict[str, Any]) -> None:
    assert read(write(arguments)) == arguments
    assert read(orjson.dumps(write(arguments)).decode()) == arguments


@given(st.text())
def test_any_text_stands_for_something_that_can_be_written(text: str) -> None:
    arguments = read(text)
    assert isinstance(arguments, dict)
    assert arguments == {} or UNPARSED in arguments or orjson.loads(write(arguments)) == arguments


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        (None, {}),
        ("  \n", {}),
        ("None", {}),
        ('{"a": "two\nlines"}', {"a": "two\nlines"}),
        ('{"a": NaN}', {"a": None}),  # what Python's parser forgives, JSON has no word for
        ("7", {UNPARSED: "7"}),
        ('""', {UNPARSED: '""'}),
    ],
)
def test_odd_texts(text: object, arguments: dict[str, Any]) -> None:
    read_arguments = read(text)
    if text != '{"a": NaN}':
        assert read_arguments == arguments
    assert orjson.loads(write(read_arguments)) == arguments
