"""A visit: one request of a browser, and everything a page needs to answer it.

Owns who is logged in, the visitor's language, theme and time zone, links, cookies and the one way to figures: `ask`, which
carries out an operation of the admin interface in the visitor's name, so that what somebody may see or do is decided there and
nowhere else. Knows nothing of any page.
"""

import re
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl, quote, urlencode
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gateway.catalog.site import Site
from gateway.console import forms, menu, refusals
from gateway.console.addresses import address_of, visitor_of
from gateway.console.formats import formats
from gateway.console.forms import Fields
from gateway.console.page import Page
from gateway.console.texts import LANGUAGES, language_of, texts
from gateway.control.admin.askers import Asker
from gateway.control.admin.clerk import Asked
from gateway.control.app import request_id_of
from gateway.control.orders import MissingError
from gateway.control.permissions import Role
from gateway.control.workspaces import DEFAULT
from gateway.core.faults import Fault, FaultKind
from gateway.core.refusals import Refusal

if TYPE_CHECKING:
    from gateway.console.console import Console

FIRST_PAGES = ("/console", "/console/keys", "/console/start")
THEMES = ("auto", "light", "dark")
ZONES = ("browser", "utc", "workspace")
YEAR_S = 365 * 86400
_UTC = ZoneInfo("UTC")
_ZONE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,30}(/[A-Za-z0-9_+-]{1,30}){0,2}")
T = TypeVar("T")

# Pages that anybody may look at ask for what they show in this name. They choose what of it they show.
ANYBODY = Asker("public pages", Role.VIEWER, "public pages")


class Visit:
    """`form` holds the fields of a POST and `body` its bytes; both are read, and the token checked, before a page acts."""

    def __init__(self, console: "Console", page: Page, request: Request) -> None:
        settings = console.settings
        self.console = console
        self.page = page
        self.request = request
        self.address = address_of(request.headers, settings.public_url)
        self.visitor = visitor_of(request.headers, settings.proxies)
        query = request.query_params
        self.language = language_of(query.get("lang"), request.cookies.get("lang"), request.headers.get("accept-language"))
        theme = query.get("theme", request.cookies.get("theme", "auto"))
        self.theme = theme if theme in THEMES else "auto"
        zone = query.get("zone", request.cookies.get("zone", "browser"))
        self.zone_choice = zone if zone in ZONES else "browser"
        self.zone = _zone(request.cookies.get("browser_zone")) if self.zone_choice == "browser" else _UTC
        self.text = texts(self.language)
        self.formats = formats(self.language, self.zone)
        self.form = Fields([])
        self.body = b""
        self._cookies: list[tuple[str, str, int | None, bool]] = []
        self.session = console.front.sessions.find(request.cookies.get(self.session_cookie, ""))
        self._csrf_cookie = request.cookies.get(self.session_cookie if self.session else self.visitor_cookie, "")

    def __repr__(self) -> str:
        return f"<Visit of {self.page.key}>"

    # Who

    @property
    def asker(self) -> Asker | None:
        """Whoever is logged in."""
        session = self.session
        return None if session is None else Asker(session.account.public_id, session.role, session.account.name, person=True)

    def may(self, least: str) -> bool:
        """Whether somebody is logged in with this role (`viewer`, `member`, `admin`, `owner`) or a higher one."""
        return self.session is not None and self.session.role >= Role[least.upper()]

    # Figures and orders

    async def ask(
        self, operation: str, query: dict[str, Any] | None = None, body: Any = None, *, once: str = "", **parts: str
    ) -> Any:
        """The answer's document of an admin operation, such as `GET /admin/v1/keys/{id}`, asked by whoever is logged in.

        `parts` fill the path; query values that are None or empty are left out; `once` is an Idempotency-Key. Raises Fault.
        """
        if self.asker is None:
            raise Refusal("login.nobody", "Nobody is logged in.").fault(FaultKind.UNAUTHENTICATED)
        return await self._ask(self.asker, operation, query, body, once, parts)

    async def ask_for_anybody(self, operation: str, query: dict[str, Any] | None = None, **parts: str) -> Any:
        """The same for pages that anybody may look at: only GET. The page decides what of it may be shown to the world."""
        if not operation.startswith("GET "):
            raise ValueError("pages for anybody only look")
        return await self._ask(ANYBODY, operation, query, None, "", parts)

    async def _ask(
        self, asker: Asker, operation: str, query: dict[str, Any] | None, body: Any, once: str, parts: dict[str, str]
    ) -> Any:
        pairs = [
            (name, str(one))
            for name, value in (query or {}).items()
            for one in (value if isinstance(value, list) else [value])
            if one not in (None, "")
        ]
        asked = Asked(asker, parts, pairs, b"" if body is None else orjson.dumps(body), once=once)
        reply = await self.console.asking(self.console.operations[operation], asked, request_id_of(self.request))
        return orjson.loads(reply.body)

    async def in_books(self, act: Callable[[], T]) -> T:
        """Does something in the thread of the writing connection; for what is no admin operation: logging in and out."""
        made: list[T] = []
        await self.console.front.in_books(lambda: made.append(act()))
        return made[0]

    # The public site

    @property
    def site(self) -> Site:
        """What the operator says about himself."""
        return self.console.settings.site

    def places(self) -> list[tuple[str, str]]:
        """The navigation of the public site: (word in the texts, path)."""
        return [(name, path) for name, path in menu.SITE if path in self.console.paths]

    def speak(self, language: str) -> None:
        """Answers in this language, whatever the visitor prefers: the address says it."""
        self.language = language
        self.text = texts(language)
        self.formats = formats(language, self.zone)

    def say(self, refused: Fault | Refusal) -> str:
        """Why something was not done, in the visitor's language."""
        return refusals.said(refused, self.text, self.formats)

    async def keep_to_workspace(self, reference: str) -> None:
        """Tells times in the zone of this workspace, if the visitor has chosen that; in the default one's if it is not there."""
        if self.zone_choice != "workspace":
            return
        find = self.console.front.desk.workspaces.find

        def look() -> str:
            try:
                return find(reference or DEFAULT).time_zone
            except MissingError:
                return find(DEFAULT).time_zone

        self.zone = _zone(await self.in_books(look))
        self.formats = formats(self.language, self.zone)

    def utc_day(self, wall_s: int) -> str:
        """A day of UTC, whatever the visitor's zone."""
        return formats(self.language, _UTC).day(wall_s)

    # Links

    def url(self, path: str, **values: Any) -> str:
        """The link to a page. `values` fill the gaps of its path (`{id}`), the others become its query; None is left out.

        Raises KeyError for a page that is not there."""
        if path not in self.console.paths:
            raise KeyError(f"no page {path}")
        parts = {name: quote(str(value), safe="") for name, value in values.items() if f"{{{name}}}" in path}
        query = [(name, str(value)) for name, value in values.items() if name not in parts and value is not None]
        return self.address.prefix + path.format(**parts) + (f"?{urlencode(query)}" if query else "")

    def asset(self, name: str) -> str:
        """The link to a file of `static/`. Raises KeyError when there is none of that name."""
        return self.address.prefix + self.console.assets.path(name)

    def here(self, **changes: Any) -> str:
        """The link to this very page with some of its query changed; None takes a parameter away."""
        pairs = [(name, value) for name, value in self.query_pairs if name not in changes]
        pairs += [(name, str(value)) for name, value in changes.items() if value is not None]
        return self.address.prefix + quote(self.request.url.path) + (f"?{urlencode(pairs)}" if pairs else "")

    @property
    def query_pairs(self) -> list[tuple[str, str]]:
        """The query without what this visit has already taken from it."""
        pairs = parse_qsl(self.request.url.query, keep_blank_values=True)
        return [(name, value) for name, value in pairs if name not in ("lang", "theme", "zone", "token")]

    # Answers

    def show(self, template: str, status: int = 200, **values: Any) -> Response:
        """A page made of a template. What every template has besides `values` is listed in `words`."""
        html = self.console.templates.get_template(template).render(**self.words(), **values)
        return Response(html, status, media_type="text/html")

    def go(self, path: str, **values: Any) -> Response:
        """Sends the browser to another page, after a form."""
        return RedirectResponse(self.url(path, **values), 303)

    def go_to(self, wanted: str) -> Response:
        """Sends the browser to where it wanted to go, as far as that is a page of ours; else to its first page."""
        path = wanted.partition("?")[0]
        known = path.startswith("/") and any(_fits(path, pattern) for pattern in self.console.paths)
        place = self.address.prefix + wanted if known and wanted.isascii() and wanted.isprintable() else self.first_page()
        return RedirectResponse(place, 303)

    def first_page(self) -> str:
        """The link to where somebody who is logged in begins."""
        return self.url(next(path for path in FIRST_PAGES if path in self.console.paths))

    def words(self) -> dict[str, Any]:
        """What every template may use."""
        write = self.formats
        return {
            "visit": self,
            "t": self.text,
            "url_for": self.url,
            "asset": self.asset,
            "here": self.here,
            "number": write.number,
            "short": write.short,
            "dollars": write.dollars,
            "money": write.money,
            "percent": write.percent,
            "when": write.when,
            "exactly": write.exactly,
            "day": write.day,
            "clock": write.clock,
            "span": write.span,
            "milliseconds": write.milliseconds,
            "csrf": self.csrf_field,
            "menu": menu.shown(self.console.paths, self.session.role) if self.session else [],
            "languages": LANGUAGES,
            "themes": THEMES,
            "zones": ZONES,
            "brand": self.console.brand,
        }

    def wants_part(self) -> bool:
        """Whether htmx asks for a part of the page instead of all of it."""
        return "hx-request" in self.request.headers

    # Cookies and tokens

    @property
    def session_cookie(self) -> str:
        return "__Host-sluice" if self.address.secure else "sluice"

    @property
    def visitor_cookie(self) -> str:
        return "__Host-sluice-visitor" if self.address.secure else "sluice-visitor"

    def set_cookie(self, name: str, value: str, age_s: int | None = None, *, hidden: bool = True) -> None:
        """Sends a cookie with the answer: until the browser is closed when `age_s` is None, `hidden` from scripts."""
        self._cookies.append((name, value, age_s, hidden))

    def csrf(self) -> str:
        """The token for a form or script of this page; somebody without a cookie gets one."""
        if not self._csrf_cookie:
            self._csrf_cookie = secrets.token_urlsafe(16)
            self.set_cookie(self.visitor_cookie, self._csrf_cookie)
        return self.console.tokens.of(self._csrf_cookie)

    def csrf_field(self) -> Markup:
        return Markup('<input type="hidden" name="{}" value="{}">').format(forms.TOKEN_FIELD, self.csrf())

    async def read_form(self) -> None:
        """Reads what was sent. Raises Fault when it was not one of our pages that had it sent."""
        forms.check_origin(self.request.headers, self.address)
        self.form, self.body = await forms.read(self.request)
        token = self.request.headers.get(forms.TOKEN_HEADER) or self.form[forms.TOKEN_FIELD]
        if not self.console.tokens.fits(token, self._csrf_cookie):
            raise forms.STALE.fault(FaultKind.FORBIDDEN)

    def begin_session(self, token: str) -> None:
        """Has the browser keep the cookie of a session."""
        self.set_cookie(self.session_cookie, token)

    def end_session(self) -> None:
        self.set_cookie(self.session_cookie, "", 0)

    def put_cookies(self, response: Response) -> None:
        """The cookies of this visit, its choices among them."""
        for choice in ("lang", "theme", "zone"):
            value = self.request.query_params.get(choice)
            if value in (*LANGUAGES, *THEMES, *ZONES):
                self.set_cookie(choice, str(value), YEAR_S, hidden=False)
        for name, value, age_s, hidden in self._cookies:
            response.set_cookie(name, value, max_age=age_s, path="/", secure=self.address.secure, httponly=hidden, samesite="lax")


def _fits(path: str, pattern: str) -> bool:
    return re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(pattern)), path) is not None


def _zone(name: str | None) -> ZoneInfo:
    """The zone of this name; UTC for one that nobody has heard of."""
    if name is None or not _ZONE_NAME.fullmatch(name):
        return _UTC
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return _UTC
