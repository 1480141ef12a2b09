"""Imports point down only, and each library has one home.

The tables below are the whole law. It is read from the syntax of every file, so an import inside a function or under
TYPE_CHECKING counts like any other.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("gateway", "native_fastpath")

# From the bottom up. A part may import what lies below it, never what lies beside or above it; so the two planes never meet.
LAYERS = (
    {"native_fastpath"},
    {"core", "compiled"},
    {"dialects", "catalog", "tokens"},
    {"settings"},
    {"state"},
    {"upstream", "cluster"},
    {"dataplane", "control"},
    {"console"},
    {"supervisor"},
    {"cli"},
    {"__main__", ""},
)
LAYER_OF = {part: height for height, parts in enumerate(LAYERS) for part in parts}
# An upstream of its own, beside the layers: it must not know the gateway, and only what starts it may know it.
LEAVES = {"simulator": ({"core", "dialects"}, {"cli", "supervisor"})}

# Library -> the only places that may import it: files or folders inside gateway.
HOMES = {
    "starlette": ("dataplane/app.py", "control/", "console/"),
    "jinja2": ("console/",),
    "markupsafe": ("console/",),
    "babel": ("console/",),
    "argon2": ("control/passwords.py",),
    "granian": ("supervisor/", "control/process.py"),
    "httpx": ("upstream/transport/",),
    "httptools": ("upstream/transport/", "simulator/"),
    "http.client": ("cli/door.py", "cli/sample.py"),
    "urllib.request": (),
    "sqlite3": ("control/store/",),
    "aiosqlite": ("control/store/",),
    "redis": ("cluster/",),
    "asyncpg": ("cluster/",),
    "psycopg": ("cluster/",),
    "prometheus_client": ("control/",),
    "tiktoken": ("tokens/",),
    "click": ("cli/",),
    "uvloop": ("simulator/server.py",),
}


def files() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def imports(tree: ast.Module, package: str) -> Iterator[str]:
    """Full names of all that is imported; of `from a import b` both `a` and `a.b`, since b may be a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def part_of(name: str) -> str:
    """`gateway.state.keys` -> `state`; the package itself is the empty part."""
    package, _, rest = name.partition(".")
    return package if package != "gateway" else rest.partition(".")[0]


def broken_rules(place: str, source: str) -> list[str]:
    """What a file at `place` (from the root, with slashes) imports against the tables."""
    module = place.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    package = module if place.endswith("__init__.py") else module.rpartition(".")[0]
    own = part_of(module)
    inside = place.removeprefix("gateway/")
    broken = set()
    for name in imports(ast.parse(source), package):
        if name.split(".")[0] in PACKAGES:
            other = part_of(name)
            if other != own and not _may(own, other):
                broken.add(f"{own} imports {other}")
        for library, homes in HOMES.items():
            if f"{name}.".startswith(f"{library}.") and not inside.startswith(homes or ("nowhere",)):
                broken.add(f"{inside} imports {library}")
    return sorted(broken)


def _may(own: str, other: str) -> bool:
    if own in LEAVES:
        return other in LEAVES[own][0]
    if other in LEAVES:
        return own in LEAVES[other][1]
    if other == "" or other not in LAYER_OF:
        return other == ""  # the package itself holds nothing but its docstring
    return LAYER_OF[other] < LAYER_OF[own]


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_keeps_the_law(path: Path) -> None:
    assert broken_rules(path.relative_to(ROOT).as_posix(), path.read_text("utf-8")) == []


def test_every_part_has_its_place() -> None:
    parts = {part_of(path.relative_to(ROOT).as_posix().removesuffix(".py").replace("/", ".")) for path in files()}
    assert parts - {"__init__"} <= LAYER_OF.keys() | LEAVES.keys()


@pytest.mark.parametrize("package", sorted({path.parent for path in files()}), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_package_says_what_it_is(package: Path) -> None:
    init = package / "__init__.py"
    assert init.exists()
    assert ast.get_docstring(ast.parse(init.read_text("utf-8")))


@pytest.mark.parametrize(("place", "source", "broken"), [
    ("gateway/dataplane/calls.py", "from gateway.control.keys import Keys", ["dataplane imports control"]),
    ("gateway/control/app.py", "def f():\n    import gateway.dataplane.app", ["control imports dataplane"]),
    ("gateway/control/app.py", "from gateway import dataplane", ["control imports dataplane"]),
    ("gateway/control/app.py", "from .. import dataplane", ["control imports dataplane"]),
    ("gateway/core/ids.py", "from ..state import keys", ["core imports state"]),
    ("gateway/dialects/sse.py", "from gateway.catalog import models", ["dialects imports catalog"]),
    ("gateway/state/keys.py", "if TYPE_CHECKING:\n    from gateway.upstream import providers", ["state imports upstream"]),
    ("gateway/settings.py", "import gateway.state", ["settings imports state"]),
    ("gateway/simulator/server.py", "from gateway.settings import Paths", ["simulator imports settings"]),
    ("gateway/dataplane/attempt.py", "from gateway.simulator import server", ["dataplane imports simulator"]),
    ("gateway/supervisor/child.py", "from gateway.cli import main", ["supervisor imports cli"]),
    ("native_fastpath/scan.py", "from gateway.core import ids", ["native_fastpath imports core"]),
    ("gateway/state/keys.py", "from gateway.shiny import new", ["state imports shiny"]),
    ("gateway/dataplane/calls.py", "import starlette.routing", ["dataplane/calls.py imports starlette"]),
    ("gateway/dataplane/attempt.py", "from httpx import AsyncClient", ["dataplane/attempt.py imports httpx"]),
    ("gateway/cli/door.py", "import sqlite3", ["cli/door.py imports sqlite3"]),
    ("gateway/cli/usage.py", "from http import client", ["cli/usage.py imports http.client"]),
    ("gateway/dataplane/app.py", "import granian", ["dataplane/app.py imports granian"]),
    ("gateway/control/keys.py", "from urllib.request import urlopen", ["control/keys.py imports urllib.request"]),
    ("gateway/cli/serve.py", "from gateway import settings\nfrom gateway.supervisor import supervisor\nimport click", []),
    ("gateway/dataplane/app.py", "from starlette.routing import Route\nfrom gateway.state.keys import KeyRow", []),
    ("gateway/__init__.py", '"""Nothing."""', []),
])  # fmt: skip
def test_the_law_is_enforced(place: str, source: str, broken: list[str]) -> None:
    assert broken_rules(place, source) == broken
