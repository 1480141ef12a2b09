"""Atomic work on a mapped file, a JSON boundary scanner and a header sorter, in C when it was built and in Python when not.

Knows no meaning of the bytes. Both implementations have the same functions and pass the same tests; `NATIVE_FASTPATH=off` in the
environment chooses the pure one.
"""

import importlib
import os
from types import ModuleType
from typing import TYPE_CHECKING, Literal

__all__ = [
    "IMPLEMENTATION",
    "KEY_USED",
    "RING_HEADER",
    "ROW_HEADER",
    "Region",
    "base62",
    "fold_names",
    "keep_headers",
    "load",
    "members",
    "outline",
    "pack_fields",
    "sort_headers",
    "tell_limits",
    "weigh",
]


def load(name: Literal["native", "pure"]) -> ModuleType:
    """One implementation by its name. Raises ImportError when the native one was not built."""
    return importlib.import_module({"native": "native_fastpath._native", "pure": "native_fastpath.pure"}[name])


def _choose() -> tuple[Literal["native", "pure"], ModuleType]:
    if os.environ.get("NATIVE_FASTPATH") != "off":
        try:
            return "native", load("native")
        except ImportError:
            pass
    return "pure", load("pure")


IMPLEMENTATION, _chosen = _choose()

if TYPE_CHECKING:
    from native_fastpath.pure import (
        KEY_USED,
        RING_HEADER,
        ROW_HEADER,
        Region,
        base62,
        fold_names,
        keep_headers,
        members,
        outline,
        pack_fields,
        sort_headers,
        tell_limits,
        weigh,
    )
else:
    KEY_USED = _chosen.KEY_USED
    RING_HEADER = _chosen.RING_HEADER
    ROW_HEADER = _chosen.ROW_HEADER
    Region = _chosen.Region
    base62 = _chosen.base62
    fold_names = _chosen.fold_names
    keep_headers = _chosen.keep_headers
    members = _chosen.members
    outline = _chosen.outline
    pack_fields = _chosen.pack_fields
    sort_headers = _chosen.sort_headers
    tell_limits = _chosen.tell_limits
    weigh = _chosen.weigh
