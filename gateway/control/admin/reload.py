"""Reload: the settings files, read anew."""

from msgspec import Struct

from gateway.control.admin.endpoint import Call, Endpoint, Nothing
from gateway.control.admin.front import FrontDesk


class WaitingSetting(Struct, frozen=True):
    """A setting that stays as it is until a restart: what is in force, and what the files say now."""

    name: str
    present: str
    wanted: str


class Reload(Struct, frozen=True):
    """The settings are taken, as workers and control plane are replaced one after the other. `needs_restart` has a line for each
    that differs and stays as it is until a restart, `waiting` the same as data."""

    needs_restart: list[str]
    waiting: list[WaitingSetting]


def reload(front: FrontDesk, call: Call[Nothing, Nothing]) -> Reload:
    kept = front.reload()
    return Reload([str(one) for one in kept], [WaitingSetting(one.name, one.present, one.wanted) for one in kept])


ENDPOINTS = (
    Endpoint(
        "POST", "/admin/v1/reload", "Read the settings files anew; a mistake in them changes nothing", reload, Reload, status=202
    ),
)
