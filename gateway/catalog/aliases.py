"""Aliases: the name an upstream is asked for when a client asks for another.

Owns the `[aliases]` of `models.toml`. Knows nothing of what exists upstream.

An exact alias wins over a pattern, a longer pattern over a shorter one. A target that is itself an exact alias is followed when
the file is read, so that a lookup is one step; a loop among exact aliases is a mistake in the file. An alias to itself is no
loop: it takes one name out of a pattern. Patterns are applied once and never to their own result. The client-side mark `[1m]`
(Claude Code's way to ask for a long context) is no part of a model's name and is taken off first.
"""

from gateway.catalog.document import Document

LONG_CONTEXT_MARK = "[1m]"


class Aliases:
    """`exact` maps names, `patterns` holds (beginning, target), the longest beginning first."""

    def __init__(self, exact: dict[str, str], patterns: dict[str, str]) -> None:
        self._exact = exact
        self._patterns = tuple(sorted(patterns.items(), key=lambda pair: -len(pair[0])))

    def resolve(self, asked: str) -> str:
        """The name to send upstream; `asked` itself when no alias applies."""
        name = asked.removesuffix(LONG_CONTEXT_MARK) or asked
        target = self._exact.get(name)
        if target is not None:
            return target
        for beginning, target in self._patterns:
            if name.startswith(beginning):
                return target
        return name

    def __len__(self) -> int:
        return len(self._exact) + len(self._patterns)

    def __repr__(self) -> str:
        return f"<Aliases {len(self._exact)} exact, {len(self._patterns)} patterns>"


def read(document: Document) -> Aliases:
    """The aliases of a `models.toml`. Complaints are left in `document.problems`."""
    written = document.root.texts("aliases")
    exact: dict[str, str] = {}
    patterns: dict[str, str] = {}
    for name, target in written.items():
        place = ("aliases", name)
        if "*" in name[:-1] or not name:
            document.report(place, f"`{name}` must be a name, which may end in one `*`")
        elif name.endswith(LONG_CONTEXT_MARK):
            document.report(place, f"`{name}` never matches: the mark {LONG_CONTEXT_MARK} is taken off before aliases apply")
        elif not target or "*" in target:
            document.report(place, f"`{name}` must lead to a name without `*`")
        elif name.endswith("*"):
            patterns[name[:-1]] = target
        else:
            exact[name] = target
    for name, target in written.items():
        if _follow(exact, target) is None:
            document.report(("aliases", name), f"`{name}` leads into a loop")
    return Aliases(
        {name: _follow(exact, target) or target for name, target in exact.items()},
        {name: _follow(exact, target) or target for name, target in patterns.items()},
    )


def _follow(exact: dict[str, str], name: str) -> str | None:
    seen = set()
    while exact.get(name, name) != name:
        if name in seen:
            return None
        seen.add(name)
        name = exact[name]
    return name
