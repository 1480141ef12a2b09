"""Allowed models: which models a key may use, as patterns of names.

Owns the rule and nothing else: where the patterns are kept and whose they are is the control plane's business.

A name that the owner of the list wrote down allows whatever the operator's routes make of it. Any other name is allowed as far as
the models it leads to are: a list of `claude-haiku-*` lets an alias of Haiku through, and of a route that falls back from Opus to
Haiku only the second part.
"""

from collections.abc import Iterable

from gateway.catalog.aliases import plain
from gateway.catalog.patterns import NameSet
from gateway.catalog.routes import Target


class AllowedModels:
    """A list of patterns; an empty one allows everything."""

    __slots__ = ("_names",)

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        self._names = NameSet(patterns)

    def of(self, asked: str, plan: tuple[Target, ...]) -> tuple[Target, ...]:
        """The part of a plan that may be used; empty when `asked` is not allowed."""
        if not len(self._names) or plain(asked) in self._names:
            return plan
        return tuple(target for target in plan if target.model_served in self._names or target.slug in self._names)

    def __repr__(self) -> str:
        return f"<AllowedModels {len(self._names) or 'all'}>"
