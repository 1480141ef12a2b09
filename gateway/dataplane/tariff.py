"""The tariff: what a model's name means for limits and money.

Owns the join of three catalogues (tokenizers, model lines with their weights, prices) into one remembered row per name. Knows
nothing of callers.
"""

from dataclasses import dataclass
from typing import Final

from gateway.catalog.models import Catalogue
from gateway.catalog.plans import Plans
from gateway.catalog.prices import PriceList, Rate
from gateway.state.limits import ClassMasks
from gateway.tokens.families import Family, family_of

NAMES_REMEMBERED_MAX: Final = 4096  # clients choose them
UNKNOWN_LINE: Final = "other"
# For names that no row of the catalogue has: a line's word in the name says as much as the maker does.
LINE_WORDS: Final = ("haiku", "sonnet", "opus", "fable", "mythos")


@dataclass(frozen=True, slots=True)
class Terms:
    """One name. `weight` is what a message counts for, in thousandths."""

    family: Family
    line: str
    weight: int


class Tariff:
    """Terms and rates by the name that is sent upstream."""

    def __init__(self, catalogue: Catalogue, plans: Plans, prices: PriceList, masks: ClassMasks) -> None:
        self._catalogue = catalogue
        self._plans = plans
        self._prices = prices
        self._masks = masks
        self._terms: dict[str, Terms] = {}
        self.price_tag = int(prices.version, 16)

    def terms(self, model: str) -> Terms:
        """What a name counts for."""
        terms = self._terms.get(model)
        if terms is None:
            if len(self._terms) >= NAMES_REMEMBERED_MAX:
                self._terms.clear()
            line = self._line(model)
            terms = self._terms[model] = Terms(family_of(model), line, self._plans.weight(line))
        return terms

    def mask(self, model: str) -> int:
        """The bits of the classes that the name belongs to."""
        return self._masks.of(model, self.terms(model).line)

    def rate(self, model: str, at_ns: int) -> Rate | None:
        """What its tokens cost at a moment; None when the list has no row for it, which the shipped one never lacks."""
        return self._prices.rate(model, at_ns)

    def _line(self, model: str) -> str:
        known = self._catalogue.find(model)
        if known is not None:
            return known.line
        lower = model.lower()
        return next((line for line in LINE_WORDS if line in lower), UNKNOWN_LINE)
