"""The two languages say the same, and the pages say only what is there."""

import re
from pathlib import Path

import pytest

import gateway.console
from gateway.console.menu import MENU
from gateway.console.refusals import FIELDS, WORDS
from gateway.console.texts import LANGUAGES, flattened, language_of, texts

PACKAGE = Path(gateway.console.__file__).parent
_KEY = re.compile(r"""\b(?:t|text|_texts)\(\s*f?["']([\w.-]+)(["']|\{|["']\s*~)""")


def used() -> dict[str, str]:
    """Key, or the beginning of keys that are put together, -> a file that says it."""
    found = dict.fromkeys([*WORDS.values(), *FIELDS.values()], "refusals.py")
    for path in [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.html")]:
        for match in _KEY.finditer(path.read_text("utf-8")):
            found[match[1]] = path.name
    return found


def test_both_languages_have_the_same_keys() -> None:
    en, ru = (set(texts(language).keys()) for language in LANGUAGES)
    assert en - ru == set()
    assert ru - en == set()


def test_both_languages_have_the_same_gaps_and_all_their_plural_forms() -> None:
    english, russian = texts("en"), texts("ru")
    for key in sorted(english.keys()):
        gaps, forms = english.shape(key)
        other_gaps, other_forms = russian.shape(key)
        assert gaps == other_gaps, key
        assert (forms, other_forms) in [
            (frozenset(), frozenset()),
            (frozenset({"one", "other"}), frozenset({"one", "few", "many", "other"})),
        ], key


@pytest.mark.parametrize("language", LANGUAGES)
def test_sections_stand_in_order_and_hold_no_empty_text(language: str) -> None:
    lines = (PACKAGE / "text" / f"{language}.toml").read_text("utf-8").splitlines()
    sections = [line.strip("[]") for line in lines if line.startswith("[")]
    assert sections == sorted(sections)
    assert not [line for line in lines if line.endswith('= ""')]


def test_every_text_that_a_page_says_is_there_and_every_text_is_said() -> None:
    known, said = set(texts("en").keys()), used()
    missing = {key: place for key, place in said.items() if key not in known and not any(one.startswith(key) for one in known)}
    assert missing == {}
    said_in_part = tuple(said)
    by_name = {f"menu.{place.name}" for places in MENU.values() for place in places}
    assert sorted(key for key in known - by_name if not key.startswith(said_in_part)) == []


def test_plurals() -> None:
    ru = texts("ru")
    said = [ru("keys.minted", count=count, number=count) for count in (1, 2, 5, 11, 21, 22, 111)]
    assert [one.split()[-1] for one in said] == ["ключ", "ключа", "ключей", "ключей", "ключ", "ключа", "ключей"]
    assert texts("en")("keys.minted", count=1, number=1) == "1 key minted"


def test_a_text_or_a_gap_that_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError):
        texts("en")("keys.nothing")
    with pytest.raises(KeyError):
        texts("en")("login.wait")
    assert dict(flattened({"a": {"b": "x", "c": {"one": "y", "other": "z"}}})) == {"a.b": "x", "a.c": {"one": "y", "other": "z"}}


@pytest.mark.parametrize(("asked", "remembered", "accepted", "language"), [
    ("ru", "en", "en", "ru"),
    (None, "ru", "en", "ru"),
    (None, None, "ru-RU,ru;q=0.9,en;q=0.8", "ru"),
    (None, None, "de,fr;q=0.9", "en"),
    (None, None, "de,ru;q=0.3,en;q=0.2", "ru"),
    (None, None, "en;q=0.2,ru;q=0.3", "ru"),
    (None, None, "ru;q=0", "en"),
    (None, None, "ru;q=...", "en"),
    (None, None, None, "en"),
    (None, None, "", "en"),
    ("xx", "../ru", "RU", "ru"),
    ("de", None, ", ;;,\x00" * 200, "en"),
])  # fmt: skip
def test_the_language_of_a_visitor(asked: str | None, remembered: str | None, accepted: str | None, language: str) -> None:
    assert language_of(asked, remembered, accepted) == language
