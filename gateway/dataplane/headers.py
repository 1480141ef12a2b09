"""Headers: which travel on and which stay here, both ways, and what the request's own say.

Lists are open: a header nobody here has heard of travels on. Kept back are the hop-by-hop ones (RFC 9110, 7.6.1), credentials,
what describes the hop before us, and on the way back what belongs to the operator's account or to the upstream's edge.
"""

from dataclasses import dataclass
from typing import Final

from gateway.dataplane.exchange import Exchange
from gateway.upstream.pool.affinity import SESSION_HEADERS
from gateway.upstream.providers import TOLD, Upstream
from native_fastpath import keep_headers, sort_headers

Headers = list[tuple[bytes, bytes]]

_HOP_BY_HOP: Final = frozenset(
    b"connection content-length expect http2-settings keep-alive proxy-connection te trailer transfer-encoding upgrade".split()
)
# Kept back from the upstream. `accept-encoding`: usage is read from the answer, so the upstream is not asked to compress.
# `host` and `content-length` are written anew; `cookie` is a credential; the rest describes the hop before us.
_KEPT_BACK: Final = _HOP_BY_HOP | frozenset(
    b"accept-encoding authorization cookie forwarded host proxy-authenticate proxy-authorization via x-api-key x-forwarded-for "
    b"x-forwarded-host x-forwarded-port x-forwarded-proto x-forwarded-server x-real-ip".split()
)
_NOTED: Final = frozenset(
    b"anthropic-beta anthropic-version authorization connection content-encoding content-length content-type host "
    b"transfer-encoding x-api-key".split()
) | frozenset(SESSION_HEADERS)
ATTEMPTS: Final = b"x-gateway-attempts"
# Kept back from the client. `location`, because no client shall follow an upstream's redirect with a key of ours.
_DROPPED_RESPONSE: Final = (
    _HOP_BY_HOP - {b"content-length"}
    | frozenset(
        b"alt-svc anthropic-organization-id anthropic-workspace-id date location openai-organization proxy-authenticate server "
        b"set-cookie strict-transport-security via www-authenticate".split()
    )
    | {TOLD, ATTEMPTS}
)
_DROPPED_WITH_LENGTH: Final = _DROPPED_RESPONSE | {b"content-length"}
_DROPPED_OF_CONTROL: Final = _HOP_BY_HOP - {b"content-length"} | {b"date", b"server"}
_DROPPED_RESPONSE_PREFIXES: Final = (b"cf-", b"anthropic-ratelimit-unified-")

# What a client says in its dialect's own terms, and what is said anew of a translated body.
_OF_A_DIALECT: Final = (
    *(b"accept:", b"anthropic-", b"content-encoding:", b"content-type:", b"openai-"),
    *(b"x-claude-", b"x-codex-", b"x-stainless-"),
)

# The address a request to the control plane came from, written by the worker: whatever a client says here is dropped.
PEER: Final = b"x-sluice-peer"
_HOP_OR_PEER: Final = _HOP_BY_HOP | {PEER}

_ONE_ATTEMPT: Final = (ATTEMPTS, b"1")
_JSON_CHARSETS: Final = (b"utf-8", b"utf8")


@dataclass(slots=True, init=False)
class Said:
    """What a request's headers say: `block` is the lines to send on, `notes` the values that decide something here.

    The values of a repeated header are joined by `, `: a repeated credential is no key of ours, a repeated Host no host name,
    and a repeated version is refused with the upstream's own words.
    """

    block: bytes
    notes: dict[bytes, bytes]

    def __init__(self, block: bytes, notes: dict[bytes, bytes]) -> None:
        self.block = block
        self.notes = notes

    @property
    def content_length(self) -> int | None:
        value = self.notes.get(b"content-length")
        # The server has checked that it is one number.
        return None if value is None else int(value)

    def forget(self) -> None:
        """Lets go of what was said, once everything is decided."""
        self.block = b""
        self.notes.clear()


def read(headers: Headers) -> Said:
    """Sorts a request's headers (names in lower case, as ASGI gives them)."""
    block, notes = sort_headers(headers, _KEPT_BACK, _NOTED)
    connection = notes.get(b"connection")
    if connection is not None and connection.lower() not in (b"keep-alive", b"close"):
        # `Connection: a, b` makes a and b hop-by-hop too.
        block = without(block, frozenset(name.strip().lower() for name in connection.split(b",")))
    return Said(block, notes)


def session(said: Said) -> bytes:
    """What the client calls its session; empty when it says nothing of one."""
    notes = said.notes
    for name in SESSION_HEADERS:
        value = notes.get(name)
        if value:
            return value
    return b""


def betas(said: Said) -> frozenset[str]:
    """The values of `anthropic-beta`, in lower case."""
    value = said.notes.get(b"anthropic-beta")
    if not value:
        return frozenset()
    return frozenset(value.decode("latin-1").lower().replace(" ", "").split(","))


def without(block: bytes, names: frozenset[bytes]) -> bytes:
    """Header lines without those of some names."""
    return b"".join(line for line in block.splitlines(keepends=True) if line.partition(b":")[0] not in names)


def for_another(block: bytes, *, streams: bool) -> bytes:
    """Header lines for an upstream of another dialect: without what says how the client speaks its own."""
    lines = [line for line in block.splitlines(keepends=True) if not line.startswith(_OF_A_DIALECT)]
    accept = b"accept: text/event-stream\r\n" if streams else b"accept: application/json\r\n"
    return b"".join((*lines, b"content-type: application/json\r\n", accept))


def request_head(exchange: Exchange, upstream: Upstream, path: str, query: bytes, block: bytes, length: int | None) -> bytes:
    """The head of a request to an upstream. `length` is None for a request without a body or with one of unknown length."""
    if upstream.own_headers:
        block = without(block, upstream.own_headers)
    target = b"%b%b?%b" if query else b"%b%b%b"
    return b"%b %b HTTP/1.1\r\n%b%b%b" % (
        exchange.method.encode("ascii"),
        target % (upstream.base_path, path.encode("ascii"), query),
        upstream.head_lines[exchange.credential],
        block,
        b"\r\n" if length is None else b"content-length: %d\r\n\r\n" % length,
    )


def control_head(exchange: Exchange, query: bytes, pairs: Headers, peer: bytes, length: int) -> bytes:
    """The head of a request to the control plane: the client's own, credentials included, for only this hop is new.

    `peer` is the address of whoever opened the connection: the client or a proxy before it.
    """
    lines, _ = sort_headers(pairs, _HOP_OR_PEER, frozenset())
    target = exchange.path + ("?" + query.decode("latin-1") if query else "")
    request_line = f"{exchange.method} {target} HTTP/1.1\r\n".encode("latin-1")
    return b"%b%b%b: %b\r\ncontent-length: %d\r\n\r\n" % (request_line, lines, PEER, peer, length)


def own_origin(pairs: Headers, scheme: str) -> bytes:
    """The address by which the client came, as `http://host:port`; behind a proxy that ends TLS, as that proxy says."""
    proto = value_of(pairs, b"x-forwarded-proto")
    return (
        (proto if proto in (b"http", b"https") else scheme.encode("ascii")) + b"://" + (value_of(pairs, b"host") or b"localhost")
    )


def json_body(content_type: bytes | None) -> bool:
    """Whether a body of this type is read as JSON. No type at all counts as JSON; another charset than UTF-8 does not."""
    if content_type is None or content_type == b"application/json":
        return True
    media, *parameters = (part.strip().lower() for part in content_type.split(b";"))
    if media != b"application/json" and not (media.startswith(b"application/") and media.endswith(b"+json")):
        return False
    charsets = [p.partition(b"=")[2].strip(b'" ') for p in parameters if p.startswith(b"charset=")]
    return all(charset in _JSON_CHARSETS for charset in charsets)


def way(exchange: Exchange) -> Headers:
    """The headers that name the provider that answered, and how many attempts it took; none of what no upstream was asked."""
    upstream, attempts = exchange.upstream, exchange.attempts
    if upstream is None or not attempts:
        return []
    return [upstream.told, _ONE_ATTEMPT if attempts == 1 else (ATTEMPTS, b"%d" % attempts)]


def to_client(headers: Headers, *, keep_length: bool) -> Headers:
    """An upstream's headers for the client. `keep_length` when the body goes on with the very same bytes."""
    return keep_headers(headers, _DROPPED_RESPONSE if keep_length else _DROPPED_WITH_LENGTH, _DROPPED_RESPONSE_PREFIXES)


def from_control(headers: Headers) -> Headers:
    """The control plane's headers for the client: redirects and cookies are our own there."""
    return keep_headers(headers, _DROPPED_OF_CONTROL, ())


def value_of(headers: Headers, name: bytes) -> bytes | None:
    """The first value of a header (`name` in lower case), or None."""
    for candidate, value in headers:
        if candidate == name:
            return value
    return None
