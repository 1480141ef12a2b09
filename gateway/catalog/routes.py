"""Routes: which upstreams answer for a model name, and in which order they are tried.

Owns the `[[route]]` rows and `[defaults]` of `models.toml` and the rule by which a name finds its targets. Knows nothing of keys,
health or connections. The first of these that gives a target which can be used decides:

    route       the most specific `[[route]]` that names the model
    slug        `provider/model`, when the provider can be used
    served      providers whose `models` name it, in the order of providers.toml
    family      `[defaults]`: what names of its family lead to
    default     the provider marked `default`, else the first that speaks Anthropic's language, else the first; name unchanged

Before that, aliases are applied and `-latest` is resolved. A target is `provider/model`, or `provider` alone, which keeps the
name. Targets of providers without a key are passed over, so that one file serves whatever keys are set; a provider that stands
nowhere in providers.toml is a mistake.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from gateway.catalog.aliases import Aliases
from gateway.catalog.document import Document, Step
from gateway.catalog.models import Catalogue, Model
from gateway.catalog.patterns import RULE, NameSet, Patterns, is_pattern
from gateway.catalog.providers import SIMULATOR, Provider
from gateway.core.profile import Profile

PLANS_REMEMBERED_MAX = 4096  # names come from clients
TARGETS_MAX = 8  # of one route; more would not be reached before a client gives up

# Whose names are whose, the first that fits. Names of the third family are all the others.
_FAMILIES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("claude", re.compile(r"(?:[a-z]+\.)*claude")),
    ("openai", re.compile(r"gpt-|chatgpt-|codex|o\d|text-|davinci|computer-use-|ft:(?:gpt-|o\d)")),
    ("other", re.compile(r"")),
)
FAMILIES = tuple(name for name, _ in _FAMILIES)


@dataclass(frozen=True, slots=True)
class Target:
    """One place to try: `model_served` is the name sent there, `model` what is known of it, `profile` what it takes."""

    provider: Provider
    model_served: str
    model: Model | None = field(compare=False)
    profile: Profile = field(compare=False)

    @property
    def slug(self) -> str:
        """`provider/model`."""
        return f"{self.provider.name}/{self.model_served}"


@dataclass(frozen=True, slots=True)
class Way:
    """A target as it is written: without a model the asked name is kept."""

    provider: str
    model: str


class Rows:
    """What `models.toml` says of routes: targets by pattern, and by family for the names that nobody serves."""

    def __init__(self, routes: Mapping[str, tuple[Way, ...]], defaults: Mapping[str, tuple[Way, ...]]) -> None:
        self.routes = Patterns(routes)
        self.defaults = dict(defaults)

    def __repr__(self) -> str:
        return f"<Rows: {len(self.routes)} routes, {len(self.defaults)} defaults>"


class Routes:
    """Plans for model names over the providers that can be used. There is always at least one."""

    def __init__(
        self,
        providers: tuple[Provider, ...],
        aliases: Aliases,
        catalogue: Catalogue | None = None,
        rows: Rows | None = None,
    ) -> None:
        self.default = _default(providers)
        self._aliases = aliases
        self._catalogue = catalogue or Catalogue([])
        self._rows = rows or Rows({}, {})
        self._usable = {provider.name: provider for provider in providers}
        self._served = [(NameSet(provider.models), provider) for provider in providers]
        self._plans: dict[str, tuple[Target, ...]] = {}

    def plan(self, asked: str) -> tuple[Target, ...]:
        """The targets for a model name, in the order in which they are to be tried; never empty, none twice."""
        plan = self._plans.get(asked)
        if plan is None:
            if len(self._plans) >= PLANS_REMEMBERED_MAX:
                self._plans.clear()
            plan = self._plans[asked] = self._planned(asked)
        return plan

    def names(self) -> tuple[str, ...]:
        """Every name that is written down and leads somewhere by a rule.

        Aliases first, then names of routes, then models, newest first, then names that providers are said to serve.
        """
        aliases = tuple(name for name, _ in self._aliases)
        rest = (*self._rows.routes.exact, *(model.id for model in self._catalogue))
        served = (name for provider in self._usable.values() for name in provider.models if not name.endswith("*"))
        return tuple(dict.fromkeys((*aliases, *(name for name in (*rest, *served) if self._decided(name)))))

    def _planned(self, asked: str) -> tuple[Target, ...]:
        name = self._catalogue.latest(self._aliases.resolve(asked))
        return self._decided(name) or (self._target(self.default, name),)

    def _decided(self, name: str) -> tuple[Target, ...]:
        """Where the first rule leads that names anything usable; empty when none does."""
        for targets in self._ways(name):
            found = tuple(dict.fromkeys(targets))
            if found:
                return found
        return ()

    def _ways(self, name: str) -> Iterator[Iterable[Target]]:
        yield self._targets(self._rows.routes.find(name) or (), name)
        provider, slash, rest = name.partition("/")
        if slash and rest and provider in self._usable:
            yield (self._target(self._usable[provider], self._resolved_rest(rest)),)
        yield (self._target(one, name) for names, one in self._served if name in names)
        yield self._targets(self._rows.defaults.get(family_of(name), ()), name)

    def _resolved_rest(self, rest: str) -> str:
        """What stands behind a provider's name may be an alias too, unless that leads to a provider again."""
        meant = self._catalogue.latest(self._aliases.resolve(rest))
        return rest if "/" in meant else meant

    def _targets(self, ways: Iterable[Way], name: str) -> Iterator[Target]:
        for way in ways:
            provider = self._usable.get(way.provider)
            if provider is not None:
                yield self._target(provider, way.model or name)

    def _target(self, provider: Provider, model_served: str) -> Target:
        model = self._catalogue.find(model_served)
        return Target(provider, model_served, model, provider.profile_of(model_served, model))

    def __repr__(self) -> str:
        return f"<Routes to {', '.join(self._usable)}, {self.default.name} by default>"


def family_of(name: str) -> str:
    """Whose kind of name it is, whatever provider stands before it: one of FAMILIES."""
    bare = name.rpartition("/")[2].lower()
    return next(family for family, pattern in _FAMILIES if pattern.match(bare))


def read(document: Document, declared: Collection[str]) -> Rows:
    """The routes and defaults of a `models.toml`. `declared` are the names of all providers there are, with a key or without.

    Complaints are left in `document.problems`.
    """
    routes: dict[str, tuple[Way, ...]] = {}
    for row in document.root.tables("route"):
        ways = _read_ways(document, (*row.path, "targets"), row.words("targets", required=True), declared)
        for name in row.words("models", required=True):
            if not is_pattern(name):
                row.report(f"`{name}` {RULE}", "models")
            elif name in routes:
                row.report(f"`{name}` has a route already", "models")
            else:
                routes[name] = ways
        row.close()
    defaults: dict[str, tuple[Way, ...]] = {}
    table = document.root.table("defaults")
    if table is not None:
        for family in FAMILIES:
            place = (*table.path, family)
            defaults[family] = _read_ways(document, place, table.words(family), declared)
        table.close()
    return Rows(routes, {family: ways for family, ways in defaults.items() if ways})


def _read_ways(
    document: Document, place: tuple[Step, ...], written: tuple[str, ...], declared: Collection[str]
) -> tuple[Way, ...]:
    if len(written) > TARGETS_MAX:
        document.report(place, f"{len(written)} targets, at most {TARGETS_MAX} are tried")
    ways = []
    for text in written:
        provider, slash, model = text.partition("/")
        if provider not in declared and provider != SIMULATOR:
            document.report(place, f"`{text}`: there is no provider `{provider}`; a target is `provider` or `provider/model`")
        elif (slash and not model) or "*" in text:
            document.report(place, f"`{text}` must be `provider` or `provider/model`")
        else:
            ways.append(Way(provider, model))
    return tuple(ways)


def _default(providers: tuple[Provider, ...]) -> Provider:
    marked = (one for one in providers if one.is_default)
    speaking = (one for one in providers if one.dialect == "anthropic")
    return next(marked, None) or next(speaking, providers[0])
