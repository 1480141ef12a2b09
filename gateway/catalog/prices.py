"""Prices: what a token of each class costs, by model and date.

Owns the reading of `prices.toml` and the choice of the rate that applies. Knows nothing of requests, keys or where a cost is
booked.

A row names a model, exactly or by a beginning with a trailing `*`, and optionally the day (UTC) from which it applies. Among
the rows that match the model and have begun, the most specific name wins (exact before `*`, longer before shorter), then the
latest day. So a row for `claude-opus-4-1*` beats one for `claude-opus-4-*`, and the shipped row `*` makes sure that an unknown
model is not free.

Some models cost more once the prompt is long. `long_prompt` holds that second rate; it applies to the whole request, output
included, when all input tokens together, cache reads and writes too, are more than `above_input_tokens`.
"""

import hashlib
from dataclasses import dataclass

from gateway.catalog.document import Document, Table
from gateway.core.money import nanodollars_per_token
from gateway.core.usage import Usage

# Model names come from clients, so the memory of lookups is bounded: emptied when it reaches this many names.
NAMES_REMEMBERED_MAX = 4096

# A thousand dollars per million tokens, ten times the dearest model: keeps the cost of any one request far inside 63 bits.
PRICE_NANODOLLARS_MAX = 1_000_000

# A hundred thousand dollars for one request, a thousand times what any can cost. Whatever figures an upstream sends, sums over
# all requests that one transaction of the books can hold stay inside 63 bits.
COST_NANODOLLARS_MAX = 10**14


@dataclass(frozen=True, slots=True)
class Rate:
    """Nanodollars per token of each class."""

    input_nanodollars: int
    output_nanodollars: int
    cache_read_nanodollars: int
    cache_write_5m_nanodollars: int
    cache_write_1h_nanodollars: int
    long_above_tokens: int = 0
    long: "Rate | None" = None

    def at(self, input_tokens: int) -> "Rate":
        """The rate for a prompt of that many tokens, of all classes of input together."""
        return self.long if self.long is not None and input_tokens > self.long_above_tokens else self

    def cost(self, usage: Usage) -> int:
        """What `usage` costs, in nanodollars, at most COST_NANODOLLARS_MAX. Exact: nothing is rounded."""
        if self.long is not None and usage.total_input_tokens > self.long_above_tokens:
            return self.long.cost(usage)
        cost = (
            usage.input_tokens * self.input_nanodollars
            + usage.output_tokens * self.output_nanodollars
            + usage.cache_read_tokens * self.cache_read_nanodollars
            + usage.cache_write_5m_tokens * self.cache_write_5m_nanodollars
            + usage.cache_write_1h_tokens * self.cache_write_1h_nanodollars
        )
        return cost if cost < COST_NANODOLLARS_MAX else COST_NANODOLLARS_MAX


@dataclass(frozen=True, slots=True)
class Price:
    """One row of the list: `model` is a name, or the beginning of names when it ends in `*`. `assumed` says that nobody has
    published these prices."""

    model: str
    from_ns: int
    rate: Rate
    assumed: bool = False

    def matches(self, model: str) -> bool:
        if self.model.endswith("*"):
            return model.startswith(self.model[:-1])
        return model == self.model

    @property
    def rank(self) -> tuple[bool, int, int]:
        """Sorts the row that wins first."""
        return (self.model.endswith("*"), -len(self.model), -self.from_ns)


class PriceList:
    """All rows. `version` names the exact list: the first 16 hexadecimal digits of the SHA-256 of its file."""

    def __init__(self, prices: list[Price], version: str) -> None:
        self.prices = tuple(sorted(prices, key=lambda price: price.rank))
        self.version = version
        self._remembered: dict[str, tuple[Price, ...]] = {}

    def rate(self, model: str, at_ns: int) -> Rate | None:
        """The rate of `model` at a moment (nanoseconds since 1970), or None when no row covers it.

        The shipped list covers every name at every time; None needs an operator who removed its `*` row.
        """
        row = self.row(model, at_ns)
        return None if row is None else row.rate

    def row(self, model: str, at_ns: int) -> Price | None:
        """The row that has the rate of `model` at a moment, for whoever shows where a price comes from."""
        rows = self._remembered.get(model)
        if rows is None:
            rows = tuple(price for price in self.prices if price.matches(model))
            if len(self._remembered) >= NAMES_REMEMBERED_MAX:
                self._remembered.clear()
            self._remembered[model] = rows
        for price in rows:
            if price.from_ns <= at_ns:
                return price
        return None

    def __repr__(self) -> str:
        return f"<PriceList {self.version} of {len(self.prices)} rows>"


def read(document: Document) -> PriceList:
    """The price list in a `prices.toml`. Complaints are left in `document.problems`."""
    prices: list[Price] = []
    seen: set[tuple[str, int]] = set()
    for row in document.root.tables("price"):
        model = row.text("model")
        from_ns = row.midnight_ns("effective_from")
        rate = _read_rate(row)
        assumed = row.yes_or_no("assumed", False)
        row.close()
        if "*" in model[:-1] or (not model and "model" in row):
            row.report("`model` must be a name, which may end in one `*`", "model")
        if (model, from_ns) in seen:
            row.report(f"`{model}` has two prices from the same day", "model")
        seen.add((model, from_ns))
        prices.append(Price(model, from_ns, rate, assumed))
    return PriceList(prices, hashlib.sha256(document.text.encode()).hexdigest()[:16])


def _read_rate(row: Table) -> Rate:
    long = row.table("long_prompt")
    above_tokens = long.whole("above_input_tokens", 1, 100_000_000) if long else 0
    rate = Rate(
        input_nanodollars=_price(row, "input"),
        output_nanodollars=_price(row, "output"),
        cache_read_nanodollars=_price(row, "cache_read"),
        cache_write_5m_nanodollars=_price(row, "cache_write_5m"),
        cache_write_1h_nanodollars=_price(row, "cache_write_1h"),
        long_above_tokens=above_tokens,
        long=_read_rate(long) if long else None,
    )
    if long:
        long.close()
    return rate


def _price(row: Table, key: str) -> int:
    text = row.text_or_none(key, required=True)
    if text is None:
        return 0
    try:
        price = nanodollars_per_token(text)
    except ValueError as error:
        row.report(f"`{key}`: {error}", key)
        return 0
    if price > PRICE_NANODOLLARS_MAX:
        row.report(f"`{key}` is more than 1000 dollars per million tokens", key)
    return price
