"""Patterns: model names, or beginnings of model names, and what belongs to each.

Owns the one rule by which all tables of names are read: a name is matched by itself or by a beginning that is written with one
`*` behind it; the exact name wins over a beginning, a longer beginning over a shorter one. Knows nothing of what names mean.
"""

from collections.abc import Iterable, Mapping
from typing import Generic, TypeVar

T = TypeVar("T")

RULE = "must be a name, which may end in one `*`"


def is_pattern(text: str) -> bool:
    """Whether `text` can be read as a pattern."""
    return bool(text) and "*" not in text[:-1]


class Patterns(Generic[T]):
    """Pattern -> anything. Every key must be a pattern."""

    __slots__ = ("_beginnings", "_exact")

    def __init__(self, rows: Mapping[str, T]) -> None:
        self._exact = {name: value for name, value in rows.items() if not name.endswith("*")}
        beginnings = [(name[:-1], value) for name, value in rows.items() if name.endswith("*")]
        self._beginnings = tuple(sorted(beginnings, key=lambda pair: -len(pair[0])))

    @property
    def exact(self) -> Mapping[str, T]:
        """The rows without a `*`."""
        return self._exact

    def find(self, name: str) -> T | None:
        """What belongs to the most specific pattern that matches, or None."""
        found = self._exact.get(name)
        if found is not None:
            return found
        for beginning, value in self._beginnings:
            if name.startswith(beginning):
                return value
        return None

    def __len__(self) -> int:
        return len(self._exact) + len(self._beginnings)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Patterns) and (other._exact, other._beginnings) == (self._exact, self._beginnings)

    __hash__ = None  # type: ignore[assignment] # compared by their rows, which may be anything

    def __repr__(self) -> str:
        return f"<Patterns {len(self._exact)} exact, {len(self._beginnings)} beginnings>"


class NameSet:
    """Patterns alone: whether a name is among them. An empty set matches nothing."""

    __slots__ = ("_patterns",)

    def __init__(self, patterns: Iterable[str]) -> None:
        self._patterns = Patterns(dict.fromkeys(patterns, True))

    def __contains__(self, name: str) -> bool:
        return self._patterns.find(name) is not None

    def __len__(self) -> int:
        return len(self._patterns)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NameSet) and other._patterns == self._patterns

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<NameSet of {len(self)}>"
