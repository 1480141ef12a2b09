"""Status: the same as the public one, for those who hold an admin key."""

import asyncio
from typing import Any

from gateway.control.admin.endpoint import Call, Endpoint, Nothing
from gateway.control.admin.front import FrontDesk


async def show(front: FrontDesk, call: Call[Nothing, Nothing]) -> dict[str, Any]:
    return await asyncio.to_thread(front.health)


ENDPOINTS = (Endpoint("GET", "/admin/v1/status", "Whether everything works", show, dict[str, Any]),)
