from typing import Annotated, Literal

import pytest
from msgspec import Meta, Struct, field

from gateway.control.admin.reading import read_body, read_query
from gateway.core.faults import Fault, FaultKind


class Shape(Struct, frozen=True, forbid_unknown_fields=True):
    name: str = "none"
    count: Annotated[int, Meta(ge=1, le=10)] = 1
    kind: Literal["a", "b"] = "a"
    flag: bool = False
    many: list[str] = field(default_factory=list, name="many[]")


class Open(Struct, frozen=True):
    name: str = "none"


def test_bodies() -> None:
    assert read_body(b'{"name": "x", "count": 3}', Shape) == Shape("x", 3)
    assert read_body(b"", Shape) == read_body(b"{}", Shape) == Shape()
    assert read_body(b'{"other": 1}', Open) == Open()


@pytest.mark.parametrize(("body", "text"), [
    (b'{"count": 11}', "count: Expected `int` <= 10"),
    (b'{"count": "3"}', "count: Expected `int`, got `str`"),
    (b'{"kind": "sk-ant-api03-secret"}', "kind: Unknown value"),
    (b'{"colour": 1}', "unknown field `colour`"),
    (b'{"name": "a", "name": "b"}', "twice"),
    (b'{"name": NaN}', "not valid JSON"),
    (b'{"name": "\xff"}', "not valid JSON"),
    (b'{"name": "\\ud800"}', "not valid JSON"),
    (b"[]", "not valid JSON"),
    (b"{} {}", "not valid JSON"),
    (b'{"many[]": [' + b"[" * 5000, "not valid JSON"),
])  # fmt: skip
def test_other_bodies_are_refused_in_plain_words(body: bytes, text: str) -> None:
    with pytest.raises(Fault) as caught:
        read_body(body, Shape)
    assert caught.value.kind is FaultKind.INVALID
    assert text in caught.value.text
    assert "secret" not in caught.value.text


class Narrow(Struct, frozen=True, forbid_unknown_fields=True):
    name: Annotated[str, Meta(min_length=2, max_length=5)]
    email: Annotated[str, Meta(pattern="@")] = "@"
    size: Annotated[int, Meta(ge=1, le=1000)] = 1
    many: Annotated[tuple[str, ...], Meta(max_length=2)] = ()
    kind: Literal["a", "b"] = "a"


@pytest.mark.parametrize(("body", "code", "values"), [
    (b"{}", "field.missing", {"field": "name"}),
    (b'{"name": "aa", "colour": 1}', "field.unknown", {"field": "colour"}),
    (b'{"name": "a"}', "field.too_short", {"field": "name", "count": 2}),
    (b'{"name": "aaaaaa"}', "field.too_long", {"field": "name", "count": 5}),
    (b'{"name": "aa", "size": 0}', "field.too_small", {"field": "size", "least": 1}),
    (b'{"name": "aa", "size": 1001}', "field.too_large", {"field": "size", "most": 1000}),
    (b'{"name": "aa", "many": ["1", "2", "3"]}', "field.too_many", {"field": "many", "count": 2}),
    (b'{"name": "aa", "email": "x"}', "field.wrong", {"field": "email"}),
    (b'{"name": "aa", "kind": "secret"}', "field.wrong", {"field": "kind"}),
    (b'{"name": 1}', "field.wrong", {"field": "name"}),
    (b"[]", "body.broken", {"problem": "not an object"}),
])  # fmt: skip
def test_what_is_wrong_is_told_as_data_too(body: bytes, code: str, values: dict[str, object]) -> None:
    with pytest.raises(Fault) as caught:
        read_body(body, Narrow)
    assert (caught.value.code, caught.value.values) == (code, values)


def test_queries() -> None:
    pairs = [("name", "x"), ("count", "3"), ("flag", "true"), ("many[]", "1"), ("many[]", "2"), ("many", "3")]
    assert read_query(pairs, Shape) == Shape("x", 3, "a", True, ["1", "2", "3"])
    assert read_query([("other", "1"), ("other", "2")][:1], Open) == Open()


@pytest.mark.parametrize(("pairs", "text"), [
    ([("count", "0")], "count: Expected `int` >= 1"),
    ([("count", "")], "count: Expected `int`"),
    ([("kind", "secret")], "kind: Unknown value"),
    ([("flag", "maybe")], "flag: Expected `bool`"),
    ([("name", "a"), ("name", "b")], "name: stands in the query twice"),
    ([("colour", "red")], "unknown field `colour`"),
])  # fmt: skip
def test_other_queries_are_refused(pairs: list[tuple[str, str]], text: str) -> None:
    with pytest.raises(Fault) as caught:
        read_query(pairs, Shape)
    assert text in caught.value.text
    assert "secret" not in caught.value.text
