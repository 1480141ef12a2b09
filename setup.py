"""The two compiled parts, both optional. Everything else about the packages stands in pyproject.toml.

    native_fastpath   a C extension; built whenever there is a compiler, else its pure twin serves
    hot modules       the modules of a call, compiled by mypyc; built only when asked for by SLUICE_COMPILE=1

Compiled modules lie beside their sources and hide them, so whoever edits one must build again or delete the `.so` files under
`gateway`. All of them or none are built, because they share one library.
"""

import contextlib
import os
import sys

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

# What a call goes through, and nothing that reads parsed JSON: there the annotations say what a body ought to be, and compiled
# code believes them where Python does not ask. Measured: dialects gain nothing, core 0.3 us of 40.
HOT = (
    *(
        f"gateway/dataplane/{name}.py"
        for name in (
            "admit",
            "amounts",
            "answers",
            "attempt",
            "body",
            "bugs",
            "calls",
            "errors",
            "exchange",
            "failover",
            "finish",
            "flow",
            "headers",
            "identify",
            "passthrough",
            "relay",
            "routing",
            "settle",
            "standing",
            "streamed",
            "surfaces",
            "tariff",
            "translated",
            "watch",
            "withheld",
            "worker",
        )
    ),
    *(f"gateway/state/{name}.py" for name in ("counters", "inflight", "journal", "keys", "pepper", "record", "workers")),
    *(f"gateway/state/limits/{name}.py" for name in ("moments", "patterns", "rows", "taking")),
    *(f"gateway/upstream/{name}.py" for name in ("connections", "providers", "transport/http1", "transport/origin")),
    *(f"gateway/upstream/pool/{name}.py" for name in ("choice", "lease", "pool", "seats")),
    *(f"gateway/dialects/anthropic/{name}.py" for name in ("request", "turns", "usage_tap", "wording")),
    *(f"gateway/dialects/{name}.py" for name in ("body", "request")),
    "gateway/tokens/bound.py",
    "gateway/catalog/measures.py",
    # What the control plane does once for every request. Nothing of settings: a compiled object cannot be handed to a process.
    *(f"gateway/control/{name}.py" for name in ("books/entry", "books/lines", "books/rollup", "metrics", "speeds")),
    *(f"gateway/core/{name}.py" for name in ("ids", "money", "usage")),
)


NATIVE = (
    "_native",
    "chains",
    "debts",
    "fields",
    "headers",
    "holds",
    "limits",
    "locks",
    "outlines",
    "region",
    "sampling",
    "scan",
    "tables",
    "texts",
)


def hot_extensions() -> list[Extension]:
    """The compiled modules and their library, or nothing when they are not wanted or cannot be made here."""
    if os.environ.get("SLUICE_COMPILE") != "1":
        return []
    try:
        from mypyc.build import mypycify
    except ImportError:
        sys.stderr.write("mypy is not installed: the modules of a call are not compiled\n")
        return []
    # mypycify ends the process when a module does not pass the type check; that is a bug here, not a missing compiler.
    options = ["--config-file=", "--ignore-missing-imports", "--python-version", "3.11"]
    extensions = mypycify(
        [*options, *HOT], opt_level=os.environ.get("SLUICE_OPTIMIZE", "3"), debug_level="0", group_name="gateway.compiled"
    )
    for extension in extensions:
        extension.optional = True  # without a compiler the sources serve
    return extensions


class AllOrNothing(build_ext):
    """Builds each extension, but of the compiled modules all or none: one without the library could not be imported."""

    def build_extensions(self) -> None:
        hot = [ext for ext in self.extensions if ext.name.startswith("gateway.")]
        super().build_extensions()
        missing = [ext for ext in hot if not os.path.exists(self.get_ext_fullpath(ext.name))]
        if missing:
            sys.stderr.write("the modules of a call are not compiled\n")
            for ext in hot:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self.get_ext_fullpath(ext.name))
                self.extensions.remove(ext)


setup(
    ext_modules=[
        Extension(
            "native_fastpath._native",
            sources=[f"native_fastpath/{name}.c" for name in NATIVE],
            depends=["native_fastpath/limits.h", "native_fastpath/region.h"],
            extra_compile_args=["-std=gnu11", "-O2", "-Wall", "-Wextra", "-fvisibility=hidden"],
            optional=True,
        ),
        *hot_extensions(),
    ],
    cmdclass={"build_ext": AllOrNothing},
)
