"""The manual as pages, as Markdown for programs, and its list for those who read whole sites."""

from starlette.responses import PlainTextResponse, Response

from gateway.console import manual, offers
from gateway.console.page import Page
from gateway.console.texts import LANGUAGES
from gateway.console.visit import Visit
from gateway.control.permissions import Access
from gateway.core.faults import Fault, FaultKind

CHAPTER = "/docs/{language}/{name}"
MARKDOWN = "text/markdown; charset=utf-8"


async def contents(visit: Visit) -> Response:
    """All pages of the manual, with what each is about."""
    return visit.show("documents.html", chapters=manual.chapters(visit.language))


async def chapter(visit: Visit) -> Response:
    """One page. Its language is that of the address, whatever the visitor prefers; with `.md` behind it, it is Markdown.

    Whoever chooses another language is sent to its address."""
    language, name = visit.request.path_params["language"], visit.request.path_params["name"]
    chosen = visit.request.query_params.get("lang")
    if chosen in LANGUAGES and chosen != language:
        return visit.go(CHAPTER, language=chosen, name=name)
    if language not in LANGUAGES:
        raise Fault(FaultKind.MISSING, visit.text("refused.no_page"))
    visit.speak(language)
    found = manual.find(language, name.removesuffix(".md"))
    if found is None:
        raise Fault(FaultKind.MISSING, visit.text("refused.no_page"))
    if name.endswith(".md"):
        text = manual.markdown(found, offers.words(visit), offers.leads(visit, text=True))
        return PlainTextResponse(text, media_type=MARKDOWN)
    chapters = manual.chapters(language)
    at = chapters.index(found)
    return visit.show(
        "chapter.html",
        chapter=found,
        chapters=chapters,
        contents=manual.contents(found),
        body=manual.html(found, offers.words(visit), offers.leads(visit)),
        before=chapters[at - 1] if at else None,
        after=chapters[at + 1] if at + 1 < len(chapters) else None,
    )


async def for_programs(visit: Visit) -> Response:
    """`/llms.txt`: what this place is, and every page of the manual as Markdown, in English."""
    visit.speak(LANGUAGES[0])
    lead = offers.leads(visit, text=True)
    lines = [
        f"# {visit.console.settings.site.name}",
        "",
        f"> {visit.text('public.summary')}",
        "",
        f"## {visit.text('docs.title')}",
        "",
    ]
    lines += [f"- [{one.title}]({lead(one.name)}): {one.summary}" for one in manual.chapters(visit.language)]
    return PlainTextResponse("\n".join(lines) + "\n")


PAGES = (
    Page("GET", "/docs", Access.PUBLIC, contents, menu="/docs", site=True),
    Page("GET", CHAPTER, Access.PUBLIC, chapter, menu="/docs", site=True),
    Page("GET", "/llms.txt", Access.PUBLIC, for_programs, site=True),
)
