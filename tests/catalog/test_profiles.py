"""Profiles: layers of what a target takes, read by the types of the fields."""

from dataclasses import Field, fields

import pytest

import gateway.settings
from gateway.catalog import profiles, providers
from gateway.catalog.document import Document, Table
from gateway.catalog.models import Model
from gateway.catalog.profiles import Profiles
from gateway.core.profile import DEFAULTS, Profile

SHIPPED = (gateway.settings.DEFAULTS / "providers.toml").read_text("utf-8")


def read(text: str) -> tuple[Profiles, list[str]]:
    document = Document("providers.toml", f"[row]\n{text}")
    row = document.root.table("row")
    assert isinstance(row, Table)
    found = profiles.read(row, "openai_chat")
    row.close()
    return found, document.problems


def test_layers() -> None:
    found, problems = read(
        "[row.profile]\nmax_tokens_field = 'max_tokens'\ntop_k = true\nstop_max = 16\n"
        "[[row.variant]]\nmodels = ['think-*', 'deep']\ntop_k = false\nefforts = ['low', 'high']\n"
        "[[row.variant]]\nmodels = 'think-9'\ntemperature_max = 1\nformats = []\n"
    )
    assert problems == []
    plain, deep, nine = (found.of(name) for name in ("other", "deep", "think-9"))
    assert (plain.max_tokens_field, plain.top_k, plain.stop_max, plain.efforts) == (
        "max_tokens",
        True,
        16,
        DEFAULTS["openai_chat"].efforts,
    )
    assert (deep.max_tokens_field, deep.top_k, deep.efforts) == ("max_tokens", False, ("low", "high"))
    assert found.of("think-1") == deep
    assert (nine.top_k, nine.temperature_max, nine.formats) == (True, 1.0, ())
    assert Profiles("anthropic").of("x") == DEFAULTS["anthropic"]


def test_the_catalogue_bounds_the_answer() -> None:
    found, _ = read("[row.profile]\nmax_tokens_max = 9000\n")
    model = Model("m", "M", "v5", 100_000, 8000, "other")
    assert found.of("m").max_tokens_max == 9000
    assert (found.of("m", model).max_tokens_max, found.of("m", model).max_tokens_default) == (8000, 8000)
    larger = Model("m", "M", "v5", 100_000, 64_000, "other")
    assert (found.of("m", larger).max_tokens_max, found.of("m", larger).max_tokens_default) == (9000, 9000)
    assert Profiles("openai_chat").of("m", larger).max_tokens_default == DEFAULTS["openai_chat"].max_tokens_default


@pytest.mark.parametrize("field", fields(Profile), ids=lambda field: field.name)
def test_every_field_of_a_profile_can_be_written_and_is_explained(field: "Field[object]") -> None:
    written = {"bool": "false", "str": "'x'", "float": "0.5", "tuple": "['x']"}.get(getattr(field.type, "__name__", ""), "7")
    found, problems = read(f"[row.profile]\n{field.name} = {written}\n")
    assert problems == []
    assert getattr(found.of("m"), field.name) == {"false": False, "'x'": "x", "0.5": 0.5, "7": 7, "['x']": ("x",)}[written]
    assert field.name in SHIPPED[: SHIPPED.index("\n[[")]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[row.profile]\ntop_k = 1\n", "3: `top_k` must be true or false"),
        ("[row.profile]\nstop_max = -1\n", "3: `stop_max` must be from 0 to 1000000000, not -1"),
        ("[row.profile]\nefforts = [1]\n", "3: `efforts` must be a list of strings"),
        ("[row.profile]\nmodels = ['a']\n", "3: unknown key `models`"),
        ("[row.profile]\ntemprature = true\n", "3: unknown key `temprature`, did you mean `temperature`?"),
        ("[[row.variant]]\ntop_k = true\n", "2: `models` is missing"),
        ("[[row.variant]]\nmodels = ['a*b']\n", "3: `a*b` must be a name, which may end in one `*`"),
        ("[[row.variant]]\nmodels = ['a']\n[[row.variant]]\nmodels = ['a']\n", "5: `a` stands in two variants"),
    ],
)
def test_mistakes(text: str, problem: str) -> None:
    assert read(text)[1] == [f"providers.toml:{problem}"]


def shipped(provider: str, model: str) -> Profile:
    found = providers.read(Document("providers.toml", SHIPPED), {})
    return next(one for one in found if one.name == provider).profile_of(model)


def test_some_of_what_is_shipped() -> None:
    assert shipped("anthropic", "claude-sonnet-5-5") == DEFAULTS["anthropic"]
    assert (shipped("anthropic", "claude-haiku-4-5").thinking, shipped("anthropic", "claude-3-opus-20240229").thinking) == (
        "enabled",
        "",
    )
    assert shipped("anthropic", "claude-opus-4-6").temperature
    assert not shipped("anthropic", "claude-opus-4-7").temperature
    assert shipped("openai", "gpt-4o").temperature
    assert shipped("openai", "gpt-5").efforts[0] == "minimal"
    assert shipped("openai", "gpt-5.2").efforts[-1] == "xhigh"
    assert shipped("openai", "gpt-5-chat-latest").temperature
    assert shipped("openai", "o3").stop_max == 0
    assert shipped("deepseek", "deepseek-chat").reasoning_field == "reasoning_content"
    assert not shipped("glm", "glm-5").forced_tools
