"""The catalogue of models, as shipped and as an operator may write it."""

import pytest

import gateway.settings
from gateway.catalog import aliases, models
from gateway.catalog.document import Document
from gateway.tokens.families import family_of

SHIPPED = (gateway.settings.DEFAULTS / "models.toml").read_text("utf-8")


def test_the_shipped_catalogue_is_clean() -> None:
    document = Document("models.toml", SHIPPED)
    catalogue = models.read(document)
    names = aliases.read(document)
    document.root.close()
    assert document.problems == []
    assert len(names) == 0
    assert len(catalogue) == len(list(catalogue)) == 31
    assert repr(catalogue) == "<Catalogue of 31 models>"


SHIPPED_CATALOGUE = models.read(Document("models.toml", SHIPPED))


def test_a_model_and_what_is_known_of_it() -> None:
    found = SHIPPED_CATALOGUE.find("claude-opus-4-6")
    assert found is not None
    assert (found.display_name, found.family, found.max_input_tokens, found.max_tokens, found.line) == (
        "Claude Opus 4.6",
        "v3",
        1_000_000,
        128_000,
        "opus",
    )
    assert "thinking" in found.capabilities
    assert all(model.capabilities for model in SHIPPED_CATALOGUE)


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("claude-opus-4-7", "claude-opus-4-7"),
        ("claude-opus-4-7-20260401", "claude-opus-4-7"),
        ("claude-opus-4-7@20260401", "claude-opus-4-7"),
        ("claude-opus-4-7-latest", "claude-opus-4-7"),
        ("claude-haiku-4-5-20251001", "claude-haiku-4-5-20251001"),  # a row of its own
        ("anthropic/claude-opus-4-7", "claude-opus-4-7"),
        ("router/anthropic/claude-opus-4-7-20260401", "claude-opus-4-7"),
        ("gpt-4o-2024-11-20", "gpt-4o"),
        ("claude-opus-4", None),
        ("claude-opus-4-70", None),
        ("claude-opus-4-7-fast", None),
        ("-20260401", None),
        ("", None),
        ("/", None),
    ],
)
def test_a_model_is_found_by_each_of_its_names(name: str, row: str | None) -> None:
    found = SHIPPED_CATALOGUE.find(name)
    assert (found and found.id) == row


@pytest.mark.parametrize(
    ("name", "newest"),
    [
        ("claude-opus-latest", "claude-opus-5-5"),
        ("claude-haiku-latest", "claude-haiku-5-5"),
        ("claude-opus-4-latest", "claude-opus-4-8"),
        ("claude-sonnet-4-5-latest", "claude-sonnet-4-5-20250929"),
        ("claude-latest", "claude-latest"),  # of no line
        ("claude-3-5-sonnet-latest", "claude-3-5-sonnet-latest"),  # none of ours; the upstream may know it
        ("gpt-5-chat-latest", "gpt-5-chat-latest"),
        ("claude-opus-5", "claude-opus-5"),
        ("-latest", "-latest"),
    ],
)
def test_the_newest_model_of_a_line(name: str, newest: str) -> None:
    assert SHIPPED_CATALOGUE.latest(name) == newest


@pytest.mark.parametrize(
    ("served", "answered", "same"),
    [
        ("claude-opus-5", "claude-opus-5", True),
        ("claude-sonnet-4-5", "claude-sonnet-4-5-20250929", True),
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5", True),
        ("claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022", True),
        ("anthropic/claude-opus-4.6", "claude-opus-4-6", True),
        ("gpt-4o", "gpt-4o-2024-11-20", True),
        ("GLM-4.6", "glm-4.6", True),
        ("claude-opus-5", "claude-haiku-5-5", False),
        ("gpt-4o", "gpt-4o-mini", False),
        ("claude-opus-5", "", False),
    ],
)
def test_an_answer_of_another_model_is_noticed(served: str, answered: str, same: bool) -> None:
    assert models.is_same(served, answered) is same


def test_the_catalogue_and_the_estimator_agree_on_the_tokenizer() -> None:
    catalogue = models.read(Document("models.toml", SHIPPED))
    assert {model.id: model.family for model in catalogue} == {model.id: str(family_of(model.id)) for model in catalogue}


def test_mistakes_are_reported_with_their_lines() -> None:
    good = '[[model]]\nid = "m"\ndisplay_name = "M"\nfamily = "v5"\nmax_input_tokens = 1\nmax_tokens = 1\nline = "other"\n'
    bad = '[[model]]\nid = "n*"\ndisplay_name = 5\nfamily = "v6"\nmax_input_tokens = 0\nmax_tokens = "1"\nwindow = 1\n'
    bad += 'capabilities = ["flight"]\n'
    document = Document("models.toml", good + good + bad)
    models.read(document)
    assert document.problems == [
        "models.toml:9: `m` stands here twice",
        "models.toml:17: `display_name` must be a string",
        "models.toml:18: `family` must be one of v3, v4.7, v5, o200k",
        "models.toml:19: `max_input_tokens` must be from 1 to 1000000000, not 0",
        "models.toml:20: `max_tokens` must be a whole number",
        "models.toml:15: `line` is missing",
        "models.toml:22: unknown capability `flight`, expected some of batch, citations, code_execution, context_management, "
        "effort, image_input, pdf_input, prompt_caching, server_tools, structured_outputs, thinking, tools",
        "models.toml:21: unknown key `window`",
        "models.toml:16: `id` must be a name without `*`",
    ]
