"""Which modules run compiled, and whether they are what their sources say.

A compiled module lies beside its source and hides it, so an edited source would be silently ignored; `stale` finds that out, and
`gateway serve`, `gateway doctor` and the tests ask. Which modules are compiled is decided in `setup.py`.
"""

from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

PACKAGE = Path(__file__).parent
REMEDY = "run `make compile` to build them again, or `make interpreted` to run the sources"


def compiled(package: Path = PACKAGE) -> list[Path]:
    """The sources that a compiled module hides from this interpreter."""
    return sorted(
        source
        for source in package.rglob("*.py")
        if any(source.with_name(source.stem + suffix).exists() for suffix in EXTENSION_SUFFIXES)
    )


def stale(package: Path = PACKAGE) -> list[str]:
    """The names of sources that were changed after they were compiled."""
    found = []
    for source in compiled(package):
        built = next(path for suffix in EXTENSION_SUFFIXES if (path := source.with_name(source.stem + suffix)).exists())
        if built.stat().st_mtime < source.stat().st_mtime:
            found.append(str(source.relative_to(package)))
    return found
