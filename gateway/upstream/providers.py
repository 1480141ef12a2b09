"""Upstreams as a worker sees them: a provider, the connections to it and the lines that open it.

Refuses to know what is asked of the upstream, and which of its credentials is used: that is the pool's.
"""

from dataclasses import dataclass
from typing import Final

from gateway.catalog.providers import Provider
from gateway.core.clock import Clock
from gateway.dialects.passing import OPENAI_PLAIN
from gateway.upstream.connections import Connections
from gateway.upstream.transport.origin import Origin

# What is shorter is a placeholder for an upstream that asks for no key; to take it out of texts would only mangle them.
SECRET_BYTES_MIN: Final = 8
TOLD: Final = b"x-gateway-provider"


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds for every upstream of a worker."""

    connections_max: int
    idle_connection_s: float
    connect_timeout_s: float


@dataclass(slots=True, repr=False)
class Upstream:
    """One provider in one worker. `head_lines` holds, for each credential, the lines that the gateway adds to a request."""

    name: str
    dialect: str  # to translate into
    speaks: frozenset[str]  # the kinds of calls that are passed on
    path_cut: int  # what its base URL has of the paths already: a leading /v1
    base_path: bytes
    connections: Connections
    head_lines: tuple[bytes, ...]
    secrets: tuple[bytes, ...]  # what must never reach a client: credentials and host
    told: tuple[bytes, bytes]  # the header that names it to a client
    own_headers: frozenset[bytes] = frozenset()  # names set by configuration, which a client's own give way to

    def __repr__(self) -> str:
        return f"<Upstream {self.name} {self.connections!r}>"


def upstream_of(provider: Provider, limits: Limits, clock: Clock) -> Upstream:
    """The worker's side of a provider."""
    place = provider.origin
    origin = Origin.unix(str(place.uds)) if place.uds else Origin.tcp(place.host, place.port, tls=place.scheme == "https")
    lines = b"host: " + place.authority.encode("ascii") + b"\r\n"
    for name, value in provider.headers:
        lines += name.lower().encode("ascii") + b": " + value.encode("latin-1") + b"\r\n"
    secrets = [credential.reveal().encode("ascii") for credential in provider.credentials]
    hosts = [] if place.uds else [place.host.encode("ascii")]
    return Upstream(
        name=provider.name,
        dialect=provider.dialect,
        speaks=frozenset(provider.dialects) | (frozenset() if provider.dialect == "anthropic" else OPENAI_PLAIN),
        path_cut=0 if provider.dialect == "anthropic" else len("/v1"),
        base_path=place.base_path.encode("ascii"),
        connections=Connections(
            origin,
            clock,
            max_open=limits.connections_max,
            idle_s=limits.idle_connection_s,
            connect_timeout_s=limits.connect_timeout_s,
        ),
        head_lines=tuple(lines + _credential_line(provider.dialect, secret) for secret in secrets),
        told=(TOLD, provider.name.encode("ascii")),
        secrets=(*(secret for secret in secrets if len(secret) >= SECRET_BYTES_MIN), *hosts),
        own_headers=frozenset(name.lower().encode("ascii") for name, _ in provider.headers),
    )


def _credential_line(dialect: str, secret: bytes) -> bytes:
    if not secret:
        return b""
    return (b"x-api-key: " if dialect == "anthropic" else b"authorization: Bearer ") + secret + b"\r\n"
