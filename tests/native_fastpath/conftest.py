"""Both implementations, by name, for every test that takes `twin`."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, cast

import pytest

import native_fastpath

ROOT = Path(native_fastpath.__file__).parent.parent


def load_or_skip(name: str) -> ModuleType:
    try:
        return native_fastpath.load(cast(Literal["native", "pure"], name))
    except ImportError:
        pytest.skip("the extension is not built here")


@pytest.fixture(params=["native", "pure"])
def twin(request: pytest.FixtureRequest) -> ModuleType:
    return load_or_skip(request.param)


@pytest.fixture
def region(twin: ModuleType, tmp_path: Path) -> Iterator[Any]:
    """A region of 8192 zero bytes."""
    path = tmp_path / "region"
    path.write_bytes(bytes(8192))
    mapped = twin.Region(path, 8192)
    yield mapped
    mapped.close()


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts Python on a script, with arguments in sys.argv; what still runs at the end of the test is killed."""
    running: list[subprocess.Popen[str]] = []

    def run(script: str, *arguments: object) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", script, *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield run
    for process in running:
        process.kill()
        process.communicate()
