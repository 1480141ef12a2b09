"""Routes: which upstream answers for a model name.

Owns the choice of targets and their order. Knows nothing of keys, health or connections. The rule for now: every name goes to one
provider, the first that speaks Anthropic's language, else the first of all; with no key set that is the simulator.
"""

from dataclasses import dataclass

from gateway.catalog.aliases import Aliases
from gateway.catalog.providers import Provider

PLANS_REMEMBERED_MAX = 4096  # names come from clients


@dataclass(frozen=True, slots=True)
class Target:
    """One place to try: `model_served` is the name sent there."""

    provider: Provider
    model_served: str


class Routes:
    """Plans for model names over the providers that can be used. There is always at least one."""

    def __init__(self, providers: tuple[Provider, ...], aliases: Aliases) -> None:
        self.default = next((one for one in providers if one.dialect == "anthropic"), providers[0])
        self._aliases = aliases
        self._plans: dict[str, tuple[Target, ...]] = {}

    def plan(self, asked: str) -> tuple[Target, ...]:
        """The targets for a model name, in the order in which they are to be tried; never empty."""
        plan = self._plans.get(asked)
        if plan is None:
            if len(self._plans) >= PLANS_REMEMBERED_MAX:
                self._plans.clear()
            plan = self._plans[asked] = (Target(self.default, self._aliases.resolve(asked)),)
        return plan

    def __repr__(self) -> str:
        return f"<Routes to {self.default.name}>"
