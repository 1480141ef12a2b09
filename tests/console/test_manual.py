"""The manual: whole in both languages, safe, and without a dead link."""

import re
from typing import get_args

import pytest

from gateway import settings
from gateway.console.manual import FOLDER, LANGUAGES, PAGES, Chapter, anchor_of, chapters, contents, fill, find, html, markdown
from gateway.control.admin.pool import State
from gateway.upstream import course, silence
from gateway.upstream.pool import standing
from gateway.upstream.pool.standing import Ending, Scope

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


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_on_upstreams_tells_the_truth(language: str) -> None:
    """Its figures are those of the code and the shipped settings, its states those of the pool."""
    text = page(language, "upstreams").text
    defaults = settings.load(None, {})
    for name in ("connect_timeout_s", "head_timeout_s", "idle_timeout_s", "call_limit_s"):
        assert f"| `{name}` | {getattr(defaults, name):g} |" in text
    for name in ("concurrency_max", "progress_timeout_s", "hard_limit_s"):
        assert f"| `{name}` |" in text
    for state in get_args(State):
        assert f"| `{state}` |" in text
    assert f" {course.ATTEMPTS_MAX} " in text
    assert f" {course.RETRY_RESERVE:g} " in text
    assert f" {standing.PROBE_MS // 1000} " in text
    assert (course.DEADLINE_MS, course.RETRY_SHARE) == (60_000, 0.2)  # a minute, a fifth
    assert (standing.LEAST_MS, standing.OUT_MS_MAX) == (1_000, 86_400_000)  # a second, a day
    moves = standing.MOVES
    assert moves[Scope.CREDENTIAL][Ending.REFUSED][2:] == (60_000, 3_600_000)  # a minute, an hour
    assert moves[Scope.CREDENTIAL][Ending.UNPAID][2:] == (300_000, 3_600_000)  # five minutes, an hour
    assert moves[Scope.CREDENTIAL][Ending.FAILED][1:] == (3, 1_000, 30_000)
    assert moves[Scope.PROVIDER][Ending.FAILED][1:] == (5, 1_000, 30_000)
    assert moves[Scope.PROVIDER][Ending.UNREACHABLE][1:] == (2, 1_000, 30_000)
    assert moves[Scope.PROVIDER_MODEL][Ending.OVERLOADED][1] == 2
    assert moves[Scope.MODEL][Ending.LIMITED][2:] == (1_000, 60_000)
    assert silence.PING_AFTER_MS < 15_000
