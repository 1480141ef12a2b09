"""Origins: where an upstream listens, and how a connection to it is opened."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.upstream.transport.http1 import Connection


def _tls_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


@dataclass(frozen=True, slots=True)
class Origin:
    """Host and port, or the path of a Unix socket. `host_header` is what goes into a request's Host line."""

    host: str = ""
    port: int = 0
    uds: str = ""
    tls: ssl.SSLContext | None = field(default=None, compare=False, repr=False)

    @classmethod
    def tcp(cls, host: str, port: int, *, tls: bool) -> "Origin":
        return cls(host=host, port=port, tls=_tls_context() if tls else None)

    @classmethod
    def unix(cls, path: str) -> "Origin":
        return cls(uds=path)

    @property
    def host_header(self) -> bytes:
        if self.uds:
            return b"localhost"
        name = f"[{self.host}]" if ":" in self.host else self.host
        standard = 443 if self.tls is not None else 80
        return (name if self.port == standard else f"{name}:{self.port}").encode("ascii")

    async def open(self, on_idle_lost: Callable[[Connection], None]) -> Connection:
        """A connected `Connection`. Raises OSError (which includes TLS failures) when there is none to be had."""
        loop = asyncio.get_running_loop()
        if self.uds:
            _, connection = await loop.create_unix_connection(lambda: Connection(on_idle_lost), self.uds)
        else:
            # TCP_NODELAY is asyncio's and uvloop's default for TCP transports.
            _, connection = await loop.create_connection(
                lambda: Connection(on_idle_lost),
                self.host,
                self.port,
                ssl=self.tls,
                server_hostname=self.host if self.tls is not None else None,
            )
        return connection
