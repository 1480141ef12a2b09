"""Models: what is known about the names that clients ask for.

Owns the rows of `models.toml`. Knows nothing of prices, providers or whether a key may use a model. A name without a row is
allowed everywhere: the upstream decides what exists.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.catalog.document import Document

FAMILIES = ("v3", "v4.7", "v5")
OTHER = "other"
LINES = ("haiku", "sonnet", "opus", "fable", "mythos", OTHER)


@dataclass(frozen=True, slots=True)
class Model:
    """One row. `family` names the tokenizer, `max_input_tokens` is the context window, `max_tokens` the longest answer."""

    id: str
    display_name: str
    family: str
    max_input_tokens: int
    max_tokens: int
    line: str


class Catalogue:
    """All known models, in the order of the file: newest first."""

    def __init__(self, models: list[Model]) -> None:
        self._models = {model.id: model for model in models}

    def find(self, name: str) -> Model | None:
        """The row of an exact name, or None."""
        return self._models.get(name)

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


def read(document: Document) -> Catalogue:
    """The `[[model]]` rows of a `models.toml`; `aliases.read` reads the rest. Complaints are left in `document.problems`."""
    models: list[Model] = []
    seen: set[str] = set()
    for row in document.root.tables("model"):
        model = Model(
            id=row.text("id"),
            display_name=row.text("display_name"),
            family=row.choice("family", FAMILIES),
            max_input_tokens=row.whole("max_input_tokens", 1, 1_000_000_000),
            max_tokens=row.whole("max_tokens", 1, 1_000_000_000),
            line=row.choice("line", LINES),
        )
        row.close()
        if "id" in row and (not model.id or "*" in model.id):
            row.report("`id` must be a name without `*`", "id")
        elif model.id in seen:
            row.report(f"`{model.id}` stands here twice", "id")
        seen.add(model.id)
        models.append(model)
    return Catalogue(models)
