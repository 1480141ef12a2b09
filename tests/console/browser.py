"""A browser for tests, as far as forms and cookies go, and people who are logged in with it."""

import html
import re
from html.parser import HTMLParser
from types import TracebackType

import httpx

from tests.control.served import ControlPlane

PASSWORD = "correct horse battery"
ROLES = ("viewer", "member", "admin", "owner")
NAMES = {"viewer": "viewer", "member": "member@example.test", "admin": "admin", "owner": "owner"}  # of an account of each role
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

# What is English in every language: names that people chose, things to copy, addresses.
_OTHERS = frozenset({"code", "pre", "bdi", "script", "style", "option"})
_EMPTY = frozenset({"input", "link", "meta", "br", "img", "path", "rect", "circle", "line", "polyline", "use", "col", "hr"})
_SAID = frozenset({"aria-label", "title", "placeholder", "alt"})
_ENGLISH = re.compile(r"\b[A-Za-z]['a-z]*(?: [a-z]['a-z]*){2,}\b")


class Browser:
    """Keeps cookies, follows nothing, sends forms with their token as a browser would."""

    def __init__(self, control: ControlPlane) -> None:
        transport = httpx.HTTPTransport(uds=str(control.paths.control_sock))
        self.client = httpx.Client(
            transport=transport, base_url="http://gateway", headers={"x-sluice-peer": "192.0.2.1"}, timeout=30
        )

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.client.close()

    def get(self, path: str, **query: str) -> httpx.Response:
        return self.client.get(path, params=query or None)

    def post(self, path: str, fields: dict[str, str] | None = None, *, page: str | None = None) -> httpx.Response:
        """Sends a form from `page` (the path itself by default), with the hidden token that stands there."""
        token = token_of(self.get(page or path).text)
        return self.client.post(path, data={"csrf": token, **(fields or {})}, headers={"origin": "http://gateway"})

    def log_in(self, name: str, password: str = PASSWORD) -> httpx.Response:
        return self.post("/console/login", {"name": name, "password": password})


class _Offences(HTMLParser):
    """Collects what the policy would stop: inline scripts and styles, handlers, addresses that are code."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        if tag in ("style", "svg:script", "iframe", "object", "embed", "base") or (tag == "script" and "src" not in names):
            self.found.append(tag)
        for name, value in attrs:
            target = (value or "").strip().lower()
            address = name in ("href", "src", "action", "formaction", "hx-get", "hx-post")
            if name.startswith(("on", "hx-on")) or name == "style" or target.startswith("js:"):
                self.found.append(f"{tag} {name}")
            elif address and (target.startswith(("javascript:", "data:", "//")) or "://" in target):
                self.found.append(f"{tag} {name}={target}")


def offences(page: str) -> list[str]:
    """What of a page the policy would stop, or leads elsewhere. Texts that only look like it do not count."""
    parser = _Offences()
    parser.feed(page)
    return parser.found


class _Sentences(HTMLParser):
    """What a page says, also to a screen reader."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _EMPTY:
            self._inside.append(tag)
        self.found += [value for name, value in attrs if value and (name in _SAID or name.startswith("data-"))]

    def handle_endtag(self, tag: str) -> None:
        while self._inside and self._inside.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if _OTHERS.isdisjoint(self._inside):
            self.found.append(data)


def english(page: str) -> list[str]:
    """Everything of a page that reads like English: three words in a row."""
    parser = _Sentences()
    parser.feed(page)
    return [run for one in parser.found for run in _ENGLISH.findall(one)]


def token_of(page: str) -> str:
    """The token of the forms on a page. Fails when there is none."""
    found = re.search(r'name="csrf" value="(\w+)"', page)
    assert found, page[:500]
    return found[1]


def hidden(page: str, name: str) -> str:
    """The value of a hidden field. Fails when there is none."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, name
    return html.unescape(found[1])


def add_member(control: ControlPlane, workspace: str, email: str, role: str = "member") -> None:
    """Lets whoever has an account of this name into a workspace."""
    with control.admin as client:
        answer = client.post(f"/admin/v1/workspaces/{workspace}/members", json={"email": email, "role": role})
        assert answer.status_code == 201, answer.text


def add_account(control: ControlPlane, name: str, role: str) -> None:
    """An account with PASSWORD, made over the admin socket."""
    with control.admin as client:
        answer = client.post("/admin/v1/accounts", json={"name": name, "password": PASSWORD, "role": role})
        assert answer.status_code == 200, answer.text
