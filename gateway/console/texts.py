"""Texts: everything that a page says, by key, in each language.

One file for each language in `text/`, read once. A text is a sentence with named gaps (`{name}`), or a table of plural forms of
which `count` chooses one. Knows nothing of HTML: what it gives back is escaped like anything else.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from babel import Locale

FOLDER = Path(__file__).parent / "text"
LANGUAGES = ("en", "ru")  # the first is spoken to those who ask for none of them
PLURALS = frozenset({"one", "few", "many", "other"})

_GAP = re.compile(r"\{(\w+)\}")
_WANTED = re.compile(r"\s*([A-Za-z]{1,8})(?:-[A-Za-z0-9-]{1,20})?\s*(?:;\s*q=([0-9.]{1,5}))?\s*")
ACCEPTED_CHARS_MAX = 500

Text = str | dict[str, str]


class Texts:
    """The texts of one language."""

    def __init__(self, language: str, texts: Mapping[str, Text]) -> None:
        self.language = language
        self._texts = texts
        self._plural = Locale.parse(language).plural_form

    def __repr__(self) -> str:
        return f"<Texts {self.language}>"

    def __call__(self, key: str, /, **values: Any) -> str:
        """The text of a key with its gaps filled. Raises KeyError for a key or a gap that is not there."""
        text = self._texts[key]
        if isinstance(text, dict):
            text = text[self._plural(values["count"])]
        return _GAP.sub(lambda gap: str(values[gap[1]]), text)

    def __contains__(self, key: str) -> bool:
        return key in self._texts

    def keys(self) -> Iterator[str]:
        return iter(self._texts)

    def shape(self, key: str) -> tuple[frozenset[str], frozenset[str]]:
        """The gaps of a text, and its plural forms."""
        text = self._texts[key]
        forms = text if isinstance(text, dict) else {"": text}
        return frozenset(gap for form in forms.values() for gap in _GAP.findall(form)), frozenset(forms) - {""}


@cache
def texts(language: str) -> Texts:
    """The texts of one of LANGUAGES."""
    return Texts(language, dict(flattened(tomllib.loads((FOLDER / f"{language}.toml").read_text("utf-8")))))


def flattened(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Text]]:
    """(key with dots, text) of nested tables; a table of plural forms is one text."""
    for name, value in table.items():
        if isinstance(value, dict) and not value.keys() <= PLURALS:
            yield from flattened(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def language_of(asked: str | None, remembered: str | None, accepted: str | None) -> str:
    """The language for a visitor: what he asks for now, what he asked for before, what his browser accepts, English."""
    for choice in (asked, remembered):
        if choice in LANGUAGES:
            return choice
    wanted = []
    for part in (accepted or "")[:ACCEPTED_CHARS_MAX].split(","):
        match = _WANTED.fullmatch(part)
        if match and match[1].lower() in LANGUAGES:
            wanted.append((_quality(match[2]), match[1].lower()))
    best = max(wanted, key=lambda pair: pair[0], default=(0.0, ""))
    return best[1] if best[0] > 0 else LANGUAGES[0]


def _quality(text: str | None) -> float:
    try:
        return 1.0 if text is None else float(text)
    except ValueError:
        return 0.0
