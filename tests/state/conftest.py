"""A small shared file, and real processes that work on it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import gateway
from gateway.core.outcome import Outcome
from gateway.state.journal import Settlement
from gateway.state.layout import Layout
from gateway.state.shared import SharedFile

SMALL = Layout(keys_capacity=64, slots=4, rows_per_slot=8, ring_capacity=16, limits_capacity=128, credentials_capacity=8)
ROOT = Path(gateway.__file__).parent.parent


def numbered(number: int, **changes: object) -> Settlement:
    """A settlement whose request id is its number."""
    settlement = Settlement(number.to_bytes(16, "big"), 1_700_000_000_000_000_000 + number, Outcome.FINISHED)
    for name, value in changes.items():
        setattr(settlement, name, value)
    return settlement


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[SharedFile]:
    """The control plane's mapping of a small shared file."""
    made = SharedFile.create(tmp_path / "shared.map", SMALL)
    yield made
    made.close()


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    path = tmp_path / "run"
    path.mkdir()
    return path


WORKER = """
import sys, time
from pathlib import Path
from gateway.core.outcome import Outcome
from gateway.core.faults import FaultKind
from gateway.state.counters import Counter, SlotCounters
from gateway.state.inflight import InflightRows, RowsTakenError
from gateway.state.journal import RingWriter, Settlement
from gateway.state.keys import KeyRow, KeyState
from gateway.state.shared import SharedFile
from gateway.state.workers import WorkerSlot
shared = SharedFile.open(Path(sys.argv[1]))
run_dir = Path(sys.argv[2])

def numbered(number, **changes):
    return Settlement(number.to_bytes(16, "big"), 1_700_000_000_000_000_000 + number, Outcome.FINISHED, **changes)

def ready():
    print("ready", flush=True)
    sys.stdin.read()
"""

Start = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def start(shared: SharedFile, run_dir: Path) -> Iterator[Start]:
    """Runs a script after WORKER's lines in a process of its own and returns once it called `ready`."""
    running: list[subprocess.Popen[str]] = []

    def run(script: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER + script, str(shared.path), str(run_dir)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    yield run
    for process in running:
        kill(process)


def kill(process: "subprocess.Popen[str]") -> None:
    """kill -9, and waits until it is gone."""
    process.kill()
    process.communicate()
