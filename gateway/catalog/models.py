"""Models: what is known about the names that clients ask for.

Owns the rows of `models.toml`, and the forms in which one model is named: with a date behind it, with `-latest`, with a
provider's name before it. Knows nothing of prices, providers or whether a key may use a model. A name without a row is allowed
everywhere: the upstream decides what exists.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.catalog.document import Document, Table

FAMILIES = ("v3", "v4.7", "v5", "o200k")
OTHER = "other"
LINES = ("haiku", "sonnet", "opus", "fable", "mythos", OTHER)
# The words of the models endpoint, and two it does not have.
CAPABILITIES = (
    "batch",
    "citations",
    "code_execution",
    "context_management",
    "effort",
    "image_input",
    "pdf_input",
    "prompt_caching",
    "server_tools",
    "structured_outputs",
    "thinking",
    "tools",
)

LATEST = "-latest"
DAY_S = 86_400.0
_DATED = re.compile(r"(.+?)(?:[-@](?:20\d{6}|20\d\d-\d\d-\d\d)|@default|-latest)")
_VERSION = re.compile(r"\d+(?:[-.]\d+)*")


@dataclass(frozen=True, slots=True)
class Model:
    """One row. `family` names the tokenizer, `max_input_tokens` is the context window, `max_tokens` the longest answer.

    `progress_timeout_s` is how long an answer that has begun may bring nothing new, `hard_limit_s` how long one may take
    altogether; 0 stands for the gateway's own setting.
    """

    id: str
    display_name: str
    family: str
    max_input_tokens: int
    max_tokens: int
    line: str
    capabilities: tuple[str, ...] = ()
    progress_timeout_s: float = 0.0
    hard_limit_s: float = 0.0


class Catalogue:
    """All known models, in the order of the file: newest first."""

    def __init__(self, models: list[Model]) -> None:
        self._models = {model.id: model for model in models}

    def find(self, name: str) -> Model | None:
        """The row of a name: by itself, without a date, or without what stands before its last slash. None when there is none."""
        for form in _forms(name):
            model = self._models.get(form)
            if model is not None:
                return model
        return None

    def latest(self, name: str) -> str:
        """The newest model that a name ending in `-latest` can mean: `claude-opus-latest`, `claude-opus-4-latest`.

        A name that means none of ours is returned as it is; its upstream may know it.
        """
        base = name.removesuffix(LATEST)
        if base == name or name in self._models:
            return name
        return next(
            (one for one in self._models if one.startswith(f"{base}-") and _VERSION.fullmatch(one[len(base) + 1 :])), name
        )

    def line(self, name: str) -> str:
        """The line of a model, one of LINES: its row's, else the one whose name stands in it, else `other`."""
        model = self.find(name)
        return model.line if model is not None else next((line for line in LINES if line in name), OTHER)

    def __iter__(self) -> Iterator[Model]:
        return iter(self._models.values())

    def __len__(self) -> int:
        return len(self._models)

    def __repr__(self) -> str:
        return f"<Catalogue of {len(self)} models>"


def is_same(served: str, answered: str) -> bool:
    """Whether an upstream that was asked for `served` and names `answered` has answered with the model that was asked for.

    A date, `-latest`, a provider's name before it, capitals, and dots for hyphens make no difference.
    """
    return not _spellings(served).isdisjoint(_spellings(answered))


def read(document: Document) -> Catalogue:
    """The `[[model]]` rows of a `models.toml`; others read the rest. Complaints are left in `document.problems`."""
    models: list[Model] = []
    seen: set[str] = set()
    for row in document.root.tables("model"):
        model = _read_row(row)
        row.close()
        if "id" in row and (not model.id or "*" in model.id):
            row.report("`id` must be a name without `*`", "id")
        elif model.id in seen:
            row.report(f"`{model.id}` stands here twice", "id")
        seen.add(model.id)
        models.append(model)
    return Catalogue(models)


def _read_row(row: Table) -> Model:
    model = Model(
        id=row.text("id"),
        display_name=row.text("display_name"),
        family=row.choice("family", FAMILIES),
        max_input_tokens=row.whole("max_input_tokens", 1, 1_000_000_000),
        max_tokens=row.whole("max_tokens", 1, 1_000_000_000),
        line=row.choice("line", LINES),
        capabilities=row.words("capabilities"),
        progress_timeout_s=row.number("progress_timeout_s", 0.0, DAY_S, 0.0),
        hard_limit_s=row.number("hard_limit_s", 0.0, DAY_S, 0.0),
    )
    for word in model.capabilities:
        if word not in CAPABILITIES:
            row.report(f"unknown capability `{word}`, expected some of {', '.join(CAPABILITIES)}", "capabilities")
    return model


def _forms(name: str) -> Iterator[str]:
    """The name, then what it may be short or long for, the likeliest first."""
    for form in (name, name.rpartition("/")[2]):
        yield form
        dated = _DATED.fullmatch(form)
        if dated:
            yield dated[1]


def _spellings(name: str) -> set[str]:
    return {form.lower().replace(".", "-") for form in _forms(name)}
