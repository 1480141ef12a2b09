"""Aliases: the name an upstream is asked for when a client asks for another.

Owns the `[aliases]` of `models.toml`. Knows nothing of what exists upstream, nor of providers: a target may be a name with a
provider before it, which `routes` understands.

An exact alias wins over a pattern, a longer pattern over a shorter one. A target that is itself an exact alias is followed when
the file is read, so that a lookup is one step; a loop among exact aliases is a mistake in the file. An alias to itself is no
loop: it takes one name out of a pattern. Patterns are applied once and never to their own result. The client-side mark `[1m]`
(Claude Code's way to ask for a long context) is no part of a model's name and is taken off first.
"""

from collections.abc import Iterator, Mapping

from gateway.catalog.document import Document
from gateway.catalog.patterns import RULE, Patterns, is_pattern

LONG_CONTEXT_MARK = "[1m]"


class Aliases:
    """Asked name, or pattern of names, -> the name that is meant."""

    def __init__(self, rows: Mapping[str, str]) -> None:
        self._rows = Patterns(rows)

    def resolve(self, asked: str) -> str:
        """The name that is meant; `asked` itself when no alias applies."""
        name = plain(asked)
        return self._rows.find(name) or name

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """The exact aliases, with what each means."""
        return iter(self._rows.exact.items())

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"<Aliases {len(self._rows.exact)} exact, {len(self._rows) - len(self._rows.exact)} patterns>"


def plain(asked: str) -> str:
    """A model's name without the client-side mark."""
    return asked.removesuffix(LONG_CONTEXT_MARK) or asked


def read(document: Document) -> Aliases:
    """The aliases of a `models.toml`. Complaints are left in `document.problems`."""
    written = document.root.texts("aliases")
    rows: dict[str, str] = {}
    for name, target in written.items():
        place = ("aliases", name)
        if not is_pattern(name):
            document.report(place, f"`{name}` {RULE}")
        elif name.endswith(LONG_CONTEXT_MARK):
            document.report(place, f"`{name}` never matches: the mark {LONG_CONTEXT_MARK} is taken off before aliases apply")
        elif not target or "*" in target:
            document.report(place, f"`{name}` must lead to a name without `*`")
        else:
            rows[name] = target
    for name, target in written.items():
        if _follow(rows, target) is None:
            document.report(("aliases", name), f"`{name}` leads into a loop")
    return Aliases({name: _follow(rows, target) or target for name, target in rows.items()})


def _follow(exact: Mapping[str, str], name: str) -> str | None:
    seen = set()
    while exact.get(name, name) != name:
        if name in seen:
            return None
        seen.add(name)
        name = exact[name]
    return name
