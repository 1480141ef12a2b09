"""Records of fixed size from figures and texts: both twins, every kind of field."""

from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from native_fastpath import fields as pure
from tests.native_fastpath.conftest import load_or_skip

ALL = b"i\x08n\x08u\x01u\x02u\x04u\x08s\x05"

figures = st.sampled_from([-1, 0, 255, 256, 2**32, 2**63 - 1, 2**63, 2**64 - 1, 2**64]) | st.integers(-(2**70), 2**70)
texts = st.text(max_size=8) | st.text(st.characters(codec=None), max_size=8) | st.binary(max_size=8)


def test_every_field_in_its_place(twin: ModuleType) -> None:
    record = twin.pack_fields(ALL, -2, 3, 4, 5, 6, 7, "abc")
    assert record == b"".join(
        (
            (-2).to_bytes(8, "little", signed=True),
            (3).to_bytes(8, "little"),
            b"\x04",
            b"\x05\0",
            b"\x06\0\0\0",
            (7).to_bytes(8, "little"),
            b"abc\0\0",
        )
    )
    assert twin.pack_fields(b"") == b""


@pytest.mark.parametrize(
    ("form", "value", "written"),
    [
        (b"i\x08", -(2**70), b"\0" * 7 + b"\x80"),
        (b"i\x08", 2**70, b"\xff" * 7 + b"\x7f"),
        (b"n\x08", -1, b"\0" * 8),
        (b"n\x08", -(2**70), b"\0" * 8),
        (b"n\x08", 2**63, b"\xff" * 7 + b"\x7f"),
        (b"u\x01", 256, b"\xff"),
        (b"u\x01", -1, b"\0"),
        (b"u\x02", 65536, b"\xff\xff"),
        (b"u\x04", 2**32, b"\xff" * 4),
        (b"u\x08", 2**64 - 1, b"\xff" * 8),
        (b"u\x08", 2**63, b"\0" * 7 + b"\x80"),
        (b"u\x08", 2**64, b"\xff" * 8),
        (b"u\x08", -(2**70), b"\0" * 8),
        (b"s\x03", "abcd", b"abc"),
        (b"s\x03", "a\u00e9\u00e9", b"a\xc3\xa9"),
        (b"s\x03", "ab\u00e9", b"ab\0"),
        (b"s\x03", "\U0001f600", b"\0\0\0"),
        (b"s\x03", "\ud800b", b"?b\0"),
        (b"s\x03", b"\xc3\xa9\xc3\xa9", b"\xc3\xa9\xc3"),
        (b"s\x03", b"", b"\0\0\0"),
    ],
)
def test_what_does_not_fit_comes_as_near_as_it_can(twin: ModuleType, form: bytes, value: object, written: bytes) -> None:
    assert twin.pack_fields(form, value) == written


@pytest.mark.parametrize("form", [b"i", b"i\x04", b"n\x01", b"u\x03", b"u\0", b"s\0", b"x\x08", b"u\x01s"])
def test_a_form_that_is_none(twin: ModuleType, form: bytes) -> None:
    with pytest.raises(ValueError, match="kind and a width"):
        twin.pack_fields(form, 1)


@pytest.mark.parametrize("values", [(), (1,), (1, 2, 3)])
def test_values_that_are_not_as_many(twin: ModuleType, values: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="2 values are expected"):
        twin.pack_fields(b"u\x01u\x01", *values)


@pytest.mark.parametrize(("form", "value"), [(b"u\x01", "1"), (b"u\x01", 1.0), (b"i\x08", None), (b"s\x01", 1), (b"s\x01", None)])
def test_values_of_another_type(twin: ModuleType, form: bytes, value: Any) -> None:
    with pytest.raises(TypeError):
        twin.pack_fields(form, value)


def test_a_form_is_bytes(twin: ModuleType) -> None:
    for form in ((), ("u\x01", 1)):
        with pytest.raises(TypeError):
            twin.pack_fields(*form)


@settings(deadline=None)
@given(st.tuples(*[figures] * 6, texts))
def test_the_twins_write_the_same_records(values: tuple[Any, ...]) -> None:
    assert load_or_skip("native").pack_fields(ALL, *values) == pure.pack_fields(ALL, *values)
