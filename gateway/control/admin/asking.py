"""Asking: an operation carried out for somebody, in the process of the control plane.

Owns what is the same for the network, the admin socket and the console: permission, which thread does the work, and one log line
for each change, which names the asker and the operation and nothing that was sent.
"""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any

import structlog

from gateway.control import reach
from gateway.control.admin import clerk
from gateway.control.admin.clerk import Asked, Reply
from gateway.control.admin.endpoint import Endpoint
from gateway.control.admin.front import FrontDesk
from gateway.control.permissions import PERMISSIONS, Role


class Asking:
    """`books` has the one thread that writes."""

    def __init__(self, front: FrontDesk, books: Executor) -> None:
        self._front = front
        self._books = books

    async def __call__(self, endpoint: Endpoint[Any, Any], asked: Asked, request_id: str) -> Reply:
        """The answer of an operation. Raises Fault, FORBIDDEN for somebody who may not."""
        asked = await self._bound(endpoint, asked)
        if clerk.needs_writer(endpoint):
            work = asyncio.get_running_loop().run_in_executor(self._books, clerk.carry_out, self._front, endpoint, asked)
            # Shielded: a client that hangs up must not leave a change half known.
            reply = await asyncio.shield(work)
        else:
            reply = await clerk.find_out(self._front, endpoint, asked)
        if endpoint.changes:
            facts = {"by": asked.asker.name, "did": endpoint.key, "status": reply.status, "request_id": request_id}
            structlog.get_logger().info("admin change", **facts)
        return reply

    async def begin(self, endpoint: Endpoint[Any, Any], asked: Asked) -> AsyncIterator[bytes]:
        """The pieces of an answer that comes in pieces. Raises Fault, FORBIDDEN for somebody who may not."""
        return await clerk.begin(self._front, endpoint, await self._bound(endpoint, asked))

    async def _bound(self, endpoint: Endpoint[Any, Any], asked: Asked) -> Asked:
        """What was asked, once it is known to be allowed, by somebody whose reach is known. Raises Fault."""
        asker = asked.asker
        asker.check(PERMISSIONS[endpoint.key])
        if asker.role is not Role.MEMBER or asker.reach is not None:
            return asked
        with clerk.refusals(clerk.NOT_READ):
            found = await self._front.reader.ask(lambda connection: reach.find(connection, asker.shown))
        return replace(asked, asker=replace(asker, reach=found))
