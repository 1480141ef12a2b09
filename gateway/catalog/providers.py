"""Providers: the upstreams that calls can go to, and the secrets that open them.

Owns the reading of `providers.toml`, the rules for base URLs, and the type that keeps a secret out of logs. Refuses to know how a
connection is made. The environment is handed in, so nothing here reads the process's own.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from gateway.catalog import profiles
from gateway.catalog.document import Document, Table
from gateway.catalog.models import Model
from gateway.catalog.patterns import RULE, is_pattern
from gateway.catalog.profiles import Profiles
from gateway.core.profile import Profile

DIALECTS = ("anthropic", "openai_chat", "openai_responses")
SIMULATOR = "simulator"
_DEFAULT_PORTS = {"http": 80, "https": 443}
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,15}")  # a journal record has 16 bytes for it
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_URL = re.compile(r"[!-\[\]-~]+")  # printable ASCII without space and backslash, which parsers read in different ways
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")
_PATH = re.compile(r"/[!-~]*")
_CREDENTIAL = re.compile(r"[!-~]+")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\t -~]*")

# Headers that the gateway sets itself or that would smuggle a secret into a plain file.
_HEADERS_REFUSED = frozenset(
    {"authorization", "cookie", "proxy-authorization", "x-api-key"}
    | {"connection", "content-length", "content-type", "expect", "host", "keep-alive", "proxy-connection", "te", "trailer"}
    | {"transfer-encoding", "upgrade"}
)


class Secret:
    """A text that shows itself only to `reveal`. Its repr, str and format are all `<Secret>`."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "<Secret>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


NO_KEY = Secret("")  # the one credential of an upstream that asks for none
CONCURRENCY_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an upstream listens. `uds` is the path of a Unix socket, then scheme is `http`, host `localhost` and port 0.

    `base_path` is put before every request path: empty, or `/something` without a slash at the end.
    """

    scheme: str
    host: str
    port: int
    base_path: str = ""
    uds: Path | None = None

    @property
    def authority(self) -> str:
        """The value of the `Host` header."""
        if self.uds is not None or self.port == _DEFAULT_PORTS[self.scheme]:
            return self.host
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Provider:
    """One upstream: its languages, its place, and the pool of keys that open it.

    `dialect` is the language to translate into, `dialects` all that it speaks at this address. `models` are patterns of the names
    it is known to serve. `concurrency_max` bounds the calls at a time of each key, 0 does not. `test_path` is asked, with a key,
    to learn whether that key is taken; empty stands for the dialect's own list of models.
    """

    name: str
    dialect: str
    origin: Origin
    credentials: tuple[Secret, ...]
    headers: tuple[tuple[str, str], ...] = ()
    also_speaks: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    is_default: bool = False
    concurrency_max: int = 0
    test_path: str = ""
    profiles: Profiles | None = field(default=None, hash=False)

    @property
    def dialects(self) -> tuple[str, ...]:
        """Every language it speaks, the one to translate into first."""
        return (self.dialect, *self.also_speaks)

    def profile_of(self, model_served: str, model: Model | None = None) -> Profile:
        """What one of its models takes; `model` is the catalogue's row, when there is one."""
        return (self.profiles or Profiles(self.dialect)).of(model_served, model)


def simulator(uds: Path) -> Provider:
    """The built-in upstream, which answers when no key is set. It takes any credential and every model's name."""
    origin = Origin("http", "localhost", 0, uds=uds)
    return Provider(SIMULATOR, "anthropic", origin, (Secret("sk-ant-api03-simulator"),), models=("*",))


def read_origin(url: str, dialect: str) -> Origin:
    """A base URL in parts. Raises ValueError with a reason that does not repeat the URL, which may hold a password.

    Clients and manuals disagree on whether the base URL of Anthropic's API ends in `/v1`; the paths we send begin with it, so it
    is taken off here.
    """
    if url.startswith("unix:"):
        path = url.removeprefix("unix:").removeprefix("//")
        if not path.startswith("/") or "\0" in path:
            raise ValueError("a Unix socket needs a full path, such as unix:/run/upstream.sock")
        return Origin("http", "localhost", 0, uds=Path(path))
    if not _URL.fullmatch(url):
        raise ValueError("has spaces or characters that do not belong in a URL")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("has a host or port that cannot be read") from None
    if parts.scheme not in _DEFAULT_PORTS:
        raise ValueError("must begin with http://, https:// or unix:")
    if "@" in parts.netloc:
        raise ValueError("must not hold a user name or password")
    if "?" in url or "#" in url:
        raise ValueError("must not hold a query or a fragment")
    host = parts.netloc.rpartition(":")[0] if port is not None or parts.netloc.endswith(":") else parts.netloc
    if port == 0 or not _HOST.fullmatch(host):
        raise ValueError("has a host or port that cannot be read")
    path = parts.path.rstrip("/")
    if any(step in (".", "..") for step in path.split("/")) or "%" in path or "//" in path:
        raise ValueError("has a path with `.`, `..`, `//` or `%`")
    if dialect == "anthropic":
        path = path.removesuffix("/v1").rstrip("/")
    return Origin(parts.scheme, host.lower(), port or _DEFAULT_PORTS[parts.scheme], path)


def read_credentials(variable: str, value: str, problems: list[str]) -> tuple[Secret, ...]:
    """The keys in one environment variable, separated by commas. Spaces around them, empty ones and doubles are ignored."""
    found = dict.fromkeys(part.strip() for part in value.split(","))
    found.pop("", None)
    for number, text in enumerate(found, 1):
        if text.startswith("sk-ant-oat"):
            problems.append(
                f"{variable}: key {number} is a subscription OAuth token (sk-ant-oat...); such a token belongs to one person's "
                "plan and may not serve others, use an API key"
            )
        elif not _CREDENTIAL.fullmatch(text):
            problems.append(f"{variable}: key {number} has characters that cannot travel in a header")
    return tuple(Secret(text) for text in found)


def read(document: Document, environ: Mapping[str, str]) -> tuple[Provider, ...]:
    """All providers of a `providers.toml`, in the file's order; one without credentials cannot be used.

    Complaints are left in `document.problems`.
    """
    found: list[Provider] = []
    names: set[str] = set()
    for row in document.root.tables("provider"):
        provider = _read_row(row, environ)
        row.close()
        if provider.name in names:
            row.report(f"`{provider.name}` stands here twice", "name")
        names.add(provider.name)
        found.append(provider)
        if provider.is_default and any(one.is_default for one in found[:-1]):
            row.report("there is a default provider already", "default")
    return tuple(found)


def _read_row(row: Table, environ: Mapping[str, str]) -> Provider:
    name = row.text("name")
    if not _NAME.fullmatch(name) and "name" in row:
        row.report("`name` must be 1 to 16 lower-case letters, digits, `-` or `_`", "name")
    elif name == SIMULATOR:
        row.report(f"`{SIMULATOR}` is the name of the built-in upstream", "name")
    dialect = row.choice("dialect", DIALECTS)
    origin, moved = _read_place(row, dialect, environ)
    keys_variable = _variable(row, "keys_env", required=True)
    credentials = read_credentials(keys_variable, environ.get(keys_variable, ""), row.document.problems)
    if row.yes_or_no("keyless", False) and moved and not credentials:
        credentials = (NO_KEY,)
    test_path = row.text("test_path", "")
    if test_path and not _PATH.fullmatch(test_path):
        row.report("`test_path` must be a path that begins with `/`", "test_path")
    return Provider(
        name,
        dialect,
        origin,
        credentials,
        headers=_read_headers(row),
        also_speaks=_read_words(row, "also_speaks", lambda word: word in DIALECTS, f"must be some of {', '.join(DIALECTS)}"),
        models=_read_words(row, "models", is_pattern, f"must hold names; each {RULE}"),
        is_default=row.yes_or_no("default", False),
        concurrency_max=row.whole("concurrency_max", 0, CONCURRENCY_MAX, 0),
        test_path=test_path,
        profiles=profiles.read(row, dialect),
    )


def _read_place(row: Table, dialect: str, environ: Mapping[str, str]) -> tuple[Origin, bool]:
    """Where it listens, and whether a variable says so."""
    origin = Origin("https", "invalid", 443)
    url, url_variable = row.text("base_url"), _variable(row, "base_url_env", required=False)
    try:
        if "base_url" in row:
            origin = read_origin(url, dialect)
    except ValueError as error:
        row.report(f"`base_url` {error}", "base_url")
    override = environ.get(url_variable, "").strip()
    try:
        if override:
            origin = read_origin(override, dialect)
    except ValueError as error:
        row.document.problems.append(f"{url_variable}: {error}")
    return origin, bool(override)


def _read_words(row: Table, key: str, fits: Callable[[str], bool], rule: str) -> tuple[str, ...]:
    words = row.words(key)
    if not all(fits(word) for word in words):
        row.report(f"`{key}` {rule}", key)
    return tuple(word for word in words if fits(word))


def _variable(row: Table, key: str, required: bool) -> str:
    name = row.text_or_none(key, required)
    if name is not None and not _VARIABLE.fullmatch(name):
        row.report(f"`{key}` must be the name of an environment variable", key)
    return name or ""


def _read_headers(row: Table) -> tuple[tuple[str, str], ...]:
    headers = row.texts("headers")
    for name, value in headers.items():
        place = (*row.path, "headers", name)
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            row.document.report(place, f"`{name}` is not a header that can be sent")
        elif name.lower() in _HEADERS_REFUSED:
            row.document.report(place, f"`{name}` is set by the gateway itself")
    return tuple((name.lower(), value) for name, value in headers.items())
