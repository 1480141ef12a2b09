"""Surfaces: what a request line asks for, before anything else is known.

Owns the table of paths and the refusal of request lines and framing that two parsers could read differently. Refuses to know
who calls. Clients disagree on whether a base URL ends in `/v1`, so every path stands in the table under each prefix, and a
path that is only written differently (`//`, a slash at the end) is found by its canonical form. Nothing is ever redirected: a
redirected POST loses its body.

What Granian has seen to before us, and we cannot see: a `Content-Length` beside `Transfer-Encoding` (it is taken away and the
chunks count, as RFC 9112 6.3 allows; `closes_after` then ends the connection, as the same section demands) and the authority of
an absolute request target (ignored; no decision here depends on Host).

What two servers could read as different paths is refused rather than guessed: a metered path in other letters, under one more
prefix or with matrix parameters (`;`) might be the metered path itself to whoever answers it.
"""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from gateway.core.faults import Fault, FaultKind
from gateway.dataplane.headers import Said
from gateway.dialects.passing import (
    ANTHROPIC,
    OPENAI_CHAT,
    OPENAI_COMPLETIONS,
    OPENAI_EMBEDDINGS,
    OPENAI_RESPONSES,
    Passing,
)
from gateway.state.record import BILLED, Surface


class Place(Enum):
    """Who answers."""

    UPSTREAM = "upstream"
    WORKER = "worker"  # probes, answered here
    CONTROL = "control"  # everything else, relayed to the control plane


@dataclass(frozen=True, slots=True)
class Match:
    """`path` is the canonical path, as upstream; for OTHER it is the client's own, percent-encoding untouched.

    `dialect` is the client's, None where its headers decide. `metered` is whether tokens are billed.
    """

    place: Place
    surface: Surface
    path: str
    methods: frozenset[str]
    dialect: Passing | None = None
    metered: bool = False


PREFIXES: Final = ("/v1", "/v1/v1", "/anthropic/v1", "/anthropic/v1/v1", "/anthropic", "")
_POST: Final = frozenset({"POST"})
_GET: Final = frozenset({"GET", "HEAD"})
_ANY: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})

_NAMED: Final[dict[str, tuple[Surface, frozenset[str], Passing | None]]] = {
    "/messages": (Surface.MESSAGES, _POST, ANTHROPIC),
    "/messages/count_tokens": (Surface.COUNT_TOKENS, _POST, ANTHROPIC),
    "/models": (Surface.MODELS, _GET, None),
    "/chat/completions": (Surface.CHAT, _POST, OPENAI_CHAT),
    "/responses": (Surface.RESPONSES, _POST, OPENAI_RESPONSES),
    "/completions": (Surface.COMPLETIONS, _POST, OPENAI_COMPLETIONS),
    "/embeddings": (Surface.EMBEDDINGS, _POST, OPENAI_EMBEDDINGS),
}
PATHS: Final[dict[str, Match]] = {
    prefix + suffix: Match(Place.UPSTREAM, surface, "/v1" + suffix, methods, dialect, surface in BILLED)
    for prefix in PREFIXES
    for suffix, (surface, methods, dialect) in _NAMED.items()
}
# Probes that answer whether or not a key came with them. `HEAD /` and `/api/hello` are Claude Code's connection warm-up.
PROBES: Final = frozenset({"/healthz", "/readyz", "/health", "/api/hello"})

# Anthropic's Admin API. Upstream it would act on the operator's account; the control plane answers it for this installation.
ADMIN_API: Final = "organizations"
_ADMIN_PATH: Final = re.compile(r"/organizations(?:/[\w.@+~:-]+)*", re.ASCII)

# What lies below the served paths or beside them and is not passed on: it would not be metered, or needs a store.
CLOSED: Final = {
    "chat": "Stored chat completions are not served here.",
    "responses": "Stored responses are not served here.",
    "completions": "Not found",
    "embeddings": "Not found",
    "complete": "Text completions are not served here; use /v1/messages.",
}
_OPENAI_FIRST: Final = frozenset(("chat", "responses", "completions", "embeddings"))

# Of the headers that travel on. The edge before the upstream takes no more.
HEAD_BYTES_MAX: Final = 128 * 1024

# Without a version only what belongs to the named paths: everything else under the root is the control plane's.
_VERSIONED: Final = re.compile(r"(?:/anthropic)?(?:(?:/v1){1,2}(?=/[^/])|(?=/(?:messages|models)/))(/.*)")
# Registered names as they are used, without the sub-delimiters that RFC 3986 would also allow: a comma joins two Hosts.
_HOST: Final = re.compile(rb"[A-Za-z0-9._~%-]*(?::\d{0,5})?|\[[0-9A-Fa-f:.]+\](?::\d{0,5})?")
HOSTS_REMEMBERED_MAX: Final = 256
_good_hosts: Final[set[bytes]] = set()
_CONTROL_CHARS: Final = re.compile(r"[\x00-\x20\x7f\\]")
_ENCODED_SEPARATOR: Final = re.compile(rb"%(?:00|0[ad]|2e|5c|25)", re.IGNORECASE)


def find(method: str, path: str, raw_path: bytes) -> Match:
    """The place that answers `path` (decoded) and `raw_path` (as it came). Raises Fault: MISSING, METHOD, INVALID."""
    match = PATHS.get(path)
    if match is None:
        match = _find_slowly(method, path, raw_path)
    if method not in match.methods:
        raise Fault(FaultKind.METHOD, f"Method Not Allowed: use {' or '.join(sorted(match.methods))}.")
    return match


def dialect_of(path: str, said: Said) -> Passing:
    """The client's dialect where no path decides: OpenAI's for a bearer of a key who says nothing of Anthropic's.

    Also for a path that is refused, so that the refusal can be read.
    """
    match = PATHS.get(path)
    if match is not None and match.dialect is not None:
        return match.dialect
    if not _OPENAI_FIRST.isdisjoint(path.lower().split("/")[:4]):
        return OPENAI_CHAT
    notes = said.notes
    if b"authorization" in notes and b"anthropic-version" not in notes and b"x-api-key" not in notes:
        return OPENAI_CHAT
    return ANTHROPIC


def allowed(path: str) -> str:
    """The methods of a path for the `Allow` header."""
    match = PATHS.get(path)
    return ", ".join(sorted(match.methods if match is not None else _ANY))


def closes_after(said: Said) -> bool:
    """Whether the connection has to end with the answer: what follows a chunked body may be a request to us and a part of the
    body to a proxy before us, if a Content-Length came with it."""
    return b"transfer-encoding" in said.notes


def check_framing(http_version: str, said: Said) -> None:
    """Refuses what the server let through and another parser could read differently. Raises Fault: INVALID, OVERSIZED."""
    if len(said.block) > HEAD_BYTES_MAX:
        raise Fault(FaultKind.OVERSIZED, "The request's headers are too large.")
    host = said.notes.get(b"host", b"")
    if host not in _good_hosts:
        _check_host(host, http_version)
    encoding = said.notes.get(b"transfer-encoding")
    if encoding is not None and encoding.lower() != b"chunked":
        raise Fault(FaultKind.INVALID, "The Transfer-Encoding header must be `chunked`.")


def _check_host(host: bytes, http_version: str) -> None:
    if not _HOST.fullmatch(host):
        raise Fault(FaultKind.INVALID, "The Host header is invalid.")
    if not host and http_version == "1.1":
        raise Fault(FaultKind.INVALID, "The Host header is missing.")
    if host and len(_good_hosts) < HOSTS_REMEMBERED_MAX:
        _good_hosts.add(host)


def _find_slowly(method: str, path: str, raw_path: bytes) -> Match:
    if _CONTROL_CHARS.search(path) or not path.startswith("/"):
        raise Fault(FaultKind.INVALID, "The request path is invalid.")
    if any(step in (".", "..") for step in path.split("/")) or _ENCODED_SEPARATOR.search(raw_path):
        raise Fault(FaultKind.INVALID, "The request path must not contain dot segments or encoded control characters.")
    canonical = re.sub("/{2,}", "/", path)
    if len(canonical) > 1:
        canonical = canonical.rstrip("/")
    if canonical in PATHS:
        return PATHS[canonical]
    if canonical in PROBES or (canonical == "/" and method == "HEAD"):
        return Match(Place.WORKER, Surface.OTHER, canonical, _GET)
    versioned = _VERSIONED.fullmatch(canonical)
    if versioned is None:
        return Match(Place.CONTROL, Surface.OTHER, _ascii(raw_path), _ANY)
    if ";" in canonical:
        raise Fault(FaultKind.INVALID, "The request path must not contain matrix parameters.")
    if versioned[1].lower() in PATHS:
        raise Fault(FaultKind.MISSING, "Not found")
    first = versioned[1].split("/")[1]
    if first.lower() in CLOSED:
        raise Fault(FaultKind.MISSING, CLOSED[first.lower()])
    if first.lower() == ADMIN_API:
        if not _ADMIN_PATH.fullmatch(versioned[1]):
            raise Fault(FaultKind.MISSING, "Not found")
        return Match(Place.CONTROL, Surface.OTHER, "/v1" + versioned[1], _ANY)
    # The client's own spelling goes on, so its prefix must be as plain as the decoded one.
    spelled = _VERSIONED.fullmatch(re.sub("/{2,}", "/", _ascii(raw_path)).rstrip("/"))
    if spelled is None or "%" in spelled[1].split("/")[1]:
        raise Fault(FaultKind.INVALID, "The request path is invalid.")
    surface = Surface.MODELS if first == "models" else Surface.OTHER
    return Match(Place.UPSTREAM, surface, "/v1" + spelled[1], _GET if surface is Surface.MODELS else _ANY)


def _ascii(raw_path: bytes) -> str:
    try:
        return raw_path.decode("ascii")
    except UnicodeDecodeError:
        raise Fault(FaultKind.INVALID, "The request path is invalid.") from None
