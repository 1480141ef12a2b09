"""The admin interface over HTTP: the same operations on the admin socket and on the network.

Owns what HTTP adds: who asks, by which socket or which header, and a bounded body.
"""

import hashlib
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from gateway.control.admin.askers import SOCKET, identify
from gateway.control.admin.asking import Asking
from gateway.control.admin.clerk import Asked, Reply
from gateway.control.admin.endpoint import Endpoint
from gateway.control.admin.front import FrontDesk
from gateway.control.admin.reading import BODY_BYTES_MAX
from gateway.control.app import read_body, request_id_of
from gateway.control.permissions import PERMISSIONS, Access
from gateway.core.faults import FaultKind
from gateway.core.refusals import Refusal

QUERY_PARAMETERS_MAX = 500
ONCE_CHARS_MAX = 255
EVENTS = "text/event-stream"
# Answers hold names that anybody may have chosen: no browser shall take them for a page, and nobody shall keep them.
_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
# A form on somebody's page can send these without asking first; no script of ours sends them.
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")


class AdminSurface:
    """Endpoints as routes. `trusted`: these are for the admin socket, where nobody is asked for a key."""

    def __init__(self, front: FrontDesk, asking: Asking, *, trusted: bool) -> None:
        self._front = front
        self._asking = asking
        self._trusted = trusted

    def routes(self, endpoints: Iterable[Endpoint[Any, Any]], allowed: frozenset[Access]) -> list[Route]:
        """Those of the endpoints that this socket may serve; one without an entry is kept, so that the application refuses it."""
        served = [endpoint for endpoint in endpoints if PERMISSIONS.get(endpoint.key) in {None, *allowed}]
        return [Route(endpoint.path, self._answering(endpoint), methods=[endpoint.method]) for endpoint in served]

    def _answering(self, endpoint: Endpoint[Any, Any]) -> Any:
        async def answer(request: Request) -> Response:
            return await self._answer(endpoint, request)

        return answer

    async def _answer(self, endpoint: Endpoint[Any, Any], request: Request) -> Response:
        asker = SOCKET if self._trusted else identify(request.headers, self._front.admin_keys)
        asker.check(PERMISSIONS[endpoint.key])  # before the body is read
        asked = Asked(
            asker,
            request.path_params,
            _query(request),
            await _body(request),
            request.headers.get("anthropic-version", ""),
            _once(request) if endpoint.makes else "",
            request.headers.get("last-event-id", "")[:ONCE_CHARS_MAX],
        )
        if endpoint.streams == EVENTS and EVENTS not in request.headers.get("accept", ""):
            # Whoever does not know that this never ends would wait for its end.
            wrong = Refusal("body.accept", "accept: must name {type}, which this answers with", type=EVENTS)
            raise wrong.fault(FaultKind.INVALID)
        if endpoint.streams:
            pieces = await self._asking.begin(endpoint, asked)
            return StreamingResponse(pieces, endpoint.status, media_type=endpoint.streams, headers=_HEADERS)
        reply = await self._asking(endpoint, asked, request_id_of(request))
        if endpoint.tagged:
            return _tagged(request, reply)
        return Response(reply.body, reply.status, media_type="application/json", headers=_HEADERS)


def _tagged(request: Request, reply: Reply) -> Response:
    """The reply with its tag; nothing but that when the client has it already."""
    tag = f'"{hashlib.blake2b(reply.body, digest_size=12).hexdigest()}"'
    headers = _HEADERS | {"etag": tag, "cache-control": "private, no-cache"}
    if tag in (given.strip().removeprefix("W/") for given in request.headers.get("if-none-match", "").split(",")):
        return Response(status_code=304, headers=headers)
    return Response(reply.body, reply.status, media_type="application/json", headers=headers)


def _query(request: Request) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            request.scope["query_string"].decode("ascii"),
            keep_blank_values=True,
            max_num_fields=QUERY_PARAMETERS_MAX,
            errors="strict",
        )
    except ValueError:
        raise Refusal("body.query", "The query string cannot be read.").fault(FaultKind.INVALID) from None


async def _body(request: Request) -> bytes:
    body = await read_body(request, BODY_BYTES_MAX)
    if body and request.headers.get("content-type", "").partition(";")[0].strip().lower() in _FORMS:
        raise Refusal("body.type", "The Content-Type must be application/json.").fault(FaultKind.UNSUPPORTED)
    return body


def _once(request: Request) -> str:
    """The Idempotency-Key; empty when there is none."""
    given = request.headers.getlist("idempotency-key")
    if not given:
        return ""
    if len(given) > 1 or not 0 < len(given[0]) <= ONCE_CHARS_MAX or not given[0].isascii() or not given[0].isprintable():
        wrong = Refusal(
            "repetition.header", "idempotency-key: must be 1 to {count} printable ASCII characters, once", count=ONCE_CHARS_MAX
        )
        raise wrong.fault(FaultKind.INVALID)
    return given[0]
