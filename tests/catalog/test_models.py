"""The catalogue of models, as shipped and as an operator may write it."""

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
    assert len(catalogue) == len(list(catalogue)) == 22
    assert repr(catalogue) == "<Catalogue of 22 models>"


def test_a_model_is_found_by_its_exact_name_only() -> None:
    catalogue = models.read(Document("models.toml", SHIPPED))
    assert catalogue.find("claude-opus-4-6") == models.Model(
        "claude-opus-4-6", "Claude Opus 4.6", "v3", max_input_tokens=1_000_000, max_tokens=128_000, line="opus"
    )
    assert catalogue.find("claude-opus-4-7") is not None
    assert catalogue.find("claude-opus-4") is None
    assert catalogue.find("a-model-of-tomorrow") is None


def test_the_catalogue_and_the_estimator_agree_on_the_tokenizer() -> None:
    catalogue = models.read(Document("models.toml", SHIPPED))
    assert {model.id: model.family for model in catalogue} == {model.id: str(family_of(model.id)) for model in catalogue}


def test_mistakes_are_reported_with_their_lines() -> None:
    good = '[[model]]\nid = "m"\ndisplay_name = "M"\nfamily = "v5"\nmax_input_tokens = 1\nmax_tokens = 1\nline = "other"\n'
    bad = '[[model]]\nid = "n*"\ndisplay_name = 5\nfamily = "v6"\nmax_input_tokens = 0\nmax_tokens = "1"\nwindow = 1\n'
    document = Document("models.toml", good + good + bad)
    models.read(document)
    assert document.problems == [
        "models.toml:9: `m` stands here twice",
        "models.toml:17: `display_name` must be a string",
        "models.toml:18: `family` must be one of v3, v4.7, v5",
        "models.toml:19: `max_input_tokens` must be from 1 to 1000000000, not 0",
        "models.toml:20: `max_tokens` must be a whole number",
        "models.toml:15: `line` is missing",
        "models.toml:21: unknown key `window`",
        "models.toml:16: `id` must be a name without `*`",
    ]
