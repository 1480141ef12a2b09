"""The house: settings as they are in force, reading them anew, and the record of changes."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from starlette.responses import Response

from gateway.catalog.providers import Secret
from gateway.console.page import Page
from gateway.console.visit import Visit
from gateway.control.permissions import Access
from gateway.core.faults import Fault, FaultKind
from gateway.settings import FIXED, Settings

# Values of these kinds are shown; everything else has a page of its own or is secret.
_PLAIN = (str, int, float, bool, Path)
# Looked at while nobody has an account, so they say nothing about a gateway that shows this page.
_PASSED = ("admin_password", "admin_password_file")


async def settings(visit: Visit) -> Response:
    return await _settings(visit, None, "")


async def reload(visit: Visit) -> Response:
    """Reads the files anew, and says what stays as it is until a restart."""
    try:
        answer = await visit.ask("POST /admin/v1/reload", body={})
    except Fault as fault:
        if fault.kind is not FaultKind.INVALID:
            raise
        return await _settings(visit, None, visit.say(fault))
    return await _settings(visit, answer, "")


async def audit(visit: Visit) -> Response:
    page = await visit.ask("GET /admin/v1/changes", {"after": visit.request.query_params.get("after", ""), "limit": 100})
    return visit.show("audit.html", changes=page["data"], next=page["next"])


def shown(settings: Settings) -> list[tuple[str, str, bool]]:
    """(name, value, whether only a restart changes it) of every plain setting; of a secret, whether there is one."""
    found = []
    for field in fields(settings):
        value: Any = getattr(settings, field.name)
        if field.name in _PASSED:
            continue
        if isinstance(value, Secret):
            found.append((field.name, "***", False))
        elif isinstance(value, _PLAIN):
            found.append((field.name, str(value), field.name in FIXED))
    return found


async def _settings(visit: Visit, reloaded: Any, problem: str) -> Response:
    status = await visit.ask("GET /admin/v1/status")
    return visit.show(
        "settings.html",
        400 if problem else 200,
        rows=shown(visit.console.settings),
        health=status,
        reloaded=reloaded,
        problem=problem,
    )


PAGES = (
    Page("GET", "/console/settings", Access.VIEWER, settings),
    Page("POST", "/console/settings/reload", Access.OWNER, reload, "/console/settings"),
    Page("GET", "/console/audit", Access.VIEWER, audit),
)
