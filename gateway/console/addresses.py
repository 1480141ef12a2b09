"""Addresses: where the gateway is, as a browser sees it, and where a browser is.

Owns what is believed of a request's word: `Host` as it came, X-Forwarded-Proto for whether cookies may demand TLS (whoever lies
harms himself), X-Forwarded-For only as far back as the operator's own proxies reach.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

PEER = "x-sluice-peer"  # written by the worker that relays


@dataclass(frozen=True, slots=True)
class Address:
    """`origin` has no slash at its end; `prefix` is empty or begins with a slash."""

    origin: str
    prefix: str

    @property
    def base_url(self) -> str:
        return self.origin + self.prefix

    @property
    def secure(self) -> bool:
        """Whether pages come over TLS."""
        return self.origin.startswith("https://")

    def is_own(self, origin: str) -> bool:
        """Whether an `Origin` header names this place. The scheme may differ: a proxy that ends TLS need not tell."""
        return urlsplit(origin).netloc.lower() == urlsplit(self.origin).netloc.lower() != ""


def address_of(headers: Mapping[str, str], public_url: str) -> Address:
    """Where this request came to: what the operator says, else what the request does."""
    if public_url:
        parts = urlsplit(public_url)
        return Address(f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/"))
    scheme = "https" if headers.get("x-forwarded-proto") == "https" else "http"
    return Address(f"{scheme}://{headers.get('host', 'localhost')}", "")


def visitor_of(headers: Mapping[str, str], proxies: int) -> str:
    """The address a request was sent from, for counting; with `proxies` of the operator before us, what the outermost saw."""
    peer = headers.get(PEER, "")
    if not proxies:
        return _network(peer)
    seen = [part.strip() for part in headers.get("x-forwarded-for", "").split(",") if part.strip()]
    return _network(seen[-proxies] if len(seen) >= proxies else peer)


def _network(text: str) -> str:
    """An address, or the /64 of an IPv6 address: one visitor has all of those."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return "unknown"
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else str(address)
