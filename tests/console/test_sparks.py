"""The small curves under figures: within their box, from zero, with gaps where nothing is known."""

import re

from hypothesis import given
from hypothesis import strategies as st

from gateway.console.sparks import HEIGHT, WIDTH, spark


def test_nothing_known_is_no_curve() -> None:
    assert spark([]) is None
    assert spark([None, None]) is None


def test_a_value_that_stands_alone_is_a_dot() -> None:
    found = spark([None, 7, None])
    assert found is not None
    assert found == ("", "", "M50.0 1.5h0.01", 7, 7, 7)


def test_a_curve_begins_at_zero_and_ends_at_the_top() -> None:
    found = spark([0, 5, 10])
    assert found is not None
    assert found.line == "M0.0 22.5L50.0 12.0L100.0 1.5"
    assert found.area == found.line + "L100.0 24L0.0 24Z"
    assert (found.low, found.high, found.last) == (0, 10, 10)


def test_what_is_not_known_is_a_gap() -> None:
    found = spark([1, 1, None, 2, 2])
    assert found is not None
    assert found.line.count("M") == found.area.count("Z") == 2


def test_nothing_but_zeros_lies_on_the_ground() -> None:
    found = spark([0, 0])
    assert found is not None
    assert found.line == "M0.0 22.5L100.0 22.5"


@given(st.lists(st.one_of(st.none(), st.integers(0, 10**15), st.floats(0, 1)), max_size=400))
def test_every_curve_stays_in_its_box(values: list[float | None]) -> None:
    found = spark(values)
    for x, y in re.findall(r"([-\d.]+) ([-\d.]+)", "" if found is None else found.area + found.dots.replace("h0.01", "")):
        assert 0 <= float(x) <= WIDTH
        assert 0 <= float(y) <= HEIGHT
