"""Processes: a simulator in a process of its own, for tests and load that must not share its loop.

Owns the child and its truth file. The child says its address on stdout once it listens.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType

from gateway.simulator.truth import Truth, read_file

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 10.0
_POLL_S = 0.01


class SimulatorProcess:
    """`with SimulatorProcess() as sim:` gives `sim.url`, `sim.truth_path` and `sim.truth()`; the process ends with the block."""

    def __init__(
        self,
        *,
        port: int = 0,
        uds: Path | str | None = None,
        keys: Iterable[str] = (),
        script: str = "",
        truth_path: Path | None = None,
        keep_truth: bool = True,
        fixtures_dir: Path | None = None,
    ) -> None:
        """`keep_truth` False writes no truth file, which is what load wants."""
        self._folder = tempfile.TemporaryDirectory(prefix="simulator-") if keep_truth and truth_path is None else None
        self.truth_path = Path(self._folder.name) / "truth.jsonl" if self._folder is not None else truth_path
        self.url = ""
        self._command = [sys.executable, "-m", "gateway.cli.simulate", "--port", str(port)]
        for flag, value in (
            ("--uds", uds),
            ("--truth", self.truth_path),
            ("--fixtures", fixtures_dir),
            ("--script", script or None),
        ):
            if value is not None:
                # The child runs in another folder, so a relative path would mean another place there.
                self._command += [flag, str(value) if flag == "--script" else str(Path(value).absolute())]
        for key in keys:
            self._command += ["--key", key]
        self._process: subprocess.Popen[str] | None = None

    def __repr__(self) -> str:
        return f"<SimulatorProcess {self.url or 'not started'}>"

    @property
    def pid(self) -> int:
        """The process id, for tests that kill it and for measuring its CPU."""
        assert self._process is not None
        return self._process.pid

    def __enter__(self) -> "SimulatorProcess":
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).resolve().parents[2]
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        if not self.url:
            code = self._process.wait(START_TIMEOUT_S)
            self._clean()
            raise RuntimeError(f"the simulator did not start (exit code {code})")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._clean()

    def _clean(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        self._process.stdout.close()
        if self._folder is not None:
            self._folder.cleanup()

    def truth(self) -> list[Truth]:
        """The records so far, in the order the requests ended."""
        return read_file(self.truth_path) if self.truth_path is not None else []

    def wait_truth(self, holds: int | Callable[[list[Truth]], bool], timeout_s: float = 5.0) -> list[Truth]:
        """The records once there are that many, or once `holds(records)`. Raises TimeoutError."""
        until_s = time.monotonic() + timeout_s
        while True:
            records = self.truth()
            if holds(records) if callable(holds) else len(records) >= holds:
                return records
            if time.monotonic() > until_s:
                raise TimeoutError(f"{len(records)} records after {timeout_s} s")
            time.sleep(_POLL_S)
