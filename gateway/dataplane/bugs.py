"""Bugs: what the log is told of an exception that nobody meant to raise.

An exception's text may hold what a client or an upstream sent, so it is told by its kind and its place alone.
"""

import traceback
from typing import Final

import structlog

from gateway.dataplane.exchange import Exchange

FRAMES_MAX: Final = 8
# What whoever called is told.
TEXT: Final = "Internal server error"

_log: Final = structlog.get_logger()


def log(exchange: Exchange, error: Exception) -> None:
    """Where it happened, without the values."""
    frames = traceback.extract_tb(error.__traceback__)
    _log.error(
        "bug",
        error=type(error).__name__,
        request_id=exchange.id_text,
        where=[f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-FRAMES_MAX:]],
    )
