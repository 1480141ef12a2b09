"""Money: exact integers in, exact text out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.money import NANODOLLARS_PER_DOLLAR, dollars, nanodollars_per_token


@pytest.mark.parametrize(
    ("price", "nanodollars"),
    [("3", 3000), ("0.30", 300), ("18.75", 18750), ("0.125", 125), ("0.001", 1), ("0", 0), ("1e1", 10000)],
)
def test_a_list_price_is_a_whole_number_of_nanodollars(price: str, nanodollars: int) -> None:
    assert nanodollars_per_token(price) == nanodollars


@pytest.mark.parametrize("price", ["", "three", "-1", "0.0001", "NaN", "Infinity", "1,50"])
def test_what_is_no_price_is_refused(price: str) -> None:
    with pytest.raises(ValueError, match="price"):
        nanodollars_per_token(price)


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0.00"),
        (1_500_000_000, "1.50"),
        (1, "0.000000001"),
        (-2_000_000_000, "-2.00"),
        (123_456_000, "0.123456"),
        (10**18, "1000000000.00"),
    ],
)
def test_dollars_for_people(amount: int, text: str) -> None:
    assert dollars(amount) == text


@given(st.integers(-(2**63), 2**63))
def test_dollars_lose_nothing(amount: int) -> None:
    whole, _, part = dollars(abs(amount)).partition(".")
    assert int(whole) * NANODOLLARS_PER_DOLLAR + int(part.ljust(9, "0")) == abs(amount)
    assert dollars(amount).startswith("-") == (amount < 0)
