"""Offers: what the public pages say of models, plans and the place itself.

Pure but for the visit it is told of: which model examples ask for, what stands for the words of the manual, where its links lead,
and models and plans in the form and order in which people read them.
"""

from collections.abc import Callable
from itertools import zip_longest
from typing import Any

from gateway.console.limit_lines import amount_of, name_of
from gateway.console.visit import Visit
from gateway.settings import Settings

# Stands in blocks to copy where the key belongs: it means the same inside any quotes of any language.
YOUR_KEY = "YOUR_KEY"
FALLBACK_MODEL = "claude-sonnet-5"
EXAMPLES_OF = "sonnet"
# `page:NAME` in the manual.
PLACES = {
    "catalog": "/catalog",
    "calculator": "/calculator",
    "playground": "/playground",
    "status": "/service",
    "me": "/me",
    "home": "/",
}


def example_model(settings: Settings) -> str:
    """The model that examples ask for: the operator's choice, else the newest of the line that most people use."""
    newest = next((model.id for model in settings.catalogue if model.line == EXAMPLES_OF), FALLBACK_MODEL)
    return settings.site.model or newest


def words(visit: Visit) -> dict[str, str]:
    """What stands for the words in double braces."""
    site = visit.console.settings.site
    return {
        "base": visit.address.base_url,
        "model": example_model(visit.console.settings),
        "name": site.name,
        "operator": site.operator or visit.text("public.operator"),
    }


def leads(visit: Visit, *, text: bool = False) -> Callable[[str], str]:
    """Where links of the manual lead: for `text`, whole addresses of pages as Markdown."""

    def lead(target: str) -> str:
        if target.startswith("page:"):
            path = visit.url(PLACES[target.removeprefix("page:")])
        else:
            path = visit.url("/docs/{language}/{name}", language=visit.language, name=f"{target}.md" if text else target)
        return visit.address.origin + path if text else path

    return lead


def by_line(models: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The newest model of each line first, then the next ones: a few of them show what there is."""
    lines: dict[str, list[dict[str, Any]]] = {}
    for model in models:
        lines.setdefault(model["line"], []).append(model)
    return [model for row in zip_longest(*lines.values()) for model in row if model is not None]


def plan(shown: dict[str, Any], visit: Visit) -> dict[str, Any]:
    """A plan with its limits in words, those for all models first: `Messages in 5 hours: 225`."""
    limits = sorted(shown["limits"], key=lambda limit: limit["class"] != "all")
    return shown | {"lines": [limit_line(limit, visit) for limit in limits]}


def limit_line(limit: dict[str, Any], visit: Visit) -> str:
    """A limit with its amount."""
    what = name_of(limit, visit.text)
    return f"{what[:1].upper()}{what[1:]}: {amount_of(limit['metric'], limit['amount'], visit.formats)}"


def speed(model: dict[str, Any]) -> dict[str, Any]:
    """What the places of a model have shown together: success over all requests, times of the first place that has them."""
    targets = [target for target in model["targets"] if target["requests"]]
    requests = sum(target["requests"] for target in targets)
    succeeded = sum(target["requests"] * (target["success"] or 0.0) for target in targets)
    return {
        "requests": requests,
        "success": succeeded / requests if requests else None,
        "ttft_ms": next((target["ttft_ms"] for target in targets if target["ttft_ms"] is not None), None),
        "tokens_per_s": next((target["tokens_per_s"] for target in targets if target["tokens_per_s"] is not None), None),
    }
