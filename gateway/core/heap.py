"""The heap: gives back to the system what the C library keeps of freed memory."""

import ctypes
from collections.abc import Callable


def _find() -> Callable[[int], int] | None:
    try:
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):  # another C library than glibc
        return None
    return trim


_trim = _find()


def trim() -> bool:
    """Gives back what can be; a few milliseconds, without the GIL. False where the C library has no way to."""
    if _trim is None:
        return False
    _trim(0)
    return True
