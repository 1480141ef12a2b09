"""Offers: the models that a client is shown, under the names by which it may ask for them.

Owns the union of what is written down (`routes.names`) and what upstreams say they have. Knows no wire, and not how an upstream
is asked. A name is offered once, and whoever asks for it gets to the model that it was offered for: what an upstream lists under
a name that leads elsewhere is offered as `provider/name`.

A list of an upstream adds to what is written down and takes nothing away: it may be old, or not be there at all.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.catalog.routes import Routes, Target

# The part of a plan that may be used by whoever asks for a name; empty when nothing of it may.
Usable = Callable[[str, tuple[Target, ...]], tuple[Target, ...]]


@dataclass(frozen=True, slots=True)
class Listed:
    """What an upstream's list says of one model. `created_s` is 0 and texts are empty where it says nothing.

    `facts` is its row in Anthropic's shape, from an upstream that speaks it; from others it is empty.
    """

    id: str
    display_name: str = ""
    created_s: int = 0
    facts: Mapping[str, object] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Offer:
    """One name. `plan` is where a request for it goes; `listed` what the upstream says of the model there, if anything."""

    name: str
    plan: tuple[Target, ...]
    listed: Listed | None = None

    @property
    def display_name(self) -> str:
        """The name for people. Another name that somebody gave a model is shown as it is."""
        model, listed = self.plan[0].model, self.listed
        if model is not None and model.id == self.name:
            return model.display_name
        if listed is not None and listed.display_name and self.name in (listed.id, self.plan[0].slug):
            return listed.display_name
        return self.name


def offers(routes: Routes, lists: Mapping[str, Sequence[Listed]], usable: Usable) -> tuple[Offer, ...]:
    """What is offered to whoever may use `usable` of each plan. `lists` are upstreams' own, by the name of the provider."""
    said = {(provider, row.id): row for provider, rows in lists.items() for row in rows}
    names = dict.fromkeys((*routes.names(), *(_name_of(routes, provider, model) for provider, model in said)))
    found = []
    for name in names:
        plan = routes.plan(name) if name else ()
        left = usable(name, plan)
        if left:
            found.append(Offer(name, left, said.get((left[0].provider.name, left[0].model_served))))
    return tuple(found)


def find(name: str, routes: Routes, offered: Iterable[Offer]) -> Offer | None:
    """The offer of this name, or of the model that the name leads to: `claude-opus-latest` finds the newest Opus."""
    target = routes.plan(name)[0]
    meant = None
    for offer in offered:
        if offer.name == name:
            return offer
        if meant is None and offer.name == target.model_served and offer.plan[0] == target:
            meant = offer
    return meant


def _name_of(routes: Routes, provider: str, model: str) -> str:
    """The name under which a model of an upstream can be had; empty when every name leads elsewhere."""
    for name in (model, f"{provider}/{model}"):
        target = routes.plan(name)[0]
        if (target.provider.name, target.model_served) == (provider, model):
            return name
    return ""
