"""Reload: the settings files, read anew."""

from msgspec import Struct

from gateway.control.admin.endpoint import Call, Endpoint, Nothing
from gateway.control.admin.front import FrontDesk


class Reload(Struct, frozen=True):
    """The settings are taken, as workers and control plane are replaced one after the other. `needs_restart` has a line for each
    that differs and stays as it is until a restart."""

    needs_restart: list[str]


def reload(front: FrontDesk, call: Call[Nothing, Nothing]) -> Reload:
    return Reload(front.reload())


ENDPOINTS = (
    Endpoint(
        "POST", "/admin/v1/reload", "Read the settings files anew; a mistake in them changes nothing", reload, Reload, status=202
    ),
)
