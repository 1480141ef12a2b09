"""The organization itself: this installation."""

import uuid
from typing import Literal

from msgspec import Struct

from gateway.control.admin.endpoint import Call, Endpoint, Nothing
from gateway.control.admin.front import FrontDesk


class Organization(Struct, frozen=True, kw_only=True):
    """What the admin key belongs to."""

    id: str
    type: Literal["organization"] = "organization"
    name: str


async def show(front: FrontDesk, call: Call[Nothing, Nothing]) -> Organization:
    return Organization(id=str(uuid.UUID(bytes=front.pepper.derived(b"organization id")[:16], version=4)), name="Sluice")


ENDPOINTS = (Endpoint("GET", "/v1/organizations/me", "Show what the admin key belongs to", show, Organization),)
