"""Money in integers: one nanodollar is a billionth of a US dollar.

A price list speaks in dollars per million tokens; one dollar per million tokens is exactly 1000 nanodollars per token, so every
published price is a whole number of nanodollars per token and nothing is ever rounded.
"""

from decimal import Decimal, InvalidOperation
from typing import Final

NANODOLLARS_PER_DOLLAR: Final = 1_000_000_000
NANODOLLARS_PER_TOKEN_PER_DOLLAR_PER_MTOK: Final = 1000


def nanodollars_per_token(dollars_per_mtok: str) -> int:
    """A list price such as "0.30" (dollars per million tokens) as nanodollars per token.

    Raises ValueError when it is not a number, is negative, or is finer than a nanodollar per token.
    """
    try:
        exact = Decimal(dollars_per_mtok) * NANODOLLARS_PER_TOKEN_PER_DOLLAR_PER_MTOK
    except InvalidOperation:
        raise ValueError(f"not a price: {dollars_per_mtok!r}") from None
    if not exact.is_finite() or exact < 0 or exact != exact.to_integral_value():
        raise ValueError(f"a price must be a whole number of thousandths of a dollar per million tokens: {dollars_per_mtok!r}")
    return int(exact)


def dollars(nanodollars: int) -> str:
    """An amount for people, at least two places, no trailing zeros beyond them: 1500000000 -> "1.50"."""
    if nanodollars < 0:
        return f"-{dollars(-nanodollars)}"
    whole, part = divmod(nanodollars, NANODOLLARS_PER_DOLLAR)
    text = f"{whole}.{part:09d}"
    return text[:-7] + text[-7:].rstrip("0")
