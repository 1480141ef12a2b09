"""Profiles of targets: what each provider, and each of its models, takes otherwise than its dialect's own provider does.

Owns the reading of `[provider.profile]` and `[[provider.variant]]`, and the order in which they are laid over one another: the
dialect's defaults, the provider's, those of the most specific variant that names the model, and what the catalogue knows of the
model. What a field means, and which fields there are, stands in `core.profile` alone: fields are read by their types.
"""

from collections.abc import Mapping
from dataclasses import Field, fields, replace
from typing import Any

from gateway.catalog.document import Table
from gateway.catalog.models import Model
from gateway.catalog.patterns import RULE, Patterns, is_pattern
from gateway.core.profile import DEFAULTS, Profile

LARGEST = 1_000_000_000

Changes = Mapping[str, Any]


class Profiles:
    """What a provider's models take."""

    __slots__ = ("_base", "_variants")

    def __init__(self, dialect: str, changes: Changes | None = None, variants: Mapping[str, Changes] | None = None) -> None:
        self._base = replace(DEFAULTS[dialect], **(changes or {}))
        self._variants = Patterns(variants or {})

    def of(self, model_served: str, model: Model | None = None) -> Profile:
        """The profile of one of its models; `model` is the catalogue's row, when there is one."""
        profile = replace(self._base, **(self._variants.find(model_served) or {}))
        if model is None:
            return profile
        most = min(model.max_tokens, profile.max_tokens_max or model.max_tokens)
        return replace(profile, max_tokens_max=most, max_tokens_default=min(most, profile.max_tokens_default))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Profiles) and (other._base, other._variants) == (self._base, self._variants)

    __hash__ = None  # type: ignore[assignment] # compared by its rows

    def __repr__(self) -> str:
        return f"<Profiles with {len(self._variants)} variants>"


def read(row: Table, dialect: str) -> Profiles:
    """The profiles of a provider's row. Complaints are left in its document."""
    table = row.table("profile")
    changes = {} if table is None else _changes(table)
    variants: dict[str, Changes] = {}
    for variant in row.tables("variant"):
        names = variant.words("models", required=True)
        taken = _changes(variant)
        for name in names:
            if not is_pattern(name):
                variant.report(f"`{name}` {RULE}", "models")
            elif name in variants:
                variant.report(f"`{name}` stands in two variants", "models")
            variants[name] = taken
    return Profiles(dialect, changes, {name: taken for name, taken in variants.items() if is_pattern(name)})


def _changes(table: Table) -> dict[str, Any]:
    taken = {field.name: _value(table, field) for field in fields(Profile) if field.name in table}
    for field in fields(Profile):
        table.expect(field.name)
    table.close()
    return taken


def _value(table: Table, field: "Field[Any]") -> Any:
    """A field's value as its type wants it. A limit that is None by nature is switched off by leaving it out."""
    name, kind = field.name, field.type
    if kind is bool:
        return table.yes_or_no(name)
    if kind is float:
        return table.number(name, 0.0, 100.0)
    if kind is str:
        return table.text(name)
    if kind == tuple[str, ...]:
        return table.words(name)
    return table.whole(name, 0, LARGEST)
