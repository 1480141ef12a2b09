"""The manual: the documentation for users, in every language, as pages and as text.

Owns the Markdown files beside it, their order, and how one becomes HTML. Knows nothing of templates and requests: it is told what
stands for the words in double braces, and where a link to another page leads. The files are part of the package, and raw HTML in
them is shown as text.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

FOLDER = Path(__file__).parent / "docs"
LANGUAGES = ("en", "ru")
# In reading order.
PAGES = ("quick-start", "clients", "keys-and-limits", "models", "streaming", "errors", "privacy", "faq", "operating", "upstreams")

_WORD = re.compile(r"\{\{(\w+)\}\}")
_LINK = re.compile(r"\]\((?:page:([a-z]+)|([a-z-]+)\.md)\)")
_ANCHOR = re.compile(r"[^\w]+")

# What a link leads to: `page:NAME` is a page of the site, anything else the name of a page of the manual.
Leads = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Chapter:
    """One page. `summary` is its first paragraph, in one line, without marks."""

    name: str
    language: str
    title: str
    summary: str
    text: str

    def __repr__(self) -> str:
        return f"<Chapter {self.language}/{self.name}>"


@cache
def chapters(language: str) -> tuple[Chapter, ...]:
    """All pages in one language, in reading order."""
    return tuple(_read(name, language) for name in PAGES)


def find(language: str, name: str) -> Chapter | None:
    """A page, or None when there is none of that name."""
    return next((chapter for chapter in chapters(language) if chapter.name == name), None)


def markdown(chapter: Chapter, words: Mapping[str, str], leads: Leads) -> str:
    """A page as Markdown for programs: words put in, links complete."""

    def link(found: re.Match[str]) -> str:
        return f"]({leads('page:' + found[1] if found[1] else found[2])})"

    return _LINK.sub(link, fill(chapter.text, words))


def html(chapter: Chapter, words: Mapping[str, str], leads: Leads) -> Markup:
    """A page as HTML, without its title. Headings have anchors; tables and blocks can be scrolled by themselves."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = reader.parse(markdown(chapter, words, leads))
    tokens = tokens[3:]  # the title: open, text, close
    _anchor(tokens)
    made = reader.renderer.render(tokens, reader.options, {})
    made = made.replace("<pre>", '<pre tabindex="0">')
    made = made.replace("<table>", '<div class="scroll" tabindex="0"><table>').replace("</table>", "</table></div>")
    # Of the package's own files, and whatever was put in went through the reader, which escapes.
    return Markup(made)


def contents(chapter: Chapter) -> list[tuple[str, str]]:
    """Anchor and text of its headings."""
    found = re.findall(r"^## (.+)$", chapter.text, re.MULTILINE)
    return [(anchor_of(title), title) for title in found]


def sections(chapter: Chapter, words: Mapping[str, str], leads: Leads) -> list[tuple[str, Markup]]:
    """Its headings, each with what stands below it as HTML."""
    parts = re.split(r"^## (.+)$", markdown(chapter, words, leads), flags=re.MULTILINE)
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    return [(title, Markup(reader.render(text))) for title, text in zip(parts[1::2], parts[2::2], strict=True)]


def anchor_of(title: str) -> str:
    """What stands behind `#` for a heading, in any script."""
    return _ANCHOR.sub("-", title.lower()).strip("-")


def fill(text: str, words: Mapping[str, str]) -> str:
    """A text with its words in double braces put in. Raises KeyError for one that is unknown."""
    return _WORD.sub(lambda found: words[found[1]], text)


def _read(name: str, language: str) -> Chapter:
    text = (FOLDER / language / f"{name}.md").read_text("utf-8")
    title, _, rest = text.partition("\n")
    summary = " ".join(rest.strip().partition("\n\n")[0].split())
    return Chapter(name, language, title.removeprefix("# "), summary.replace("`", ""), text)


def _anchor(tokens: list[Token]) -> None:
    for token, inner in pairwise(tokens):
        if token.type == "heading_open":
            token.attrSet("id", anchor_of(inner.content))
