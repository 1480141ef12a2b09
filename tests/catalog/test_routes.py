"""Routes: everything goes to one provider, the right one."""

from pathlib import Path

import pytest

from gateway.catalog.aliases import Aliases
from gateway.catalog.providers import Origin, Provider, Secret, simulator
from gateway.catalog.routes import Routes, Target

NO_ALIASES = Aliases({}, {})


def provider(name: str, dialect: str) -> Provider:
    return Provider(name, dialect, Origin("https", f"{name}.example", 443), (Secret("k"),))


ANTHROPIC, OTHER, OPENAI = provider("anthropic", "anthropic"), provider("other", "anthropic"), provider("openai", "openai_chat")


@pytest.mark.parametrize(
    ("providers", "chosen"),
    [((OPENAI, ANTHROPIC), ANTHROPIC), ((ANTHROPIC, OTHER), ANTHROPIC), ((OTHER, ANTHROPIC), OTHER), ((OPENAI,), OPENAI)],
)
def test_the_first_that_speaks_anthropic_wins(providers: tuple[Provider, ...], chosen: Provider) -> None:
    routes = Routes(providers, NO_ALIASES)
    assert routes.plan("any-name") == (Target(chosen, "any-name"),)
    assert repr(routes) == f"<Routes to {chosen.name}>"


def test_the_simulator_answers_for_every_name() -> None:
    only = simulator(Path("/run/simulator.sock"))
    assert Routes((only,), NO_ALIASES).plan("gpt-5") == (Target(only, "gpt-5"),)


def test_aliases_apply() -> None:
    assert Routes((ANTHROPIC,), Aliases({"fast": "claude-haiku-5-5"}, {})).plan("fast")[0].model_served == "claude-haiku-5-5"
