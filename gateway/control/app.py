"""The control plane's three applications and what they have in common.

Each listens on a Unix socket of its own: `public` behind the workers' relay, so the whole world reaches it; `admin` for whoever
owns the data directory (the command line); `internal` for the workers themselves. What a socket serves, and to whom, stands in
PERMISSIONS and nowhere else: an application with a route that has no entry, or an entry for another socket, does not start.
"""

from collections.abc import Callable, Mapping, Sequence

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.control.permissions import PERMISSIONS, Access
from gateway.core import ids
from gateway.core.faults import Fault, FaultKind
from gateway.core.refusals import Refusal
from gateway.dialects.anthropic import fault as dialect

_FAULTS_BY_STATUS = {404: FaultKind.MISSING, 405: FaultKind.METHOD}
_KEY_HEADERS = frozenset({"x-api-key", "authorization"})


class PermissionMissingError(Exception):
    """A route has no entry in PERMISSIONS, or one for another socket."""


def build(
    routes: Sequence[Route],
    allowed: frozenset[Access],
    pages: Mapping[str, Access] | None = None,
    strayed: Callable[[FaultKind], None] = lambda kind: None,
) -> Starlette:
    """An application of these routes for a socket that serves `allowed`. Raises PermissionMissingError.

    `pages` holds the entries of routes that are for browsers. `strayed` is told of calls with a key that no route takes.
    """
    permissions = {**PERMISSIONS, **(pages or {})}
    for route in routes:
        # Starlette adds HEAD to every GET by itself; it tells less than the GET does.
        for method in (route.methods or {"any method"}) - {"HEAD"}:
            if permissions.get(f"{method} {route.path}") not in allowed:
                raise PermissionMissingError(f"{method} {route.path} has no entry in PERMISSIONS for this socket")

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        kind = _FAULTS_BY_STATUS.get(error.status_code, FaultKind.INVALID)
        if request.method == "POST" and not _KEY_HEADERS.isdisjoint(request.headers):
            strayed(kind)
        return answer(request, Fault(kind, "Not found" if kind is FaultKind.MISSING else error.detail))

    app = Starlette(routes=routes, exception_handlers={Fault: _on_fault, HTTPException: on_http, Exception: _on_bug})
    app.router.redirect_slashes = False  # a redirect would make clients send their key again, to wherever it points
    return app


async def read_body(request: Request, bytes_max: int) -> bytes:
    """The whole body. Raises Fault OVERSIZED as soon as it is more than `bytes_max`."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > bytes_max:
            too_large = Refusal("body.too_large", "Request exceeds the maximum size of {count} bytes", count=bytes_max)
            raise too_large.fault(FaultKind.OVERSIZED)
    return bytes(body)


def request_id_of(request: Request) -> str:
    """The id under which the worker that relayed this request knows it, or a fresh one."""
    given = request.headers.get("request-id", "")
    try:
        ids.bytes_of("req", given)
    except ValueError:
        return ids.text_of("req", ids.fresh_id())
    return given


def answer(request: Request, fault: Fault) -> Response:
    """A fault in Anthropic's envelope, with its code if it has one."""
    status, headers, body = dialect.write(fault, request_id_of(request), coded=True)
    response = Response(body, status)
    response.raw_headers = headers
    return response


async def _on_fault(request: Request, error: Exception) -> Response:
    assert isinstance(error, Fault)
    return answer(request, error)


async def _on_bug(request: Request, error: Exception) -> Response:
    # The type and the path only: a traceback of an admin call may hold a key.
    structlog.get_logger().error("control plane request failed", path=request.url.path, error=type(error).__name__)
    return answer(request, Fault(FaultKind.BROKEN, "Internal server error"))
