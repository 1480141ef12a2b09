"""The admin interface: keys, usage and status as JSON, on the socket that only the owner of the data directory can open.

Everything that changes something runs in the books' thread, because that is where the one writing connection lives; questions
about usage have connections of their own and hold nobody up.
"""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.control import keys, usage
from gateway.control.app import read_body
from gateway.control.keys import Keys, OrderError
from gateway.control.store import Reader, StoreError
from gateway.control.usage import UsageError
from gateway.core.clock import Clock
from gateway.core.faults import Fault, FaultKind

BODY_BYTES_MAX = 65536
PAGE_KEYS_MAX = 1000

T = TypeVar("T")


class Admin:
    """The admin endpoints."""

    def __init__(
        self, minted: Keys, reader: Reader, executor: Executor, clock: Clock, health: Callable[[], dict[str, Any]]
    ) -> None:
        self._keys = minted
        self._reader = reader
        self._executor = executor
        self._clock = clock
        self._health = health

    def routes(self) -> list[Route]:
        return [
            Route("/admin/v1/keys", self.keys, methods=["GET", "POST"]),
            Route("/admin/v1/keys/{id}/revoke", self.revoke, methods=["POST"]),
            Route("/admin/v1/usage", self.usage),
            Route("/admin/v1/status", self.status),
        ]

    async def keys(self, request: Request) -> Response:
        """GET: a page of keys, without the keys themselves. POST: mints by an Order and answers with the keys, once."""
        if request.method == "POST":
            body = await read_body(request, BODY_BYTES_MAX)
            minted = await self._write(lambda: self._keys.mint(keys.read_order(body)))
            return _json({"keys": [self._keys.view_minted(one) for one in minted]}, 201)
        after_id = _whole(request, "after", 0, 2**62)
        limit = _whole(request, "limit", PAGE_KEYS_MAX, PAGE_KEYS_MAX)
        records = await self._write(lambda: self._keys.page(after_id, limit))
        more = records[-1].id if len(records) == limit else None
        return _json({"keys": await self._write(lambda: self._keys.views(records)), "next": more})

    async def revoke(self, request: Request) -> Response:
        """Revokes one key by its id."""
        record = await self._write(lambda: self._keys.revoke(request.path_params["id"]))
        return _json(await self._write(lambda: self._keys.view(record)))

    async def usage(self, request: Request) -> Response:
        """A page of totals: `since` (7d), `by` (key, model, day), `after` and `limit`."""
        try:
            by = usage.group(request.query_params.get("by", "key"))
            since_ns = usage.since_ns(request.query_params.get("since", "7d"), self._clock.wall_ns())
            after = usage.after(by, request.query_params.get("after"))
        except UsageError as error:
            raise Fault(FaultKind.INVALID, str(error)) from None
        limit = _whole(request, "limit", usage.PAGE_ROWS_MAX, usage.PAGE_ROWS_MAX)
        return _json(usage.page(by, await self._read(self._reader.usage(by, since_ns, after, limit)), limit))

    async def status(self, request: Request) -> Response:
        """The same as the public status."""
        return _json(await run_in_threadpool(self._health))

    async def _write(self, change: Callable[[], T]) -> T:
        # Shielded: a client that hangs up must not leave a change half known.
        work = asyncio.get_running_loop().run_in_executor(self._executor, change)
        try:
            return await asyncio.shield(work)
        except OrderError as error:
            raise Fault(FaultKind.INVALID, str(error)) from None
        except StoreError:
            raise Fault(FaultKind.UNAVAILABLE, "the database cannot be written; the log says why", retry_after_s=5) from None

    async def _read(self, question: Coroutine[Any, Any, T]) -> T:
        try:
            return await question
        except StoreError:
            raise Fault(FaultKind.UNAVAILABLE, "the database cannot be read", retry_after_s=5) from None


def _whole(request: Request, name: str, default: int, most: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and (name == "after" or int(text) > 0)):
        raise Fault(FaultKind.INVALID, f"{name}: Input should be a valid integer")
    return min(int(text), most)


def _json(document: object, status: int = 200) -> Response:
    return Response(orjson.dumps(document), status, media_type="application/json", headers={"cache-control": "no-store"})
