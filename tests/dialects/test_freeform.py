"""Texts that travel as objects: there, back, and in pieces."""

import json
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.dialects.conversation import Tool
from gateway.dialects.freeform import Unwrapping, description, unwrap, wrap

TEXTS = st.text(st.one_of(st.sampled_from('\\"u/\n\t \U0001f600é{}'), st.characters(exclude_categories=["Cs"])))


def unwrapped(text: str, places: list[int]) -> str:
    edges = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    unwrapping = Unwrapping()
    return "".join([*(unwrapping.feed(text[a:b]) for a, b in pairwise(edges)), unwrapping.end()])


@given(TEXTS, st.booleans(), st.lists(st.integers(0, 10_000), max_size=20))
@example('*** "a\\u12"', True, [13, 14, 15, 16, 17])
def test_any_text_comes_back_in_any_pieces(text: str, ascii_only: bool, places: list[int]) -> None:
    arguments = json.dumps(wrap(text), ensure_ascii=ascii_only)
    assert unwrap(json.loads(arguments)) == text
    assert unwrapped(arguments, places) == text


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ('{"input": "a"} ', "a"),
        (' { "input" :"a\\nb" , "more": 1}', "a\nb"),  # what follows the string came too late to matter
        ('{"command": "a"}', '{"command":"a"}'),
        ('{"input": 7}', '{"input":7}'),
        ("just text", "just text"),
        ('{"unparsed_arguments":"*** \\"a\\""}', '*** "a"'),  # the text itself, where an object was asked for
        ('{"unparsed_arguments":"a","more":1}', '{"unparsed_arguments":"a","more":1}'),
        ('{"input": "cut', "cut"),
        ('{"input": "cut\\u00', "cut"),
        ('{"input": "\\ud83d!"}', "?!"),
        ('{"input": "\\ud83d', ""),
        ("", ""),
        ("[1]", "[1]"),
    ],
)
def test_inputs_that_are_not_what_was_asked_for(arguments: str, text: str) -> None:
    assert unwrapped(arguments, []) == text
    assert unwrapped(arguments, list(range(len(arguments)))) == text


def test_an_object_of_another_shape_is_its_json() -> None:
    assert unwrap({"input": "a", "more": 1}) == '{"input":"a","more":1}'


def test_a_grammar_is_described() -> None:
    assert description(Tool("patch", "Applies.", freeform=True)) == "Applies."
    told = description(Tool("patch", "Applies.", freeform=True, grammar="start: X", syntax="lark"))
    assert told == "Applies.\n\nThe value of `input` must follow this lark grammar:\nstart: X"


def test_a_long_input_of_another_shape_is_told_whole() -> None:
    arguments = json.dumps({"command": "x" * 1000, "more": 1})
    assert json.loads(unwrapped(arguments, list(range(0, 1000, 7)))) == json.loads(arguments)
