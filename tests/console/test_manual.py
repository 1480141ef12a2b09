"""The manual: whole in both languages, safe, and without a dead link."""

import re

import pytest

from gateway.console.manual import FOLDER, LANGUAGES, PAGES, Chapter, anchor_of, chapters, contents, fill, find, html, markdown

WORDS = {"base": "https://gw.example/ai", "model": "claude-sonnet-5-5", "operator": "Example & Sons <x>", "name": "Sluice"}
SITE_PAGES = {"page:catalog", "page:calculator", "page:me", "page:playground", "page:status"}
ALL = [(language, name) for language in LANGUAGES for name in PAGES]


def leads(target: str) -> str:
    assert target in SITE_PAGES or target in PAGES, f"a link to {target}"
    return f"/to/{target.removeprefix('page:')}"


def page(language: str, name: str) -> Chapter:
    found = find(language, name)
    assert found is not None
    return found


def test_every_file_is_a_page() -> None:
    for language in LANGUAGES:
        assert {path.stem for path in (FOLDER / language).glob("*.md")} == set(PAGES)
        assert [chapter.name for chapter in chapters(language)] == list(PAGES)
    assert find("en", "../../secret") is None


@pytest.mark.parametrize(("language", "name"), ALL)
def test_pages_are_whole(language: str, name: str) -> None:
    chapter = page(language, name)
    assert 3 < len(chapter.title) < 40
    assert 20 < len(chapter.summary) < 300
    made = html(chapter, WORDS, leads)
    assert "{{" not in made
    assert "](" not in made
    assert f"<h1>{chapter.title}" not in made
    for anchor, _ in contents(chapter):
        assert f'id="{anchor}"' in made
    assert "<script" not in made
    assert " style=" not in made  # the policy would refuse it


@pytest.mark.parametrize("name", PAGES)
def test_languages_say_the_same(name: str) -> None:
    """The same headings, blocks, tables and links in both, and blocks that are the same to the letter."""
    english, russian = page("en", name), page("ru", name)
    for mark in (r"^## ", r"^\| ", r"^- ", r"\]\("):
        assert len(re.findall(mark, english.text, re.MULTILINE)) == len(re.findall(mark, russian.text, re.MULTILINE)), mark
    blocks = [re.findall(r"^```\w+\n.*?^```$", chapter.text, re.MULTILINE | re.DOTALL) for chapter in (english, russian)]
    assert [re.sub(r"#.*", "", one) for one in blocks[0]] == [re.sub(r"#.*", "", one) for one in blocks[1]]
    assert re.search("[а-яё]{4}", russian.text)  # noqa: RUF001 (Russian letters are meant)
    assert not re.search("[а-яё]", english.text)  # noqa: RUF001


def test_what_is_put_in_is_escaped() -> None:
    faq = html(page("en", "faq"), WORDS | {"operator": '<img src=x onerror="alert(1)">'}, leads)
    assert "<img" not in faq
    assert "&lt;img" in faq


def test_text_for_programs_has_whole_links() -> None:
    text = markdown(page("en", "quick-start"), WORDS, leads)
    assert "[Errors](/to/errors)" in text
    assert "[models](/to/catalog)" in text
    assert "https://gw.example/ai/v1/messages" in text


def test_an_unknown_word_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        fill("{{nobody}}", WORDS)


def test_anchors_work_in_any_script() -> None:
    assert anchor_of("Why was I refused with 429?") == "why-was-i-refused-with-429"
    assert anchor_of("Ключи и лимиты") == "ключи-и-лимиты"
