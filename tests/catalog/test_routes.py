"""Routes: which upstreams a name leads to, in which order, and what is wrong with a file that says so."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gateway.settings
from gateway.catalog import models, routes
from gateway.catalog.aliases import Aliases
from gateway.catalog.document import Document
from gateway.catalog.providers import Origin, Provider, Secret, simulator
from gateway.catalog.routes import FAMILIES, Routes, Rows, family_of

NO_ALIASES = Aliases({})
CATALOGUE = models.read(Document("models.toml", (gateway.settings.DEFAULTS / "models.toml").read_text("utf-8")))
DECLARED = {"anthropic", "openai", "other", "router"}


def provider(name: str, dialect: str, *serves: str, default: bool = False) -> Provider:
    origin = Origin("https", f"{name}.example", 443)
    return Provider(name, dialect, origin, (Secret("k"),), models=serves, is_default=default)


ANTHROPIC = provider("anthropic", "anthropic", "claude-*")
OTHER = provider("other", "anthropic", "claude-*", "other-*")
OPENAI = provider("openai", "openai_chat", "gpt-*")
ROUTER = provider("router", "openai_chat")


def rows(text: str) -> tuple[Rows, list[str]]:
    document = Document("models.toml", text)
    found = routes.read(document, DECLARED)
    document.root.close()
    return found, document.problems


def slugs(found: Routes, asked: str) -> list[str]:
    return [target.slug for target in found.plan(asked)]


@pytest.mark.parametrize(
    ("providers", "chosen"),
    [
        ((OPENAI, ANTHROPIC), ANTHROPIC),
        ((ANTHROPIC, OTHER), ANTHROPIC),
        ((OTHER, ANTHROPIC), OTHER),
        ((OPENAI,), OPENAI),
        ((ANTHROPIC, provider("marked", "openai_chat", default=True)), provider("marked", "openai_chat", default=True)),
    ],
)
def test_a_name_that_nothing_decides_goes_to_the_default(providers: tuple[Provider, ...], chosen: Provider) -> None:
    found = Routes(providers, NO_ALIASES)
    (target,) = found.plan("any-name")
    assert (target.provider, target.model_served) == (chosen, "any-name")
    assert found.default == chosen
    assert f"{chosen.name} by default" in repr(found)


def test_with_one_key_every_name_goes_there_unchanged() -> None:
    """The rules of the environment: one provider's key, or none at all."""
    for only in (ANTHROPIC, OPENAI, simulator(Path("/run/simulator.sock"))):
        for name in ("claude-opus-5", "gpt-5", "llama3", "meta/llama", "openai/gpt-5" if only is not OPENAI else "a/b"):
            assert slugs(Routes((only,), NO_ALIASES), name) == [f"{only.name}/{name}"]


def test_providers_that_serve_a_name_are_tried_in_their_order() -> None:
    found = Routes((OPENAI, ANTHROPIC, OTHER), NO_ALIASES)
    assert slugs(found, "claude-opus-5") == ["anthropic/claude-opus-5", "other/claude-opus-5"]
    assert slugs(found, "gpt-5") == ["openai/gpt-5"]
    assert slugs(found, "other-1") == ["other/other-1"]
    assert slugs(found, "mistral") == ["anthropic/mistral"]


def test_a_slug_names_its_provider() -> None:
    found = Routes((ANTHROPIC, ROUTER), Aliases({"fast": "claude-haiku-5-5", "far": "router/far"}), CATALOGUE)
    assert slugs(found, "router/claude-opus-5") == ["router/claude-opus-5"]
    assert slugs(found, "router/anthropic/claude-opus-4.6") == ["router/anthropic/claude-opus-4.6"]
    assert slugs(found, "router/fast") == ["router/claude-haiku-5-5"]
    assert slugs(found, "anthropic/far") == ["anthropic/far"]  # not a second provider
    assert slugs(found, "router/") == ["anthropic/router/"]
    assert slugs(found, "openai/gpt-5") == ["anthropic/openai/gpt-5"]  # no such provider here: a name like any other


def test_aliases_and_newest_models() -> None:
    found = Routes(
        (ANTHROPIC, ROUTER), Aliases({"fast": "claude-haiku-5-5", "best": "router/x", "new": "claude-opus-latest"}), CATALOGUE
    )
    assert slugs(found, "fast") == slugs(found, "fast[1m]") == ["anthropic/claude-haiku-5-5"]
    assert slugs(found, "best") == ["router/x"]
    assert slugs(found, "new") == slugs(found, "anthropic/claude-opus-latest") == ["anthropic/claude-opus-5-5"]
    assert slugs(found, "claude-opus-4-latest") == ["anthropic/claude-opus-4-8"]
    assert slugs(found, "claude-3-5-sonnet-latest") == ["anthropic/claude-3-5-sonnet-latest"]


def test_a_route_decides_first_and_passes_over_providers_without_a_key() -> None:
    found, problems = rows(
        "[[route]]\nmodels = ['claude-opus-*']\ntargets = ['router/opus', 'anthropic', 'anthropic/claude-sonnet-5-5']\n"
        "[[route]]\nmodels = ['claude-opus-5', 'gpt-*']\ntargets = 'openai'\n"
    )
    assert problems == []
    both = Routes((ANTHROPIC, ROUTER), NO_ALIASES, rows=found)
    assert slugs(both, "claude-opus-4-8") == ["router/opus", "anthropic/claude-opus-4-8", "anthropic/claude-sonnet-5-5"]
    assert slugs(both, "claude-opus-5") == ["anthropic/claude-opus-5"]  # its route leads nowhere without a key for openai
    alone = Routes((ANTHROPIC,), NO_ALIASES, rows=found)
    assert slugs(alone, "claude-opus-4-8") == ["anthropic/claude-opus-4-8", "anthropic/claude-sonnet-5-5"]
    assert slugs(alone, "claude-sonnet-5-5") == ["anthropic/claude-sonnet-5-5"]


def test_a_target_stands_once_in_a_plan() -> None:
    found, _ = rows("[[route]]\nmodels = 'm'\ntargets = ['anthropic', 'anthropic/m', 'openai', 'anthropic']\n")
    assert slugs(Routes((ANTHROPIC, OPENAI), NO_ALIASES, rows=found), "m") == ["anthropic/m", "openai/m"]


def test_names_of_a_family_that_nobody_serves_go_to_its_default() -> None:
    found, problems = rows(
        "[defaults]\nclaude = 'router/sonnet'\nopenai = ['anthropic/claude-sonnet-5-5', 'router']\nother = 'router'\n"
    )
    assert problems == []
    only_router = Routes((ROUTER,), NO_ALIASES, rows=found)
    assert slugs(only_router, "claude-opus-9") == ["router/sonnet"]
    both = Routes((ANTHROPIC, ROUTER), NO_ALIASES, rows=found)
    assert slugs(both, "claude-opus-9") == ["anthropic/claude-opus-9"]  # served
    assert slugs(both, "gpt-9") == ["anthropic/claude-sonnet-5-5", "router/gpt-9"]
    assert slugs(both, "openai/gpt-9") == ["anthropic/claude-sonnet-5-5", "router/openai/gpt-9"]
    assert slugs(both, "llama") == ["router/llama"]


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("claude-opus-5", "claude"),
        ("anthropic/claude-3", "claude"),
        ("us.anthropic.claude-opus-4-6-v1:0", "claude"),
        ("Claude-2", "claude"),
        ("gpt-4o", "openai"),
        ("openai/gpt-5", "openai"),
        ("o3-mini", "openai"),
        ("chatgpt-4o-latest", "openai"),
        ("codex-mini", "openai"),
        ("ft:gpt-4o:me", "openai"),
        ("llama3", "other"),
        ("oscar", "other"),
        ("gpt", "other"),
        ("", "other"),
    ],
)
def test_families_of_names(name: str, family: str) -> None:
    assert family_of(name) == family


def test_a_target_knows_its_model_and_profile() -> None:
    (target,) = Routes((ANTHROPIC,), NO_ALIASES, CATALOGUE).plan("claude-haiku-4-5-20251001")
    assert target.model is not None
    assert target.model.line == "haiku"
    assert target.profile.max_tokens_max == target.model.max_tokens == 64000


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "[[route]]\nmodels = 'a'\ntargets = ['nobody/x']\n",
            "3: `nobody/x`: there is no provider `nobody`; a target is `provider` or `provider/model`",
        ),
        ("[[route]]\nmodels = 'a'\ntargets = ['anthropic/']\n", "3: `anthropic/` must be `provider` or `provider/model`"),
        ("[[route]]\nmodels = 'a'\ntargets = ['anthropic/x*']\n", "3: `anthropic/x*` must be `provider` or `provider/model`"),
        ("[[route]]\nmodels = 'a'\ntargets = []\n", "3: `targets` must name at least one"),
        ("[[route]]\nmodels = 'a'\n", "1: `targets` is missing"),
        ("[[route]]\ntargets = 'anthropic'\n", "1: `models` is missing"),
        ("[[route]]\nmodels = 'a*b'\ntargets = 'anthropic'\n", "2: `a*b` must be a name, which may end in one `*`"),
        ("[[route]]\nmodels = ['a', 'a']\ntargets = 'anthropic'\n", "2: `a` has a route already"),
        ("[[route]]\nmodels = 'a'\ntargets = 'anthropic'\nweight = 1\n", "4: unknown key `weight`"),
        ("[[route]]\nmodels = 'a'\ntargets = 5\n", "3: `targets` must be a list of strings"),
        (f"[[route]]\nmodels = 'a'\ntargets = {['anthropic'] * 9}\n", "3: 9 targets, at most 8 are tried"),
        ("[defaults]\nclaud = 'anthropic'\n", "2: unknown key `claud`, did you mean `claude`?"),
        (
            "[defaults]\nclaude = 'nobody'\n",
            "2: `nobody`: there is no provider `nobody`; a target is `provider` or `provider/model`",
        ),
    ],
)
def test_mistakes(text: str, problem: str) -> None:
    assert rows(text)[1] == [f"models.toml:{problem}"]


def test_two_defaults_of_a_family_are_a_mistake() -> None:
    problems = rows("[defaults]\nclaude = 'anthropic'\nclaude = 'other'\n")[1]
    assert len(problems) == 1
    assert problems[0].startswith("models.toml:3: ")


@given(st.text(max_size=30) | st.sampled_from(["claude-x", "openai/gpt-5", "router//", "/", "other/claude-latest"]))
def test_every_name_has_a_plan(asked: str) -> None:
    found = Routes((ANTHROPIC, OTHER, ROUTER), NO_ALIASES, CATALOGUE, Rows({}, {FAMILIES[0]: (routes.Way("router", "x"),)}))
    plan = found.plan(asked)
    assert plan
    assert len(set(plan)) == len(plan)
    assert found.plan(asked) is plan


def test_what_is_remembered_is_bounded() -> None:
    found = Routes((ANTHROPIC,), NO_ALIASES)
    for number in range(routes.PLANS_REMEMBERED_MAX + 10):
        found.plan(f"m{number}")
    assert len(found._plans) <= routes.PLANS_REMEMBERED_MAX
