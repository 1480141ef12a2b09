"""Reload: the settings files read anew, on order of an administrator.

Owns reading them as a whole before anybody is told: a mistake changes nothing. What then happens is the supervisor's business, as
after SIGHUP; this only tells it, and answers what stays as it is until a restart.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable

from gateway import settings
from gateway.control.orders import OrderError
from gateway.settings import Settings, SettingsError, Waiting


def reload(present: Settings, tell: Callable[[], None]) -> list[Waiting]:
    """Reads the files that the present settings came from, and has the supervisor take them.

    Returns the settings that differ and are kept until a restart. Raises OrderError.
    """
    try:
        fresh = settings.load_again(present, os.environ)
    except SettingsError as error:
        raise OrderError("settings.wrong", "the settings are unchanged: {problems}", problems="; ".join(error.problems)) from None
    tell()
    return settings.waiting(present, fresh)


def tell_supervisor() -> None:
    """SIGHUP, as an operator would send it. Raises OrderError where no supervisor runs this process."""
    parent = multiprocessing.parent_process()
    if parent is None or parent.pid is None or not parent.is_alive():
        raise OrderError("settings.no_supervisor", "no supervisor runs here: the settings are read anew at the next start")
    os.kill(parent.pid, signal.SIGHUP)
